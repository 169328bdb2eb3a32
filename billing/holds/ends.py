"""The end of holds: their money is free again, and none of them is open any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from app.kernel.db import DomainTx, PlatformTx

_RELEASE = """
WITH freed AS (
    UPDATE hold SET released_at = $3, answered_at = COALESCE(hold.answered_at, ended.answered_at)
    FROM unnest($1::bigint[], $2::timestamptz[]) AS ended (id, answered_at)
    WHERE hold.id = ended.id AND released_at IS NULL AND ($4::bigint IS NULL OR hold.domain_id = $4)
    RETURNING hold.domain_id, hold.id, hold.amount
), closed AS (
    DELETE FROM open_hold_key k USING freed WHERE k.domain_id = freed.domain_id AND k.hold_id = freed.id
)
SELECT domain_id, sum(amount) AS amount FROM freed GROUP BY domain_id
"""


async def release_many(tx: DomainTx | PlatformTx, ended: Mapping[int, datetime | None]) -> dict[int, Decimal]:
    """Release holds whose accounts are locked.

    Args:
        ended: hold → when its call was answered, if that is known now: an answered call's hold learns the moment, so
            that a late word of the agent does not open it again.

    Returns:
        Sums by domain that are still to be taken off `account.held`; holds that were free already count nothing.
    """
    if not ended:
        return {}
    domain_id = tx.domain_id if isinstance(tx, DomainTx) else None
    rows = await tx.fetch(_RELEASE, list(ended), list(ended.values()), tx.now, domain_id)
    return {row["domain_id"]: row["amount"] for row in rows}


async def give_back(tx: DomainTx, amount: Decimal) -> None:
    await tx.execute("UPDATE account SET held = greatest(held - $2, 0) WHERE domain_id = $1", tx.domain_id, amount)
