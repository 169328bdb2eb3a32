"""The parameters of a domain's API: made at connection, gone at disconnection [API-20…34, API-45…48]."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from app.audit import history
from app.auth.sealing import seal, unseal
from app.kernel import provisioning
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.modules.integration_api import network, rules
from app.modules.integration_api.methods import METHODS, NUMBER_INFO, OURS

CODE = "integration_api"
MAX_CERTIFICATE = 64 * 1024
Guard = Callable[[DomainTx], Awaitable[str]]
_guards: dict[str, list[Guard]] = {}


def before_switching_on(method: str) -> Callable[[Guard], Guard]:
    """Register a look at whether a method may be on: the text of why not, "" when it may [API-48]."""

    def register(guard: Guard) -> Guard:
        _guards.setdefault(method, []).append(guard)
        return guard

    return register


@dataclass(frozen=True, slots=True)
class Settings:
    """`external_address`, `test_address`: host[:port][/path]. `off`: methods of ours that are switched off."""

    domain_id: int
    client_id: str
    key: str
    external_address: str
    certificate: str
    is_on: bool
    test_address: str
    test_seconds: int
    test_ssl: bool
    off: frozenset[str]

    def is_method_on(self, method: str) -> bool:
        return method not in self.off


@dataclass(frozen=True, slots=True)
class Certificate:
    subject: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Parameters:
    """What "Save changes" stores. `certificate`: None leaves it, b"" removes it."""

    external_address: str
    is_on: bool
    switched_on: Sequence[str]
    use_new_key: bool = False
    certificate: bytes | None = None


_SELECT = ("SELECT s.domain_id, s.client_id, s.sign_key, s.external_address, s.external_cert, s.is_on, s.test_address, "
           "s.test_seconds, s.test_ssl, ARRAY(SELECT method FROM api_method_off o WHERE o.domain_id = s.domain_id) "
           "AS off FROM api_settings s ")


def new_code() -> str:
    """32 hex characters, upper case: an identification code or a signing key."""
    return secrets.token_hex(16).upper()


def place(domain_id: int) -> str:
    return f"api_settings.sign_key:{domain_id}"


def _settings(row: asyncpg.Record) -> Settings:
    return Settings(row["domain_id"], row["client_id"], unseal(row["sign_key"], place(row["domain_id"])),
                    row["external_address"], row["external_cert"], row["is_on"],
                    row["test_address"] or row["external_address"], row["test_seconds"], row["test_ssl"],
                    frozenset(row["off"]))


async def load(tx: DomainTx, *, lock: bool = False) -> Settings:
    """Raises NotFound: the service is off."""
    row = await tx.fetchrow(_SELECT + "WHERE s.domain_id = $1" + (" FOR NO KEY UPDATE OF s" if lock else ""),
                            tx.domain_id)
    if row is None:
        raise NotFound("integration_api", _("The integration API is switched off."))
    return _settings(row)


async def find(tx: PlatformTx, client_id: str) -> Settings | None:
    row = await tx.fetchrow(_SELECT + "WHERE s.client_id = $1", client_id)
    return _settings(row) if row else None


async def of_domain(tx: DomainTx | PlatformTx, domain_id: int) -> Settings | None:
    row = await tx.fetchrow(_SELECT + "WHERE s.domain_id = $1", domain_id)
    return _settings(row) if row else None


# ---------------------------------------------------------------- connection and its end


async def begin(tx: DomainTx) -> None:
    """The service is connected: a code that nobody ever had, a key, everything else empty and off [API-22, API-25]."""
    code = new_code()
    while await tx.fetchval("SELECT EXISTS (SELECT FROM api_retired_code WHERE client_id = $1)", code):
        code = new_code()
    await tx.execute("INSERT INTO api_settings (domain_id, client_id, sign_key, created_at) VALUES ($1, $2, $3, $4) "
                     "ON CONFLICT (domain_id) DO NOTHING", tx.domain_id, code,
                     seal(new_code(), place(tx.domain_id)), tx.now)


async def end(tx: DomainTx) -> None:
    """The service is disconnected: all of it is deleted, the code is never issued again."""
    code = await tx.fetchval("DELETE FROM api_settings WHERE domain_id = $1 RETURNING client_id", tx.domain_id)
    if code is not None:
        await tx.execute("INSERT INTO api_retired_code (client_id, domain_id, retired_at) VALUES ($1, $2, $3)", code,
                         tx.domain_id, tx.now)


# ---------------------------------------------------------------- parameters


async def propose_key(tx: DomainTx) -> str:
    """A new signing key, in force when the page is saved [API-31, API-32]."""
    key = new_code()
    await load(tx, lock=True)
    await tx.execute("UPDATE api_settings SET new_key = $2 WHERE domain_id = $1", tx.domain_id,
                     seal(key, place(tx.domain_id)))
    return key


async def save(tx: DomainTx, new: Parameters) -> None:
    """All of the page or nothing.

    Raises:
        InvalidFields: an address that is not one or is not public, a file that is no certificate.
        Refused: a method that may not be on, because of another integration.
    """
    before = await load(tx, lock=True)
    address = rules.external_address(new.external_address)
    if new.is_on and not address:
        text = _("The service works only with an address of the external system.")
        raise InvalidFields("external_address", text, fields={"external_address": text})
    if address and address != before.external_address:
        await check_public(tx, address, "external_address")
    certificate = before.certificate if new.certificate is None else read_certificate(new.certificate)
    changes: dict[str, history.Change] = {
        "external_address": (before.external_address, address), "api_is_on": (before.is_on, new.is_on),
        "external_certificate": (_named(before.certificate), _named(certificate))}
    if new.use_new_key:
        changes["signing_key"] = await _take_new_key(tx, before)
    changes |= await _switch_methods(tx, before, new.switched_on)
    await tx.execute("UPDATE api_settings SET external_address = $2, is_on = $3, external_cert = $4, new_key = NULL, "
                     "cert_told_at = CASE WHEN external_cert = $4 THEN cert_told_at END WHERE domain_id = $1",
                     tx.domain_id, address, new.is_on, certificate)
    if any(old != now for old, now in changes.values()):
        await history.record(tx, "api_settings_changed", "integration_api", object_name=_("Integration API"),
                             changes=changes)
    if before.is_on != new.is_on or f"api_{NUMBER_INFO}" in changes:  # the lines that ask change with it
        await provisioning.want_new_generation(tx, "api_switched")


async def _take_new_key(tx: DomainTx, before: Settings) -> history.Change:
    sealed = await tx.fetchval("SELECT new_key FROM api_settings WHERE domain_id = $1", tx.domain_id)
    if sealed is None:
        text = _("Generate the key once more: this one was not kept.")
        raise InvalidFields("signing_key", text, fields={"signing_key": text})
    await tx.execute("UPDATE api_settings SET sign_key = new_key WHERE domain_id = $1", tx.domain_id)
    return before.key, unseal(sealed, place(tx.domain_id))


async def _switch_methods(tx: DomainTx, before: Settings, wanted_on: Sequence[str]) -> Mapping[str, history.Change]:
    changes: dict[str, history.Change] = {}
    for method in OURS:
        is_on, wanted = before.is_method_on(method.name), method.name in wanted_on
        if is_on == wanted:
            continue
        if wanted:
            await _check_guards(tx, method.name)
            await tx.execute("DELETE FROM api_method_off WHERE domain_id = $1 AND method = $2", tx.domain_id,
                             method.name)
        else:
            await switch_method_off(tx, method.name)
        changes[f"api_{method.name}"] = (is_on, wanted)
    return changes


async def switch_method_off(tx: DomainTx, method: str) -> None:
    await tx.execute("INSERT INTO api_method_off (domain_id, method) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                     tx.domain_id, method)


async def asks_about_numbers(tx: DomainTx) -> bool:
    """Whether `get_number_info` is on in a service that is connected [API-48]."""
    found = await of_domain(tx, tx.domain_id)
    return found is not None and found.is_method_on(NUMBER_INFO)


async def _check_guards(tx: DomainTx, method: str) -> None:
    for guard in _guards.get(method, ()):
        reason = await guard(tx)
        if reason:
            raise Refused("method_excluded", reason)


async def check_public(tx: DomainTx, address: str, field: str) -> None:
    """Raises InvalidFields: the host is unknown, or not one of the public network."""
    host, port = _host_port(address)
    try:
        await network.resolve(host, port, await network.allowed_networks(tx))
    except network.Unreachable as error:
        text = (_("The address must be public: this one leads into a private network.") if error.code == "not_public"
                else _("The host of this address was not found."))
        raise InvalidFields(field, text, fields={field: text}) from None


def _host_port(address: str) -> tuple[str, int]:
    parts = urlsplit(f"//{address}")
    return parts.hostname or "", parts.port or 443


async def save_test(tx: DomainTx, *, address: str, seconds: int, ssl: bool) -> None:
    """Raises InvalidFields as `save` does."""
    before = await load(tx, lock=True)
    address = rules.external_address(address, "test_address")
    if address and address != before.test_address:
        await check_public(tx, address, "test_address")
    await tx.execute("UPDATE api_settings SET test_address = $2, test_seconds = $3, test_ssl = $4 WHERE domain_id = $1",
                     tx.domain_id, "" if address == before.external_address else address, seconds, ssl)
    await history.record(tx, "api_settings_changed", "integration_api", object_name=_("Integration API"), changes={
        "api_test_address": (before.test_address, address), "api_test_seconds": (before.test_seconds, seconds),
        "api_test_ssl": (before.test_ssl, ssl)})


# ---------------------------------------------------------------- certificate


def read_certificate(content: bytes) -> str:
    """PEM of one X.509 certificate in PEM or DER; "" of nothing.

    Raises:
        InvalidFields: it is none, or several.
    """
    if not content:
        return ""
    text = _("This is not a certificate (X.509, PEM or DER).")
    try:
        if len(content) > MAX_CERTIFICATE:
            raise ValueError
        is_pem = b"-----BEGIN" in content
        found = x509.load_pem_x509_certificates(content) if is_pem else [x509.load_der_x509_certificate(content)]
        if len(found) != 1:
            raise ValueError
        pem = found[0].public_bytes(Encoding.PEM).decode()
        network.trust(pem)  # what cannot be trusted later is refused now
    except (ValueError, OSError):
        raise InvalidFields("certificate", text, fields={"certificate": text}) from None
    return pem


def certificate_of(pem: str) -> Certificate | None:
    if not pem:
        return None
    found = x509.load_pem_x509_certificate(pem.encode())
    return Certificate(found.subject.rfc4514_string()[:200], found.not_valid_after_utc.astimezone(UTC))


def _named(pem: str) -> str:
    found = certificate_of(pem)
    return f"{found.subject}, {found.expires_at:%Y-%m-%d}" if found else ""


# ---------------------------------------------------------------- white list


@dataclass(frozen=True, slots=True)
class Allowed:
    id: int
    address: str


async def allowed(tx: DomainTx) -> list[Allowed]:
    rows = await tx.fetch("SELECT id, address FROM api_allowed_address WHERE domain_id = $1 ORDER BY address",
                          tx.domain_id)
    return [Allowed(row["id"], _shown(row["address"])) for row in rows]


def _shown(address: rules.Network) -> str:
    return str(address.network_address) if address.num_addresses == 1 else str(address)


async def allow(tx: DomainTx, text: str) -> None:
    """Raises InvalidFields: no address, there already, or too many."""
    await load(tx, lock=True)
    address = rules.allowed_network(text)
    known = await allowed(tx)
    problem = ""
    if _shown(address) in {one.address for one in known}:
        problem = _("This address is in the list already.")
    elif len(known) >= rules.MAX_ADDRESSES:
        problem = _("At most %(n)s addresses.") % {"n": rules.MAX_ADDRESSES}
    if problem:
        raise InvalidFields("address", problem, fields={"address": problem})
    await tx.execute("INSERT INTO api_allowed_address (domain_id, address, added_at, added_by) VALUES ($1, $2, $3, $4)",
                     tx.domain_id, address, tx.now, tx.actor.login)
    await _tell_list(tx, ("", _shown(address)))


async def disallow(tx: DomainTx, address_id: int) -> None:
    """Raises NotFound."""
    gone = await tx.fetchval("DELETE FROM api_allowed_address WHERE domain_id = $1 AND id = $2 RETURNING address",
                             tx.domain_id, address_id)
    if gone is None:
        raise NotFound("address", _("There is no such address."))
    await _tell_list(tx, (_shown(gone), ""))


async def _tell_list(tx: DomainTx, change: history.Change) -> None:
    await history.record(tx, "api_addresses_changed", "integration_api", object_name=_("Integration API"),
                         changes={"ip_address": change})


# ---------------------------------------------------------------- quotas


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests of the current hour. `limit`: None is none."""

    used: int
    limit: int | None

    @property
    def is_exhausted(self) -> bool:
        return self.limit is not None and self.used >= self.limit


