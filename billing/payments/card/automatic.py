"""Automatic top-up: one attempt per way down, so many a day, off after failures in a row [FIN-D15]."""

from __future__ import annotations

import structlog

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.i18n import _, speaking
from billing.accounts.state import lock
from billing.payments.card import entry, notice, queries, rules, saved
from billing.payments.card.queries import CardPayment

log = structlog.get_logger()


async def attempt(tx: DomainTx) -> CardPayment | None:
    """The pending payment of one attempt; None when there is to be none. The saved card is charged afterwards."""
    account = await lock(tx)
    known = await queries.facts(tx)
    if known.threshold is None or known.saved is None or known.auto_amount is None or not known.is_commercial:
        return None
    if account.balance >= known.threshold:  # money came in the meantime
        return None
    if not known.bounds.hold(known.auto_amount):
        log.warning("auto_topup_out_of_bounds", domain_id=tx.domain_id)
        return None
    if await queries.automatic_today(tx) >= await parameters.get(tx, "topup.auto_per_day"):
        log.info("auto_topup_enough_today", domain_id=tx.domain_id)
        return None
    locale = await tx.fetchval("SELECT locale FROM domain WHERE id = $1", tx.domain_id)
    with speaking(locale):
        description = _("Automatic top-up")
    return await entry.enter(tx, known.auto_amount, way="auto", description=description,
                             customer_id=known.saved.customer_id, method_id=known.saved.method_id)


async def may_charge(tx: DomainTx, payment: CardPayment) -> bool:
    """Whether the card that the payment was begun with is still the saved one, and the top-up still on."""
    known = await queries.facts(tx)
    return known.threshold is not None and known.saved is not None and known.saved.method_id == payment.method_id


async def succeeded(tx: DomainTx) -> None:
    await tx.execute("UPDATE card_account SET auto_failures = 0 WHERE domain_id = $1", tx.domain_id)


async def failed(tx: DomainTx, payment: CardPayment) -> None:
    """The last of the failures in a row switches it off, with a letter."""
    count = await tx.fetchval("UPDATE card_account SET auto_failures = auto_failures + 1 WHERE domain_id = $1 "
                              "RETURNING auto_failures", tx.domain_id)
    if count is not None and count >= rules.FAILURES_IN_A_ROW and await saved.switch_off(tx):
        await notice.tell(tx, "auto_topup_off", amount=payment.amount)

