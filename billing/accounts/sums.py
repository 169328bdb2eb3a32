"""Counts and sums of a domain's own account without reading its lines: day by day, and where in the ledger they are.

Postings do not pay for it: lines younger than the mark are taken in by whoever asks, and by a job for everybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Currency, Money

EVER, NEVER = datetime(1, 1, 2, tzinfo=UTC), datetime(9998, 12, 30, tzinfo=UTC)
_DAY = timedelta(days=1)

_BEHIND = """
SELECT coalesce(m.through, 0) < coalesce((
    SELECT e.posting_id FROM entry e WHERE e.domain_id = $1 AND e.account = 'domain'
    ORDER BY e.posting_id DESC LIMIT 1), 0)
FROM (SELECT $1::bigint AS domain_id) one LEFT JOIN ledger_mark m ON m.domain_id = one.domain_id
"""
_TAKE_IN = """
WITH young AS MATERIALIZED (
    SELECT (p.at AT TIME ZONE 'UTC')::date AS day, p.kind, p.service, e.posting_id, e.amount
    FROM entry e JOIN posting p ON p.domain_id = e.domain_id AND p.id = e.posting_id
    WHERE e.domain_id = $1 AND e.account = 'domain' AND e.posting_id > $2
), summed AS (
    INSERT INTO ledger_day AS known (domain_id, day, kind, service, entries, income, expense, first_id, last_id)
    SELECT $1, day, kind, service, count(*), coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
           coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), min(posting_id), max(posting_id)
    FROM young GROUP BY day, kind, service
    ON CONFLICT (domain_id, day, kind, service) DO UPDATE SET
        entries = known.entries + excluded.entries, income = known.income + excluded.income,
        expense = known.expense + excluded.expense, first_id = least(known.first_id, excluded.first_id),
        last_id = greatest(known.last_id, excluded.last_id)
)
UPDATE ledger_mark SET through = (SELECT max(posting_id) FROM young)
WHERE domain_id = $1 AND EXISTS (SELECT FROM young)
"""
# Whole days from the sums; what a period holds of its first and last day from the lines.
_SUMS = """
SELECT kind, service, sum(entries)::bigint AS entries, sum(income) AS income, sum(expense) AS expense FROM (
    SELECT kind, service, entries, income, expense FROM ledger_day
    WHERE domain_id = $1 AND day >= $2 AND day < $3
    UNION ALL
    SELECT line.* FROM unnest($4::timestamptz[], $5::timestamptz[]) edge (begins, ends)
    CROSS JOIN LATERAL (
        SELECT p.kind, p.service, 1, greatest(e.amount, 0), greatest(-e.amount, 0)
        FROM posting p JOIN entry e ON e.domain_id = $1 AND e.posting_id = p.id AND e.account = 'domain'
        WHERE p.domain_id = $1 AND p.at >= edge.begins AND p.at < edge.ends
        OFFSET 0  -- the planner would rather read the whole table once
    ) line
) part GROUP BY kind, service ORDER BY kind, service
"""


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` on, before `until`; aware."""

    since: datetime = EVER
    until: datetime = NEVER

    def whole_days(self) -> tuple[date, date]:
        """Days (UTC) wholly inside, the second not included; equal when there is none."""
        first = self.since.astimezone(UTC)
        begins = first.date() + (_DAY if first.time() > time() else timedelta())
        return begins, max(begins, self.until.astimezone(UTC).date())

    def days(self) -> tuple[date, date]:
        """First and last day (UTC) that it touches."""
        return self.since.astimezone(UTC).date(), self.until.astimezone(UTC).date()

    def edges(self) -> list[tuple[datetime, datetime]]:
        """What is left before and after the whole days."""
        begins, ends = (datetime.combine(day, time(), UTC) for day in self.whole_days())
        if begins >= self.until:
            return [(self.since, self.until)]
        return [(first, last) for first, last in ((self.since, begins), (ends, self.until)) if first < last]


@dataclass(frozen=True, slots=True)
class OperationSum:
    """Lines of one operation and service in a period; both sums are not negative."""

    kind: str
    service: str
    entries: int
    income: Money
    expense: Money


@dataclass(frozen=True, slots=True)
class Total:
    entries: int
    income: Money
    expense: Money

    @property
    def change(self) -> Money:
        return self.income - self.expense


def total(parts: Iterable[OperationSum], currency: Currency) -> Total:
    entries, income, expense = 0, Money.zero(currency), Money.zero(currency)
    for one in parts:
        entries, income, expense = entries + one.entries, income + one.income, expense + one.expense
    return Total(entries, income, expense)


async def bring_up(tx: DomainTx) -> None:
    """Take in the lines after the mark. Within a domain ids of postings grow in the order of commit."""
    if not await tx.fetchval(_BEHIND, tx.domain_id):
        return
    await tx.execute("INSERT INTO ledger_mark (domain_id, through) VALUES ($1, 0) ON CONFLICT DO NOTHING",
                     tx.domain_id)
    through = await tx.fetchval("SELECT through FROM ledger_mark WHERE domain_id = $1 FOR UPDATE", tx.domain_id)
    await tx.execute(_TAKE_IN, tx.domain_id, through)


async def behind(tx: PlatformTx, lines: int) -> list[int]:
    """Domains with at least that many lines after their mark."""
    rows = await tx.fetch(
        "SELECT a.domain_id FROM account a LEFT JOIN ledger_mark m ON m.domain_id = a.domain_id WHERE EXISTS ("
        "SELECT FROM entry e WHERE e.domain_id = a.domain_id AND e.account = 'domain' "
        "AND e.posting_id > coalesce(m.through, 0) ORDER BY e.posting_id OFFSET $1) ORDER BY a.domain_id",
        max(lines - 1, 0))
    return [row["domain_id"] for row in rows]


async def by_operation(tx: DomainTx, currency: Currency, span: Span) -> list[OperationSum]:
    """Every operation and service with lines in the period."""
    await bring_up(tx)
    edges = span.edges()
    rows = await tx.fetch(_SUMS, tx.domain_id, *span.whole_days(), [one for one, _end in edges],
                          [one for _begin, one in edges])
    return [OperationSum(row["kind"], row["service"], row["entries"], Money(row["income"], currency),
                         Money(row["expense"], currency)) for row in rows]


async def change_before(tx: DomainTx, currency: Currency, moment: datetime) -> Money:
    """The account's state at a moment by the time of the operations [FIN-D5]."""
    return total(await by_operation(tx, currency, Span(until=moment)), currency).change


async def bounds(tx: DomainTx, span: Span) -> tuple[int, int]:
    """Least and greatest posting of the days that the period touches; (0, 0) when there is none."""
    row = await tx.fetchrow(
        "SELECT coalesce(min(first_id), 0) AS first, coalesce(max(last_id), 0) AS last FROM ledger_day "
        "WHERE domain_id = $1 AND day BETWEEN $2 AND $3", tx.domain_id, *span.days())
    assert row is not None
    return row["first"], row["last"]
