"""Files people give us, kept by content: a row in the database, the bytes under their SHA-256.

The bytes are on disk, whole and synced, before the row exists; so a row always has its bytes. Bytes whose
transaction was rolled back are found and removed by the worker's clean-up.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.settings import settings

UNREFERENCED_SECONDS = 86_400  # a transaction that still wants its bytes is younger


@dataclass(frozen=True, slots=True)
class StoredFile:
    """`name` is as the sender called it, for display and download only: it never becomes a path."""

    name: str
    media_type: str
    content: bytes


def _path(digest: str) -> Path:
    return settings().files_dir / digest[:2] / digest


def _write(digest: str, content: bytes) -> None:
    path = _path(digest)
    if path.exists():
        path.touch()  # young again: the clean-up must not take it from this transaction
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:  # a full disk leaves nothing half-written
        Path(beside).unlink(missing_ok=True)
        raise


async def store(tx: DomainTx | PlatformTx, content: bytes, *, name: str, media_type: str) -> int:
    """Keep a file; the id is valid if the transaction commits. In a domain's transaction it is the domain's.

    Raises:
        OSError: the disk is full or away; nothing is kept.
    """
    digest = hashlib.sha256(content).hexdigest()
    await asyncio.to_thread(_write, digest, content)
    owner = tx.domain_id if isinstance(tx, DomainTx) else None
    return await tx.fetchval(
        "INSERT INTO file (domain_id, name, media_type, size, sha256, created_by, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        owner, name[:200], media_type, len(content), digest, tx.actor.login, tx.now)


async def load(tx: DomainTx | PlatformTx, file_id: int) -> StoredFile:
    """Raises NotFound: no such file here, another domain's too, or its bytes are gone."""
    row = await tx.fetchrow("SELECT name, media_type, sha256 FROM file WHERE id = $1", file_id)
    try:
        content = await asyncio.to_thread(_path(row["sha256"]).read_bytes) if row else None
    except FileNotFoundError:
        content = None
    if row is None or content is None:
        raise NotFound("file", _("There is no such file."))
    return StoredFile(row["name"], row["media_type"], content)


async def remove_unreferenced(tx: PlatformTx) -> int:
    """Delete bytes that no row names, a day after they came; how many."""
    known = {row["sha256"] for row in await tx.fetch("SELECT DISTINCT sha256 FROM file")}
    return await asyncio.to_thread(_remove_others, known)


def _remove_others(known: set[str]) -> int:
    oldest_kept = time.time() - UNREFERENCED_SECONDS
    gone = 0
    for path in settings().files_dir.glob("*/*"):
        if path.name not in known and path.stat().st_mtime < oldest_kept:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
