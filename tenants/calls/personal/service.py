"""What other features add to a user's journal."""

from __future__ import annotations

from datetime import datetime

from app.kernel.db import DomainTx


async def attach_voicemail(tx: DomainTx, *, user_id: int, node_id: int, linkedid: str, file_id: int, seconds: int,
                           number: str, recorded_at: datetime) -> int:
    """The conversation's row becomes a voice message with its own length [VM-03]; the row's id.

    Its call record may come before or after; repeats do no harm.
    """
    return await tx.fetchval(
        "INSERT INTO user_call AS j (domain_id, user_id, node_id, linkedid, part, is_incoming, started_at, number, "
        "message_id, message_seconds) VALUES ($1, $2, $3, $4, 'in', true, $5, $6, $7, $8) "
        "ON CONFLICT (domain_id, user_id, node_id, linkedid, part) DO UPDATE SET message_id = EXCLUDED.message_id, "
        "message_seconds = EXCLUDED.message_seconds, started_at = least(j.started_at, EXCLUDED.started_at) "
        "RETURNING id", tx.domain_id, user_id, node_id, linkedid, recorded_at, number, file_id, max(seconds, 1))


async def attach_recording(tx: DomainTx, *, user_id: int, node_id: int, linkedid: str, file_id: int | None) -> bool:
    """The recording of a conversation; None takes it away (its time is over, the row stays [VM-06])."""
    done = await tx.execute(
        "UPDATE user_call SET audio_id = $5 WHERE domain_id = $1 AND user_id = $2 AND node_id = $3 AND linkedid = $4 "
        "AND left(part, 2) <> 'r:'", tx.domain_id, user_id, node_id, linkedid, file_id)
    return not done.endswith(" 0")


async def drop_audio(tx: DomainTx, file_id: int) -> None:
    """A deleted voice message or recording: the row stays, without buttons."""
    await tx.execute("UPDATE user_call SET message_id = CASE WHEN message_id = $2 THEN NULL ELSE message_id END, "
                     "audio_id = CASE WHEN audio_id = $2 THEN NULL ELSE audio_id END "
                     "WHERE domain_id = $1 AND (message_id = $2 OR audio_id = $2)", tx.domain_id, file_id)
