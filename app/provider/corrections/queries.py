"""What the console reads of corrections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.web.lists import ListQuery


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    id: int
    domain_id: int
    domain: str
    company: str
    account: str
    amount: Decimal
    currency: str
    reason: str
    state: str
    author_id: int
    author_name: str
    created_at: datetime
    decider_name: str
    decided_at: datetime | None
    answer: str

    @property
    def sum(self) -> Money:
        return Money(self.amount, Currency(self.currency))


_COLUMNS = ("c.id, c.domain_id, d.name AS domain, d.company_name AS company, a.number AS account, c.amount, "
            "a.currency, c.reason, c.state, c.author_id, c.author_name, c.created_at, c.decider_name, c.decided_at, "
            "c.answer")
_JOINED = "FROM correction c JOIN domain d ON d.id = c.domain_id JOIN account a ON a.domain_id = c.domain_id"
_WANTED = f"""{_JOINED}
WHERE ($1::text IS NULL OR d.name ILIKE $1 OR d.company_name ILIKE $1 OR a.number ILIKE $1 OR c.reason ILIKE $1
       OR c.author_name ILIKE $1 OR c.author_login ILIKE $1)
  AND ($2::text IS NULL OR c.state = $2)"""


async def corrections(tx: PlatformTx, query: ListQuery) -> tuple[list[CorrectionRow], int]:
    arguments = [query.like(), query.value("state") or None]
    total = await tx.fetchval(f"SELECT count(*) {_WANTED}", *arguments)
    rows = await tx.fetch(f"SELECT {_COLUMNS} {_WANTED} ORDER BY {query.order_by('c.id DESC')} LIMIT $3 OFFSET $4",
                          *arguments, query.limit, query.offset)
    return [CorrectionRow(**row) for row in rows], total


async def correction(tx: PlatformTx, number: int) -> CorrectionRow:
    """Raises NotFound."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} {_JOINED} WHERE c.id = $1", number)
    if row is None:
        raise NotFound("correction", _("There is no such correction"))
    return CorrectionRow(**row)


async def waiting_at(tx: PlatformTx, domain_id: int) -> list[CorrectionRow]:
    """Requests of one domain that nobody has decided."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} {_JOINED} WHERE c.domain_id = $1 AND c.state = 'pending' ORDER BY c.id",
                          domain_id)
    return [CorrectionRow(**row) for row in rows]
