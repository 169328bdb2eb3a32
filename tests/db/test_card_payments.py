"""Card payments from the amount to the posting, with Stripe's API on a local port."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.money import Money
from billing.books.checks import check_books
from billing.payments import promised
from billing.payments.card import jobs, notice, service, talk
from billing.payments.card.rules import State
from billing.payments.gateway import News
from tests.db import card_world as world
from tests.db.factories import STAFF
from tests.stripe_stub import KEY, WEBHOOK_SECRET, StripeStub

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database"),
              pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]  # in the stripe package


@pytest.fixture
def stub() -> Iterator[StripeStub]:
    with world.a_gateway() as found:
        yield found


@pytest.mark.req("FIN-28", "FIN-D9", "FIN-D15")
async def test_only_the_payment_that_succeeded_closes_a_promised_one(stub: StripeStub) -> None:
    """T36."""
    actor = await world.a_company()

    async def ask() -> None:
        async with domain_transaction(actor) as tx:
            await promised.grant(tx, Money.parse("500"))

    await ask()
    payment = await world.begin(actor, "500")
    with pytest.raises(Refused, match=r"promised payment of|обещанный плат"):
        await ask()
    assert await world.balance(actor) == 500
    await world.hear(stub.event("checkout.session.completed", stub.pay(payment.session_id)))
    assert await world.balance(actor) == 1000
    await ask()
    assert await world.balance(actor) == 1500


@pytest.mark.req("FIN-D15")
@pytest.mark.parametrize(("amount", "field"), [("99.99", "card_amount"), ("100000.01", "card_amount"),
                                               ("100.001", "card_amount"), ("-100", "card_amount")])
async def test_amounts_out_of_bounds_begin_nothing(stub: StripeStub, amount: str, field: str) -> None:
    actor = await world.a_company()
    with pytest.raises(InvalidFields) as wrong:
        await world.begin(actor, amount)
    assert list(wrong.value.fields) == [field]
    assert await world.card_payments(actor, "checkout") == []
    assert stub.requests == []


@pytest.mark.req("FIN-D15")
async def test_both_bounds_are_allowed_but_not_in_trial(stub: StripeStub) -> None:
    actor = await world.a_company()
    for amount in ("100", "100000"):
        assert (await world.begin(actor, amount)).state is State.PENDING
    trial = await world.a_company(commercial=False)
    with pytest.raises(Refused):
        await world.begin(trial)
    assert [json.loads(form["line_items[0][price_data][unit_amount]"]) for _method, _path, form in stub.requests] \
        == [10_000, 10_000_000]


@pytest.mark.req("FIN-D7", "FIN-D15")
async def test_a_payment_lifts_the_block_and_a_refund_brings_it_back(stub: StripeStub) -> None:
    actor = await world.a_company()
    await world.spend(actor, "300")
    assert await world.is_blocked(actor)
    payment = await world.paid(stub, actor, "500")
    assert (payment.state, await world.balance(actor), await world.is_blocked(actor)) == (State.SUCCEEDED, 200, False)
    refund = stub.refund(payment.intent_id, 30_000)
    await world.hear(stub.event("refund.created", refund))
    assert await world.balance(actor) == -100
    assert await world.is_blocked(actor)
    assert (await world.known(actor, payment.id)).state is State.SUCCEEDED  # a part of it
    letters = await world.letters(actor)
    assert any("500,00" in text and "платёж получен" in text for text in letters)
    assert any("300,00" in text and "частично" in text for text in letters)


@pytest.mark.req("FIN-D7", "FIN-D15")
async def test_every_order_and_repetition_of_the_events_comes_to_the_same(stub: StripeStub) -> None:
    """One payment of 500, refunds of 100 and 150, told by five kinds of events, some of them old by then."""
    for order in itertools.islice(itertools.permutations(range(6)), 0, 720, 31):
        actor = await world.a_company()
        payment = await world.begin(actor, "500")
        session = stub.pay(payment.session_id)
        intent = stub.intents[session["payment_intent"]]
        events = [stub.event("checkout.session.completed", session), stub.event("payment_intent.succeeded", intent),
                  stub.event("refund.created", stub.refund(intent["id"], 10_000))]
        events.append(stub.event("charge.refunded", stub.charge_of(intent["id"])))
        events.append(stub.event("refund.updated", stub.refund(intent["id"], 15_000)))
        events.append(stub.event("charge.refunded", stub.charge_of(intent["id"])))
        for place in (*order, *reversed(order)):
            await world.hear(events[place])
        assert await world.balance(actor) == 250, order
        lines = await world.postings(actor)
        assert [line for line in lines if line[0] == "payment"] == [("payment", Decimal(500))], order
        assert sum(amount for _kind, amount in lines) == 250, order
        receipts = [text for text in await world.letters(actor) if "платёж получен" in text]
        assert len(receipts) == 1, order


@pytest.mark.req("FIN-D7")
async def test_duplicates_in_parallel_post_once(stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    session = stub.pay(payment.session_id)
    body = stub.event("checkout.session.completed", session)
    other = stub.event("payment_intent.succeeded", stub.intents[session["payment_intent"]])
    back = stub.event("refund.created", stub.refund(session["payment_intent"], 20_000))
    await asyncio.gather(*(world.hear(one) for one in (body, other, back) for _twice in range(4)))
    assert await world.postings(actor) == [("payment", Decimal(500)), ("correction", Decimal(-200))]
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == actor.domain_id] == []


@pytest.mark.req("FIN-D7", "FIN-D15")
async def test_a_full_refund_a_failed_refund_and_disputes(stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.paid(stub, actor, "500")
    refund = stub.refund(payment.intent_id, 50_000)
    await world.hear(stub.event("charge.refunded", stub.charge_of(payment.intent_id)))
    assert ((await world.known(actor, payment.id)).state, await world.balance(actor)) == (State.REFUNDED, 0)
    await world.hear(stub.event("refund.failed", refund | {"status": "failed"}))  # the card's bank sent it back
    assert ((await world.known(actor, payment.id)).state, await world.balance(actor)) == (State.SUCCEEDED, 500)
    await world.hear(stub.event("charge.dispute.created", stub.dispute(payment.intent_id, 50_000,
                                                                      "warning_needs_response")))
    assert await world.balance(actor) == 500  # an inquiry takes nothing
    dispute = stub.dispute(payment.intent_id, 50_000)
    for kind in ("charge.dispute.created", "charge.dispute.funds_withdrawn"):
        await world.hear(stub.event(kind, dispute))
    assert ((await world.known(actor, payment.id)).state, await world.balance(actor)) == (State.DISPUTED, 0)
    await world.hear(stub.event("charge.dispute.closed", dispute | {"status": "won"}))
    await world.hear(stub.event("charge.dispute.created", dispute))  # late
    assert ((await world.known(actor, payment.id)).state, await world.balance(actor)) == (State.SUCCEEDED, 500)
    assert [amount for _kind, amount in await world.postings(actor)] == [500, -500, 500, -500, 500]
    problems = [text.splitlines()[0] for text in await world.letters(actor) if " — " in text.splitlines()[0]]
    assert len(problems) == 2


async def test_never_more_is_taken_back_than_came_in(stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.paid(stub, actor, "500")
    await world.hear(stub.event("refund.created", stub.refund(payment.intent_id, 30_000)))
    await world.hear(stub.event("charge.dispute.created", stub.dispute(payment.intent_id, 50_000)))
    assert await world.balance(actor) == 0


@pytest.mark.req("FIN-D15")
async def test_news_that_contradict_the_payment_credit_nobody(stub: StripeStub) -> None:
    actor, other = await world.a_company(), await world.a_company()
    payment, theirs = await world.begin(actor, "500"), await world.begin(other, "700")
    session = dict(stub.pay(payment.session_id))
    marks = session["metadata"]
    for wrong in (
        {"amount_total": 50_001}, {"amount_total": 49_999}, {"amount_total": 5_000_000}, {"amount_total": None},
        {"currency": "usd"}, {"currency": None}, {"metadata": marks | {"domain": str(other.domain_id)}},
        {"metadata": marks | {"payment": theirs.external_id}}, {"metadata": marks | {"payment": "card:unknown"}},
        {"id": "cs_test_another"}, {"payment_status": "unpaid"}, {"payment_status": "no_payment_required"},
    ):
        await world.hear(stub.event("checkout.session.completed", session | wrong))
        assert (await world.balance(actor), await world.balance(other)) == (0, 0), wrong
    # one payment's money does not pay another, whatever is put together
    await world.hear(stub.event("checkout.session.completed", session))
    await world.hear(stub.event("payment_intent.succeeded", stub.intents[session["payment_intent"]] | {
        "metadata": {"payment": theirs.external_id, "domain": str(other.domain_id)}, "amount": 70_000,
        "amount_received": 70_000}))
    assert (await world.balance(actor), await world.balance(other)) == (500, 0)


async def test_strange_objects_are_borne(stub: StripeStub) -> None:
    for thing in ({"object": "customer", "id": "cus_1"}, {"object": "refund", "id": "re_1"}, {"object": "payment_intent"},
                  {"object": "charge", "id": 5, "metadata": [1]}, {"object": "dispute", "id": "du", "amount": "x"}, {}):
        await world.hear(stub.event("something.new", thing))
    body = b'{"type": "x", "data": {"object": [1]}}'
    await world.hear(body)
    await world.hear(b"[]")
    await world.hear(stub.event("refund.created", {"object": "refund", "id": "re_foreign", "amount": 100,
                                                   "currency": "rub", "payment_intent": "pi_foreign", "status":
                                                   "succeeded"}))


async def test_a_refund_before_the_success_is_asked_about(stub: StripeStub) -> None:
    """No event of the payment itself has come: its intent is unknown here, so Stripe is asked whose it is."""
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    session = stub.pay(payment.session_id)
    await world.hear(stub.event("refund.created", stub.refund(session["payment_intent"], 10_000)))
    assert await world.balance(actor) == 400
    await world.hear(stub.event("checkout.session.completed", session))
    assert await world.postings(actor) == [("payment", Decimal(500)), ("correction", Decimal(-100))]


async def test_an_event_before_the_sessions_answer_finds_its_payment(stub: StripeStub) -> None:
    """Stripe has carried the order out, its answer is lost, the person paid; then our process died."""
    actor = await world.a_company()
    async with domain_transaction(actor) as tx:
        payment = await service.begin(tx, Money.parse("500"))
    stub.loses_answers = 2  # the package tries twice
    with pytest.raises(talk.CardUnavailable):
        await talk.open_page(world.current(), payment)
    assert (await world.known(actor, payment.id)).session_id == ""
    (session_id,) = stub.sessions  # the second try was the same order
    await world.hear(stub.event("checkout.session.completed", stub.pay(session_id)))
    found = await world.known(actor, payment.id)
    assert (found.state, found.session_id, await world.balance(actor)) == (State.SUCCEEDED, session_id, 500)


async def test_the_sweep_finds_a_session_whose_answer_was_lost(stub: StripeStub) -> None:
    actor = await world.a_company()
    async with domain_transaction(actor) as tx:
        payment = await service.begin(tx, Money.parse("500"))
    stub.loses_answers = 2
    with pytest.raises(talk.CardUnavailable):
        await talk.open_page(world.current(), payment)
    (session_id,) = stub.sessions
    stub.pay(session_id)
    with clock.at(datetime.now(UTC) + timedelta(minutes=6)):
        await jobs.ask_about_cards({})
    found = await world.known(actor, payment.id)
    assert (found.state, found.session_id, await world.balance(actor)) == (State.SUCCEEDED, session_id, 500)
    ours = stub.sessions[session_id]["metadata"]  # the sweep asks about payments of other tests, too
    assert [key for key, one in stub.sessions.items() if one["metadata"] == ours] == [session_id]


@pytest.mark.req("FIN-D15")
async def test_expired_pages_are_cancelled_by_event_and_by_sweep(stub: StripeStub) -> None:
    actor = await world.a_company()
    told, silent, away = [await world.begin(actor, amount) for amount in ("500", "600", "700")]
    await world.hear(stub.event("checkout.session.expired", stub.expire(told.session_id)))
    stub.expire(silent.session_id)
    stub.is_away = True
    with clock.at(datetime.now(UTC) + timedelta(minutes=6)):
        await jobs.ask_about_cards({})
    assert (await world.known(actor, silent.id)).state is State.PENDING  # nothing is known
    stub.is_away = False
    with clock.at(datetime.now(UTC) + timedelta(minutes=75)):
        await jobs.ask_about_cards({})
    states = [(await world.known(actor, one.id)).state for one in (told, silent, away)]
    assert states == [State.CANCELLED, State.CANCELLED, State.PENDING]  # the last page is open as far as Stripe says
    assert await world.letters(actor) == []


@pytest.mark.req("FIN-D15")
async def test_a_failure_is_told_once_and_does_not_stop_a_later_success(stub: StripeStub) -> None:
    """On Stripe's page a person may try another card after the first was declined."""
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    failed = {"id": "pi_first", "object": "payment_intent", "amount": 50_000, "currency": "rub",
              "status": "requires_payment_method", "metadata": stub.sessions[payment.session_id]["metadata"],
              "last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds"}}
    for _twice in range(2):
        await world.hear(stub.event("payment_intent.payment_failed", failed))
    found = await world.known(actor, payment.id)
    assert (found.state, found.reason, await world.balance(actor)) == (State.FAILED, "insufficient_funds", 0)
    assert len(await world.letters(actor)) == 1
    session = stub.pay(payment.session_id)
    stub.intents["pi_first"] = stub.intents[session["payment_intent"]] | {"id": "pi_first"}
    await world.hear(stub.event("payment_intent.succeeded", stub.intents["pi_first"]))
    assert ((await world.known(actor, payment.id)).state, await world.balance(actor)) == (State.SUCCEEDED, 500)


