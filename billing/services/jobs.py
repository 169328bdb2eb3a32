"""Services follow the versions of their plans [SVC-D10]."""

from __future__ import annotations

from typing import Any

from app.kernel import jobs
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from billing.services.plans import follow_versions


async def follow_plans(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(Actor.system(name="billing")) as tx:
        await follow_versions(tx)


jobs.every("follow_plans", follow_plans, second={35})
