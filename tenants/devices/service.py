"""Devices added, bound, detached and removed; settings of the domain and of one device [DEV-03…13].

A bound phone has an account of its own (`d<device>-<binding>`), so nobody's password is told to it, and a detached or
removed one is out as soon as the change is live.
"""

from __future__ import annotations

import hashlib
import secrets

import asyncpg

from app.audit import history
from app.auth.sealing import seal, unseal
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.devices import queries
from tenants.devices.queries import Device
from tenants.devices.rules import Proxies, Server, mac_of, serial_of, shown_mac
from tenants.users.fees import on_leaving_user

MOST_DEVICES = 10_000


def place(device_id: int) -> str:
    return f"sip_device.secret:{device_id}"


def account(device_id: int, bindings: int) -> str:
    """Name of the phone's SIP account."""
    return f"d{device_id}-{bindings}"


async def note(tx: DomainTx, device_id: int, operation: str, detail: str = "", *, by_itself: bool = False) -> None:
    """A line of the device's journal [DEV-14]."""
    await tx.execute("INSERT INTO device_event (domain_id, device_id, at, actor, operation, detail) "
                     "VALUES ($1, $2, $3, $4, $5, $6)", tx.domain_id, device_id, tx.now,
                     "" if by_itself else tx.actor.login, operation, detail[:200])


async def add(tx: DomainTx, mac: str, serial: str) -> int:
    """The id of a device that is not bound yet.

    Raises:
        InvalidFields: malformed, or in use on the platform; whose it is is not told [DEV-03].
    """
    known = _checked(mac, serial)
    if await tx.fetchval("SELECT count(*) FROM sip_device WHERE domain_id = $1", tx.domain_id) >= MOST_DEVICES:
        raise Refused("too_many", _("There are too many devices in this domain."))
    try:
        async with tx.savepoint():
            device_id = await tx.fetchval("INSERT INTO sip_device (domain_id, mac, serial, added_at) "
                                          "VALUES ($1, $2, $3, $4) RETURNING id", tx.domain_id, *known, tx.now)
    except asyncpg.UniqueViolationError as taken:
        field = "serial" if "sip_device_serial" in str(taken) else "mac"
        text = _("This device is in use already.")
        raise InvalidFields("in_use", text, fields={field: text}) from None
    await note(tx, device_id, "attached")
    await history.record(tx, "device_added", "device", object_id=device_id, object_name=shown_mac(known[0]),
                         changes={"serial_number": (None, known[1])})
    return device_id


def _checked(mac: str, serial: str) -> tuple[str, str]:
    wrong: dict[str, str] = {}
    found = ["", ""]
    for index, (name, read, typed) in enumerate((("mac", mac_of, mac), ("serial", serial_of, serial))):
        try:
            found[index] = read(typed)
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        raise InvalidFields("device", next(iter(wrong.values())), fields=wrong)
    return found[0], found[1]


async def bind(tx: DomainTx, device_id: int, user_id: int) -> None:
    """Bind to a user, or to another one; the phone gets an account of its own each time.

    Raises:
        NotFound: no such device or user here.
    """
    device = await queries.device(tx, device_id, lock=True)
    user = await tx.fetchrow("SELECT u.login, d.name FROM domain_user u JOIN domain d ON d.id = u.domain_id "
                             "WHERE u.domain_id = $1 AND u.id = $2 FOR KEY SHARE OF u", tx.domain_id, user_id)
    if user is None:
        raise NotFound("user", _("There is no such user"))
    if device.user_id == user_id:
        return
    password, name = secrets.token_urlsafe(18), account(device_id, device.bindings + 1)
    ha1 = hashlib.md5(f"{name}:{user['name']}:{password}".encode(), usedforsecurity=False).hexdigest()
    await tx.execute("UPDATE sip_device SET user_id = $3, bindings = bindings + 1, secret = $4, ha1 = $5 "
                     "WHERE domain_id = $1 AND id = $2", tx.domain_id, device_id, user_id,
                     seal(password, place(device_id)), ha1)
    await _changed(tx, device, "bound", user["login"], {"device_user": (device.login or None, user["login"])})


async def detach(tx: DomainTx, device_id: int) -> None:
    """Leave it unbound; its account is gone. Raises NotFound."""
    device = await queries.device(tx, device_id, lock=True)
    if device.user_id is None:
        return
    await tx.execute("UPDATE sip_device SET user_id = NULL, secret = NULL, ha1 = NULL WHERE domain_id = $1 AND id = $2",
                     tx.domain_id, device_id)
    await _changed(tx, device, "unbound", device.login, {"device_user": (device.login, None)})


