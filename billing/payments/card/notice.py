"""Letters about card payments, to the domain's notification address."""

from __future__ import annotations

from typing import Any

from app.kernel import letters
from app.kernel.db import DomainTx
from billing.accounts.state import lock


async def tell(tx: DomainTx, letter: str, **facts: Any) -> None:
    """With the balance as it is after the event; `facts` are the letter's others."""
    row = await tx.fetchrow("SELECT name, locale, timezone, notification_email FROM domain WHERE id = $1", tx.domain_id)
    if row is None or not row["notification_email"]:
        return
    await letters.queue(tx, letter, row["notification_email"], row["locale"], zone=row["timezone"], at=tx.now,
                        domain=row["name"], balance=(await lock(tx)).balance, **facts)
