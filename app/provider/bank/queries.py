"""What the console reads of bank statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Money
from app.provider import pending
from app.web.lists import ListQuery


@dataclass(frozen=True, slots=True)
class StatementRow:
    """`open`: payments that nobody has decided; `posted_amount` of those posted from this file."""

    id: int
    file_name: str
    loaded_at: datetime
    loaded_by: str
    outgoing: int
    payments: int
    matched: int
    open: int
    posted: int
    posted_amount: Decimal

    @property
    def sum(self) -> Money:
        return Money(self.posted_amount)


@dataclass(frozen=True, slots=True)
class LineRow:
    id: int
    line: int
    number: str
    day: date | None
    amount: Decimal | None
    payer_account: str
    payer_inn: str
    payer: str
    purpose: str
    state: str
    how: str
    note: str
    domain_id: int | None
    domain: str | None
    company: str | None
    account: str | None

    @property
    def sum(self) -> Money | None:
        return None if self.amount is None else Money(self.amount)

    @property
    def is_open(self) -> bool:
        return self.state in ("matched", "ambiguous", "unknown", "ignored")


_STATEMENT = """
SELECT s.id, s.file_name, s.loaded_at, s.loaded_by, s.outgoing, count(l.*) AS payments,
       count(*) FILTER (WHERE l.state = 'matched') AS matched,
       count(*) FILTER (WHERE l.state IN ('ambiguous', 'unknown')) AS open,
       count(*) FILTER (WHERE l.state = 'posted') AS posted,
       COALESCE(sum(l.amount) FILTER (WHERE l.state = 'posted'), 0) AS posted_amount
FROM bank_statement s LEFT JOIN bank_line l ON l.statement_id = s.id
"""
_LINE = """
SELECT l.id, l.line, l.number, l.day, l.amount, l.payer_account, l.payer_inn, l.payer, l.purpose, l.state, l.how,
       l.note, l.domain_id, d.name AS domain, d.company_name AS company, a.number AS account
FROM bank_line l LEFT JOIN domain d ON d.id = l.domain_id LEFT JOIN account a ON a.domain_id = l.domain_id
"""
_LINES = """
WHERE l.statement_id = $1 AND ($2::text IS NULL OR l.state = $2)
  AND ($3::text IS NULL OR l.payer ILIKE $3 OR l.purpose ILIKE $3 OR l.payer_inn ILIKE $3 OR l.number ILIKE $3
       OR d.name ILIKE $3 OR d.company_name ILIKE $3 OR a.number ILIKE $3)
"""


async def statements(tx: PlatformTx, query: ListQuery) -> tuple[list[StatementRow], int]:
    total = await tx.fetchval("SELECT count(*) FROM bank_statement")
    rows = await tx.fetch(f"{_STATEMENT} GROUP BY s.id ORDER BY {query.order_by('s.id DESC')} LIMIT $1 OFFSET $2",
                          query.limit, query.offset)
    return [StatementRow(**row) for row in rows], total


async def statement(tx: PlatformTx, number: int) -> StatementRow:
    """Raises NotFound."""
    row = await tx.fetchrow(f"{_STATEMENT} WHERE s.id = $1 GROUP BY s.id", number)
    if row is None:
        raise NotFound("bank_statement", _("There is no such statement"))
    return StatementRow(**row)


async def lines(tx: PlatformTx, number: int, query: ListQuery) -> tuple[list[LineRow], int]:
    arguments = [number, query.value("state") or None, query.like()]
    total = await tx.fetchval(
        "SELECT count(*) FROM bank_line l LEFT JOIN domain d ON d.id = l.domain_id "
        f"LEFT JOIN account a ON a.domain_id = l.domain_id {_LINES}", *arguments)
    rows = await tx.fetch(f"{_LINE} {_LINES} ORDER BY {query.order_by('l.line')} LIMIT $4 OFFSET $5", *arguments,
                          query.limit, query.offset)
    return [LineRow(**row) for row in rows], total


async def line(tx: PlatformTx, number: int) -> LineRow:
    """Raises NotFound."""
    row = await tx.fetchrow(f"{_LINE} WHERE l.id = $1", number)
    if row is None:
        raise NotFound("bank_line", _("There is no such payment"))
    return LineRow(**row)


async def take_table(tx: PlatformTx, import_id: int) -> tuple[str, list[Any]]:
    """Name and rows of a table that waited for the names of its columns. Raises NotFound."""
    found = await pending.take(tx, "bank", import_id)
    if found is None:
        raise NotFound("import", _("This file has been imported already or has expired. Choose it again."))
    return found
