"""The domain's numbers as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.numbers.outgoing import may_be_outgoing, shown_number


@dataclass(frozen=True, slots=True)
class NumberRow:
    """`target_name` "": the caller hears busy. `own_users` chose this number as theirs [NUM-07]."""

    id: int
    e164: str
    category: str
    region: str
    assigned_at: datetime | None
    target_user_id: int | None
    target_kind: str  # user: it rings; fax: it is received as a fax for the user
    target_name: str
    target_extension: str
    is_default: bool
    own_users: int

    @property
    def shown(self) -> str:
        return shown_number(self.e164)

    @property
    def may_be_outgoing(self) -> bool:
        return may_be_outgoing(self.e164, self.category)


_NUMBERS = """
SELECT n.id, n.e164, n.category, n.region, n.assigned_at, n.target_user_id, n.target_kind,
       COALESCE(u.display_name, '') AS target_name, COALESCE(u.extension, '') AS target_extension,
       n.id IS NOT DISTINCT FROM d.default_number_id AS is_default,
       (SELECT count(*) FROM domain_user o
        WHERE o.domain_id = n.domain_id AND o.outgoing_number_id = n.id) AS own_users
FROM phone_number n JOIN domain d ON d.id = n.domain_id
LEFT JOIN domain_user u ON u.domain_id = n.domain_id AND u.id = n.target_user_id
WHERE n.domain_id = $1
"""
_MATCHING = (" AND ($2::text IS NULL OR n.region ILIKE $2 OR u.display_name ILIKE $2 OR u.extension ILIKE $2 "
             "OR ($3::text <> '' AND n.e164 LIKE '%' || $3 || '%'))")


async def numbers(tx: DomainTx, *, like: str | None = None, digits: str = "", order: str = "n.e164",
                  limit: int = 50, offset: int = 0) -> tuple[list[NumberRow], int]:
    """One page and the number of all that match. `order` is our own SQL."""
    total = await tx.fetchval(
        "SELECT count(*) FROM phone_number n LEFT JOIN domain_user u ON u.domain_id = n.domain_id "
        f"AND u.id = n.target_user_id WHERE n.domain_id = $1{_MATCHING}", tx.domain_id, like, digits)
    rows = await tx.fetch(f"{_NUMBERS}{_MATCHING} ORDER BY {order} LIMIT $4 OFFSET $5",
                          tx.domain_id, like, digits, limit, offset)
    return [NumberRow(**row) for row in rows], total


async def number(tx: DomainTx, number_id: int) -> NumberRow:
    row = await tx.fetchrow(f"{_NUMBERS} AND n.id = $2", tx.domain_id, number_id)
    if row is None:
        raise NotFound("number", _("There is no such number"))
    return NumberRow(**row)


async def target_choices(tx: DomainTx) -> list[tuple[int, str]]:
    """Users of the domain, for the selector of who rings."""
    rows = await tx.fetch("SELECT id, display_name, extension FROM domain_user WHERE domain_id = $1 "
                          "ORDER BY lower(display_name), id", tx.domain_id)
    return [(row["id"], f"{row['display_name']} · {row['extension']}") for row in rows]
