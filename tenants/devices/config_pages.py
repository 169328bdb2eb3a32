"""`/provision/…`: where phones fetch their configuration. A phone shows its MAC and serial number: as user name and
password (RFC 7617), or the serial in the address where it cannot. Who has not both learns nothing [DEV-D].
"""

from __future__ import annotations

import base64
import hmac
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from litestar import Request, Response, get
from litestar.params import FromPath

from app.auth import store
from app.auth.edge import client_ip, limit_key
from app.auth.permissions import Permission
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, public_transaction
from app.kernel.errors import NotFound, TooManyRequests
from app.kernel.i18n import _
from app.settings import settings
from tenants.devices import config, queries, service
from tenants.devices.config import Account, Facts
from tenants.devices.rules import effective, mac_of, serial_of
from tenants.directory import phonebook

PER_DEVICE, PER_ADDRESS = 20, 300  # fetches per minute; an office of phones comes from one address
_NAMES = (  # file names of the makers
    (re.compile(r"([0-9a-fA-F]{12})\.cfg"), config.yealink, "text/plain"),
    (re.compile(r"cfg([0-9a-fA-F]{12})\.xml"), config.grandstream, "application/xml"),
    (re.compile(r"([0-9a-fA-F]{12})\.xml"), config.generic, "application/xml"))
_MODEL = re.compile(r"(Yealink |Grandstream Model HW )?([A-Za-z0-9][A-Za-z0-9._/-]{1,39})")
OPT = {"permission": Permission.PUBLIC, "csrf_exempt": True}


@get("/provision/{name:str}", opt=OPT, include_in_schema=False)
async def by_password(request: Request, name: FromPath[str]) -> Response[str]:
    return await _answer(request, name, _basic(request))


@get("/provision/{serial:str}/{name:str}", opt=OPT, include_in_schema=False)
async def by_address(request: Request, serial: FromPath[str], name: FromPath[str]) -> Response[str]:
    return await _answer(request, name, serial)


def _basic(request: Request) -> str | None:
    """The password, None where nothing was sent."""
    kind, _space, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, or no text in it
        return ""


async def _answer(request: Request, name: str, serial: str | None) -> Response[str]:
    found = next(((match[1], make, media) for form, make, media in _NAMES if (match := form.fullmatch(name))), None)
    await _limit(request, found[0] if found else "")
    if found is None:
        raise NotFound("not_found", _("There is no such page."))
    if serial is None:  # a phone asks without at first
        return Response("", status_code=401, headers={"WWW-Authenticate": 'Basic realm="provisioning"'})
    owner = await _owner(found[0], serial)
    if owner is None:
        raise NotFound("not_found", _("There is no such page."))
    domain_id, device_id = owner
    async with domain_transaction(Actor.system(domain_id, "device")) as tx:
        facts = await _facts(tx, device_id)
        agent = _MODEL.match(request.headers.get("user-agent", ""))
        model = f"{agent[1] or ''}{agent[2]}".replace("Model HW ", "") if agent else ""
        await tx.execute("UPDATE sip_device SET fetched_at = $3, model = CASE WHEN $5 OR model = '' THEN $4 "
                         "ELSE model END WHERE domain_id = $1 AND id = $2", tx.domain_id, device_id, tx.now, model,
                         bool(agent and agent[1]))
        await service.note(tx, device_id, "fetched", model, by_itself=True)
    return Response(found[1](facts), media_type=f"{found[2]}; charset=utf-8",
                    headers={"Cache-Control": "no-store", "X-Robots-Tag": "noindex"})


async def _owner(mac: str, serial: str) -> tuple[int, int] | None:
    """Domain and device of a MAC whose serial number is known, too; compared in constant time."""
    try:
        wanted, shown = mac_of(mac), serial_of(serial)
    except ValueError:
        return None
    async with public_transaction() as tx:
        row = await tx.fetchrow("SELECT domain_id, id, serial FROM find_device($1)", wanted)
    if not hmac.compare_digest((row["serial"] if row else "").encode(), shown.encode()) or row is None:
        if row is not None:
            async with domain_transaction(Actor.system(row["domain_id"], "device")) as tx:
                await service.note(tx, row["id"], "failed", _("wrong serial number"), by_itself=True)
        return None
    return row["domain_id"], row["id"]


async def _facts(tx: DomainTx, device_id: int) -> Facts:
    device = await queries.device(tx, device_id)
    of_domain = await queries.of_domain(tx)
    row = await tx.fetchrow(
        "SELECT d.name, d.timezone, d.locale, n.sip_port, u.extension FROM domain d "
        "JOIN pbx_node n ON n.id = d.pbx_node_id LEFT JOIN domain_user u ON u.domain_id = d.id AND u.id = $2 "
        "WHERE d.id = $1", tx.domain_id, device.user_id)
    assert row is not None
    account = book = None
    if device.user_id is not None:
        account = Account(device.login, row["name"], service.account(device.id, device.bindings),
                          await service.password_of(tx, device.id), device.name, row["extension"], row["sip_port"])
        book = f"{settings().public_url}/phonebook/{await phonebook.token(tx, device.user_id)}"
    offset = datetime.now(ZoneInfo(row["timezone"])).utcoffset()
    assert offset is not None
    return Facts(device.mac, account, effective(device.own, of_domain.proxies, uses_domain=device.uses_domain),
                 of_domain.server, int(offset.total_seconds() // 60), row["locale"], book or "")


async def _limit(request: Request, mac: str) -> None:
    """Per address and per device, in a minute. Raises TooManyRequests."""
    keys = {f"provision:{mac.upper()}": PER_DEVICE, f"provision:{limit_key(client_ip(request))}": PER_ADDRESS}
    async with store.client().pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.set(key, 0, ex=60, nx=True)
            pipe.incr(key)
        counts = (await pipe.execute())[1::2]
    if any(count > most for count, most in zip(counts, keys.values(), strict=True)):
        raise TooManyRequests("too_many", _("Too many requests. Try again in a minute."), retry_after=60)


CONTROLLERS = [by_password, by_address]
