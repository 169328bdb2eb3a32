"""The end of a financial block while calls hold money: what they hold is not spent on the fees [FIN-D1, FIN-D3]."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.blocks import start_block
from billing.accounts.posting import Operation, Posting
from billing.books.checks import check_books
from billing.holds import service as holds
from billing.payments import jobs, promised
from billing.subscriptions import run
from pbx_provisioning.authorise.question import Allow
from pbx_provisioning.intake.service import take_in
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_tariff
from tests.db.test_overspend import Life

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
EVENING = datetime(2031, 4, 10, 23, 59, 0, tzinfo=MOSCOW)
MIDNIGHT = datetime(2031, 4, 11, 0, 0, 5, tzinfo=MOSCOW)
HELD = Decimal("1.50")  # the first minute of a call; the tests leave too little for a second one


@dataclass
class Talking:
    """10.00 a day in April, 1.50 a minute."""

    company: world.Company
    calls: list[tuple[str, int]]  # channel, hold
    now: datetime = EVENING

    @classmethod
    async def make(cls, money: str, *, fee: int = 300, calls: int = 1, **changes: object) -> Talking:
        with clock.at(EVENING):
            company = await world.a_company(money, tariff_id=await a_tariff(user_monthly=fee), **changes)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE domain_user SET created_at = '2020-01-01' WHERE domain_id = $1", company.id)
            await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
            await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = $1", company.id,
                             EVENING.date())
        made = cls(company, [])
        for _call in range(calls):
            await made.begins_to_talk()
        return made

    async def begins_to_talk(self) -> None:
        uniqueid = world.channel()
        with clock.at(self.now):
            answer = await self.company.authorise(uniqueid=uniqueid)
        assert isinstance(answer, Allow)
        self.calls.append((uniqueid, answer.hold_id))

    async def midnight(self) -> None:
        self.now = MIDNIGHT
        with clock.at(self.now):
            await run.run_until_today()

    async def pay(self, amount: str) -> None:
        self.now += timedelta(minutes=1)
        with clock.at(self.now):
            await world.pay(self.company.actor, amount)

    async def promise(self, amount: str) -> None:
        with clock.at(self.now):
            async with domain_transaction(self.company.actor) as tx:
                await promised.grant(tx, Money.parse(amount))

    async def debit(self, amount: str) -> None:
        with clock.at(self.now):
            async with platform_transaction(STAFF) as tx:
                bound = await tx.enter_domain(self.company.id)
                await accounts.post(bound, Posting(world.channel(), Operation.ONE_OFF, "thing", 1,
                                                   -Money.parse(amount), tx.now))
                await accounts.after_debit(bound)

    async def hangs_up(self, talked: int = 60) -> None:
        """The record of the oldest call; 0: it was never answered. Delivered twice, as nodes do."""
        uniqueid, hold = self.calls.pop(0)
        self.now += timedelta(minutes=1)
        record = world.a_record(self.company, talked=talked, uniqueid=uniqueid, hold=hold,
                                ended=EVENING + timedelta(seconds=talked + 1))
        for _delivery in range(2):
            with clock.at(self.now):
                await take_in(self.company.node_id, [record])

    async def state(self) -> tuple[list[str], Decimal, Decimal]:
        """Blocks, balance, money held."""
        row = await self.company.account()
        assert row is not None
        return await world.blocks(self.company.actor), row["balance"], row["held"]

    async def fees(self) -> list[Decimal]:
        async with domain_transaction(self.company.actor) as tx:
            return [row["amount"] for row in await tx.fetch(
                "SELECT e.amount FROM posting p JOIN entry e ON e.posting_id = p.id AND e.account = 'domain' "
                "WHERE p.domain_id = $1 AND p.kind = 'subscription_fee' ORDER BY p.id", tx.domain_id)]

    async def books_agree(self) -> None:
        async with platform_transaction(STAFF) as tx:
            assert [one for one in await check_books(tx) if one.domain_id == self.company.id] == []


async def blocked_while_it_talks(calls: int = 1) -> Talking:
    """5.00 are not enough for the 10.00 of the 11th; each call holds 1.50."""
    one = await Talking.make("5", calls=calls)
    await one.midnight()
    assert await one.state() == (["financial"], 5, HELD * calls)
    return one


@pytest.mark.req("FIN-D3", "FIN-D1")
async def test_a_payment_that_a_call_would_make_too_small_lifts_the_block_when_the_call_ends() -> None:
    one = await blocked_while_it_talks()
    await one.pay("5")
    assert (await one.state(), await one.fees()) == ((["financial"], 10, HELD), [])
    await one.hangs_up(0)
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])
    await one.books_agree()


@pytest.mark.req("FIN-D3", "FIN-D1")
async def test_what_the_call_costs_is_paid_before_the_fees() -> None:
    one = await blocked_while_it_talks()
    await one.pay("5")
    await one.hangs_up()
    assert (await one.state(), await one.fees()) == ((["financial"], Decimal("8.50"), 0), [])
    await one.pay("1.50")
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])


@pytest.mark.req("FIN-D3")
async def test_a_payment_that_covers_the_call_too_lifts_the_block_at_once() -> None:
    one = await blocked_while_it_talks()
    await one.pay("6.49")
    assert (await one.state())[0] == ["financial"]
    await one.pay("0.01")
    assert (await one.state(), await one.fees()) == (([], HELD, HELD), [-10])
    await one.hangs_up()
    assert await one.state() == ([], 0, 0)
    await one.midnight()  # that day is settled, nothing is charged twice
    assert await one.fees() == [-10]


@pytest.mark.req("FIN-D3")
async def test_of_two_calls_the_one_whose_end_leaves_enough_lifts_the_block() -> None:
    one = await blocked_while_it_talks(calls=2)
    await one.pay("6.50")
    assert await one.state() == (["financial"], Decimal("11.50"), 2 * HELD)
    await one.hangs_up(0)
    assert (await one.state(), await one.fees()) == (([], HELD, HELD), [-10])
    await one.hangs_up()
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])
    await one.books_agree()


@pytest.mark.req("FIN-D3", "FIN-D1")
@pytest.mark.parametrize("how", ["released", "orphan"])
async def test_every_end_of_a_call_counts(how: str) -> None:
    one = await blocked_while_it_talks()
    await one.pay("5")
    assert (await one.state())[0] == ["financial"]
    with clock.at(one.now):
        async with domain_transaction(one.company.actor) as tx:
            end = holds.release if how == "released" else holds.close_orphan
            assert await end(tx, one.calls[0][1])
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])


@pytest.mark.req("FIN-D3")
async def test_the_call_may_end_on_a_later_day_whose_fee_is_charged_then() -> None:
    one = await blocked_while_it_talks()
    await one.pay("5")
    one.now += timedelta(days=1)
    with clock.at(one.now):
        await run.run_until_today()
    await one.hangs_up(0)
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])
    async with domain_transaction(one.company.actor) as tx:
        assert await tx.fetchval("SELECT key FROM posting WHERE domain_id = $1 AND kind = 'subscription_fee'",
                                 tx.domain_id) == "fee:additional_user:2031-04-12"


@pytest.mark.req("FIN-D3", "FIN-39", "FIN-D11")
@pytest.mark.parametrize(("paid", "at_once"), [("1.50", False), ("1.51", True)])
async def test_credit_stays_above_its_limit_with_what_the_call_holds(paid: str, at_once: bool) -> None:
    one = await Talking.make("0", fee=0, calls=0, scheme="credit")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET credit_limit = 1000 WHERE domain_id = $1", one.company.id)
    await one.debit("995")
    await one.begins_to_talk()
    await one.debit("5")
    assert await one.state() == (["financial"], -1000, HELD)
    await one.pay(paid)
    assert (await one.state())[0] == ([] if at_once else ["financial"])
    await one.hangs_up(0)
    assert await one.state() == ([], Decimal(paid) - 1000, 0)


@pytest.mark.req("FIN-30", "FIN-31", "FIN-D10")
async def test_a_promised_payment_has_to_cover_the_calls_too() -> None:
    one = await blocked_while_it_talks()
    await one.debit("45")
    with pytest.raises(InvalidFields):
        await one.promise("51.49")
    assert (await one.state(), await one.fees()) == ((["financial"], -40, HELD), [])
    await one.promise("51.50")
    assert (await one.state(), await one.fees()) == (([], HELD, HELD), [-10])
    await one.hangs_up()
    assert await one.state() == ([], 0, 0)


@pytest.mark.req("FIN-26", "FIN-27", "FIN-D10")
async def test_a_promised_payment_that_expires_during_a_call_blocks_until_money_comes() -> None:
    """Today's fee is paid, so nothing is due; the end of the call is no credit and lifts nothing."""
    one = await Talking.make("55", calls=0)
    one.now -= timedelta(hours=3)  # the call ends on the day whose fee is paid
    await one.promise("50")
    for _day in range(5):
        one.now += timedelta(days=1)
        with clock.at(one.now - timedelta(hours=1)):
            await run.run_until_today()
    await one.debit("1")
    one.now -= timedelta(minutes=1)
    await one.begins_to_talk()
    one.now += timedelta(minutes=1)
    with clock.at(one.now):
        await jobs.promised_payments({})
    blocks, balance, held = await one.state()
    assert (blocks, balance) == (["financial"], 4)
    assert held > 4  # talked on when the promised money was still there
    await one.hangs_up(0)
    assert await one.state() == (["financial"], 4, 0)
    await one.pay("0.01")
    assert await one.state() == ([], Decimal("4.01"), 0)


