"""Reading a user's faxes [ACC-59…64, FAX-01…12]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.calls.present import number_pattern, shown_number
from tenants.journal import NAME, NAME_JOINS, OWN_NAME, OWN_NAME_JOINS, Owner, Wanted, known_as


@dataclass(frozen=True, slots=True)
class FaxLine:
    """`at`: received; sent, or when it is to be sent."""

    id: int
    at: datetime
    is_incoming: bool
    number: str
    known_name: str
    state: str
    pages: int
    has_file: bool
    attempts: int

    @property
    def shown(self) -> str:
        return shown_number(self.number)

    @property
    def name(self) -> str:
        return self.known_name or self.shown

    @property
    def may_be_cancelled(self) -> bool:
        """Not begun [ACC-D15]."""
        return not self.is_incoming and not self.attempts and self.state in ("new", "converting", "ready")


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the protocol."""

    at: datetime
    event: str
    facts: dict[str, Any]


async def _where(tx: DomainTx, owner: Owner, wanted: Wanted) -> tuple[str, list[Any]]:
    args: list[Any] = [tx.domain_id, owner.user_id]
    parts = ["j.domain_id = $1 AND j.user_id = $2"]

    def add(condition: str, *values: object) -> None:
        for value in values:
            args.append(value)
            condition = condition.replace("?", f"${len(args)}", 1)
        parts.append(condition)

    if wanted.since:
        add("j.at >= ?", wanted.since)
    if wanted.until:
        add("j.at < ?", wanted.until)
    if wanted.direction:
        add("j.is_incoming = ?", wanted.direction == "in")
    if wanted.search:
        like = "%" + wanted.search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        known = await known_as(tx, like, owner)
        add("(j.number ILIKE ? OR j.name ILIKE ? OR j.other_user_id = ANY(?::bigint[]) OR j.number = ANY(?::text[]))",
            number_pattern(wanted.search) or like, like, known.users, known.numbers)
    return " AND ".join(parts), args


async def total(tx: DomainTx, owner: Owner, wanted: Wanted) -> int:
    where, args = await _where(tx, owner, wanted)
    return await tx.fetchval(f"SELECT count(*) FROM fax j WHERE {where}", *args)


async def lines(tx: DomainTx, owner: Owner, wanted: Wanted, *, limit: int | None) -> list[FaxLine]:
    """Newest first; after `wanted.after` if it is given; all without a limit."""
    where, args = await _where(tx, owner, wanted)
    if wanted.after:
        args += wanted.after
        where += f" AND (j.at, j.id) < (${len(args) - 1}, ${len(args)})"
    joins, name = (OWN_NAME_JOINS, OWN_NAME) if owner.is_own else (NAME_JOINS, NAME)
    rows = await tx.fetch(
        f"SELECT j.id, j.at, j.is_incoming, j.number, {name}, j.state, j.pages, j.pdf_id IS NOT NULL, j.attempts "
        f"FROM (SELECT * FROM fax j WHERE {where} ORDER BY j.at DESC, j.id DESC LIMIT {limit or 'ALL'}) j {joins} "
        "ORDER BY j.at DESC, j.id DESC", *args)
    return [FaxLine(*row) for row in rows]


async def pdf_of(tx: DomainTx, owner: Owner, fax_id: int) -> int:
    """The file to download. Raises NotFound: no such fax of this user, or its file is not formed yet."""
    found = await tx.fetchval("SELECT pdf_id FROM fax WHERE domain_id = $1 AND user_id = $2 AND id = $3",
                              tx.domain_id, owner.user_id, fax_id)
    if found is None:
        raise NotFound("fax", _("There is no such fax."))
    return found


async def protocol(tx: DomainTx, owner: Owner, fax_id: int) -> list[Event]:
    """In order of time [FAX-05]. Raises NotFound."""
    rows = await tx.fetch(
        "SELECT e.at, e.event, e.facts FROM fax f JOIN fax_event e ON e.domain_id = f.domain_id AND e.fax_id = f.id "
        "WHERE f.domain_id = $1 AND f.user_id = $2 AND f.id = $3 ORDER BY e.at, e.id",
        tx.domain_id, owner.user_id, fax_id)
    if not rows:
        raise NotFound("fax", _("There is no such fax."))
    return [Event(*row) for row in rows]
