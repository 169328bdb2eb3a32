"""Lines of the domain's own account, in posting order [FIN-43…49, FIN-D13]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts import sums
from billing.accounts.sums import OperationSum, Span, Total

Matches = Callable[[str, str], bool]  # kind and service of an operation
INCOMING = ("payment", "promised_payment")  # listed in the payment history only
SPARSE = 200  # fewer than one line in so many: looked up day by day, not found by walking
BATCH = 2_000

# A plan made for any period and any operations is a hundred times slower than one for those asked for.
_OWN_PLAN = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off"
_POSTING = "p.id, p.at, p.kind, p.service, p.quantity, p.detail ->> 'ref' AS ref"
# Line by line from the index (OFFSET 0 keeps the planner from joining it with the postings of every domain).
_WALK = f"""
SELECT p.*, e.amount, e.balance_after FROM entry e CROSS JOIN LATERAL (
    SELECT {_POSTING} FROM posting p
    WHERE p.domain_id = $1 AND p.id = e.posting_id AND p.at >= $4 AND p.at < $5
      AND p.kind || chr(31) || p.service = ANY($6::text[])
    OFFSET 0
) p
WHERE e.domain_id = $1 AND e.account = 'domain' AND e.posting_id BETWEEN $2 AND $3
ORDER BY e.posting_id DESC"""
# The wanted lines are among the groups whose last posting is not below the first posting of that group with which,
# from the newest on, enough lines are reached. Groups that the period cuts count for nothing there.
_LOOK_UP = f"""
WITH groups AS MATERIALIZED (
    SELECT kind, service, day, first_id, last_id, CASE WHEN day >= $7 AND day < $8 THEN entries ELSE 0 END AS sure
    FROM ledger_day WHERE domain_id = $1 AND day BETWEEN $2 AND $3
      AND kind || chr(31) || service = ANY($6::text[])
), reached AS (
    SELECT first_id, sum(sure) OVER (ORDER BY first_id DESC) AS lines FROM groups
), floor AS (
    SELECT coalesce(max(first_id) FILTER (WHERE lines >= $9), 0) AS id FROM reached
)
SELECT p.*, e.amount, e.balance_after
FROM floor JOIN groups g ON g.last_id >= floor.id
CROSS JOIN LATERAL (
    SELECT {_POSTING} FROM posting p
    WHERE p.domain_id = $1 AND p.id BETWEEN greatest(g.first_id, floor.id) AND g.last_id
      AND p.kind = g.kind AND p.service = g.service AND p.at >= $4 AND p.at < $5
      AND (p.at AT TIME ZONE 'UTC')::date = g.day
    OFFSET 0  -- group by group: the planner would rather read the whole table once
) p
JOIN entry e ON e.domain_id = $1 AND e.posting_id = p.id AND e.account = 'domain'
ORDER BY p.id DESC"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the domain's own account."""

    id: int
    at: datetime
    kind: str
    service: str
    quantity: Decimal
    amount: Money
    balance_after: Money
    ref: str

    @classmethod
    def of(cls, row: Record, currency: Currency) -> LedgerRow:
        return cls(row["id"], row["at"], row["kind"], row["service"], row["quantity"], Money(row["amount"], currency),
                   Money(row["balance_after"], currency), row["ref"] or "")

    @property
    def is_call(self) -> bool:
        return self.kind == "call"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search of a period comes to; `parts` are its operations, `among` all lines of the period."""

    parts: tuple[OperationSum, ...]
    total: Total
    among: int

    @property
    def pairs(self) -> list[str]:
        return [f"{one.kind}\x1f{one.service}" for one in self.parts]


async def find(tx: DomainTx, currency: Currency, span: Span, matches: Matches | None = None, *,
               without: Sequence[str] = INCOMING) -> Found:
    """Count and sums of the period's lines; `matches` narrows them to some operations."""
    every = await sums.by_operation(tx, currency, span)
    parts = [one for one in every if one.kind not in without and (matches is None or matches(one.kind, one.service))]
    return Found(tuple(parts), sums.total(parts, currency), sum(one.entries for one in every))


async def rows(tx: DomainTx, currency: Currency, span: Span, found: Found, *, limit: int,
               offset: int = 0) -> list[LedgerRow]:
    """Newest posting first, so that the balance column adds up [FIN-D13]."""
    if offset >= found.total.entries:
        return []
    await tx.execute(_OWN_PLAN)
    if found.total.entries * SPARSE >= found.among:
        first, last = await sums.bounds(tx, span)
        answer = await tx.fetch(f"{_WALK} LIMIT {limit} OFFSET {offset}", tx.domain_id, first, last, span.since,
                                span.until, found.pairs)
    else:
        begins, ends = span.whole_days()
        answer = await tx.fetch(
            f"{_LOOK_UP} LIMIT {limit} OFFSET {offset}", tx.domain_id, *span.days(),
            span.since, span.until, found.pairs, begins, ends, limit + offset)
    return [LedgerRow.of(row, currency) for row in answer]


async def every(tx: DomainTx, currency: Currency, span: Span, found: Found) -> AsyncIterator[list[LedgerRow]]:
    """All lines in portions, however many they are."""
    await tx.execute(_OWN_PLAN)
    first, last = await sums.bounds(tx, span)
    cursor = await tx.connection.cursor(_WALK, tx.domain_id, first, last, span.since, span.until, found.pairs)
    while portion := await cursor.fetch(BATCH):
        yield [LedgerRow.of(row, currency) for row in portion]


async def line(tx: DomainTx, currency: Currency, posting_id: int) -> LedgerRow | None:
    row = await tx.fetchrow(
        f"SELECT {_POSTING}, e.amount, e.balance_after FROM posting p JOIN entry e ON e.domain_id = p.domain_id "
        "AND e.posting_id = p.id AND e.account = 'domain' WHERE p.domain_id = $1 AND p.id = $2",
        tx.domain_id, posting_id)
    return None if row is None else LedgerRow.of(row, currency)


@dataclass(frozen=True, slots=True)
class PaidCall:
    """The call that a line charged."""

    id: int
    a_number: str
    b_number: str
    talk_seconds: int
    charge: dict | None


async def call_of(tx: DomainTx, row: LedgerRow) -> PaidCall | None:
    """The journal has no index by posting: the call began within hours before the moment it was charged for."""
    found = await tx.fetchrow(
        "SELECT id, a_number, b_number, talk_seconds, charge FROM call WHERE domain_id = $1 AND posting_id = $2 "
        "AND started_at BETWEEN $3::timestamptz - interval '6 hours' AND $3::timestamptz + interval '1 day'",
        tx.domain_id, row.id, row.at)
    return None if found is None else PaidCall(**found)
