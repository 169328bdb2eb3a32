"""Rows of an uploaded file that wait for its sender's second step: a yes, or the names of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from app.kernel.db import PlatformTx

KEPT = timedelta(days=1)


async def keep(tx: PlatformTx, kind: str, file_name: str, rows: Sequence[Sequence[object]]) -> int:
    """The number to take them by; those that nobody took in time go."""
    await tx.execute("DELETE FROM pending_import WHERE created_at < $1", tx.now - KEPT)
    return await tx.fetchval(
        "INSERT INTO pending_import (kind, file_name, rows, created_by, created_at) VALUES ($1, $2, $3, $4, $5) "
        "RETURNING id", kind, file_name, rows, tx.actor.login, tx.now)


async def take(tx: PlatformTx, kind: str, import_id: int) -> tuple[str, list[Any]] | None:
    """Name and rows, once; None where they were taken already, thrown away, or are another person's."""
    row = await tx.fetchrow("DELETE FROM pending_import WHERE id = $1 AND kind = $2 AND created_by = $3 "
                            "RETURNING file_name, rows", import_id, kind, tx.actor.login)
    return (row["file_name"], row["rows"]) if row else None
