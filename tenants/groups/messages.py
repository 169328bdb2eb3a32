"""Voice messages left for a group: kept, put into its journal, sent to its address [GRP-44, GRP-64]."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable

from app.kernel import files, letters
from app.kernel.db import DomainTx
from app.kernel.i18n import format_duration, speaking
from tenants.calls.personal.audio import MP3, encoded
from tenants.media import Media

Caller = Callable[[DomainTx, str], Awaitable[str]]


async def keep(tx: DomainTx, found: Media, group_id: int, seconds: int, caller_of: Caller) -> None:
    """`caller_of` names a caller by number, as far as known. A group that is gone keeps the message, unmailed."""
    group = await tx.fetchrow(
        "SELECT l.name, coalesce(g.email, '') AS email, d.locale, d.timezone FROM group_label l JOIN domain d "
        "ON d.id = l.domain_id LEFT JOIN call_group g ON g.domain_id = l.domain_id AND g.id = l.group_id "
        "WHERE l.domain_id = $1 AND l.group_id = $2", tx.domain_id, group_id)
    if group is None:
        return
    number = found.facts.get("number", "")
    content, _seconds = await asyncio.to_thread(encoded, io.BytesIO(found.content))
    file_id = await files.store(tx, content, name=f"{found.recorded_at:%Y-%m-%d %H-%M} {number}.mp3".strip(),
                                media_type=MP3)
    await tx.execute(
        "INSERT INTO group_journal AS j (domain_id, group_id, node_id, linkedid, is_incoming, is_internal, started_at, "
        "number, message_id, message_seconds) VALUES ($1, $2, $3, $4, true, $5, $6, $7, $8, $9) "
        "ON CONFLICT (domain_id, group_id, node_id, linkedid, is_incoming) DO UPDATE SET "
        "message_id = EXCLUDED.message_id, message_seconds = EXCLUDED.message_seconds, "
        "started_at = least(j.started_at, EXCLUDED.started_at)", tx.domain_id, group_id, found.node_id,
        found.facts.get("linkedid") or found.key, not found.facts.get("did"), found.recorded_at, number, file_id,
        max(seconds, 1))
    if group["email"]:
        with speaking(group["locale"], group["timezone"]):
            caller = await caller_of(tx, number)
            length = format_duration(seconds)
        await letters.queue(tx, "group_voicemail", group["email"], group["locale"], zone=group["timezone"],
                            attachment_id=file_id, group=group["name"], caller=caller, at=found.recorded_at,
                            length=length)
