""""Call and record": the node rings the phone of the person who is signed in; what is dictated becomes a greeting.

The request is a row; the node's agent rings, tells how it goes and ships the recording [ACC-45, ACC-46, ACC-D13].
"""

from __future__ import annotations

from datetime import timedelta

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from tenants.media import Media, on_media
from tenants.sounds import service
from tenants.sounds.convert import NotAudio, TooLong, convert
from tenants.sounds.service import Original, Slot

MAX_AGE = timedelta(minutes=8)  # ringing and five minutes of dictation are over by then
MAX_PER_HOUR = 30


async def ask(tx: DomainTx, user_id: int, ring_user_id: int, slot: Slot) -> int:
    """The id of the request.

    Raises:
        Refused: this slot cannot be recorded, another recording goes on, or too many were asked for.
    """
    if not slot.can_be_recorded:
        raise Refused("not_recorded", _("This melody can only be uploaded."))
    await tx.execute("SELECT 1 FROM domain_user WHERE domain_id = $1 AND id = $2 FOR NO KEY UPDATE", tx.domain_id,
                     ring_user_id)
    busy = await tx.fetchrow(
        "SELECT count(*) FILTER (WHERE state IN ('wanted', 'ringing', 'recording') AND created_at > $3) AS running, "
        "count(*) AS asked FROM recording_request WHERE domain_id = $1 AND ring_user_id = $2 AND created_at > $4",
        tx.domain_id, ring_user_id, tx.now - MAX_AGE, tx.now - timedelta(hours=1))
    assert busy is not None
    if busy["running"]:
        raise Refused("recording", _("Your phone is being called already."))
    if busy["asked"] >= MAX_PER_HOUR:
        raise Refused("too_many", _("Too many recordings. Try again in an hour."))
    return await tx.fetchval(
        "INSERT INTO recording_request (domain_id, user_id, ring_user_id, slot, created_by, created_at, changed_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id", tx.domain_id, user_id, ring_user_id, slot.value,
        tx.actor.login, tx.now)


async def state_of(tx: DomainTx, user_id: int, request_id: int) -> tuple[Slot, str]:
    """Raises NotFound. A request that nobody took is unanswered after a minute."""
    row = await tx.fetchrow("SELECT slot, state, created_at, changed_at FROM recording_request WHERE domain_id = $1 "
                            "AND user_id = $2 AND id = $3", tx.domain_id, user_id, request_id)
    if row is None:
        raise NotFound("recording", _("There is no such recording."))
    state = row["state"]
    if (state in ("wanted", "ringing") and tx.now - row["changed_at"] > timedelta(seconds=70)) or (
            state == "recording" and tx.now - row["changed_at"] > MAX_AGE):
        state = "unanswered"
    return Slot(row["slot"]), state


@on_media("greeting")
async def keep(tx: DomainTx, found: Media) -> None:
    """The dictated file. A request that is gone, of somebody else or settled already changes nothing."""
    request_id = found.whole("request")
    row = await tx.fetchrow("SELECT slot, state, user_id FROM recording_request WHERE domain_id = $1 AND id = $2 "
                            "FOR NO KEY UPDATE", tx.domain_id, request_id)
    if row is None or row["user_id"] != found.user_id or row["state"] == "done":
        return
    state = "done"
    try:
        sound = convert(found.content, "wav")
    except (NotAudio, TooLong):
        state = "empty"
    else:
        name = f"{_('Recording')} {found.recorded_at:%Y-%m-%d %H-%M}.wav"
        await service.keep(tx, found.user_id, Slot(row["slot"]), Original(name, "wav", found.content), sound,
                           is_recorded=True)
    await tx.execute("UPDATE recording_request SET state = $3, changed_at = $4 WHERE domain_id = $1 AND id = $2",
                     tx.domain_id, request_id, state, tx.now)
