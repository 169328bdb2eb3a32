"""Domains with what guards them today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from asyncpg import Record

from app.kernel import parameters
from app.kernel.db import PlatformTx
from app.kernel.money import Currency, Money
from app.web.lists import ListQuery
from billing.guards.queries import limits_of
from billing.subscriptions.rules import local_day


@dataclass(frozen=True, slots=True)
class Row:
    """A domain. `reason`, `detail`, `since`: of the oldest stop in force."""

    id: int
    name: str
    company: str
    reason: str | None
    detail: str | None
    since: datetime | None
    until: datetime | None
    spent: Money
    cap: Money | None
    is_own: bool  # something differs from the provider's defaults
    waits: int


STATES = """
    CASE $2::text WHEN 'stopped' THEN s.id IS NOT NULL WHEN 'own' THEN g.domain_id IS NOT NULL
                  WHEN 'waits' THEN EXISTS (SELECT FROM guard_destination p WHERE p.domain_id = d.id
                                            AND p.called_at IS NULL) ELSE true END"""
_FROM = f"""
FROM domain d JOIN account a ON a.domain_id = d.id
LEFT JOIN domain_guard g ON g.domain_id = d.id
LEFT JOIN guard_day t ON t.domain_id = d.id AND t.day = $3
LEFT JOIN LATERAL (SELECT o.id, o.reason, o.detail, o.started_at, o.until FROM guard_stop o
    WHERE o.domain_id = d.id AND o.ended_at IS NULL AND (o.until IS NULL OR o.until > $4) ORDER BY o.id LIMIT 1) s
    ON true
WHERE ($1::text IS NULL OR d.name ILIKE $1 OR d.company_name ILIKE $1) AND {STATES}
"""


async def domains(tx: PlatformTx, query: ListQuery) -> tuple[list[Row], int]:
    """One page and the number of all that match."""
    values, day = await parameters.group(tx, "guard"), await _today(tx)
    arguments = [query.like(), query.value("state") or None, day, tx.now]
    total = await tx.fetchval(f"SELECT count(*) {_FROM}", *arguments)
    rows = await tx.fetch(
        "SELECT d.id, d.name, d.company_name AS company, s.reason, s.detail, s.started_at, s.until, "
        "COALESCE(t.spent, 0) AS spent, a.currency, g.domain_id IS NOT NULL AS is_own, g.daily_cap, "
        "g.calls_per_minute, g.parallel_calls, g.max_daily_cap, g.max_calls_per_minute, g.new_destination, "
        "COALESCE(g.only_outside_hours, false) AS only_outside_hours, g.work_days, g.work_from, g.work_until, "
        "(SELECT count(*) FROM guard_destination p WHERE p.domain_id = d.id AND p.called_at IS NULL) AS waits "
        f"{_FROM} ORDER BY {query.order_by('d.id')} LIMIT $5 OFFSET $6", *arguments, query.limit, query.offset)
    return [_row(row, values) for row in rows], total


def _row(row: Record, values: dict[str, Any]) -> Row:
    limits, currency = limits_of(row, values), Currency(row["currency"])
    cap = min((one for one in (limits.cap, limits.wall) if one is not None), default=None)
    return Row(row["id"], row["name"], row["company"], row["reason"], row["detail"], row["started_at"], row["until"],
               Money(Decimal(row["spent"]), currency), None if cap is None else Money.from_millionths(cap, currency),
               row["is_own"], row["waits"])


async def _today(tx: PlatformTx) -> date:
    return local_day(tx.now, await parameters.get(tx, "billing.timezone"))
