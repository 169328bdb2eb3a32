"""Reading one user's journal [ACC-50…58, VM-01…13]: table `user_call`, kept by a trigger on call records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kernel.db import DomainTx
from tenants.calls.present import number_pattern, shown_number
from tenants.journal import NAME, NAME_JOINS, OWN_NAME, OWN_NAME_JOINS, Owner, Wanted, known_as


@dataclass(frozen=True, slots=True)
class CallLine:
    """One conversation as this user had it. `kind`: in_ok, in_missed, out_ok, out_failed, out_redirected,
    transferred, conference, voicemail."""

    id: int
    started_at: datetime
    kind: str
    is_incoming: bool
    number: str
    known_name: str
    seconds: int
    has_audio: bool

    @property
    def shown(self) -> str:
        return shown_number(self.number)

    @property
    def name(self) -> str:
        """Of somebody unknown the number stands in both places [ACC-51]."""
        return self.known_name or self.shown


async def _where(tx: DomainTx, owner: Owner, wanted: Wanted) -> tuple[str, list[Any]]:
    args: list[Any] = [tx.domain_id, owner.user_id]
    parts = ["j.domain_id = $1 AND j.user_id = $2"]

    def add(condition: str, *values: object) -> None:
        for value in values:
            args.append(value)
            condition = condition.replace("?", f"${len(args)}", 1)
        parts.append(condition)

    if wanted.since:
        add("j.started_at >= ?", wanted.since)
    if wanted.until:
        add("j.started_at < ?", wanted.until)
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
    return await tx.fetchval(f"SELECT count(*) FROM user_call j WHERE {where}", *args)


async def lines(tx: DomainTx, owner: Owner, wanted: Wanted, *, limit: int | None) -> list[CallLine]:
    """Newest first; after `wanted.after` if it is given; all without a limit."""
    where, args = await _where(tx, owner, wanted)
    if wanted.after:
        args += wanted.after
        where += f" AND (j.started_at, j.id) < (${len(args) - 1}, ${len(args)})"
    joins, name = (OWN_NAME_JOINS, OWN_NAME) if owner.is_own else (NAME_JOINS, NAME)
    rows = await tx.fetch(
        f"SELECT j.id, j.started_at, j.kind, j.is_incoming, j.number, {name}, j.seconds, "
        "coalesce(j.message_id, j.audio_id) IS NOT NULL "
        f"FROM (SELECT * FROM user_call j WHERE {where} ORDER BY j.started_at DESC, j.id DESC "
        f"LIMIT {limit or 'ALL'}) j {joins} ORDER BY j.started_at DESC, j.id DESC", *args)
    return [CallLine(*row) for row in rows]


async def audio_of(tx: DomainTx, owner: Owner, line_id: int) -> tuple[int, datetime, str] | None:
    """(file, moment, number) of a row's recording; None: no such row of this user, or it has none."""
    row = await tx.fetchrow(
        "SELECT coalesce(message_id, audio_id) AS file_id, started_at, number FROM user_call WHERE domain_id = $1 "
        "AND user_id = $2 AND id = $3", tx.domain_id, owner.user_id, line_id)
    return (row["file_id"], row["started_at"], row["number"]) if row and row["file_id"] is not None else None
