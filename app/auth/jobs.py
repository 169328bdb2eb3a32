"""What the worker does for the sign-in: sessions end with what they were opened on.

The process that made the change ends them at once; this makes sure of it, should that process have died.
"""

from __future__ import annotations

from app.auth import sessions
from app.kernel import outbox
from app.kernel.actors import ActorKind
from app.kernel.db import PlatformTx

SLACK_SECONDS = 1.0  # between the change's first statement and its commit the old password still worked


async def _end(tx: PlatformTx, kind: str, domain_id: int | None, payload: dict) -> None:
    """Only sessions older than the event: one opened since has the new password and rights."""
    happened_at = await tx.fetchval(
        "SELECT created_at FROM outbox_event WHERE domain_id = $1 AND kind = $2 AND payload = $3 "
        "AND done_at IS NULL ORDER BY id LIMIT 1", domain_id, kind, payload)
    before = happened_at.timestamp() + SLACK_SECONDS if happened_at else None
    await sessions.end_sessions(ActorKind.DOMAIN_USER, domain_id or 0, int(payload["user_id"]),
                                str(payload.get("keep_session") or "") or None, created_before=before)


@outbox.on("password_changed")
async def password_changed(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    await _end(tx, "password_changed", domain_id, payload)


@outbox.on("user_deleted")
async def user_deleted(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    await _end(tx, "user_deleted", domain_id, payload)


@outbox.on("user_role_changed")
async def user_role_changed(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    """Rights are part of the session: the next sign-in has the new ones."""
    await _end(tx, "user_role_changed", domain_id, payload)
