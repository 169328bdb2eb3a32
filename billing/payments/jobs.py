"""Debits of promised payments at their moment, the letters before, the warning near the credit limit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.kernel import jobs, letters, outbox
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.money import Currency, Money
from billing.payments import promised

_ACTOR = Actor.system(name="billing")


async def promised_payments(_ctx: dict[str, Any]) -> None:
    """A domain a transaction: one that fails does not keep the others waiting."""
    async with platform_transaction(_ACTOR) as tx:
        due, near = await promised.due_now(tx), await promised.to_remind(tx)
    for domain_id in due:
        async with platform_transaction(_ACTOR) as tx:
            await promised.write_off(await tx.enter_domain(domain_id))
    for domain_id in near:
        async with platform_transaction(_ACTOR) as tx:
            await promised.remind(await tx.enter_domain(domain_id))


@outbox.on("credit_near")
async def warn_near_limit(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    """The letter of FIN-38; the amounts are those of the moment when the balance came near."""
    assert domain_id is not None
    bound = await tx.enter_domain(domain_id)
    row = await bound.fetchrow(
        "SELECT d.name, d.locale, d.timezone, d.notification_email, a.currency, a.credit_limit FROM domain d "
        "JOIN account a ON a.domain_id = d.id WHERE d.id = $1", domain_id)
    if row is None or not row["notification_email"] or row["credit_limit"] is None:
        return
    currency = Currency(row["currency"])
    balance, limit = Money(Decimal(payload["balance"]), currency), Money(row["credit_limit"], currency)
    await letters.queue(bound, "credit_near", row["notification_email"], row["locale"], zone=row["timezone"],
                        domain=row["name"], balance=balance, limit=limit, room=balance + limit)


jobs.every("promised_payments", promised_payments, second={10, 40})
