"""A statement: opening balance, every line by the time of its operation, totals, closing balance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts import lines, sums
from billing.accounts.lines import BATCH, LedgerRow
from billing.accounts.period import Period
from billing.accounts.sums import OperationSum, Span, Total

# Payments too; by the time of the operation, so the balance is reckoned from the opening one.
_LINES = """
SELECT p.id, p.at, p.kind, p.service, p.quantity, p.detail ->> 'ref' AS ref, e.amount, e.balance_after
FROM posting p JOIN entry e ON e.domain_id = p.domain_id AND e.posting_id = p.id AND e.account = 'domain'
WHERE p.domain_id = $1 AND p.at >= $2 AND p.at < $3 ORDER BY p.at, p.id"""


@dataclass(frozen=True, slots=True)
class Statement:
    """`closing` = `opening` + income − expense; both days included, in the zone `zone`."""

    company: str
    domain: str
    account: str
    currency: Currency
    zone: str
    language: str
    first: date
    last: date
    made_at: datetime
    opening: Money
    total: Total
    parts: tuple[OperationSum, ...]
    span: Span

    @property
    def closing(self) -> Money:
        return self.opening + self.total.income - self.total.expense


async def statement(tx: DomainTx, first: date, last: date) -> Statement:
    """Days of the domain's time zone."""
    row = await tx.fetchrow(
        "SELECT d.name, d.company_name, d.timezone, d.locale, a.number, a.currency FROM domain d "
        "JOIN account a ON a.domain_id = d.id WHERE d.id = $1", tx.domain_id)
    assert row is not None
    currency, span = Currency(row["currency"]), Period(first, last).span(row["timezone"])
    opening = await sums.change_before(tx, currency, span.since)
    found = await lines.find(tx, currency, span, without=())
    return Statement(row["company_name"], row["name"], row["number"], currency, row["timezone"], row["locale"], first,
                     last, tx.now, opening, found.total, found.parts, span)


async def lines_of(tx: DomainTx, made: Statement, *, most: int | None = None) -> AsyncIterator[list[LedgerRow]]:
    """Oldest first, in portions; `balance_after` runs from the opening balance."""
    balance = made.opening
    cursor = await tx.connection.cursor(f"{_LINES} LIMIT {most if most is not None else 'ALL'}", tx.domain_id,
                                        made.span.since, made.span.until)
    while portion := await cursor.fetch(BATCH):
        rows = []
        for record in portion:
            row = LedgerRow.of(record, made.currency)
            balance += row.amount
            rows.append(replace(row, balance_after=balance))
        yield rows


