"""What the worker makes sure of: sessions of the staff end with the rights they were opened on."""

from __future__ import annotations

from app.kernel import outbox
from app.kernel.db import PlatformTx
from app.provider.staff import service


@outbox.on("staff_sessions")
async def staff_sessions(_tx: PlatformTx, _domain_id: int | None, payload: dict) -> None:
    await service.end_sessions(int(payload["staff_id"]), before=float(payload["before"]))
