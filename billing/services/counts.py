"""How many instances domains have of the services of their plans, now, at a moment, or all the time since an earlier
one; for many domains at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from app.kernel.db import DomainTx, PlatformTx
from billing.services import catalogue
from billing.services.rules import Line
from billing.tariffs.plan import Level, Plan, PlanService

NOW = datetime.max.replace(tzinfo=UTC)  # after everything that was ever written
OF_LEVEL = {Level.USER: "@user", Level.OPERATOR: "@operator"}
Counts = dict[tuple[int, str], int]

_MOMENTS = "unnest($1::bigint[], $2::timestamptz[]) AS wanted (domain_id, moment)"
_WANTED = "unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS wanted (domain_id, moment, since)"
_CONNECTED = f"""
SELECT s.domain_id, s.service FROM domain_service s JOIN {_WANTED} ON wanted.domain_id = s.domain_id
WHERE s.connected_at < wanted.since AND (s.disconnected_at IS NULL OR s.disconnected_at >= wanted.moment)
"""
_PEOPLE = """
SELECT domain_id, count(*) AS users, count(*) FILTER (WHERE is_operator) AS operators
FROM domain_user WHERE domain_id = ANY($1::bigint[]) GROUP BY domain_id
"""
# What there is now without what came since: at the moment, and before each change from `since` to it.
_LATER = f"""
SELECT domain_id, counted, greatest(coalesce(sum(delta) FILTER (WHERE at >= moment), 0),
                                    max(from_here_on) FILTER (WHERE at < moment))::int AS delta
FROM (SELECT c.*, wanted.moment, sum(c.delta) OVER (
          PARTITION BY c.domain_id, c.counted ORDER BY c.at DESC, c.id DESC) AS from_here_on
      FROM service_change c JOIN {_WANTED} ON wanted.domain_id = c.domain_id WHERE c.at >= wanted.since) late
GROUP BY domain_id, counted
"""
_EXTERNAL = f"""
SELECT DISTINCT ON (c.domain_id, c.service) c.domain_id, c.service, c.value FROM service_counter c
JOIN {_MOMENTS} ON wanted.domain_id = c.domain_id WHERE c.measured_at < wanted.moment
ORDER BY c.domain_id, c.service, c.measured_at DESC
"""


async def lines(tx: DomainTx | PlatformTx, plans: Mapping[int, Plan],
                moments: Mapping[int, datetime] | None = None,
                since: Mapping[int, datetime] | None = None) -> dict[int, dict[str, Line]]:
    """Every service of each domain's plan; without moments as it is now.

    Args:
        since: only what was there all the time from then to the moment. What came later, or went and came back, has
            paid at its connection.
    """
    ids = list(plans)
    at = [moments[domain_id] if moments else NOW for domain_id in ids]
    wanted = ids, at, [since[domain_id] if since else moment for domain_id, moment in zip(ids, at, strict=True)]
    items = [item for plan in plans.values() for item in plan.services.values()]
    connected = {(row["domain_id"], row["service"]) for row in await tx.fetch(_CONNECTED, *wanted)}
    counts = await _current(tx, ids, items)
    late = {(row["domain_id"], row["counted"]): row["delta"] for row in await tx.fetch(_LATER, *wanted)} \
        if moments else {}
    external: Counts = {}
    if any(item.level is Level.EXTERNAL for item in items):
        external = {(row["domain_id"], row["service"]): row["value"] for row in await tx.fetch(_EXTERNAL, *wanted[:2])}
    percents = await _per_domain(tx, ids, items, "percent")
    found: dict[int, dict[str, Line]] = {}
    for domain_id, plan in plans.items():
        own: dict[str, Line] = {}
        for code, of_plan in plan.services.items():
            item = of_plan.at_percent(percents.get((domain_id, code), 100))
            is_on = not catalogue.find(code).is_manual or (domain_id, code) in connected
            own[code] = Line(item, is_on, _instances(domain_id, item, is_on, counts, late, external))
        found[domain_id] = own
    return found


def _instances(domain_id: int, item: PlanService, is_on: bool, counts: Counts, late: Counts,
               external: Counts) -> int:
    if item.level is Level.DOMAIN:
        return int(is_on)
    if item.level is Level.EXTERNAL:
        return external.get((domain_id, item.service), 0)
    key = domain_id, OF_LEVEL.get(item.level, item.service)
    minimum = catalogue.find(item.service).minimum if item.level is Level.SPECIAL else 0
    present = counts.get(key, max(item.included, minimum) if minimum else 0)
    return max(present - late.get(key, 0), 0)


async def _current(tx: DomainTx | PlatformTx, ids: list[int], items: list[PlanService]) -> Counts:
    found: Counts = {}
    if any(item.level in OF_LEVEL for item in items):
        for row in await tx.fetch(_PEOPLE, ids):
            found[row["domain_id"], "@user"] = row["users"]
            found[row["domain_id"], "@operator"] = row["operators"]
    return found | await _per_domain(tx, ids, [item for item in items if item.level is Level.SPECIAL], "count")


async def _per_domain(tx: DomainTx | PlatformTx, ids: list[int], items: list[PlanService], query: str) -> Counts:
    """Answers of the services' own statements of that name."""
    found: Counts = {}
    for code in sorted({item.service for item in items}):
        statement = getattr(catalogue.find(code), query)
        for row in await tx.fetch(statement, ids) if statement else ():
            found[row[0], code] = row[1]
    return found