async def remove(tx: DomainTx, device_id: int) -> None:
    """Its configuration, account and settings are gone [DEV-04]. Raises NotFound."""
    device = await queries.device(tx, device_id, lock=True)
    await tx.execute("DELETE FROM sip_device WHERE domain_id = $1 AND id = $2", tx.domain_id, device_id)
    await history.record(tx, "device_removed", "device", object_id=device_id, object_name=shown_mac(device.mac),
                         changes={"serial_number": (device.serial, None)})
    if device.user_id is not None:
        await provisioning.want_new_generation(tx, "device_removed")


async def _changed(tx: DomainTx, device: Device, operation: str, detail: str, changes: dict) -> None:
    await note(tx, device.id, operation, detail)
    await history.record(tx, "device_changed", "device", object_id=device.id, object_name=shown_mac(device.mac),
                         changes=changes)
    await provisioning.want_new_generation(tx, f"device_{operation}")


@on_leaving_user
async def _set_free(tx: DomainTx, user_id: int, _login: str) -> None:
    """Deleting a user sets his devices free [DEV-05]."""
    rows = await tx.fetch("SELECT id FROM sip_device WHERE domain_id = $1 AND user_id = $2 ORDER BY id", tx.domain_id,
                          user_id)
    for row in rows:
        await detach(tx, row["id"])


# --- settings -----------------------------------------------------------------------------------------


async def save_proxies(tx: DomainTx, device_id: int, own: Proxies, *, uses_domain: bool) -> None:
    """The device's own rows, or those of the domain [DEV-10, DEV-11]. Raises NotFound."""
    device = await queries.device(tx, device_id, lock=True)
    before, after = _words(device.own, device.uses_domain), _words(own, uses_domain)
    if before == after:
        return
    primary, backup = own.primary or Server(""), own.backup or Server("")
    await tx.execute(
        "UPDATE sip_device SET use_domain_settings = $3, pass_proxy = $4, primary_host = $5, primary_port = $6, "
        "backup_host = $7, backup_port = $8 WHERE domain_id = $1 AND id = $2", tx.domain_id, device_id, uses_domain,
        own.is_passed, primary.host, primary.port, backup.host, backup.port)
    await note(tx, device_id, "settings")
    await history.record(tx, "device_changed", "device", object_id=device_id, object_name=shown_mac(device.mac),
                         changes={"device_proxy": (before, after)})


async def save_domain(tx: DomainTx, proxies: Proxies | None, server: tuple[bool, Server | None] | None) -> None:
    """Proxy rows or the backup server of the domain, whichever is given [DEV-06, DEV-07]."""
    await tx.execute("INSERT INTO device_setting (domain_id) VALUES ($1) ON CONFLICT DO NOTHING", tx.domain_id)
    before = await queries.of_domain(tx)
    if proxies is not None:
        primary, backup = proxies.primary or Server(""), proxies.backup or Server("")
        await tx.execute(
            "UPDATE device_setting SET pass_proxy = $2, primary_host = $3, primary_port = $4, backup_host = $5, "
            "backup_port = $6 WHERE domain_id = $1", tx.domain_id, proxies.is_passed, primary.host, primary.port,
            backup.host, backup.port)
    if server is not None:
        row = server[1] or Server("")
        await tx.execute("UPDATE device_setting SET pass_backup_server = $2, server_host = $3, server_port = $4 "
                         "WHERE domain_id = $1", tx.domain_id, server[0], row.host, row.port)
    after = await queries.of_domain(tx)
    changes = {"device_proxy": (_words(before.proxies, False), _words(after.proxies, False)),
               "device_backup_server": (_server_words(before.server), _server_words(after.server))}
    changes = {name: pair for name, pair in changes.items() if pair[0] != pair[1]}
    if changes:
        await history.record(tx, "device_settings_changed", "domain", object_id=tx.domain_id, changes=changes)


def _words(proxies: Proxies, uses_domain: bool) -> str:
    if uses_domain:
        return _("settings of the domain")
    if not proxies.is_passed:
        return _("not passed")
    return ", ".join(str(one) for one in (proxies.primary, proxies.backup) if one)


def _server_words(server: Server | None) -> str:
    return str(server) if server else _("not passed")


async def want_update(tx: DomainTx, device_id: int) -> None:
    """The phone is told to fetch its configuration; the node's agent does it. Raises NotFound."""
    device = await queries.device(tx, device_id, lock=True)
    if device.user_id is None:
        raise Refused("unbound", _("A device that is not bound to a user has no connection to tell it anything by."))
    await tx.execute("UPDATE sip_device SET update_wanted_at = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     device_id, tx.now)
    await note(tx, device_id, "requested")
    await tx.execute("SELECT pg_notify('device_update', $1)", str(device_id))


async def password_of(tx: DomainTx, device_id: int) -> str:
    """Of its account, to be told to the phone alone."""
    sealed = await tx.fetchval("SELECT secret FROM sip_device WHERE domain_id = $1 AND id = $2", tx.domain_id,
                               device_id)
    return unseal(sealed, place(device_id)) if sealed else ""


