"""Numbers with their rules and lists, as the drawing and the plan of a domain read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.destinations.model import from_columns
from tenants.forwarding.rules import periods_of_json
from tenants.numbers.outgoing import may_be_outgoing, shown_number
from tenants.routing.rules import Filter, Line, Rule

_RULE = ("r.id, r.number_id, r.priority, r.is_active, r.has_schedule, r.periods, r.has_prefixes, r.prefixes, "
         "r.target_kind, r.target_owner, r.target_id, r.target_number")


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A connected number as the routing page shows it [RTE-04]."""

    id: int
    e164: str
    category: str
    region: str
    filter: Filter
    is_default: bool
    sip_host: str

    @property
    def shown(self) -> str:
        return shown_number(self.e164)

    @property
    def sip_uri(self) -> str:
        return f"sip:{self.e164}@{self.sip_host}"

    @property
    def may_be_outgoing(self) -> bool:
        return may_be_outgoing(self.e164, self.category)


_NUMBER = """
SELECT n.id, n.e164, n.category, n.region, n.filter_mode, n.id IS NOT DISTINCT FROM d.default_number_id AS is_default,
       p.sip_host
FROM phone_number n JOIN domain d ON d.id = n.domain_id JOIN pbx_node p ON p.id = d.pbx_node_id
WHERE n.domain_id = $1
"""


async def numbers(tx: DomainTx, *, like: str | None = None, digits: str = "", limit: int | None = None,
                  offset: int = 0) -> tuple[list[NumberRow], int]:
    """One page, oldest first, and how many match."""
    where = " AND ($2::text IS NULL OR n.region ILIKE $2 OR ($3::text <> '' AND n.e164 LIKE '%' || $3 || '%'))"
    total = await tx.fetchval(f"SELECT count(*) FROM ({_NUMBER}{where}) n", tx.domain_id, like, digits)
    rows = await tx.fetch(f"{_NUMBER}{where} ORDER BY n.assigned_at NULLS FIRST, n.id LIMIT $4 OFFSET $5",
                          tx.domain_id, like, digits, limit, offset)
    return [_number(row) for row in rows], total


async def number(tx: DomainTx, number_id: int) -> NumberRow:
    """Raises NotFound, for another domain's number too."""
    row = await tx.fetchrow(f"{_NUMBER} AND n.id = $2", tx.domain_id, number_id)
    if row is None:
        raise no_number()
    return _number(row)


def no_number() -> NotFound:
    return NotFound("number", _("There is no such number"))


def _number(row: Record) -> NumberRow:
    values = dict(row)
    values["filter"] = Filter(values.pop("filter_mode"))
    return NumberRow(**values)


async def rules_of(tx: DomainTx, number_ids: Sequence[int]) -> dict[int, list[Rule]]:
    """Rules of each of the numbers, highest first."""
    rows = await tx.fetch(f"SELECT {_RULE} FROM routing_rule r WHERE r.domain_id = $1 "
                          "AND r.number_id = ANY($2::bigint[]) ORDER BY r.priority", tx.domain_id, list(number_ids))
    found: dict[int, list[Rule]] = {number_id: [] for number_id in number_ids}
    for row in rows:
        found[row["number_id"]].append(rule_of(row))
    return found


async def rule(tx: DomainTx, rule_id: int) -> tuple[int, Rule]:
    """The number's id and the rule. Raises NotFound, for another domain's rule too."""
    row = await tx.fetchrow(f"SELECT {_RULE} FROM routing_rule r WHERE r.domain_id = $1 AND r.id = $2", tx.domain_id,
                            rule_id)
    if row is None:
        raise NotFound("rule", _("There is no such rule"))
    return row["number_id"], rule_of(row)


def rule_of(row: Record) -> Rule:
    return Rule(row["id"], row["priority"], from_columns(dict(row)), row["is_active"], row["has_schedule"],
                periods_of_json(row["periods"]), row["has_prefixes"], tuple(row["prefixes"]))


async def entries(tx: DomainTx, number_id: int, which: str) -> list[str]:
    """Numbers of a black or white list, in order."""
    rows = await tx.fetch("SELECT value FROM line_filter_entry WHERE domain_id = $1 AND number_id = $2 AND list = $3 "
                          "ORDER BY value", tx.domain_id, number_id, which)
    return [row["value"] for row in rows]


async def counts(tx: DomainTx, number_id: int) -> dict[str, int]:
    """How long the lists of a number are."""
    rows = await tx.fetch("SELECT list, count(*) AS n FROM line_filter_entry WHERE domain_id = $1 AND number_id = $2 "
                          "GROUP BY list", tx.domain_id, number_id)
    return {"black": 0, "white": 0} | {row["list"]: row["n"] for row in rows}


async def lines(tx: PlatformTx, domain_id: int) -> list[tuple[int, str, Line]]:
    """(id, number, what decides about its calls) of every number; a list that is not in force is left out."""
    numbers_of = await tx.fetch("SELECT id, e164, filter_mode FROM phone_number WHERE domain_id = $1 ORDER BY e164",
                                domain_id)
    rules: dict[int, list[Rule]] = {}
    for row in await tx.fetch(f"SELECT {_RULE} FROM routing_rule r WHERE r.domain_id = $1 AND r.is_active "
                              "ORDER BY r.number_id, r.priority", domain_id):
        rules.setdefault(row["number_id"], []).append(rule_of(row))
    listed: dict[int, set[str]] = {}
    for row in await tx.fetch(
            "SELECT e.number_id, e.value FROM line_filter_entry e JOIN phone_number n ON n.domain_id = e.domain_id "
            "AND n.id = e.number_id AND n.filter_mode = e.list || 'list' WHERE e.domain_id = $1", domain_id):
        listed.setdefault(row["number_id"], set()).add(row["value"])
    found = []
    for row in numbers_of:
        mode, values = Filter(row["filter_mode"]), frozenset(listed.get(row["id"], ()))
        found.append((row["id"], row["e164"], Line(
            tuple(rules.get(row["id"], ())), mode, values if mode is Filter.BLACKLIST else frozenset(),
            values if mode is Filter.WHITELIST else frozenset())))
    return found
