"""Reading the journal [HIS-01…08]. One row per conversation, although each phone that rang left a record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts.state import currency_of

# A record gives way to a better one of the same call: answered before not, later before earlier. What was transferred,
# forwarded or added to a conference is a call of its own, with its own price.
_BEST = ("NOT EXISTS (SELECT FROM call o WHERE o.domain_id = c.domain_id AND o.linkedid = c.linkedid "
         "AND o.uniqueid = c.uniqueid AND o.direction = c.direction "
         "AND o.node_id = c.node_id AND (o.answered_at IS NOT NULL, o.sequence) > "
         "(c.answered_at IS NOT NULL, c.sequence))")


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """What is asked for; None or "" = everything. Both patterns are ILIKE's: of names, and of numbers."""

    like: str | None = None
    number_like: str | None = None
    direction: str = ""
    result: str = ""  # accepted | missed
    since: datetime | None = None
    until: datetime | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """One line of the journal. Names are "" where the number belongs to nobody known."""

    id: int
    started_at: datetime
    direction: str
    result: str
    a_number: str
    a_name: str
    b_number: str
    b_name: str
    talk_seconds: int
    cost: Money
    rating: str
    refusal: str
    has_recording: bool = False
    is_private_route: bool = False

    @property
    def is_answered(self) -> bool:
        return self.result == "answered"


_SELECT = """
SELECT c.id, c.started_at, c.direction, c.result, c.a_number, c.b_number, c.talk_seconds, c.cost, c.rating, c.refusal,
       c.kind LIKE '%private_route%' AS is_private_route,
       c.result = 'answered' AND EXISTS (SELECT FROM call_recording r WHERE r.domain_id = c.domain_id
           AND r.node_id = c.node_id AND r.linkedid = c.linkedid) AS has_recording,
       coalesce(CASE WHEN c.direction <> 'in' THEN u.display_name END, '') AS a_name,
       concat_ws(': ', g.name, coalesce(p.display_name, CASE WHEN c.direction = 'in' THEN u.display_name END,
           CASE WHEN g.name IS NULL THEN '' END)) AS b_name
FROM call c
LEFT JOIN group_label g ON g.domain_id = c.domain_id AND g.group_id = c.group_id
LEFT JOIN domain_user u ON u.domain_id = c.domain_id AND u.id = c.user_id
LEFT JOIN domain_user p ON p.domain_id = c.domain_id AND p.id = c.peer_user_id
"""


def _where(tx: DomainTx, wanted: JournalFilter) -> tuple[str, list[Any]]:
    args: list[Any] = [tx.domain_id]
    parts = ["c.domain_id = $1", _BEST]

    def add(condition: str, value: object) -> None:
        args.append(value)
        parts.append(condition.replace("?", f"${len(args)}"))

    if wanted.like:
        args.append(wanted.number_like or wanted.like)
        digits = f"${len(args)}"
        add(f"(c.a_number ILIKE {digits} OR c.b_number ILIKE {digits} OR EXISTS (SELECT FROM domain_user n WHERE "
            "n.domain_id = c.domain_id AND n.id IN (c.user_id, c.peer_user_id) AND n.display_name ILIKE ?))",
            wanted.like)
    if wanted.direction:
        add("c.direction = ?", wanted.direction)
    if wanted.result == "accepted":
        parts.append("c.result = 'answered'")
    elif wanted.result == "missed":
        parts.append("c.result <> 'answered'")
    if wanted.since is not None:
        add("c.started_at >= ?", wanted.since)
    if wanted.until is not None:
        add("c.started_at < ?", wanted.until)
    if wanted.user_id is not None:
        add("? IN (c.user_id, c.peer_user_id)", wanted.user_id)
    return " AND ".join(parts), args


async def journal(tx: DomainTx, wanted: JournalFilter, *, order: str = "c.started_at DESC, c.id DESC",
                  limit: int | None = 50, offset: int = 0) -> tuple[list[CallRow], int]:
    """Rows and the number of all that match. `order` is made of our own expressions."""
    where, args = _where(tx, wanted)
    total = await tx.fetchval(f"SELECT count(*) FROM call c WHERE {where}", *args)
    rows = await tx.fetch(f"{_SELECT} WHERE {where} ORDER BY {order} LIMIT {limit or 'ALL'} OFFSET {offset}", *args)
    currency = await currency_of(tx)
    return [_row(row, currency) for row in rows], total


async def one(tx: DomainTx, call_id: int) -> tuple[CallRow, dict | None] | None:
    """A call of this domain and what explains its cost [FIN-62]."""
    row = await tx.fetchrow(f"{_SELECT} WHERE c.domain_id = $1 AND c.id = $2", tx.domain_id, call_id)
    if row is None:
        return None
    charge = await tx.fetchval("SELECT charge FROM call WHERE domain_id = $1 AND id = $2", tx.domain_id, call_id)
    return _row(row, await currency_of(tx)), charge


def _row(row: Any, currency: Currency) -> CallRow:
    cost: Decimal = row["cost"]
    return CallRow(row["id"], row["started_at"], row["direction"], row["result"], row["a_number"], row["a_name"],
                   row["b_number"], row["b_name"], row["talk_seconds"], Money(cost, currency), row["rating"],
                   row["refusal"], row["has_recording"], row["is_private_route"])


async def recording_of(tx: DomainTx, call_id: int) -> tuple[int, datetime, str] | None:
    """(file, moment, number) of what was recorded of a call, of several the longest; None: nothing, or no such call."""
    row = await tx.fetchrow(
        "SELECT r.file_id, c.started_at, CASE WHEN c.direction = 'in' THEN c.a_number ELSE c.b_number END AS number "
        "FROM call c JOIN call_recording r ON r.domain_id = c.domain_id AND r.node_id = c.node_id "
        "AND r.linkedid = c.linkedid WHERE c.domain_id = $1 AND c.id = $2 AND c.result = 'answered' "
        "ORDER BY r.seconds DESC, r.id LIMIT 1", tx.domain_id, call_id)
    return (row["file_id"], row["started_at"], row["number"]) if row else None
