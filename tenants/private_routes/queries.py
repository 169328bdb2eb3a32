"""Reading private routes of a domain; how their office PBX is reached is the provider's own [PRV-04]."""

from __future__ import annotations

from dataclasses import dataclass

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.numbers.outgoing import shown_number
from tenants.numbers.rules import Restriction
from tenants.private_routes.rules import Route, Settings

_SELECT = """
SELECT r.id, r.priority, r.name, r.is_on, r.called_expression, r.is_group_only, r.group_id, r.caller_substitution,
       r.cut_characters, r.transit_restriction, r.allows_from_number, r.auth_header, r.history_header,
       ARRAY(SELECT n.number_id FROM private_route_number n WHERE n.domain_id = r.domain_id AND n.route_id = r.id)
           AS numbers
FROM private_route r WHERE r.domain_id = $1
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list. `shown`: the number of calls to the outside, "" for none or several [PRV-15]."""

    route: Route
    shown: str
    numbers: int


def _route(row: Record) -> Route:
    return Route(row["id"], row["priority"], Settings(
        row["name"], row["is_on"], row["called_expression"], row["is_group_only"], row["group_id"],
        row["caller_substitution"], row["cut_characters"], Restriction(row["transit_restriction"]),
        frozenset(row["numbers"]), row["allows_from_number"], row["auth_header"], row["history_header"]))


async def routes(tx: DomainTx | PlatformTx, domain_id: int) -> list[Route]:
    """By priority, the highest first."""
    return [_route(row) for row in await tx.fetch(_SELECT + "ORDER BY r.priority", domain_id)]


async def route(tx: DomainTx, route_id: int) -> Route:
    """Raises NotFound."""
    row = await tx.fetchrow(_SELECT + "AND r.id = $2", tx.domain_id, route_id)
    if row is None:
        raise NotFound("private_route", _("There is no such private route."))
    return _route(row)


async def lines(tx: DomainTx) -> list[Line]:
    found = await routes(tx, tx.domain_id)
    numbers = {row["id"]: shown_number(row["e164"]) for row in await tx.fetch(
        "SELECT n.id, n.e164 FROM phone_number n WHERE n.domain_id = $1", tx.domain_id)}
    return [Line(one, next((numbers.get(number, "") for number in one.settings.numbers), "")
                 if len(one.settings.numbers) == 1 else "", len(one.settings.numbers)) for one in found]


async def groups(tx: DomainTx) -> list[tuple[int, str]]:
    rows = await tx.fetch("SELECT id, name FROM call_group WHERE domain_id = $1 ORDER BY lower(name), id", tx.domain_id)
    return [(row["id"], row["name"]) for row in rows]


async def sip_name(tx: DomainTx) -> str:
    return await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
