"""Talking with the gateway, outside of transactions: open its page, ask about a payment, charge a saved card.

The order of steps makes a death at any point harmless: the payment is committed before the gateway hears of it, each
request may be sent again under the same key, and whatever the answer would have told comes by webhook or sweep too.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.errors import AppError, Refused
from app.kernel.i18n import _
from app.settings import settings
from billing.payments.card import automatic, queries, saved, service
from billing.payments.card.queries import CardPayment
from billing.payments.gateway import (
    Checkout,
    Gateway,
    GatewayAway,
    GatewayRefused,
    News,
    Order,
    SavedCardOrder,
    current,
)

log = structlog.get_logger()

ACTOR = Actor.system(name="card")
PAGE_IS_OPEN_FOR = timedelta(minutes=60)
PAGES_ASK_EVERY = timedelta(seconds=4)
SAME_KEY_HOLDS_FOR = timedelta(hours=20)  # gateways forget a request's key after a day


class CardUnavailable(AppError):
    """The gateway does not answer."""

    status_code = 503


def gateway_or_refuse() -> Gateway:
    found = current()
    if found is None:
        raise Refused("card_unavailable", _("Payment by card is not available. Use another way to pay."))
    return found


async def apply(news: News) -> CardPayment | None:
    """Take the news in a transaction of their own."""
    async with platform_transaction(ACTOR) as tx:
        return await service.take_news(tx, news)


async def open_page(gateway: Gateway, payment: CardPayment) -> str:
    """The address of the gateway's page for a payment that was just begun.

    Raises:
        CardUnavailable: no answer; a sweep finds out what became of the request.
        Refused: the gateway does not take such a payment.
    """
    try:
        return (await _start(gateway, payment)).url
    except GatewayAway as away:
        log.warning("card_gateway_away", payment_id=payment.id, error=str(away))
        raise CardUnavailable("card_away", _("The payment company does not answer. No money was taken; try again in "
                                             "a few minutes.")) from away
    except GatewayRefused as refused:
        log.error("card_gateway_refused", payment_id=payment.id, error=str(refused))
        await apply(News(reference=payment.external_id, is_over=True, reason="refused"))
        raise Refused("card_refused", _("The payment company has refused this payment.")) from refused


async def _start(gateway: Gateway, payment: CardPayment) -> Checkout:
    """The same order each time, so that the gateway knows it again."""
    async with platform_transaction(ACTOR) as tx:
        row = await tx.fetchrow("SELECT d.name, a.number FROM domain d JOIN account a ON a.domain_id = d.id "
                                "WHERE d.id = $1", payment.domain_id)
    assert row is not None
    made = await gateway.start_checkout(Order(
        payment.external_id, payment.domain_id, payment.amount, f"{row['name']} · {row['number']}",
        f"{settings().public_url}/finance/card/{payment.id}", payment.customer_id, payment.wants_saving,
        payment.started_at + PAGE_IS_OPEN_FOR))
    await apply(News(reference=payment.external_id, domain_id=payment.domain_id, session_id=made.session_id))
    return made


async def ask(gateway: Gateway, payment: CardPayment) -> CardPayment | None:
    """What the gateway knows now, applied. Raises GatewayAway."""
    try:
        if payment.way == "checkout":
            session_id = payment.session_id or (await _start(gateway, payment)).session_id
            news = await gateway.ask_session(session_id)
        else:
            news = await gateway.ask_payment(payment.intent_id)
    except GatewayRefused as refused:  # it never heard of this payment, and would not take it now
        log.warning("card_payment_unknown_there", payment_id=payment.id, error=str(refused))
        news = News(reference=payment.external_id, is_over=True)
    return await apply(news)


async def ask_quietly(payment: CardPayment) -> CardPayment:
    """For a page: what is known now, or what was known before."""
    gateway = current()
    if gateway is None or not payment.session_id:
        return payment
    async with platform_transaction(ACTOR) as tx:
        if payment.asked_at is not None and tx.now - payment.asked_at < PAGES_ASK_EVERY:
            return payment
        await queries.mark_asked(tx, payment)
    try:
        return await ask(gateway, payment) or payment
    except GatewayAway:
        return payment


async def charge(gateway: Gateway, payment: CardPayment) -> CardPayment | None:
    """One automatic top-up. Raises GatewayAway: nothing is known, the same request is sent again later."""
    async with platform_transaction(ACTOR) as tx:
        bound = await tx.enter_domain(payment.domain_id)
        is_first = payment.asked_at is None
        is_stale = tx.now - payment.started_at > SAME_KEY_HOLDS_FOR
        if is_stale or (is_first and not await automatic.may_charge(bound, payment)):
            return await service.take_news(tx, News(reference=payment.external_id, is_over=True))
        title = await bound.fetchrow("SELECT d.name, a.number FROM domain d JOIN account a ON a.domain_id = d.id "
                                     "WHERE d.id = $1", payment.domain_id)
        await queries.mark_asked(tx, payment)
    assert title is not None
    order = SavedCardOrder(payment.external_id, payment.domain_id, payment.amount,
                           f"{title['name']} · {title['number']}", payment.customer_id, payment.method_id)
    try:
        news = await gateway.charge_saved(order)
    except GatewayRefused as refused:  # the card is unknown there: a failure like a declined one
        log.error("card_charge_refused", payment_id=payment.id, error=str(refused))
        news = News(reference=payment.external_id, is_failed=True, reason="refused")
    return await apply(news)


async def hear(gateway: Gateway, news: News) -> None:
    """News of a webhook. A refund or dispute may come before we know which payment it belongs to: then ask.

    Raises:
        GatewayAway: the webhook has to come again.
    """
    if not (news.reference or news.session_id or news.intent_id):
        return
    async with platform_transaction(ACTOR) as tx:
        known = await queries.find(tx, reference=news.reference, session_id=news.session_id, intent_id=news.intent_id)
    if known is None and news.intent_id and not news.reference:
        try:
            whole = await gateway.ask_payment(news.intent_id)
        except GatewayRefused:
            return
        if not whole.reference or await apply(whole) is None:
            return
    paid = await apply(news)
    if paid is not None and paid.wants_saving and paid.is_posted:
        await _fetch_card(gateway, paid)


async def _fetch_card(gateway: Gateway, payment: CardPayment) -> None:
    """The card that has paid, for the next time. The money is booked already: a failure only waits for the sweep."""
    try:
        await apply(await (gateway.ask_session(payment.session_id) if payment.session_id
                           else gateway.ask_payment(payment.intent_id)))
    except (GatewayAway, GatewayRefused) as failed:
        log.warning("card_not_fetched", payment_id=payment.id, error=str(failed))


async def fetch_cards(gateway: Gateway) -> None:
    async with platform_transaction(ACTOR) as tx:
        waiting = await queries.unsaved(tx)
        for payment in waiting:
            await queries.mark_asked(tx, payment)
    for payment in waiting:
        await _fetch_card(gateway, payment)


async def detach_removed(gateway: Gateway) -> None:
    """Tell the gateway to forget the cards that were removed here."""
    async with platform_transaction(ACTOR) as tx:
        waiting = await saved.to_detach(tx)
    for domain_id, method_id in waiting:
        await gateway.detach(method_id)
        async with platform_transaction(ACTOR) as tx:
            await saved.detached(await tx.enter_domain(domain_id), method_id)
