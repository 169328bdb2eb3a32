"""The worker's part of what-if."""

from __future__ import annotations

from typing import Any

from app.kernel.jobs import job
from billing.whatif import service


@job("tariff_whatif", max_tries=3, timeout=3600)
async def tariff_whatif(_ctx: dict[str, Any], run_id: int) -> None:
    await service.work(run_id)
