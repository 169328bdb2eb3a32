"""Address books as pages, phones and the journal show them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace

from app.kernel.db import DomainTx
from app.web.lists import Page
from tenants.directory.rules import Book, Number

_NOT_IN_NUMBERS = re.compile(r"[ ()+./\u00a0-]+")
# As the Russian alphabet has it: Ё stands with Е.
_SORT = "translate(lower({0}), 'ё', 'е')"


@dataclass(frozen=True, slots=True)
class BookRow:
    """One line of a book: a group's heading (`id` 0) or a contact. `group_id` 0: outside groups.

    `count` is of the group's contacts that match.
    """

    is_heading: bool
    group_id: int
    group: str
    count: int
    is_closed: bool
    id: int
    name: str
    position: str
    email: str
    speed_dial: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class BookPage(Page[BookRow]):
    """`total` counts contacts; paging goes over lines, which headings are too."""

    lines: int = 0
    contacts_shown: int = 0

    @property
    def shown(self) -> int:
        return self.contacts_shown

    @property
    def next_offset(self) -> int | None:
        reached = self.query.offset + len(self.rows)
        return reached if self.rows and reached < self.lines else None


def number_pattern(search: str) -> str | None:
    """Argument of LIKE for a search that is a part of a telephone number, as people write them; else None."""
    digits = _NOT_IN_NUMBERS.sub("", search)
    if not (digits.isascii() and digits.isdigit()):
        return None
    return f"%{digits}%" if not re.match(r"8[0-9]{3,}", digits) else f"%7{digits[1:]}%"


_MATCHING = """
    SELECT c.id, c.group_id, c.name, c.position, c.email, c.speed_dial FROM contact c
    WHERE c.domain_id = $1 AND c.owner_key = $2 AND ($3::text IS NULL OR c.name ILIKE $3
      OR ($4::text IS NOT NULL AND EXISTS (SELECT FROM contact_number n WHERE n.domain_id = c.domain_id
          AND n.contact_id = c.id AND (n.number LIKE $4 OR n.number LIKE $5))))
