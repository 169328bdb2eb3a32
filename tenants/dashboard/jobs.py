"""The month's sums follow hour by hour, so that no page has much to take in."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs, parameters
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from tenants.dashboard import settled
from tenants.dashboard.month import month_of

_ACTOR = Actor.system(name="month sums")


async def month_sums(_ctx: dict[str, Any]) -> None:
    """A sum a transaction."""
    async with platform_transaction(_ACTOR) as tx:
        waiting = await settled.behind(tx)
        books = await parameters.get(tx, "billing.timezone")
    for domain_id, what in waiting:
        async with platform_transaction(_ACTOR) as tx:
            bound = await tx.enter_domain(domain_id)
            own = await bound.fetchval("SELECT timezone FROM domain WHERE id = $1", domain_id)
            zone = own if what is settled.What.TALK else books
            await settled.bring_up(bound, what, month_of(bound.now, zone)[0])


jobs.every("month_sums", month_sums, minute={17}, second=40)