@pytest.mark.req("FIN-D1", "FIN-D3")
async def test_the_end_of_an_administrative_block_waits_for_the_calls() -> None:
    one = await Talking.make("10")
    with clock.at(one.now):
        async with domain_transaction(one.company.actor) as tx:
            await start_block(tx, "administrative", "asked")
    await one.midnight()
    one.now += timedelta(hours=9)
    with clock.at(one.now):
        async with platform_transaction(STAFF) as tx:
            assert await domains.end_administrative_block(await tx.enter_domain(one.company.id))
    assert (await one.state(), await one.fees()) == ((["financial"], 10, HELD), [])
    await one.hangs_up(0)
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])


@pytest.mark.req("FIN-D3")
async def test_a_debit_meanwhile_keeps_the_block() -> None:
    """The payment waited for the call; a correction took it away again, and the next payment begins anew."""
    one = await blocked_while_it_talks()
    await one.pay("5")
    await one.debit("1")
    await one.hangs_up(0)
    assert (await one.state(), await one.fees()) == ((["financial"], 9, 0), [])
    await one.pay("1")
    assert (await one.state(), await one.fees()) == (([], 0, 0), [-10])


@pytest.mark.req("FIN-D3")
@pytest.mark.parametrize("seed", range(4))
async def test_payments_the_ends_of_calls_and_the_run_at_once_charge_the_day_once(seed: int) -> None:
    """Whoever comes first: 5.00 + 4 × 5.00 − 1.50 for the call that was answered, and 10.00 for the day."""
    one = await blocked_while_it_talks(calls=2)
    one.now += timedelta(minutes=1)
    records = [world.a_record(one.company, talked=talked, uniqueid=uniqueid, hold=hold,
                              ended=EVENING + timedelta(seconds=61))
               for (uniqueid, hold), talked in zip(one.calls, (60, 0), strict=True)]
    with clock.at(one.now):
        work = [world.pay(one.company.actor, "5") for _ in range(4)]
        work += [take_in(one.company.node_id, [record]) for record in (*records, *records)]
        work += [run.run_until_today()]
        random.Random(seed).shuffle(work)
        await asyncio.gather(*work)
    assert (await one.state(), await one.fees()) == (([], Decimal("13.50"), 0), [-10])
    await one.books_agree()


class Nights(Life):
    """Days with fees that the money does not always cover, payments into the block, calls over midnight."""

    async def night(self) -> None:
        self.now = (self.now + timedelta(days=1)).replace(hour=0, minute=0, second=5)
        await self.fees()


@pytest.mark.req("FIN-D1", "FIN-D3")
@pytest.mark.parametrize("seed", range(10))
async def test_no_order_of_blocks_calls_and_payments_ends_below_the_floor(seed: int) -> None:
    chance = random.Random(seed)
    with clock.at(EVENING):
        company = await world.a_company("20", tariff_id=await a_tariff(user_monthly=chance.choice((450, 600)),
                                                                       mgp=chance.choice((0, 0, 12))))
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
        await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = $1", company.id, EVENING.date())
    life = Nights(chance, company, now=EVENING)
    steps = (life.authorise, life.authorise, life.extend, life.end, life.restart, life.top_up, life.top_up, life.top_up,
             life.night, life.night, life.later)
    for _step in range(50):
        await chance.choice(steps)()
        await life.check()
    await life.restart()
    with clock.at(life.now):
        await world.pay(company.actor, "40")
    await life.check()
    assert await world.blocks(company.actor) == []
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == company.id] == []
