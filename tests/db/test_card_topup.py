"""The saved card and the automatic top-up, as the worker runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.audit import history
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.money import Money
from billing.payments import gateway
from billing.payments.card import jobs, queries, saved, talk
from billing.payments.card.rules import State
from tests.db import billing_factories
from tests.db import card_world as world
from tests.db.factories import STAFF
from tests.stripe_stub import StripeStub

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database"),
              pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")]  # in the stripe package


@pytest.fixture
def stub() -> Iterator[StripeStub]:
    with world.a_gateway() as found:
        yield found


async def facts(actor: Actor) -> queries.CardFacts:
    async with domain_transaction(actor) as tx:
        return await queries.facts(tx)


async def work() -> None:
    """One round of the worker: events, then the sweep that charges."""
    await world.hand_on()
    await jobs.charge_saved_cards({})


async def cross(actor: Actor) -> None:
    """Above the threshold by other money, and down again."""
    await billing_factories.pay(actor, "1000")
    await world.spend(actor, str(await world.balance(actor) - 50))


def charges(stub: StripeStub) -> int:
    return sum(path == "/v1/payment_intents" and method == "POST" for method, path, _form in stub.requests)


@pytest.mark.req("FIN-D15")
async def test_only_references_and_four_digits_are_kept(stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.begin(actor, "500", saves_card=True)
    await world.hear(stub.event("checkout.session.completed", stub.pay(payment.session_id, last4="1881")))
    card = (await facts(actor)).saved
    assert card is not None
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("visa", "1881", 4, 2031)
    assert card.method_id in stub.attached
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT c.*, p.* FROM card_account c JOIN card_payment p USING (domain_id) "
                                "WHERE domain_id = $1", actor.domain_id)
        told = await tx.fetchval("SELECT string_agg(changes::text, '') FROM action_history WHERE domain_id = $1",
                                 actor.domain_id)
    assert "4242424242424242" not in str(row)
    assert card.method_id not in told
    assert "1881" in told


async def test_a_card_is_not_kept_unasked(stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.paid(stub, actor)
    await world.hear(stub.event("charge.succeeded", stub.charge_of(payment.intent_id)))
    assert (await facts(actor)).saved is None
    assert stub.attached == set()


async def test_the_money_is_booked_though_the_card_cannot_be_fetched(stub: StripeStub) -> None:
    actor = await world.a_company()
    payment = await world.begin(actor, "500", saves_card=True)
    body = stub.event("checkout.session.completed", stub.pay(payment.session_id))
    stub.is_away = True
    await world.hear(body)
    assert (await world.balance(actor), (await facts(actor)).saved) == (500, None)
    stub.is_away = False
    await jobs.ask_about_cards({})
    assert (await facts(actor)).saved is not None


@pytest.mark.req("FIN-D15")
async def test_a_removed_card_is_forgotten_here_at_once_and_there_as_soon_as_it_can(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    stub.is_away = True
    async with domain_transaction(actor) as tx:
        await saved.remove(tx)
    known = await facts(actor)
    assert (known.saved, known.threshold) == (None, None)
    await jobs.ask_about_cards({})
    assert len(stub.attached) == 1
    stub.is_away = False
    for _twice in range(2):
        await jobs.ask_about_cards({})
    assert stub.attached == set()
    assert sum(path.endswith("/detach") for _method, path, _form in stub.requests if not stub.is_away) >= 2
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT * FROM card_account WHERE domain_id = $1", actor.domain_id)
    assert row is not None
    assert (row["method_id"], row["customer_id"], row["last4"], row["detach"]) == ("", "", "", [])
    await world.spend(actor, "450")
    await work()
    assert charges(stub) == 0


async def test_a_second_card_takes_the_place_of_the_first(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    first = (await facts(actor)).saved
    await world.paid(stub, actor, "500", saves_card=True)
    second = (await facts(actor)).saved
    assert first is not None
    assert second is not None
    assert first.method_id != second.method_id
    assert first.customer_id == second.customer_id
    await jobs.ask_about_cards({})
    assert stub.attached == {second.method_id}


@pytest.mark.req("FIN-D15")
async def test_one_charge_for_one_way_down(stub: StripeStub) -> None:
    actor = await world.with_card(stub)  # 500, below 100 → 300
    await world.spend(actor, "400")
    await work()
    assert charges(stub) == 0  # the threshold itself is not below it
    await world.spend(actor, "10")
    await world.spend(actor, "5")  # further down is the same way down
    for _repeat in range(3):
        await work()
    assert (charges(stub), await world.balance(actor)) == (1, 385)
    (payment,) = await world.card_payments(actor)
    assert (payment.state, payment.amount) == (State.SUCCEEDED, Money.parse("300"))
    await world.hear(stub.event("payment_intent.succeeded", stub.intents[payment.intent_id]))
    assert await world.balance(actor) == 385
    assert any("300,00" in text for text in await world.letters(actor))


@pytest.mark.req("FIN-D15")
async def test_so_many_a_day_and_again_on_the_next(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    for _time in range(5):
        await cross(actor)
        await work()
    assert charges(stub) == 3
    with clock.at(datetime.now(UTC) + timedelta(days=1)):
        await cross(actor)
        await work()
    assert charges(stub) == 4


@pytest.mark.req("FIN-D15")
async def test_three_failures_in_a_row_switch_it_off_with_a_letter(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    stub.declines = "card_declined"
    for number in range(1, 4):
        await cross(actor)
        await work()
        last = (await world.card_payments(actor))[-1]
        assert (last.state, last.reason) == (State.FAILED, "card_declined")
        for _twice in range(2):  # Stripe tells the failure as well; it is the same one
            await world.hear(stub.event("payment_intent.payment_failed", stub.intents[last.intent_id]))
        assert ((await facts(actor)).threshold is None) is (number == 3)
    off = [text for text in await world.letters(actor) if "втопополнение" in text.splitlines()[0]]
    assert len(off) == 1
    with clock.at(datetime.now(UTC) + timedelta(days=1)):
        await cross(actor)
        await work()
    assert charges(stub) == 3
    async with platform_transaction(STAFF) as tx:
        actions = await tx.fetch("SELECT action FROM action_history WHERE domain_id = $1 AND action LIKE 'auto%'",
                                 actor.domain_id)
    assert [row["action"] for row in actions] == ["auto_topup_changed", "auto_topup_changed"]


async def test_a_success_between_begins_the_count_anew(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    for day, declines in enumerate(("card_declined", "authentication_required", "", "card_declined", "card_declined")):
        stub.declines = declines
        with clock.at(datetime.now(UTC) + timedelta(days=day)):
            await cross(actor)
            await work()
    assert (await facts(actor)).threshold is not None
    assert charges(stub) == 5


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(stub: StripeStub) -> None:
    """Stripe has taken the money, and the worker died before it was written down."""
    actor = await world.with_card(stub)
    await world.spend(actor, "450")
    stub.loses_answers = 2  # the package itself tries twice
    await work()
    (payment,) = await world.card_payments(actor)
    assert (payment.state, await world.balance(actor)) == (State.PENDING, 50)
    await work()  # at once: left alone for a minute
    assert charges(stub) == 2
    with clock.at(datetime.now(UTC) + timedelta(minutes=2)):
        await asyncio.gather(*(jobs.charge_saved_cards({}) for _worker in range(3)))
    assert await world.balance(actor) == 350
    taken = [one for one in stub.intents.values() if one["metadata"].get("payment") == payment.external_id]
    assert len(taken) == 1
    assert await world.postings(actor) == [("payment", Decimal(500)), ("one_off", Decimal(-450)),
                                           ("payment", Decimal(300))]


@pytest.mark.req("FIN-D15")
async def test_a_worker_killed_before_its_commit_charges_once(
        stub: StripeStub, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of the event, and between Stripe's answer and the posting."""
    actor = await world.with_card(stub)
    await world.spend(actor, "450")

    class Killed(BaseException):
        pass

    async def die(*_anything: object, **_more: object) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(history, "record", die)
        await world.hand_on()
    assert await world.card_payments(actor) == []
    await world.hand_on()
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(talk, "apply", die)
        await jobs.charge_saved_cards({})
    assert (charges(stub), await world.balance(actor)) == (1, 50)
    for minutes in (2, 4):
        with clock.at(datetime.now(UTC) + timedelta(minutes=minutes)):
            await work()
    assert (len(stub.charges), await world.balance(actor)) == (2, 350)  # the saving payment and one top-up
    assert len(await world.card_payments(actor)) == 1