_LIMIT = "SELECT hourly_limit FROM api_method_limit WHERE domain_id = $1 AND method = $2"


async def usage(tx: DomainTx) -> dict[str, Usage]:
    own = {row["method"]: row["hourly_limit"] for row in await tx.fetch(
        "SELECT method, hourly_limit FROM api_method_limit WHERE domain_id = $1", tx.domain_id)}
    used = {row["method"]: row["requests"] for row in await tx.fetch(
        "SELECT method, requests FROM api_usage WHERE domain_id = $1 AND hour = date_trunc('hour', $2::timestamptz, "
        "'UTC')", tx.domain_id, tx.now)}
    return {name: Usage(used.get(name, 0), own.get(name, one.hourly)) for name, one in METHODS.items()}


async def count(tx: DomainTx, method: str) -> bool:
    """Count one request of this hour (UTC); False when the quota is used up: it does not count [API-47]."""
    row = await tx.fetchrow(_LIMIT, tx.domain_id, method)
    limit = row["hourly_limit"] if row else METHODS[method].hourly
    counted = await tx.fetchval(
        "INSERT INTO api_usage AS u (domain_id, method, hour, requests) SELECT $1, $2, date_trunc('hour', "
        "$3::timestamptz, 'UTC'), 1 WHERE $4::int IS NULL OR $4 > 0 ON CONFLICT (domain_id, method, hour) "
        "DO UPDATE SET requests = u.requests + 1 WHERE $4::int IS NULL OR u.requests < $4 RETURNING requests",
        tx.domain_id, method, tx.now, limit)
    return counted is not None
