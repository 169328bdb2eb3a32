"""What the worker does for pools: sessions end although the process that should have ended them died."""

from __future__ import annotations

from app.kernel import outbox
from app.kernel.db import PlatformTx
from tenants.pools import administrators


@outbox.on("pool_admin_sessions")
async def end_sessions(_tx: PlatformTx, _domain_id: int | None, payload: dict) -> None:
    """Only sessions older than the change: one opened since has the new password and rights."""
    await administrators.end_sessions(int(payload["admin_id"]), str(payload.get("keep_session") or ""),
                                      before=float(payload["before"]))
