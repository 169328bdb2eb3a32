"""The rows of a card payment that nobody has paid yet."""

from __future__ import annotations

import secrets

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.money import Money
from billing.payments.card import queries
from billing.payments.card.queries import CardPayment

SOURCE = "Stripe"


async def enter(tx: DomainTx, amount: Money, *, way: str, description: str, saves_card: bool = False,
                customer_id: str = "", method_id: str = "") -> CardPayment:
    """Pending, with a reference of our own that every news of the gateway carries."""
    reference = f"card:{secrets.token_hex(12)}"
    payment_id = await tx.fetchval(
        "INSERT INTO payment (domain_id, external_id, kind, state, source, description, amount, at) "
        "VALUES ($1, $2, 'card', 'pending', $3, $4, $5, $6) RETURNING id",
        tx.domain_id, reference, SOURCE, description, amount.amount, tx.now)
    await tx.execute(
        "INSERT INTO card_payment (payment_id, domain_id, way, wants_saving, customer_id, method_id, started_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)", payment_id, tx.domain_id, way, saves_card, customer_id, method_id,
        tx.now)
    await history.record(tx, "card_payment_started", "payment", object_id=payment_id, object_name=reference,
                         changes={"amount": (None, amount.amount)})
    found = await queries.one(tx, payment_id)
    assert found is not None
    return found
