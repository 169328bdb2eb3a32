"""The sweep that ends trials, and the letter about used-up minutes [ACC-D1]."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs, outbox, parameters
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from tenants.domains import trial

_ACTOR = Actor.system(name="trial")


async def sweep_trials(_ctx: dict[str, Any]) -> None:
    """A domain a transaction: one that fails does not keep the others waiting."""
    async with platform_transaction(_ACTOR) as tx:
        remind_days = await parameters.get(tx, "trial.remind_days")
        found = await trial.domains_to_look_at(tx, remind_days)
    for domain_id in found:
        async with platform_transaction(_ACTOR) as tx:
            await trial.look_at(await tx.enter_domain(domain_id), remind_days)


@outbox.on("trial_minutes_used_up")
async def tell_minutes_used_up(tx: PlatformTx, domain_id: int | None, _payload: dict) -> None:
    assert domain_id is not None
    await trial.tell(await tx.enter_domain(domain_id), "minutes_used_up")


jobs.every("trials", sweep_trials, second={15})
