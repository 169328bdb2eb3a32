"""Reading one user's journal [ACC-50…58, VM-01…13]: table `user_call`, kept by a trigger on call records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import DomainTx
from tenants.journal import OtherParty, Owner, Source


@dataclass(frozen=True, slots=True)
class CallLine(OtherParty):
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
    is_private_route: bool


CALLS = Source("user_call", "started_at",
               "j.id, j.started_at, j.kind, j.is_incoming, j.number, {name}, j.seconds, "
               "coalesce(j.message_id, j.audio_id) IS NOT NULL, j.words LIKE '%private_route%'", CallLine)


async def audio_of(tx: DomainTx, owner: Owner, line_id: int) -> tuple[int, datetime, str] | None:
    """(file, moment, number) of a row's recording; None: no such row of this user, or it has none."""
    row = await tx.fetchrow(
        "SELECT coalesce(message_id, audio_id) AS file_id, started_at, number FROM user_call WHERE domain_id = $1 "
        "AND user_id = $2 AND id = $3", tx.domain_id, owner.user_id, line_id)
    return (row["file_id"], row["started_at"], row["number"]) if row and row["file_id"] is not None else None
