"""The domain's connected numbers as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from tenants.numbers.outgoing import shown_number


@dataclass(frozen=True, slots=True)
class NumberRow:
    """`rules`: of its routing, 0: the caller hears busy. `own_users` chose this number as theirs [NUM-07]."""

    id: int
    e164: str
    category: str
    region: str
    assigned_at: datetime | None
    rules: int
    is_default: bool
    own_users: int
    is_additional: bool  # bought by the domain itself [NUM-42]

    @property
    def shown(self) -> str:
        return shown_number(self.e164)


_NUMBERS = """
SELECT n.id, n.e164, n.category, n.region, n.assigned_at,
       (SELECT count(*) FROM routing_rule r WHERE r.domain_id = n.domain_id AND r.number_id = n.id) AS rules,
       n.id IS NOT DISTINCT FROM d.default_number_id AS is_default,
       (SELECT count(*) FROM domain_user o
        WHERE o.domain_id = n.domain_id AND o.outgoing_number_id = n.id) AS own_users, n.is_additional
FROM phone_number n JOIN domain d ON d.id = n.domain_id
WHERE n.domain_id = $1
"""
_MATCHING = " AND ($2::text IS NULL OR n.region ILIKE $2 OR ($3::text <> '' AND n.e164 LIKE '%' || $3 || '%'))"


async def numbers(tx: DomainTx, *, like: str | None = None, digits: str = "", order: str = "n.e164",
                  limit: int = 50, offset: int = 0) -> tuple[list[NumberRow], int]:
    """One page and the number of all that match. `order` is our own SQL."""
    total = await tx.fetchval(f"SELECT count(*) FROM phone_number n WHERE n.domain_id = $1{_MATCHING}", tx.domain_id,
                              like, digits)
    rows = await tx.fetch(f"{_NUMBERS}{_MATCHING} ORDER BY {order} LIMIT $4 OFFSET $5",
                          tx.domain_id, like, digits, limit, offset)
    return [NumberRow(**row) for row in rows], total
