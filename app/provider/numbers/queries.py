"""What the console reads of the number inventory, and files that wait for a yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.sql import like_escaped, like_text
from app.provider import pending
from app.web.lists import ListQuery
from tenants.numbers.inventory_file import InventoryRow


@dataclass(frozen=True, slots=True)
class NumberRow:
    """`domain_id` None: in the stock."""

    id: int
    e164: str
    category: str
    region: str
    domain_id: int | None
    domain: str | None
    company: str | None
    rules: int
    grade: str
    connection_price: Decimal
    hold_kind: str | None
    hold_until: date | None
    held_domain: str | None
    is_default: bool
    assigned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A domain that a number can be given to."""

    id: int
    name: str
    company_name: str
    account: str


_FROM = """
FROM phone_number n LEFT JOIN domain d ON d.id = n.domain_id LEFT JOIN domain h ON h.id = n.held_for
WHERE ($1::text IS NULL OR n.region ILIKE $1 OR d.name ILIKE $1 OR d.company_name ILIKE $1
       OR ($2::text IS NOT NULL AND n.e164 LIKE '%' || $2 || '%'))
  AND ($3::text IS NULL OR n.category = $3)
  AND ($4::text IS NULL OR $4 = CASE WHEN n.domain_id IS NOT NULL THEN 'given' WHEN n.held_for IS NOT NULL THEN 'held'
                                     ELSE 'stock' END)
  AND ($5::text IS NULL OR n.grade = $5)
"""


def _digits(query: ListQuery) -> str | None:
    """Digits of a search that is a number; 8 and ten digits are what people type for +7."""
    digits = "".join(ch for ch in query.search if ch.isdigit())
    if not digits or any(ch.isalpha() for ch in query.search):
        return None
    return "7" + digits[1:] if len(digits) == 11 and digits[0] == "8" else digits


async def numbers(tx: PlatformTx, query: ListQuery) -> tuple[list[NumberRow], int]:
    arguments = [query.like(), _digits(query), query.value("category") or None, query.value("place") or None,
                 query.value("grade") or None]
    total = await tx.fetchval(f"SELECT count(*) {_FROM}", *arguments)
    rows = await tx.fetch(
        "SELECT n.id, n.e164, n.category, n.region, n.domain_id, d.name AS domain, d.company_name AS company, "
        "(SELECT count(*) FROM routing_rule r WHERE r.number_id = n.id) AS rules, n.grade, n.connection_price, "
        "n.hold_kind, n.hold_until, h.name AS held_domain, "
        "COALESCE(d.default_number_id = n.id, false) AS is_default, n.assigned_at "
        f"{_FROM} ORDER BY {query.order_by('n.id')} LIMIT $6 OFFSET $7", *arguments, query.limit, query.offset)
    return [NumberRow(**row) for row in rows], total


async def names_of(tx: PlatformTx, ids: Sequence[int]) -> list[tuple[int, str]]:
    """(id, E.164 digits) of those that are there."""
    rows = await tx.fetch("SELECT id, e164 FROM phone_number WHERE id = ANY($1::bigint[]) ORDER BY e164", list(ids))
    return [(row["id"], row["e164"]) for row in rows]


async def candidates(tx: PlatformTx, text: str, *, limit: int = 20) -> list[Candidate]:
    """Domains whose name, company or account has the text, best first."""
    rows = await tx.fetch(
        "SELECT d.id, d.name, d.company_name, a.number AS account FROM domain d JOIN account a ON a.domain_id = d.id "
        "WHERE d.name ILIKE $1 OR d.company_name ILIKE $1 OR a.number ILIKE $1 "
        "ORDER BY d.name NOT ILIKE $2, d.name LIMIT $3", like_text(text), f"{like_escaped(text)}%", limit)
    return [Candidate(**row) for row in rows]


async def keep_import(tx: PlatformTx, file_name: str, rows: Sequence[InventoryRow]) -> int:
    """Keep understood rows until the reader says yes."""
    return await pending.keep(tx, "numbers", file_name,
                              [[row.line, row.e164, row.category, row.region] for row in rows])


async def take_import(tx: PlatformTx, import_id: int) -> list[InventoryRow]:
    """The kept rows, once: a second click finds nothing.

    Raises:
        NotFound: imported or thrown away already, or another person's.
    """
    found = await pending.take(tx, "numbers", import_id)
    if found is None:
        raise NotFound("import", _("This file was imported already, or the preview is too old. Choose it again."))
    return [InventoryRow(*row) for row in found[1]]
