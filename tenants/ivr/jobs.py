"""The end of scenarios that were deleted [IVR-05]."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.kernel import jobs, provisioning
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction

KEPT = timedelta(days=1)  # longer than anybody stays in a scenario
_ACTOR = Actor.system(name="ivr")


async def sweep_deleted(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(_ACTOR) as tx:
        await delete_left(tx)


async def delete_left(tx: PlatformTx) -> int:
    """Scenarios deleted a day ago, with their menus and audio; how many."""
    rows = await tx.fetch("SELECT domain_id, id FROM ivr_scenario WHERE deleted_at < $1 ORDER BY domain_id, id "
                          "FOR UPDATE SKIP LOCKED", tx.now - KEPT)
    ids = [row["id"] for row in rows]
    sounds = await tx.fetch(
        "SELECT audio_id FROM ivr_menu WHERE scenario_id = ANY($1::bigint[]) AND audio_id IS NOT NULL "
        "UNION SELECT audio_id FROM ivr_branch WHERE scenario_id = ANY($1::bigint[]) AND audio_id IS NOT NULL", ids)
    await tx.execute("DELETE FROM ivr_scenario WHERE id = ANY($1::bigint[])", ids)
    await tx.execute("DELETE FROM prompt WHERE id = ANY($1::bigint[])", [row["audio_id"] for row in sounds])
    for domain_id in dict.fromkeys(row["domain_id"] for row in rows):
        await provisioning.want_new_generation(await tx.enter_domain(domain_id), "ivr_deleted")
    return len(rows)


jobs.every("ivr_deleted", sweep_deleted, minute={17}, second={40})
