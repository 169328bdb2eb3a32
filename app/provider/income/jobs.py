"""The sums of revenue follow the ledger by themselves."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.provider.income import sums

DOMAINS, LINES = 100, 2000  # one transaction: some seconds at most
_ACTOR = Actor.system(name="revenue sums")


async def revenue_sums(_ctx: dict[str, Any]) -> None:
    """Portion by portion, so that pages get their turn at the lock."""
    while True:
        async with platform_transaction(_ACTOR) as tx:
            if not await sums.take_in(tx, domains=DOMAINS, lines=LINES):
                return


jobs.every("revenue_sums", revenue_sums, minute=set(range(2, 60, 5)), second=10)