async def test_dying_between_stripes_answer_and_our_commit_costs_nothing(
        stub: StripeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    body = stub.event("checkout.session.completed", stub.pay(payment.session_id))

    class Killed(BaseException):
        pass

    async def die(*_anything: object, **_more: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(notice, "tell", die)  # everything is written, nothing committed
        await world.hear(body)
    assert ((await world.known(actor, payment.id)).state, await world.balance(actor)) == (State.PENDING, 0)
    await world.hear(body)
    await world.hear(body)
    assert await world.postings(actor) == [("payment", Decimal(500))]


_KILLED = """
import asyncio, os, signal, sys
from app.kernel.db import DB
from billing.payments import gateway
from billing.payments.card import notice, talk
from billing.payments.gateway_stripe import StripeGateway

async def die(*_anything, **_more):
    os.kill(os.getpid(), signal.SIGKILL)

async def main(url, key, secret, session_id):
    await DB.open(size=2)
    notice.tell = die  # everything is written, nothing committed
    known = StripeGateway(key, secret, url)
    await talk.apply(await known.ask_session(session_id))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.req("FIN-D7")
async def test_a_process_killed_between_stripes_answer_and_the_commit(stub: StripeStub) -> None:
    """SIGKILL, no clean-up of any kind."""
    actor = await world.a_company()
    payment = await world.begin(actor, "500")
    session = stub.pay(payment.session_id)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED, stub.url, KEY, WEBHOOK_SECRET, payment.session_id)
    assert await child.wait() == -signal.SIGKILL
    assert ((await world.known(actor, payment.id)).state, await world.postings(actor)) == (State.PENDING, [])
    for _twice in range(2):
        await world.hear(stub.event("checkout.session.completed", session))
    assert await world.postings(actor) == [("payment", Decimal(500))]
    assert len([text for text in await world.letters(actor) if "платёж получен" in text]) == 1


async def test_a_domain_itself_settles_nothing() -> None:
    """Whatever the cabinet's role is made to run."""
    actor = await world.a_company()
    payment = ("INSERT INTO payment (domain_id, external_id, kind, state, amount, at) "
               "VALUES ($1, $2, 'card', $3, 500, now())")
    async with domain_transaction(actor) as tx:
        await tx.execute(payment, tx.domain_id, f"card:own{tx.domain_id}", "pending")
    for forbidden in ("succeeded", "refunded"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with domain_transaction(actor) as tx:
                await tx.execute(payment, tx.domain_id, f"card:forged{tx.domain_id}", forbidden)
    for sql in ("UPDATE payment SET state = 'succeeded' WHERE domain_id = $1",
                "UPDATE card_payment SET intent_id = 'pi' WHERE domain_id = $1",
                "INSERT INTO card_return (gateway_id, domain_id, payment_id, kind, amount) SELECT 'x', $1, id, 'refund', "
                "1 FROM payment WHERE domain_id = $1",
                "INSERT INTO payment (domain_id, external_id, kind, amount, at) VALUES ($1, 'b', 'bank', 5, now())"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with domain_transaction(actor) as tx:
                await tx.execute(sql, tx.domain_id)
    async with domain_transaction(actor) as tx:
        assert await tx.execute("UPDATE payment SET posting_id = 1 WHERE domain_id = $1", tx.domain_id) == "UPDATE 0"


async def test_too_many_begun_payments_are_refused(stub: StripeStub) -> None:
    actor = await world.a_company()
    for _number in range(10):
        await world.begin(actor)
    with pytest.raises(Refused, match=r"Too many|Слишком много"):
        await world.begin(actor)


async def test_unknown_news_change_nothing() -> None:
    async with platform_transaction(STAFF) as tx:
        assert await service.take_news(tx, News()) is None
        assert await service.take_news(tx, News(intent_id="pi_nobody", is_paid=True, amount_minor=1,
                                                currency="RUB")) is None
