"""A company that pays by card: its steps, as the gateway's stub and the worker see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from app.kernel import outbox
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from billing.payments import gateway
from billing.payments.card import queries, saved, service, talk
from billing.payments.card.queries import CardPayment
from billing.payments.gateway_stripe import StripeGateway
from tests import stripe_stub
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.stripe_stub import StripeStub


@contextmanager
def a_gateway() -> Iterator[StripeStub]:
    with stripe_stub.running() as stub, \
            gateway.using(StripeGateway(stripe_stub.KEY, stripe_stub.WEBHOOK_SECRET, stub.url)):
        yield stub


def current() -> Any:
    found = gateway.current()
    assert found is not None
    return found


async def a_company(**changes: Any) -> Actor:
    actor = await a_domain(tariff_id=await a_tariff(), **changes)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = '2100-01-01' WHERE domain_id = $1", actor.domain_id)
        await tx.execute("UPDATE domain SET notification_email = 'money@acme.example', locale = 'ru' WHERE id = $1",
                         actor.domain_id)
    return actor


async def begin(actor: Actor, amount: str = "500", *, saves_card: bool = False) -> CardPayment:
    """A person presses "To payment"; the session's id is known afterwards."""
    async with domain_transaction(actor) as tx:
        payment = await service.begin(tx, Money.parse(amount), saves_card=saves_card)
    await talk.open_page(current(), payment)
    return await known(actor, payment.id)


async def known(actor: Actor, payment_id: int) -> CardPayment:
    async with domain_transaction(actor) as tx:
        found = await queries.one(tx, payment_id)
    assert found is not None
    return found


async def hear(body: bytes) -> None:
    """The webhook, without HTTP around it."""
    news = current().read_event(body, stripe_stub.signed(body))
    if news is not None:
        await talk.hear(current(), news)


async def paid(stub: StripeStub, actor: Actor, amount: str = "500", *, saves_card: bool = False) -> CardPayment:
    payment = await begin(actor, amount, saves_card=saves_card)
    await hear(stub.event("checkout.session.completed", stub.pay(payment.session_id)))
    return await known(actor, payment.id)


async def with_card(stub: StripeStub, *, threshold: str = "100", amount: str = "300", balance: str = "500") -> Actor:
    """A company with a saved card and automatic top-up; the balance is what the saving payment brought."""
    actor = await a_company()
    await paid(stub, actor, balance, saves_card=True)
    async with domain_transaction(actor) as tx:
        await saved.set_automatic(tx, Money.parse(threshold), Money.parse(amount))
    return actor


async def spend(actor: Actor, amount: str) -> None:
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        await accounts.post(bound, Posting(world.channel(), Operation.ONE_OFF, "test", 1, -Money.parse(amount), tx.now))
        await accounts.after_debit(bound)


async def hand_on() -> None:
    """What the worker's outbox does, until it has nothing left."""
    busy = True
    while busy:
        async with platform_transaction(Actor.system(name="outbox")) as tx:
            busy = await outbox.hand_on_next(tx)


async def balance(actor: Actor) -> Decimal:
    return await _value(actor, "SELECT balance FROM account WHERE domain_id = $1")


async def is_blocked(actor: Actor) -> bool:
    return await _value(actor, "SELECT EXISTS (SELECT FROM domain_block WHERE domain_id = $1 AND kind = 'financial' "
                               "AND ended_at IS NULL)")


async def _value(actor: Actor, sql: str) -> Any:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval(sql, tx.domain_id)


async def postings(actor: Actor) -> list[tuple[str, Decimal]]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT p.kind, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "AND e.account = 'domain' WHERE p.domain_id = $1 ORDER BY p.id", tx.domain_id)
    return [tuple(row) for row in rows]


async def letters(actor: Actor) -> list[str]:
    """Subjects and bodies, oldest first."""
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT subject || E'\\n' || body AS text FROM mail_message WHERE domain_id = $1 "
                              "ORDER BY id", actor.domain_id)
    return [row["text"] for row in rows]


async def card_payments(actor: Actor, way: str = "auto") -> list[CardPayment]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch(queries.PAYMENT + "WHERE p.domain_id = $1 AND c.way = $2 ORDER BY p.id", tx.domain_id, way)
    return [CardPayment.of(row) for row in rows]
