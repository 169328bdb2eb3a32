"""From the amount to the posting: a card payment begins, the gateway's news settle it, money may go back [FIN-D15].

What the gateway tells is taken under the locks of the account and of the payment, and everything that follows from
it is reckoned from what is then known in all. So news may be repeated, late, early or in any order.
"""

from __future__ import annotations

from decimal import Decimal

import structlog
from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.i18n import LazyText, _, lazy
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.state import lock
from billing.payments.card import automatic, entry, notice, queries, rules, saved
from billing.payments.card.queries import CardPayment
from billing.payments.card.rules import State
from billing.payments.gateway import News

log = structlog.get_logger()

PROBLEMS: dict[State, LazyText] = {
    State.FAILED: lazy("not carried out"), State.REFUNDED: lazy("refunded"), State.DISPUTED: lazy("disputed")}
PARTLY = lazy("partly refunded")


async def begin(tx: DomainTx, amount: Money, *, saves_card: bool = False) -> CardPayment:
    """A pending payment, before the gateway is asked: its answer or its news will find it.

    Raises:
        Refused, InvalidFields: see `rules`.
    """
    account = await lock(tx)
    rules.check_topup(amount, await queries.bounds(tx, account.currency), is_commercial=await queries.is_commercial(tx),
                      open_checkouts=await queries.open_checkouts(tx))
    known = (await queries.facts(tx)).saved
    return await entry.enter(tx, amount, way="checkout", saves_card=saves_card, description=_("Payment in the cabinet"),
                             customer_id=known.customer_id if known else "")


async def take_news(tx: PlatformTx, news: News) -> CardPayment | None:
    """Apply what the gateway told; None when it is about no payment of ours, or contradicts the one it names."""
    found = await queries.find(tx, reference=news.reference, session_id=news.session_id, intent_id=news.intent_id)
    if found is None:
        log.info("card_news_unknown", session=news.session_id, intent=news.intent_id)
        return None
    bound = await tx.enter_domain(found.domain_id)
    await lock(bound)
    payment = await queries.one(bound, found.id, locked=True)
    assert payment is not None
    wrong = _contradiction(payment, news)
    if wrong:
        log.error("card_news_refused", what=wrong, payment_id=payment.id, domain_id=payment.domain_id,
                  session=news.session_id, intent=news.intent_id)
        return None
    try:
        async with tx.savepoint():
            await _note(bound, payment, news)
    except UniqueViolationError:  # the gateway's id stands at another payment
        log.error("card_news_refused", what="taken", payment_id=payment.id, domain_id=payment.domain_id)
        return None
    if news.is_paid and not payment.is_posted:
        await _settle(bound, payment)
    return await _follow(bound, payment, news)


def _contradiction(payment: CardPayment, news: News) -> str:
    """Why these news cannot be of this payment; "" when they can."""
    if news.domain_id and news.domain_id != payment.domain_id:
        return "domain"
    if news.session_id and payment.session_id not in ("", news.session_id):
        return "session"
    if news.intent_id and payment.intent_id not in ("", news.intent_id):
        return "intent"
    if news.currency and news.currency != payment.amount.currency.value:
        return "currency"
    if news.is_paid and (not news.currency or news.amount_minor != _minor(payment.amount)):
        return "amount"
    return ""


def _minor(amount: Money) -> int:
    return int(amount.amount.scaleb(amount.currency.minor_digits))


def _major(minor: int, like: Money) -> Money:
    return Money(Decimal(minor).scaleb(-like.currency.minor_digits), like.currency)


async def _note(tx: DomainTx, payment: CardPayment, news: News) -> None:
    """Keep the facts; each of them only grows."""
    await tx.execute(
        "UPDATE card_payment SET session_id = coalesce(session_id, nullif($3, '')), "
        "intent_id = coalesce(intent_id, nullif($4, '')), reason = CASE WHEN $5 = '' THEN reason ELSE $5 END, "
        "refunded_seen = greatest(refunded_seen, $6) WHERE domain_id = $1 AND payment_id = $2",
        tx.domain_id, payment.id, news.session_id, news.intent_id, news.reason,
        _major(news.refunded_minor, payment.amount).amount)
    back = news.returned
    if back is not None and back.amount_minor > 0:
        await tx.execute(
            "INSERT INTO card_return (gateway_id, domain_id, payment_id, kind, amount, is_undone) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (gateway_id) DO UPDATE "
            "SET is_undone = card_return.is_undone OR EXCLUDED.is_undone "
            "WHERE card_return.domain_id = EXCLUDED.domain_id AND card_return.payment_id = EXCLUDED.payment_id",
            back.gateway_id, tx.domain_id, payment.id, back.kind, _major(back.amount_minor, payment.amount).amount,
            back.is_undone)


async def _settle(tx: DomainTx, payment: CardPayment) -> None:
    if not await accounts.settle_payment(tx, payment.id):
        return
    if payment.way == "auto":
        await automatic.succeeded(tx)
    await notice.tell(tx, "card_receipt", amount=payment.amount)


async def _follow(tx: DomainTx, before: CardPayment, news: News) -> CardPayment:
    """State, returns and letters that follow from all that is known now."""
    payment = await queries.one(tx, before.id, locked=True)
    assert payment is not None
    if not payment.is_posted:
        state = rules.unpaid_state(payment.state, is_failed=news.is_failed, is_over=news.is_over)
        await _to_state(tx, payment, before.state, state, payment.amount)
        if state is State.FAILED and before.state is not State.FAILED and payment.way == "auto":
            await automatic.failed(tx, payment)
    else:
        backs = await queries.backs(tx, payment)
        refunded = rules.refunded_of(payment.amount, payment.refunded_seen, backs)
        target = rules.returned_of(payment.amount, refunded, backs)
        state = rules.paid_state(payment.amount, backs, refunded)
        more = target - payment.returned
        of_dispute = news.returned is not None and news.returned.kind == "dispute"
        await _post_return(tx, payment, more, "card_dispute" if of_dispute else "card_refund")
        await _to_state(tx, payment, before.state, state, more or payment.amount)
        if more.amount > 0 and state is before.state:
            await notice.tell(tx, "card_problem", amount=more, state=PROBLEMS.get(state, PARTLY))
        if news.card is not None and payment.wants_saving:
            await saved.keep(tx, payment, news.card)
    found = await queries.one(tx, before.id)
    assert found is not None
    return found


async def _post_return(tx: DomainTx, payment: CardPayment, more: Money, reason: str) -> None:
    """A correction of the difference: negative for money that went back, positive when it came again."""
    if not more:
        return
    number = payment.return_count + 1
    await tx.execute("UPDATE card_payment SET returned = returned + $3, return_count = $4 "
                     "WHERE domain_id = $1 AND payment_id = $2", tx.domain_id, payment.id, more.amount, number)
    await accounts.correct(tx, key=f"{payment.external_id}:{number}", amount=-more, reason=reason)


async def _to_state(tx: DomainTx, payment: CardPayment, before: State, after: State, amount: Money) -> None:
    if after is not payment.state:
        await tx.execute("UPDATE payment SET state = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, payment.id,
                         after.value)
    if after is before:
        return
    await history.record(tx, "card_payment_changed", "payment", object_id=payment.id, object_name=payment.external_id,
                         changes={"payment_state": (before.value, after.value)})
    if after in PROBLEMS:
        await notice.tell(tx, "card_problem", amount=amount, state=PROBLEMS[after])

