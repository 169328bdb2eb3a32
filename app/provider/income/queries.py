"""Revenue of a period: lines of the counter-account, grouped; what was given back counts against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.money import Money

LONGEST_SECONDS = 50
# group → (SQL of its key, order). The tariff is the domain's present one: a fee does not know by which it was charged.
GROUPS = {
    "day": ("(p.at AT TIME ZONE $3)::date::text", "1"),
    "operation": ("p.kind", "amount DESC, 1"),
    "service": ("p.kind || chr(31) || p.service", "amount DESC, 1"),
    "tariff": ("t.name", "amount DESC, 1"),
    "domain": ("d.name", "amount DESC, 1"),
}


@dataclass(frozen=True, slots=True)
class IncomeRow:
    """`key`: a day, an operation, an operation and its service (chr(31) between), a tariff or a domain."""

    key: str
    lines: int
    amount: Decimal

    @property
    def sum(self) -> Money:
        return Money(self.amount)


async def income(tx: PlatformTx, group: str, first: date, last: date, zone: str) -> list[IncomeRow]:
    """Both days included, days of `zone`."""
    key, order = GROUPS[group]
    rows = await tx.connection.fetch(
        f"SELECT {key} AS key, count(*) AS lines, sum(e.amount) AS amount FROM posting p "
        "JOIN entry e ON e.posting_id = p.id AND e.account = 'revenue' JOIN account a ON a.domain_id = p.domain_id "
        "JOIN tariff t ON t.id = a.tariff_id JOIN domain d ON d.id = p.domain_id "
        "WHERE p.at >= $1::date::timestamp AT TIME ZONE $3 AND p.at < ($2::date + 1)::timestamp AT TIME ZONE $3 "
        f"AND e.amount <> 0 GROUP BY 1 ORDER BY {order}", first, last, zone, timeout=LONGEST_SECONDS)
    return [IncomeRow(**row) for row in rows]
