"""In the worker: calls that have ended, campaigns whose time is over, clients of operators who have gone."""

from __future__ import annotations

from typing import Any

import structlog

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.kernel.jobs import every
from app.modules.campaigns import service, work
from tenants.calls.orders import Order, on_order

log = structlog.get_logger()
ACTOR = Actor.system(name="campaigns")


async def sweep(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch("SELECT domain_id FROM campaign WHERE is_active AND ends_at < $1 UNION "
                              "SELECT domain_id FROM campaign_client WHERE held_by IS NOT NULL", tx.now)
    for row in rows:
        try:
            async with domain_transaction(Actor.system(row["domain_id"], name="campaigns")) as tx:
                await service.end_over(tx)
                await work.look_after(tx)
        except Exception:  # what fails for one holds up no other
            log.exception("campaigns_failed", domain=row["domain_id"])


@on_order(work.KIND)
async def ended(tx: DomainTx, order: Order) -> None:
    await work.call_ended(tx, order)


every("campaigns", sweep, second={8, 23, 38, 53})
