"""In the worker: recordings that come from a node, and their end [REC-D5, REC-D6]."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from app.kernel import files, outbox
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, platform_transaction
from app.kernel.jobs import every
from app.modules.recording import service
from tenants.calls.personal.audio import MP3
from tenants.media import Media, on_media

log = structlog.get_logger()

ACTOR = Actor.system(name="recording")
ATTACH = "recording_attach"
FIRST_WAIT, LONGEST_WAIT = 2, 86_400  # seconds until the call's record may have come


@on_media("recording")
async def keep(tx: DomainTx, found: Media) -> None:
    """The recording of a conversation; the call's record comes before or after it."""
    start = found.facts.get("start", "")
    begun = datetime.fromtimestamp(int(start), UTC) if start.isascii() and start.isdigit() and len(start) < 12 \
        else found.recorded_at
    file_id = await files.store(tx, found.content, name=f"{begun:%Y-%m-%d %H-%M}.mp3", media_type=MP3)
    recording_id = await tx.fetchval(
        "INSERT INTO call_recording (domain_id, node_id, linkedid, file_id, seconds, started_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id", tx.domain_id, found.node_id,
        found.facts.get("linkedid") or found.key, file_id, found.whole("seconds"), begun)
    await service.tell_kept(tx, recording_id, found.user_id)
    await _attach(tx, recording_id, FIRST_WAIT)


@outbox.on(ATTACH)
async def attach_later(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    assert domain_id is not None
    await _attach(await tx.enter_domain(domain_id), payload["id"], payload["wait"])


async def _attach(tx: DomainTx, recording_id: int, wait: int) -> None:
    """Into the journals of the domain's users who talked. Of several recordings of one conversation the longest."""
    recording = await tx.fetchrow("SELECT node_id, linkedid FROM call_recording WHERE domain_id = $1 AND id = $2",
                                  tx.domain_id, recording_id)
    if recording is None:
        return
    done = await tx.execute(
        "UPDATE user_call SET audio_id = (SELECT r.file_id FROM call_recording r WHERE r.domain_id = $1 "
        "AND r.node_id = $2 AND r.linkedid = $3 ORDER BY r.seconds DESC, r.id LIMIT 1) WHERE domain_id = $1 "
        "AND node_id = $2 AND linkedid = $3 AND is_answered AND left(part, 2) <> 'r:'",
        tx.domain_id, recording["node_id"], recording["linkedid"])
    if done.endswith(" 0") and wait <= LONGEST_WAIT:
        await outbox.publish(tx, ATTACH, {"id": recording_id, "wait": wait * 2},
                             due_at=tx.now + timedelta(seconds=wait))


async def delete_old(_ctx: dict[str, Any]) -> None:
    """What is older than its domain's term; the calls stay in the history."""
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch(
            "WITH gone AS (DELETE FROM call_recording r USING domain d "
            "LEFT JOIN recording_setting s ON s.domain_id = d.id WHERE d.id = r.domain_id AND r.started_at "
            "+ make_interval(months => coalesce(s.months, (SELECT months FROM recording_tier WHERE is_default), 1)) "
            "< $1 RETURNING r.domain_id, r.file_id) "
            "UPDATE user_call c SET audio_id = NULL FROM gone WHERE c.domain_id = gone.domain_id "
            "AND c.audio_id = gone.file_id RETURNING c.id", tx.now)
    if rows:
        log.info("recordings_deleted", calls=len(rows))


every("delete_recordings", delete_old, hour=3, minute=10)
