"""Asking for a new configuration of a domain. What follows is in `pbx_provisioning/`."""

from __future__ import annotations

from app.kernel.db import DomainTx


async def want_new_generation(tx: DomainTx, reason: str) -> int:
    """Count the domain's wanted generation up, in the transaction of the change; the agent hears of it.

    Several changes of one transaction make one generation.

    Args:
        reason: what was changed, for the list of generations ("user_created ivanov").
    """
    return await tx.fetchval(
        "UPDATE provisioning_state SET desired = desired + 1, changed_at = $2, changed_by = $3, reason = $4, "
        "error = '' WHERE domain_id = $1 RETURNING desired",
        tx.domain_id, tx.now, tx.actor.login, reason[:200])
