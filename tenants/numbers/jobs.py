"""The sweep that ends bookings and reserves of numbers [NUM-58]."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs, parameters
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from billing.subscriptions.rules import local_day
from tenants.numbers import inventory

_ACTOR = Actor.system(name="numbers")


async def sweep_holds(_ctx: dict[str, Any]) -> None:
    """The last day counts; it is a day of the books' zone."""
    async with platform_transaction(_ACTOR) as tx:
        await inventory.end_holds(tx, local_day(tx.now, await parameters.get(tx, "billing.timezone")))


jobs.every("number_holds", sweep_holds, minute={7, 37}, second={20})
