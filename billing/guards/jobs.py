"""Stops end with their day; notes of refusals are kept as long as they count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.kernel import jobs
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from billing.guards import hits

_ACTOR = Actor.system(name="billing")
KEEP_HITS, KEEP_DAYS = timedelta(hours=2), timedelta(days=400)


async def guards(_ctx: dict[str, Any]) -> None:
    """A domain a transaction: one that fails does not keep the others waiting."""
    async with platform_transaction(_ACTOR) as tx:
        due = [row["domain_id"] for row in await tx.fetch(
            "SELECT DISTINCT domain_id FROM guard_stop WHERE ended_at IS NULL AND until <= $1", tx.now)]
        await tx.execute("DELETE FROM guard_hit WHERE at < $1", tx.now - KEEP_HITS)
    for domain_id in due:
        async with platform_transaction(_ACTOR) as tx:
            await hits.end_expired(await tx.enter_domain(domain_id))


async def tidy(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(_ACTOR) as tx:
        await tx.execute("DELETE FROM guard_day WHERE day < $1", (tx.now - KEEP_DAYS).date())


jobs.every("guards_tidy", tidy, hour=3, minute=20)
jobs.every("guards", guards, second={7, 37})
