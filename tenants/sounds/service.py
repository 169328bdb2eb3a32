"""Greetings and melodies of users and of the domain: kept, replaced, taken away [SND-01…05, ACC-45…48, ACC-D13]."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from app.audit import history
from app.kernel import files, provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from tenants.sounds.convert import MAX_SECONDS, Converted, NotAudio, TooLong, convert

MEDIA_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}
KINDS = tuple(MEDIA_TYPES)


class Slot(Enum):
    GREETING = "greeting"  # before the call is put through
    VM_GREETING = "vm_greeting"
    RINGBACK = "ringback"  # while the caller waits for the answer
    HOLD = "hold"  # the domain may have one too

    @property
    def can_be_recorded(self) -> bool:
        return self in (Slot.GREETING, Slot.VM_GREETING)


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it came: `kind` (mp3, wav) was found in its content."""

    name: str
    kind: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Audio:
    """What stands in a slot. `mark` changes with the content."""

    slot: Slot
    name: str
    seconds: int
    is_recorded: bool
    mark: str
    created_at: datetime


async def converted(upload: Original) -> Converted:
    """Done before the transaction: it takes its time.

    Raises:
        InvalidFields: names the allowed formats or the limit; the old file stays.
    """
    try:
        return await asyncio.to_thread(convert, upload.content, upload.kind)
    except TooLong:
        text = _("The recording is longer than %(n)s minutes.") % {"n": MAX_SECONDS // 60}
    except NotAudio:
        text = _("This file cannot be read here. Accepted: %(kinds)s.") % {"kinds": ", ".join(KINDS)}
    raise InvalidFields("invalid_file", text, fields={"file": text})


async def keep(tx: DomainTx, user_id: int | None, slot: Slot, upload: Original, sound: Converted, *,
               is_recorded: bool = False) -> None:
    """Put a file into a slot, in place of what is there. `user_id` None: the domain's.

    Raises:
        NotFound: no such user here, or the domain has no such slot.
    """
    whose = await _owner(tx, user_id, slot)
    old = await _row(tx, user_id, slot)
    file_id = await files.store(tx, upload.content, name=upload.name, media_type=MEDIA_TYPES[upload.kind])
    await tx.execute(
        "INSERT INTO audio (domain_id, user_id, slot, source, file_id, name, media_type, seconds, sha256, content, "
        "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT ON CONSTRAINT audio_slot "
        "DO UPDATE SET source = EXCLUDED.source, file_id = EXCLUDED.file_id, name = EXCLUDED.name, "
        "media_type = EXCLUDED.media_type, seconds = EXCLUDED.seconds, sha256 = EXCLUDED.sha256, "
        "content = EXCLUDED.content, created_at = EXCLUDED.created_at",
        tx.domain_id, user_id, slot.value, "recorded" if is_recorded else "upload", file_id, upload.name,
        MEDIA_TYPES[upload.kind], sound.seconds, hashlib.sha256(sound.wav).hexdigest(), sound.wav, tx.now)
    if slot is Slot.VM_GREETING and old is None:  # a first greeting of one's own is meant to be heard
        await tx.execute("UPDATE domain_user SET voicemail_greeting_on = true WHERE domain_id = $1 AND id = $2",
                         tx.domain_id, user_id)
    if old is not None:
        await tx.execute("DELETE FROM file WHERE domain_id = $1 AND id = $2", tx.domain_id, old["file_id"])
    await _tell(tx, user_id, whose, slot, old["name"] if old else None, upload.name)


async def remove(tx: DomainTx, user_id: int | None, slot: Slot) -> None:
    """Back to what is the rule without it. Raises NotFound when the slot is empty."""
    whose = await _owner(tx, user_id, slot)
    old = await _row(tx, user_id, slot)
    if old is None:
        raise NotFound("audio", _("There is no such file."))
    await tx.execute("DELETE FROM audio WHERE domain_id = $1 AND id = $2", tx.domain_id, old["id"])
    await _tell(tx, user_id, whose, slot, old["name"], None)


async def set_voicemail_greeting(tx: DomainTx, user_id: int, is_on: bool) -> None:
    """Whether callers hear anything before the tone [ACC-46]."""
    whose = await _owner(tx, user_id, Slot.VM_GREETING)
    changed = await tx.fetchval(
        "UPDATE domain_user SET voicemail_greeting_on = $3 WHERE domain_id = $1 AND id = $2 "
        "AND voicemail_greeting_on <> $3 RETURNING id", tx.domain_id, user_id, is_on)
    if changed:
        await history.record(tx, "user_changed", "user", object_id=user_id, object_name=whose,
                             changes={"voicemail_greeting_on": (not is_on, is_on)})
        await provisioning.want_new_generation(tx, "user_changed")


async def slots(tx: DomainTx, user_id: int | None) -> Mapping[Slot, Audio]:
    """What is there."""
    rows = await tx.fetch("SELECT slot, name, seconds, source, sha256, created_at FROM audio WHERE domain_id = $1 "
                          "AND user_id IS NOT DISTINCT FROM $2", tx.domain_id, user_id)
    return {Slot(row["slot"]): Audio(Slot(row["slot"]), row["name"], row["seconds"], row["source"] == "recorded",
                                     row["sha256"][:12], row["created_at"]) for row in rows}


async def original(tx: DomainTx, user_id: int | None, slot: Slot) -> files.StoredFile:
    """As it was uploaded. Raises NotFound."""
    row = await _row(tx, user_id, slot)
    if row is None:
        raise NotFound("audio", _("There is no such file."))
    return await files.load(tx, row["file_id"])


async def _row(tx: DomainTx, user_id: int | None, slot: Slot):
    return await tx.fetchrow("SELECT id, file_id, name FROM audio WHERE domain_id = $1 "
                             "AND user_id IS NOT DISTINCT FROM $2 AND slot = $3 FOR NO KEY UPDATE",
                             tx.domain_id, user_id, slot.value)


async def _owner(tx: DomainTx, user_id: int | None, slot: Slot) -> str:
    """Whose slot, locked: two uploads at once wait for each other. Raises NotFound."""
    if user_id is None:
        name = await tx.fetchval("SELECT name FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
    else:
        name = await tx.fetchval("SELECT display_name FROM domain_user WHERE domain_id = $1 AND id = $2 "
                                 "FOR NO KEY UPDATE", tx.domain_id, user_id)
    if name is None or (user_id is None and slot is not Slot.HOLD):
        raise NotFound("audio", _("There is no such file."))
    return name


async def _tell(tx: DomainTx, user_id: int | None, whose: str, slot: Slot, before: str | None,
                after: str | None) -> None:
    await history.record(tx, "audio_changed", "user" if user_id else "domain", object_id=user_id or tx.domain_id,
                         object_name=whose, changes={f"audio_{slot.value}": (before, after)})
    await provisioning.want_new_generation(tx, f"audio_changed {slot.value}")
