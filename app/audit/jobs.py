"""The seal is kept up every few seconds and checked every night [AUD-02]."""

from __future__ import annotations

from typing import Any

import structlog

from app.audit import seals
from app.audit.seals import Checked
from app.kernel import jobs
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction

log = structlog.get_logger()

_ACTOR = Actor.system(name="history")
BATCHES = 50  # of one run; the rest waits for the next


async def seal_history(_ctx: dict[str, Any]) -> None:
    """Seal what waits, a transaction for each part."""
    for _ in range(BATCHES):
        async with platform_transaction(_ACTOR) as tx:
            if await seals.seal(tx) < seals.BATCH:
                return


async def check_history(_ctx: dict[str, Any]) -> None:
    """Walk the chain; a break is an error in the log and an alarm on the provider's page of the history."""
    await checked()


async def checked() -> Checked:
    """Seal, then check; the head goes to the log too, which is kept elsewhere."""
    await seal_history({})
    async with platform_transaction(_ACTOR) as tx:
        found = await seals.verify(tx)
    if found.broken:
        log.error("history_broken", problem=found.broken.problem, history_id=found.broken.history_id,
                  seals=found.seals)
    else:
        log.info("history_checked", seals=found.seals, head=found.head.hex())
    return found


jobs.every("seal_history", seal_history, second=set(range(2, 60, 5)))
jobs.every("check_history", check_history, hour=3, minute=40)
