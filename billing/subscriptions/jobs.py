"""The daily run as a sweep: it begins within a minute after midnight and goes on after a stop."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs
from billing.subscriptions.run import run_until_today


async def daily_fees(_ctx: dict[str, Any]) -> None:
    await run_until_today()


jobs.every("daily_fees", daily_fees, second={5})
