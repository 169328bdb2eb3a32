"""Creating, reaching and removing private routes [PRV-04]. A change tells the node's agent in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from billing.services import service as services
from tenants.private_routes.lines import SERVICE
from tenants.private_routes.rules import MAX_ROUTES

_TOLD = ("host", "port", "transport", "is_known_by_password", "codecs")


@dataclass(frozen=True, slots=True)
class Peer:
    """How the office PBX is reached and known. `password` None keeps the one that is stored."""

    host: str
    port: int = 5060
    transport: str = "udp"
    is_known_by_password: bool = False
    password: str | None = None
    codecs: str = "alaw,ulaw,g722"


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """A route without its password, which is never read back. `login` is made by us."""

    id: int
    name: str
    is_on: bool
    priority: int
    host: str
    port: int
    transport: str
    is_known_by_password: bool
    codecs: str

    @property
    def login(self) -> str:
        return f"prv{self.id}"


_SELECT = ("SELECT id, name, is_on, priority, host, port, transport, is_known_by_password, codecs FROM private_route "
           "WHERE domain_id = $1")


async def routes(tx: DomainTx) -> list[RouteFacts]:
    return [RouteFacts(**row) for row in await tx.fetch(_SELECT + " ORDER BY priority", tx.domain_id)]


async def route(tx: DomainTx, route_id: int) -> RouteFacts:
    """Raises NotFound."""
    row = await tx.fetchrow(_SELECT + " AND id = $2", tx.domain_id, route_id)
    if row is None:
        raise NotFound("private_route", _("There is no such private route."))
    return RouteFacts(**row)


async def create(tx: DomainTx, name: str, peer: Peer, *, is_on: bool = True) -> int:
    """With the lowest priority and without an expression: calls go to the office when its administrator has set one.

    Raises:
        InvalidFields: another route or a trunk has the address; no password.
        Forbidden: the service is not in the plan.
        Refused: too many routes.
    """
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    await services.require(tx, SERVICE)
    count = await tx.fetchval("SELECT count(*) FROM private_route WHERE domain_id = $1", tx.domain_id)
    if count >= MAX_ROUTES:
        raise Refused("route_limit", _("A domain has at most %(n)s private routes.") % {"n": MAX_ROUTES})
    await _check(tx, peer, has_password=bool(peer.password))
    route_id = await _write(
        tx, "INSERT INTO private_route (domain_id, name, is_on, priority, host, port, transport, is_known_by_password, "
        "password, codecs) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id", tx.domain_id, name, is_on,
        count + 1, peer.host, peer.port, peer.transport, peer.is_known_by_password,
        (peer.password or "") if peer.is_known_by_password else "", peer.codecs)
    await history.record(tx, "private_route_created", "private_route", object_id=route_id, object_name=name,
                         changes={"private_on": (None, is_on)})
    await provisioning.want_new_generation(tx, f"private_route_created {name}")
    return route_id


async def change_peer(tx: DomainTx, route_id: int, peer: Peer) -> None:
    """Raises NotFound; InvalidFields as `create`."""
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    before = await route(tx, route_id)
    await _check(tx, peer, has_password=bool(peer.password) or before.is_known_by_password)
    await _write(
        tx, "UPDATE private_route SET host = $3, port = $4, transport = $5, is_known_by_password = $6, "
        "password = CASE WHEN $6 THEN coalesce($7, password) ELSE '' END, codecs = $8 WHERE domain_id = $1 AND id = $2 "
        "RETURNING id", tx.domain_id, route_id, peer.host, peer.port, peer.transport, peer.is_known_by_password,
        peer.password, peer.codecs)
    changes: dict[str, tuple[object, object]] = {name: (getattr(before, name), getattr(peer, name)) for name in _TOLD}
    if peer.password and peer.is_known_by_password:
        changes["password"] = ("old", "new")
    if any(old != new for old, new in changes.values()):
        # the domain reads this history: that something was changed, not how its office is reached
        await history.record(tx, "private_route_peer_changed", "private_route", object_id=route_id,
                             object_name=before.name)
        await provisioning.want_new_generation(tx, f"private_route_peer_changed {before.name}")


async def delete(tx: DomainTx, route_id: int) -> None:
    """Calls in progress continue; the others move up. Raises NotFound."""
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    before = await route(tx, route_id)
    await tx.execute("DELETE FROM private_route WHERE domain_id = $1 AND id = $2", tx.domain_id, route_id)
    await tx.execute("UPDATE private_route SET priority = priority - 1 WHERE domain_id = $1 AND priority > $2",
                     tx.domain_id, before.priority)
    await history.record(tx, "private_route_deleted", "private_route", object_id=route_id, object_name=before.name)
    await provisioning.want_new_generation(tx, f"private_route_deleted {before.name}")


async def _check(tx: DomainTx, peer: Peer, *, has_password: bool) -> None:
    """A call belongs to whom its address belongs to, so it must be nobody else's."""
    if peer.is_known_by_password:
        if not has_password:
            raise _wrong("password", _("Enter a password."))
        return
    try:
        ip_address(peer.host)
    except ValueError:
        raise _wrong("host", _("An office that is known by its address needs an IP address.")) from None
    if await tx.fetchval("SELECT EXISTS (SELECT FROM trunk WHERE lower(host) = $1)", peer.host):
        raise _taken()


async def _write(tx: DomainTx, sql: str, *values: object) -> int:
    try:
        async with tx.savepoint():
            return await tx.fetchval(sql, *values)
    except UniqueViolationError as taken:
        raise _taken() from taken


def _taken() -> InvalidFields:
    return _wrong("host", _("This address is used already; such an office must be known by a password."))


def _wrong(field: str, text: str) -> InvalidFields:
    return InvalidFields("private_route", text, fields={field: text})
