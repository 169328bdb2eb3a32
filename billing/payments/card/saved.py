"""The saved card of a domain and the settings of its automatic top-up [FIN-D15]."""

from __future__ import annotations

from app.audit import history
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from app.kernel.money import Money
from billing.accounts.state import lock
from billing.payments.card import queries, rules
from billing.payments.card.queries import CardPayment
from billing.payments.gateway import Card


async def keep(tx: DomainTx, payment: CardPayment, card: Card) -> None:
    """The card that has paid takes the place of the one before, which the gateway is told to forget."""
    await tx.execute("UPDATE card_payment SET wants_saving = false WHERE domain_id = $1 AND payment_id = $2",
                     tx.domain_id, payment.id)
    before = (await queries.facts(tx)).saved
    await tx.execute(
        "INSERT INTO card_account (domain_id, customer_id, method_id, brand, last4, exp_month, exp_year) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (domain_id) DO UPDATE SET customer_id = $2, method_id = $3, "
        "brand = $4, last4 = $5, exp_month = $6, exp_year = $7, detach = CASE WHEN card_account.method_id IN ('', $3) "
        "THEN card_account.detach ELSE card_account.detach || card_account.method_id END",
        tx.domain_id, card.customer_id, card.method_id, card.brand, card.last4, card.exp_month, card.exp_year)
    await history.record(tx, "card_saved", "account", object_id=tx.domain_id, changes={
        "card": (before and named(before.brand, before.last4), named(card.brand, card.last4))})


def named(brand: str, last4: str) -> str:
    return f"{brand.upper()} •••• {last4}".strip()


async def remove(tx: DomainTx) -> None:
    """Nothing of it stays but the order to forget it at the gateway too; no card, no automatic top-up."""
    await lock(tx)
    known = (await queries.facts(tx)).saved
    if known is None:
        raise NotFound("card", _("There is no saved card."))
    await switch_off(tx)
    await tx.execute(
        "UPDATE card_account SET detach = detach || method_id, customer_id = '', method_id = '', brand = '', "
        "last4 = '', exp_month = NULL, exp_year = NULL WHERE domain_id = $1", tx.domain_id)
    await history.record(tx, "card_removed", "account", object_id=tx.domain_id, changes={
        "card": (named(known.brand, known.last4), None)})


async def set_automatic(tx: DomainTx, threshold: Money, amount: Money) -> None:
    """Switch the automatic top-up on, or change it.

    Raises:
        Refused: trial, or there is no saved card. InvalidFields: threshold, amount.
    """
    account = await lock(tx)
    known = await queries.facts(tx)
    if not known.is_commercial:
        raise Refused("card_trial", _("Payment by card is available in commercial mode only."))
    if known.saved is None:
        raise Refused("card_none", _("Save a card first: pay once by card and tick “Save the card”."))
    rules.check_threshold(threshold)
    rules.check_amount(amount, known.bounds, "auto_amount")
    await tx.execute("UPDATE account SET auto_topup_below = $2 WHERE domain_id = $1", tx.domain_id, threshold.amount)
    await tx.execute("UPDATE card_account SET auto_amount = $2, auto_failures = 0 WHERE domain_id = $1", tx.domain_id,
                     amount.amount)
    changes = _changes(known, threshold, amount)
    if changes:
        await history.record(tx, "auto_topup_changed", "account", object_id=account.domain_id, changes=changes)


def _changes(known: queries.CardFacts, threshold: Money, amount: Money) -> dict[str, tuple[object, object]]:
    was_on = known.threshold is not None
    told = {"auto_topup": (was_on, True),
            "auto_topup_threshold": (known.threshold and known.threshold.amount, threshold.amount),
            "auto_topup_amount": (known.auto_amount and known.auto_amount.amount, amount.amount)}
    return {field: change for field, change in told.items() if change[0] != change[1]}


async def switch_off(tx: DomainTx) -> bool:
    """False if it was off."""
    before = await tx.fetchval("SELECT auto_topup_below FROM account WHERE domain_id = $1 FOR NO KEY UPDATE",
                               tx.domain_id)
    if before is None:
        return False
    await tx.execute("UPDATE account SET auto_topup_below = NULL WHERE domain_id = $1", tx.domain_id)
    await tx.execute("UPDATE card_account SET auto_failures = 0 WHERE domain_id = $1", tx.domain_id)
    await history.record(tx, "auto_topup_changed", "account", object_id=tx.domain_id, changes={
        "auto_topup": (True, False)})
    return True


async def to_detach(tx: PlatformTx) -> list[tuple[int, str]]:
    """(domain, card at the gateway) of removed cards that the gateway still knows."""
    rows = await tx.fetch("SELECT domain_id, unnest(detach) AS method_id FROM card_account WHERE detach <> '{}' "
                          "ORDER BY domain_id LIMIT 50")
    return [(row["domain_id"], row["method_id"]) for row in rows]


async def detached(tx: DomainTx, method_id: str) -> None:
    await tx.execute("UPDATE card_account SET detach = array_remove(detach, $2) WHERE domain_id = $1", tx.domain_id,
                     method_id)
