"""The day sums of the ledger follow by themselves, so that no page has much to take in."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from billing.accounts import sums

WORTH_IT = 500  # fewer young lines cost a page some milliseconds
_ACTOR = Actor.system(name="ledger sums")


async def ledger_sums(_ctx: dict[str, Any]) -> None:
    """A domain a transaction."""
    async with platform_transaction(_ACTOR) as tx:
        waiting = await sums.behind(tx, WORTH_IT)
    for domain_id in waiting:
        async with platform_transaction(_ACTOR) as tx:
            await sums.bring_up(await tx.enter_domain(domain_id))


jobs.every("ledger_sums", ledger_sums, minute=set(range(0, 60, 5)), second=20)
