"""A month's package: given on the 1st by the daily run, for the rest of the month at activation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from billing.packages.rules import month_seconds, next_month
from billing.subscriptions.registry import on_month
from billing.subscriptions.rules import local_day, start_of_day
from billing.tariffs.terms import plans_of

# An account that never had a package and gets none is left alone.
_FILL = """
UPDATE account SET package_seconds_left = new.seconds, package_from = new.begins, package_until = new.ends
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[]) AS new (domain_id, seconds, begins, ends)
WHERE account.domain_id = new.domain_id AND (new.seconds > 0 OR account.package_until IS NOT NULL)
  AND (account.package_until IS NULL OR account.package_until < new.ends)
"""


@on_month
async def begin_month(tx: PlatformTx, days: Mapping[int, date]) -> None:
    """The rest of the last month expires, also where the tariff has no package any more."""
    zone = await parameters.get(tx, "billing.timezone")
    await _fill(tx, {domain_id: (day, start_of_day(day, zone)) for domain_id, day in days.items()}, zone)


async def activate(tx: DomainTx) -> None:
    """The domain became commercial: its share of this month."""
    zone = await parameters.get(tx, "billing.timezone")
    await _fill(tx, {tx.domain_id: (local_day(tx.now, zone), tx.now)}, zone)


async def _fill(tx: DomainTx | PlatformTx, begins: Mapping[int, tuple[date, datetime]], zone: str) -> None:
    """By the terms in force when it begins."""
    plans = await plans_of(tx, {domain_id: begin for domain_id, (_day, begin) in begins.items()})
    new = [(domain_id, month_seconds(plan.included_minutes, begins[domain_id][0]), begins[domain_id][1],
            start_of_day(next_month(begins[domain_id][0]), zone)) for domain_id, plan in plans.items()]
    if new:
        await tx.execute(_FILL, *(list(column) for column in zip(*new, strict=True)))
