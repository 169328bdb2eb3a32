""""Call and record": the node rings the phone of the person who is signed in; what is dictated becomes a greeting.

The request is a row; the node's agent rings, tells how it goes and ships the recording [ACC-45, ACC-46, ACC-D13].
"""

from __future__ import annotations

from datetime import timedelta

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from tenants.media import Media, on_media
from tenants.sounds import prompts, service
from tenants.sounds.convert import Converted, NotAudio, TooLong, convert
from tenants.sounds.service import Original, Slot

MAX_AGE = timedelta(minutes=8)  # ringing and five minutes of dictation are over by then
MAX_PER_HOUR = 30
SHORTEST_MILLISECONDS = 1000  # of a prompt [GRP-63]
PROMPT = "prompt"


async def ask(tx: DomainTx, user_id: int, ring_user_id: int, slot: Slot) -> int:
    """The id of the request.

    Raises:
        Refused: this slot cannot be recorded, another recording goes on, or too many were asked for.
    """
    if not slot.can_be_recorded:
        raise Refused("not_recorded", _("This melody can only be uploaded."))
    return await _ask(tx, user_id, ring_user_id, slot.value)


async def ask_prompt(tx: DomainTx, ring_user_id: int) -> int:
    """For a file that a feature will own (`prompts`). Raises as `ask` does."""
    return await _ask(tx, None, ring_user_id, PROMPT)


async def _ask(tx: DomainTx, user_id: int | None, ring_user_id: int, slot: str) -> int:
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
        "VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id", tx.domain_id, user_id, ring_user_id, slot,
        tx.actor.login, tx.now)


async def state_of(tx: DomainTx, user_id: int, request_id: int) -> tuple[Slot, str]:
    """Raises NotFound. A request that nobody took is unanswered after a minute."""
    row = await tx.fetchrow("SELECT slot, state, created_at, changed_at FROM recording_request WHERE domain_id = $1 "
                            "AND user_id = $2 AND id = $3", tx.domain_id, user_id, request_id)
    if row is None:
        raise _missing()
    return Slot(row["slot"]), _state(tx, row)


async def prompt_of(tx: DomainTx, request_id: int) -> tuple[str, int | None]:
    """State of a request of one's own, and the file that came of it. Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT state, prompt_id, changed_at FROM recording_request WHERE domain_id = $1 AND id = $2 "
        "AND slot = 'prompt' AND created_by = $3", tx.domain_id, request_id, tx.actor.login)
    if row is None:
        raise _missing()
    return _state(tx, row), row["prompt_id"]


def _state(tx: DomainTx, row: Record) -> str:
    waited = tx.now - row["changed_at"]
    if (row["state"] in ("wanted", "ringing") and waited > timedelta(seconds=70)) or (
            row["state"] == "recording" and waited > MAX_AGE):
        return "unanswered"
    return row["state"]


def _missing() -> NotFound:
    return NotFound("recording", _("There is no such recording."))


@on_media("greeting")
async def keep(tx: DomainTx, found: Media) -> None:
    """The dictated file. A request that is gone, of somebody else or settled already changes nothing."""
    row = await _open_request(tx, found)
    if row is None or row["user_id"] != found.user_id:
        return
    sound = _converted(found)
    if sound is not None:
        await service.keep(tx, found.user_id, Slot(row["slot"]), _original(found), sound, is_recorded=True)
    await _settle(tx, row["id"], "done" if sound else "empty", None)


@on_media(PROMPT)
async def keep_prompt(tx: DomainTx, found: Media) -> None:
    """The same for a file that a feature will own; `found.user_id` is whose phone rang."""
    row = await _open_request(tx, found)
    if row is None or row["slot"] != PROMPT or row["ring_user_id"] != found.user_id:
        return
    sound, prompt_id = _converted(found), None
    if sound is not None and sound.milliseconds >= SHORTEST_MILLISECONDS:
        prompt_id = await prompts.keep(tx, _original(found), sound, is_recorded=True)
    await _settle(tx, row["id"], "done" if prompt_id else "empty", prompt_id)


async def _open_request(tx: DomainTx, found: Media) -> Record | None:
    return await tx.fetchrow(
        "SELECT id, slot, user_id, ring_user_id FROM recording_request WHERE domain_id = $1 AND id = $2 "
        "AND state <> 'done' FOR NO KEY UPDATE", tx.domain_id, found.whole("request"))


def _converted(found: Media) -> Converted | None:
    try:
        return convert(found.content, "wav")
    except (NotAudio, TooLong):
        return None


def _original(found: Media) -> Original:
    return Original(f"{_('Recording')} {found.recorded_at:%Y-%m-%d %H-%M}.wav", "wav", found.content)


async def _settle(tx: DomainTx, request_id: int, state: str, prompt_id: int | None) -> None:
    await tx.execute("UPDATE recording_request SET state = $3, changed_at = $4, prompt_id = $5 WHERE domain_id = $1 "
                     "AND id = $2", tx.domain_id, request_id, state, tx.now, prompt_id)