async def test_after_a_day_nothing_is_charged_any_more(stub: StripeStub) -> None:
    """The key would be forgotten, so the card could be charged twice."""
    actor = await world.with_card(stub)
    await world.spend(actor, "450")
    stub.is_away = True
    await work()
    stub.is_away = False
    before = charges(stub)
    with clock.at(datetime.now(UTC) + timedelta(hours=21)):
        await jobs.charge_saved_cards({})
    (payment,) = await world.card_payments(actor)
    assert (payment.state, charges(stub)) == (State.CANCELLED, before)


async def test_switched_off_or_topped_up_in_the_meantime_nothing_is_charged(stub: StripeStub) -> None:
    actor, other = await world.with_card(stub), await world.with_card(stub)
    await world.spend(actor, "450")
    await world.spend(other, "450")
    await billing_factories.pay(other, "1000")
    await world.hand_on()
    async with domain_transaction(actor) as tx:
        await saved.switch_off(tx)
    await jobs.charge_saved_cards({})
    assert charges(stub) == 0
    assert [one.state for one in await world.card_payments(actor)] == [State.CANCELLED]
    assert await world.card_payments(other) == []


async def test_a_top_up_by_itself_lifts_the_block(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    await world.spend(actor, "600")
    assert await world.is_blocked(actor)
    await work()
    assert (await world.balance(actor), await world.is_blocked(actor)) == (200, False)


async def test_settings_need_a_card_and_sums_within_bounds(stub: StripeStub) -> None:
    actor = await world.a_company()

    async def set_to(threshold: str, amount: str) -> None:
        async with domain_transaction(actor) as tx:
            await saved.set_automatic(tx, Money.parse(threshold), Money.parse(amount))

    with pytest.raises(Refused):
        await set_to("100", "300")
    await world.paid(stub, actor, saves_card=True)
    for threshold, amount in (("-1", "300"), ("0.001", "300"), ("100", "99.99"), ("100", "100000.01")):
        with pytest.raises(InvalidFields):
            await set_to(threshold, amount)
    assert (await facts(actor)).threshold is None
    await set_to("0", "100")
    assert (await facts(actor)).threshold == Money.parse("0")


async def test_without_keys_nothing_is_tried(stub: StripeStub) -> None:
    actor = await world.with_card(stub)
    await world.spend(actor, "450")
    with gateway.using(None):
        await work()
        await jobs.ask_about_cards({})
        with pytest.raises(Refused):
            talk.gateway_or_refuse()
    assert await world.card_payments(actor) == []