"""
_ORDER = (f"group_id = 0, {_SORT.format('group_name')}, group_id, is_heading DESC, {_SORT.format('name')}, id")
_LINES = f"""
WITH found AS ({_MATCHING}), groups AS (
    SELECT g.id, g.name, (SELECT count(*) FROM found f WHERE f.group_id = g.id) AS count
    FROM contact_group g WHERE g.domain_id = $1 AND g.owner_key = $2
    UNION ALL SELECT 0, '', (SELECT count(*) FROM found WHERE group_id IS NULL)
), shown AS (SELECT * FROM groups WHERE count > 0 OR ($3::text IS NULL AND id <> 0))
SELECT *, count(*) OVER () AS lines, count(nullif(id, 0)) OVER (ORDER BY {_ORDER} ROWS UNBOUNDED PRECEDING) AS contacts
FROM (
    SELECT true AS is_heading, s.id AS group_id, s.name AS group_name, s.count, 0::bigint AS id, '' AS name,
           '' AS position, '' AS email, '' AS speed_dial FROM shown s
    UNION ALL
    SELECT false, s.id, s.name, s.count, f.id, f.name, f.position, f.email, f.speed_dial
    FROM found f JOIN shown s ON s.id = COALESCE(f.group_id, 0) WHERE s.id <> ALL($6::bigint[])
) line ORDER BY {_ORDER}
"""


async def book_page(tx: DomainTx, book: Book, page: BookPage, *, closed: Collection[int] = ()) -> BookPage:
    """The page filled: groups in alphabetical order, contacts outside groups last [ABK-14].

    Args:
        page: carries the query (search, offset, limit).
        closed: groups whose contacts are left out.
    """
    query = page.query
    digits = number_pattern(query.search)
    arguments = (tx.domain_id, book.key, query.like(), digits, digits and f"%{digits.strip('%')}%")
    total = await tx.fetchval(f"SELECT count(*) FROM ({_MATCHING}) found", *arguments)
    rows = await tx.fetch(f"SELECT * FROM ({_LINES}) lines OFFSET $7 LIMIT $8", *arguments, list(closed),
                          query.offset, query.limit)
    numbers = await numbers_of(tx, [row["id"] for row in rows if row["id"]])
    lines = [BookRow(row["is_heading"], row["group_id"], row["group_name"], row["count"], row["group_id"] in closed,
                     row["id"], row["name"], row["position"], row["email"], row["speed_dial"],
                     numbers.get(row["id"], ())) for row in rows]
    return replace(page, rows=lines, total=total, lines=rows[0]["lines"] if rows else 0,
                   contacts_shown=rows[-1]["contacts"] if rows else total)


async def matching_ids(tx: DomainTx, book: Book, like: str | None, search: str) -> list[int]:
    """Every contact that a search finds."""
    digits = number_pattern(search)
    rows = await tx.fetch(f"SELECT id FROM ({_MATCHING}) found", tx.domain_id, book.key, like, digits, digits)
    return [row["id"] for row in rows]


async def numbers_of(tx: DomainTx, ids: Collection[int]) -> dict[int, tuple[Number, ...]]:
    """Contact → its numbers in form order."""
    found: dict[int, tuple[Number, ...]] = {}
    for row in await tx.fetch("SELECT contact_id, kind, number FROM contact_number WHERE domain_id = $1 "
                              "AND contact_id = ANY($2::bigint[]) ORDER BY contact_id, ord", tx.domain_id, list(ids)):
        found[row["contact_id"]] = (*found.get(row["contact_id"], ()), Number(row["kind"], row["number"]))
    return found


async def groups(tx: DomainTx, book: Book) -> dict[int, str]:
    """Id → name, in alphabetical order."""
    rows = await tx.fetch("SELECT id, name FROM contact_group WHERE domain_id = $1 AND owner_key = $2 "
                          f"ORDER BY {_SORT.format('name')}, id", tx.domain_id, book.key)
    return {row["id"]: row["name"] for row in rows}


async def names_of(tx: DomainTx, book: Book, ids: Collection[int]) -> list[tuple[int, str]]:
    """(id, name) of those ids that are contacts of the book."""
    rows = await tx.fetch("SELECT id, name FROM contact WHERE domain_id = $1 AND owner_key = $2 "
                          f"AND id = ANY($3::bigint[]) ORDER BY {_SORT.format('name')}, id",
                          tx.domain_id, book.key, list(ids))
    return [(row["id"], row["name"]) for row in rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contact for an export or a phone. `owner_key` 0: the company's."""

    id: int
    owner_key: int
    group: str
    name: str
    speed_dial: str
    email: str
    position: str
    numbers: tuple[Number, ...]


async def entries(tx: DomainTx, *books: Book, ids: Collection[int] | None = None) -> list[Entry]:
    """All contacts of the books (or those of `ids`), personal ones first, then by group and name."""
    keys = [book.key for book in books]
    rows = await tx.fetch(
        "SELECT c.id, c.owner_key, COALESCE(g.name, '') AS group_name, c.name, c.speed_dial, c.email, c.position, "
        "array_agg(n.kind ORDER BY n.ord) AS kinds, array_agg(n.number ORDER BY n.ord) AS numbers FROM contact c "
        "JOIN contact_number n ON n.domain_id = c.domain_id AND n.contact_id = c.id LEFT JOIN contact_group g "
        "ON g.domain_id = c.domain_id AND g.id = c.group_id WHERE c.domain_id = $1 AND c.owner_key = ANY($2::bigint[]) "
        "AND ($3::bigint[] IS NULL OR c.id = ANY($3)) GROUP BY c.id, g.name ORDER BY c.owner_key DESC, "
        f"g.name IS NULL, {_SORT.format('g.name')}, {_SORT.format('c.name')}, c.id", tx.domain_id, keys,
        None if ids is None else list(ids))
    return [Entry(row["id"], row["owner_key"], row["group_name"], row["name"], row["speed_dial"], row["email"],
                  row["position"], tuple(map(Number, row["kinds"], row["numbers"]))) for row in rows]
