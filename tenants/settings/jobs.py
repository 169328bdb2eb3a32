"""The letter about a balance that fell below the domain's threshold [SET-05]."""

from __future__ import annotations

from decimal import Decimal

from app.kernel import letters, outbox
from app.kernel.db import PlatformTx
from app.kernel.money import Currency, Money


@outbox.on("balance_fell")
async def tell_low_balance(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    """Written to the address that holds now; nothing when the notice was switched off meanwhile."""
    row = await tx.fetchrow(
        "SELECT d.name, d.locale, d.timezone, d.notification_email, a.currency, a.notify_below FROM domain d "
        "JOIN account a ON a.domain_id = d.id WHERE d.id = $1", domain_id)
    if row is None or row["notify_below"] is None or not row["notification_email"]:
        return
    currency = Currency(row["currency"])
    await letters.queue(tx, "balance_low", row["notification_email"], row["locale"], zone=row["timezone"],
                        domain_id=domain_id, domain=row["name"], balance=Money(Decimal(payload["balance"]), currency),
                        threshold=Money(row["notify_below"], currency))
