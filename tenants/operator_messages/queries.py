"""Reading messages, their recipients and who may get one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.users.queries import BY_NAME


@dataclass(frozen=True, slots=True)
class MessageRow:
    """`recipients` is what it was at sending [MSG-07]."""

    id: int
    title: str
    body: str
    created_at: datetime
    author: str
    read: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Recipient:
    name: str
    read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group with its number of operators, or an operator with the extension as `hint`."""

    id: int
    name: str
    hint: str


@dataclass(frozen=True, slots=True)
class Unread:
    """The oldest message that an operator has not confirmed, and how many there are."""

    id: int
    title: str
    body: str
    created_at: datetime
    count: int


_ROW = ("SELECT m.id, m.title, m.body, m.created_at, m.author, r.read, r.recipients FROM operator_message m "
        "CROSS JOIN LATERAL (SELECT count(read_at)::int AS read, count(*)::int AS recipients "
        "FROM operator_message_recipient WHERE domain_id = m.domain_id AND message_id = m.id) r ")


async def messages(tx: DomainTx, *, like: str | None = None, order: str = "m.created_at DESC, m.id DESC",
                   limit: int | None = None, offset: int = 0) -> tuple[list[MessageRow], int]:
    """One page, newest first [MSG-02], and the number of all that match."""
    where = "m.domain_id = $1 AND ($2::text IS NULL OR m.title ILIKE $2 OR m.body ILIKE $2)"
    total = await tx.fetchval(f"SELECT count(*) FROM operator_message m WHERE {where}", tx.domain_id, like)
    rows = await tx.fetch(f"{_ROW} WHERE {where} ORDER BY {order} LIMIT $3 OFFSET $4", tx.domain_id, like, limit,
                          offset)
    return [MessageRow(*row) for row in rows], total


async def message(tx: DomainTx, message_id: int) -> MessageRow:
    """Raises NotFound, for another domain's too."""
    row = await tx.fetchrow(f"{_ROW} WHERE m.domain_id = $1 AND m.id = $2", tx.domain_id, message_id)
    if row is None:
        raise NotFound("operator_message", _("There is no such message"))
    return MessageRow(*row)


async def recipients(tx: DomainTx, message_id: int) -> list[Recipient]:
    rows = await tx.fetch(
        "SELECT u.display_name, r.read_at FROM operator_message_recipient r JOIN domain_user u "
        "ON u.domain_id = r.domain_id AND u.id = r.user_id WHERE r.domain_id = $1 AND r.message_id = $2 "
        f"ORDER BY {BY_NAME}, u.id", tx.domain_id, message_id)
    return [Recipient(*row) for row in rows]


async def groups(tx: DomainTx) -> list[tuple[int, str, int]]:
    """(id, name, operators) of every group of the domain."""
    rows = await tx.fetch(
        "SELECT g.id, g.name, count(u.id)::int FROM call_group g LEFT JOIN group_member m ON m.domain_id = g.domain_id "
        "AND m.group_id = g.id LEFT JOIN domain_user u ON u.domain_id = m.domain_id AND u.id = m.user_id "
        "AND u.is_operator WHERE g.domain_id = $1 GROUP BY g.id ORDER BY lower(g.name), g.id", tx.domain_id)
    return [tuple(row) for row in rows]


async def operators(tx: DomainTx) -> list[Candidate]:
    rows = await tx.fetch(f"SELECT u.id, u.display_name, u.extension FROM domain_user u WHERE u.domain_id = $1 "
                          f"AND u.is_operator ORDER BY {BY_NAME}, u.id", tx.domain_id)
    return [Candidate(*row) for row in rows]


async def unread(tx: DomainTx, user_id: int) -> Unread | None:
    """Oldest first: they are confirmed in the order in which they came."""
    row = await tx.fetchrow(
        "SELECT m.id, m.title, m.body, m.created_at, count(*) OVER ()::int FROM operator_message_recipient r "
        "JOIN operator_message m ON m.domain_id = r.domain_id AND m.id = r.message_id WHERE r.domain_id = $1 "
        "AND r.user_id = $2 AND r.read_at IS NULL ORDER BY m.created_at, m.id LIMIT 1", tx.domain_id, user_id)
    return Unread(*row) if row else None


async def state(tx: DomainTx, user_id: int) -> str:
    """The operator's state now, `offline` where none is known."""
    return await tx.fetchval(
        "SELECT state FROM operator_state_interval WHERE domain_id = $1 AND user_id = $2 AND ended_at IS NULL",
        tx.domain_id, user_id) or "offline"
