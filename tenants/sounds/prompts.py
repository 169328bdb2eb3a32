"""Audio files that features own by id: menus of voice scenarios, greetings of groups, messages of the dialler.

A form uploads or records a file first and sends its id when it is saved: `use` then, and `drop` of what it replaces.
What no form ever saved is deleted a day later [IVR-31, GRP-62, GRP-63].
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel import files
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from tenants.sounds.convert import Converted
from tenants.sounds.service import MEDIA_TYPES, Original

KEEP_UNUSED = timedelta(days=1)
MOST_UNUSED = 100  # of a domain at one time
_COLUMNS = "id, name, seconds, milliseconds, source = 'recorded' AS is_recorded, sha256, created_at"


@dataclass(frozen=True, slots=True)
class Prompt:
    """`sha256` is that of what Asterisk plays; `milliseconds` its exact length."""

    id: int
    name: str
    seconds: int
    milliseconds: int
    is_recorded: bool
    sha256: str
    created_at: datetime


async def keep(tx: DomainTx, upload: Original, sound: Converted, *, is_recorded: bool = False) -> int:
    """A new file that nothing uses yet. Raises Refused: too many of those."""
    unused = await tx.fetchval("SELECT count(*) FROM prompt WHERE domain_id = $1 AND NOT is_used", tx.domain_id)
    if unused >= MOST_UNUSED:
        raise Refused("too_many", _("Too many files were uploaded and not used. Try again tomorrow."))
    file_id = await files.store(tx, upload.content, name=upload.name, media_type=MEDIA_TYPES[upload.kind])
    return await tx.fetchval(
        "INSERT INTO prompt (domain_id, source, file_id, name, media_type, seconds, milliseconds, sha256, content, "
        "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
        tx.domain_id, "recorded" if is_recorded else "upload", file_id, upload.name, MEDIA_TYPES[upload.kind],
        sound.seconds, sound.milliseconds, hashlib.sha256(sound.wav).hexdigest(), sound.wav, tx.now)


async def use(tx: DomainTx, prompt_id: int) -> Prompt:
    """The caller's object owns it from now on, and asks for a new generation itself.

    Raises NotFound: there is none, or something else owns it.
    """
    row = await tx.fetchrow(f"UPDATE prompt SET is_used = true WHERE domain_id = $1 AND id = $2 AND NOT is_used "
                            f"RETURNING {_COLUMNS}", tx.domain_id, prompt_id)
    if row is None:
        raise _missing()
    return Prompt(**row)


async def drop(tx: DomainTx, prompt_id: int) -> None:
    """Delete it with its file, when the row that owned it names it no more. What is gone already is no error."""
    await tx.execute("DELETE FROM prompt WHERE domain_id = $1 AND id = $2", tx.domain_id, prompt_id)


async def find(tx: DomainTx, ids: Collection[int]) -> dict[int, Prompt]:
    """Those of this domain."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM prompt WHERE domain_id = $1 AND id = ANY($2::bigint[])",
                          tx.domain_id, list(ids))
    return {row["id"]: Prompt(**row) for row in rows}


async def get(tx: DomainTx, prompt_id: int) -> Prompt:
    """Raises NotFound."""
    found = await find(tx, [prompt_id])
    if not found:
        raise _missing()
    return found[prompt_id]


async def original(tx: DomainTx, prompt_id: int) -> files.StoredFile:
    """As it was uploaded. Raises NotFound."""
    file_id = await tx.fetchval("SELECT file_id FROM prompt WHERE domain_id = $1 AND id = $2", tx.domain_id, prompt_id)
    if file_id is None:
        raise _missing()
    return await files.load(tx, file_id)


async def delete_unused(tx: PlatformTx) -> int:
    """Of every domain; how many."""
    deleted = await tx.execute("DELETE FROM prompt WHERE NOT is_used AND created_at < $1", tx.now - KEEP_UNUSED)
    return int(deleted.rpartition(" ")[2])


def _missing() -> NotFound:
    return NotFound("audio", _("There is no such file."))
