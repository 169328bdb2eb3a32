"""Reading a group's journal: table `group_journal`, kept by a trigger on call records [GRP-64…69]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from tenants.groups import queries
from tenants.journal import OtherParty, Owner, Source

_RECORDED = ("SELECT r.file_id FROM call_recording r WHERE r.domain_id = j.domain_id AND r.node_id = j.node_id "
             "AND r.linkedid = j.linkedid ORDER BY r.seconds DESC, r.id LIMIT 1")


@dataclass(frozen=True, slots=True)
class GroupLine(OtherParty):
    """One conversation of the group. `login` of a caller of the domain; `member`: who answered."""

    id: int
    started_at: datetime
    kind: str
    is_incoming: bool
    number: str
    known_name: str
    login: str
    member: str
    seconds: int
    has_audio: bool

    @property
    def second_line(self) -> str:
        """Under the name: the login of a colleague, else the number [GRP-65]."""
        return self.login or self.shown


CALLS = Source("group_journal", "started_at",
               "j.id, j.started_at, j.kind, j.is_incoming, j.number, {name}, coalesce(o.login, ''), "
               "coalesce((SELECT m.display_name FROM domain_user m WHERE m.domain_id = j.domain_id "
               "AND m.id = j.member_id), ''), j.seconds, "
               f"j.message_id IS NOT NULL OR (j.is_answered AND EXISTS ({_RECORDED}))", GroupLine)


async def owner(tx: DomainTx, group_id: int) -> Owner:
    """Raises NotFound."""
    group = await queries.card(tx, group_id)
    return Owner(group.id, group.name, f"/groups/{group.id}", False, "group_id")


async def audio_of(tx: DomainTx, group_id: int, line_id: int) -> tuple[int, datetime, str] | None:
    """(file, moment, number) of a row's message or recording; None: no such row of this group, or it has none."""
    row = await tx.fetchrow(
        f"SELECT coalesce(j.message_id, CASE WHEN j.is_answered THEN ({_RECORDED}) END) AS file_id, j.started_at, "
        "j.number FROM group_journal j WHERE j.domain_id = $1 AND j.group_id = $2 AND j.id = $3", tx.domain_id,
        group_id, line_id)
    return (row["file_id"], row["started_at"], row["number"]) if row and row["file_id"] is not None else None
