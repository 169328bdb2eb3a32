"""In the worker: tasks are looked after every two seconds and whenever a call has ended."""

from __future__ import annotations

from typing import Any

import structlog

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.jobs import every
from app.modules.autodialler import queries, work
from tenants.calls.orders import Order, on_order

log = structlog.get_logger()
ACTOR = Actor.system(name="autodialler")


async def look_after(_ctx: dict[str, Any]) -> None:
    """Each task in a transaction of its own: what fails for one holds up no other."""
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch(queries.at_work_sql())
    for row in rows:
        try:
            async with domain_transaction(Actor.system(row["domain_id"], name="autodialler")) as tx:
                await work.advance(tx, row["id"])
        except NotFound:
            continue
        except Exception:
            log.exception("dial_task_failed", task=row["id"])


@on_order(work.KIND)
async def ended(tx: DomainTx, order: Order) -> None:
    await work.call_ended(tx, order)


every("autodial", look_after, second=set(range(1, 60, 2)))
