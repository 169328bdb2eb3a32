"""The minimum guaranteed payment: debited for the month, used by calls after the minutes and before the balance."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.state import lock
from billing.books.checks import check_books
from billing.holds import service as holds
from billing.payments import promised
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake.service import take_in
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.billing_factories import Company, a_company, a_record, balance, blocks, channel, run_at
from tests.db.factories import STAFF, a_domain, a_tariff, a_version

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
NOON = datetime(2031, 4, 10, 12, 0, tzinfo=MOSCOW)


async def set_account(actor: Actor, what: str, *args: object) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute(f"UPDATE account SET {what} WHERE domain_id = $1", actor.domain_id, *args)


async def billed_through(actor: Actor, day: date) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
    await set_account(actor, "billed_through = $2", day)


async def a_payer(money: str = "1000", *, at: datetime = NOON, mgp: object = 300, **terms: Any) -> Actor:
    """Commercial since `at`'s day on a tariff with a guaranteed payment; nothing of it has been charged."""
    with clock.at(at):
        actor = await a_domain(tariff_id=await a_tariff(mgp=mgp, **terms))
        async with domain_transaction(actor) as tx:
            await accounts.end_block(tx, "financial")
        await billed_through(actor, at.date())
        if Decimal(money):
            await world.pay(actor, money)
    return actor


async def a_caller(bucket: str, *, balance: str = "0", minutes: int = 0, at: datetime = NOON,
                   increment: int = 60) -> Company:
    """1.50 a started minute; so much is in the bucket of the month, bought with a posting as the run makes it."""
    rate = {"prefix": "7", "price": "1.50", "package_applies": True, "first_increment": increment,
            "next_increment": increment}
    with clock.at(at.replace(day=1, hour=0)):
        company = await a_company(tariff_id=await a_tariff(rate, included_minutes=minutes, mgp=bucket))
        await world.pay(company.actor, str(Decimal(bucket) + Decimal(balance)))
    return company


async def left(actor: Actor, moment: datetime) -> Decimal:
    async with domain_transaction(actor) as tx:
        return (await lock(tx)).mgp_left(moment).amount


async def lines(actor: Actor) -> list[tuple[str, str, Decimal]]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT p.kind, p.key, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "AND e.account = 'domain' WHERE p.domain_id = $1 AND p.kind <> 'payment' "
                              "ORDER BY p.id", tx.domain_id)
    return [(row["kind"], row["key"], row["amount"]) for row in rows]


async def a_call(company: Company, talked: float, *, at: datetime = NOON) -> tuple[Any, Allow]:
    """Authorised, answered at once, ended and rated; the journal's row."""
    uniqueid = channel()
    with clock.at(at):
        answer = await company.authorise(uniqueid=uniqueid)
        assert isinstance(answer, Allow)
    record = a_record(company, talked=talked, uniqueid=uniqueid, hold=answer.hold_id,
                      ended=at + timedelta(seconds=talked))
    with clock.at(at + timedelta(seconds=talked)):
        for _repeat in range(2):
            await take_in(company.node_id, [record])
    row = await company.fetchrow("SELECT cost, charge, posting_id, rating FROM call WHERE uniqueid = $1", uniqueid)
    return row, answer


async def assert_books(actor: Actor) -> None:
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == actor.domain_id] == []


@pytest.mark.req("FIN-D4")
async def test_the_first_of_the_month_debits_it_and_fills_the_bucket_once() -> None:
    actor = await a_payer()
    await run_at(datetime(2031, 4, 30, 23, 59, 59, tzinfo=MOSCOW))
    assert await lines(actor) == []
    first = datetime(2031, 5, 1, tzinfo=MOSCOW)
    for _repeat in range(3):
        await run_at(first + timedelta(seconds=5))
    assert await lines(actor) == [("mgp", "mgp:2031-05", Decimal("-300.00"))]
    assert await left(actor, first) == 300
    assert await left(actor, first - timedelta(seconds=1)) == 0
    assert await left(actor, datetime(2031, 6, 1, tzinfo=MOSCOW)) == 0  # the rest expires, also before the run
    await run_at(datetime(2031, 8, 3, tzinfo=MOSCOW))  # days off
    assert [key for _, key, _ in await lines(actor)] == ["mgp:2031-05", "mgp:2031-06", "mgp:2031-07"]
    assert await blocks(actor) == ["financial"]  # 100.00 did not do for August
    assert await left(actor, datetime(2031, 8, 3, tzinfo=MOSCOW)) == 0
    assert await balance(actor) == 100
    await assert_books(actor)


@pytest.mark.req("FIN-D4", "FIN-03")
@pytest.mark.parametrize("scheme", ["credit", "unlimited"])
async def test_other_schemes_have_none(scheme: str) -> None:
    actor = await a_payer()
    await set_account(actor, f"scheme = '{scheme}'")
    await run_at(datetime(2031, 5, 2, tzinfo=MOSCOW))
    assert await lines(actor) == []
    assert await left(actor, datetime(2031, 5, 2, tzinfo=MOSCOW)) == 0


@pytest.mark.req("FIN-D4")
async def test_the_terms_are_those_of_the_version_in_force_on_the_first() -> None:
    actor = await a_payer()
    async with domain_transaction(actor) as tx:
        tariff = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", tx.domain_id)
    await a_version(tariff, mgp=120, valid_from=datetime(2031, 6, 1, tzinfo=MOSCOW))
    await run_at(datetime(2031, 6, 2, tzinfo=MOSCOW))
    assert [amount for _, _, amount in await lines(actor)] == [-300, -120]


@pytest.mark.req("FIN-D4", "FIN-D3")
async def test_one_that_is_not_covered_blocks_and_a_payment_charges_the_rest_of_the_month() -> None:
    """300.00 a month, lifted on 16.06 (15 of 30 days left): 150.00 and a bucket of 150.00."""
    actor = await a_payer("299.99", at=datetime(2031, 5, 20, tzinfo=MOSCOW))
    await run_at(datetime(2031, 6, 1, 0, 0, 5, tzinfo=MOSCOW))
    assert (await lines(actor), await blocks(actor)) == ([], ["financial"])
    lifted = datetime(2031, 6, 16, 9, 30, tzinfo=MOSCOW)
    with clock.at(lifted):
        await world.pay(actor, "0.01")
    assert await lines(actor) == [("mgp", "mgp:2031-06", Decimal("-150.00"))]
    assert (await blocks(actor), await balance(actor)) == ([], 150)
    assert await left(actor, lifted) == 150
    assert await left(actor, lifted - timedelta(seconds=1)) == 0
    await run_at(datetime(2031, 6, 20, tzinfo=MOSCOW))
    assert len(await lines(actor)) == 1
    await assert_books(actor)


@pytest.mark.req("FIN-D4")
async def test_a_month_that_is_caught_up_late_does_not_displace_the_newer_one() -> None:
    """The run stood still over the 1st of May; a payment on 16.06 lifts a block before it goes on."""
    actor = await a_payer("1000", at=datetime(2031, 4, 20, tzinfo=MOSCOW))
    june = datetime(2031, 6, 16, 9, 0, tzinfo=MOSCOW)
    with clock.at(june):
        async with domain_transaction(actor) as tx:
            await accounts.start_block(tx, "financial", "fee")
        await world.pay(actor, "1")
    await run_at(june + timedelta(minutes=1))
    assert [(key, amount) for _, key, amount in await lines(actor)] == [("mgp:2031-06", -150), ("mgp:2031-05", -300)]
    assert (await left(actor, june), await left(actor, june.replace(month=5))) == (150, 300)
    await assert_books(actor)


@pytest.mark.req("FIN-30", "FIN-31", "FIN-D4")
async def test_a_promised_payment_in_the_block_charges_it_too() -> None:
    """As T29 with 600.00 a month and 15 of 30 days left: 299 refused, 300 granted."""
    actor = await a_payer("0", at=datetime(2031, 4, 16, 10, 0, tzinfo=MOSCOW), mgp=600)
    moment = datetime(2031, 4, 16, 16, 2, 52, tzinfo=MOSCOW)
    async with domain_transaction(actor) as tx:
        await accounts.start_block(tx, "financial", "fee")
    with clock.at(moment):
        with pytest.raises(InvalidFields):
            async with domain_transaction(actor) as tx:
                await promised.grant(tx, Money.parse("299"))
        async with domain_transaction(actor) as tx:
            await promised.grant(tx, Money.parse("300"))
    assert [(kind, amount) for kind, _, amount in await lines(actor)] == [("promised_payment", 300), ("mgp", -300)]
    assert (await blocks(actor), await balance(actor), await left(actor, moment)) == ([], 0, 300)


@pytest.mark.req("FIN-D4", "FIN-D2")
@pytest.mark.parametrize("is_covered", [True, False])
async def test_activation_charges_the_share_of_the_month(is_covered: bool) -> None:
    """16.04: 15 of 30 days."""
    moment = datetime(2031, 4, 16, 12, 0, tzinfo=MOSCOW)
    with clock.at(moment):
        actor = await a_domain(commercial=False, tariff_id=(tariff := await a_tariff(mgp="100.01")))
        await world.pay(actor, "50.01" if is_covered else "50.00")
        async with platform_transaction(STAFF) as tx:
            await domains.switch_to_commercial(await tx.enter_domain(actor.domain_id), tariff_id=tariff,
                                               scheme="prepaid")
    if is_covered:
        assert await lines(actor) == [("mgp", "mgp:2031-04", Decimal("-50.01"))]  # 50.005
        assert (await left(actor, moment), await blocks(actor)) == (Decimal("50.01"), [])
    else:
        assert (await lines(actor), await left(actor, moment), await blocks(actor)) == ([], 0, ["financial"])


@pytest.mark.req("FIN-60", "FIN-62", "FIN-D4")
async def test_a_call_uses_minutes_then_the_bucket_then_the_balance() -> None:
    """250 s are five minutes: two of the package, 3.00 of the bucket's 3.50, and then 0.50 and 1.00 of the balance."""
    company = await a_caller("3.50", balance="100", minutes=2)
    call, _ = await a_call(company, 250)
    assert (call["cost"], call["charge"]["package_seconds"], call["charge"]["mgp"]) == (Decimal("4.50"), 120, 3_500_000)
    assert (await lines(company.actor))[-1][2] == Decimal("-1.00")
    assert (await left(company.actor, NOON), await company.balance()) == (0, 99)
    spent = await company.fetchrow("SELECT day, spent FROM mgp_usage WHERE domain_id = $1", company.id)
    assert spent
    assert tuple(spent) == (NOON.date(), Decimal("3.50"))
    await assert_books(company.actor)


@pytest.mark.req("FIN-60", "FIN-61", "FIN-D4")
async def test_a_call_wholly_out_of_the_bucket_is_journalled_with_its_cost_and_posts_nothing() -> None:
    company = await a_caller("10")
    before = await lines(company.actor)
    call, _ = await a_call(company, 55)
    assert (call["cost"], call["posting_id"], call["rating"]) == (Decimal("1.50"), None, "rated")
    assert await lines(company.actor) == before
    assert (await left(company.actor, NOON), await company.balance()) == (Decimal("8.50"), 0)
    unheld = a_record(company, talked=60, ended=NOON + timedelta(minutes=5))  # the panel was away when it began
    await take_in(company.node_id, [unheld])
    assert await left(company.actor, NOON) == 7
    await assert_books(company.actor)


@pytest.mark.req("FIN-60", "FIN-D4")
async def test_of_parallel_calls_the_first_to_end_uses_the_bucket_first() -> None:
    company = await a_caller("3", balance="100")
    with clock.at(NOON):
        long, short = channel(), channel()
        answers = [await company.authorise(uniqueid=one) for one in (long, short)]
    assert all(isinstance(one, Allow) for one in answers)
    for uniqueid, answer, talked in ((short, answers[1], 90), (long, answers[0], 60)):
        assert isinstance(answer, Allow)
        await take_in(company.node_id, [a_record(company, talked=talked, uniqueid=uniqueid, hold=answer.hold_id,
                                                 ended=NOON + timedelta(seconds=talked))])
    assert (await left(company.actor, NOON), await company.balance()) == (0, Decimal("98.50"))
    await assert_books(company.actor)


@pytest.mark.req("FIN-60", "FIN-D4")
async def test_parallel_calls_are_not_promised_the_same_money() -> None:
    """3.00 in the bucket and 1.50 on the balance are three minutes altogether."""
    company = await a_caller("3", balance="1.50")
    with clock.at(NOON):
        answers = [await company.authorise() for _ in range(5)]
        allowed = [one for one in answers if isinstance(one, Allow)]
        assert sum(one.max_seconds for one in allowed) == 180
        assert {one.reason for one in answers if isinstance(one, Deny)} == {"funds"}
        for one in allowed:
            async with domain_transaction(company.actor) as tx:
                assert await holds.extend(tx, one.hold_id, talked_seconds=50) == one.max_seconds


@pytest.mark.req("FIN-D4")
async def test_fees_and_purchases_do_not_use_the_bucket_nor_wait_for_calls_that_do() -> None:
    company = await a_caller("100", balance="5")
    with clock.at(NOON):
        assert isinstance(await company.authorise(), Allow)  # holds 22.50, all of it from the bucket
        with pytest.raises(Refused) as refused:
            async with domain_transaction(company.actor) as tx:
                await accounts.ensure_funds(tx, Money.parse("5.01"))
        assert refused.value.facts["missing"] == "0.01"
        async with domain_transaction(company.actor) as tx:
            await accounts.ensure_funds(tx, Money.parse("5"))


@pytest.mark.req("FIN-D4", "FIN-60")
async def test_a_call_over_the_end_of_the_month_uses_the_bucket_in_which_it_began() -> None:
    """3.00 are left of April's payment when a call of 4.50 goes over midnight: May's bucket stays whole."""
    company = await a_caller("3", balance="100")
    begun = datetime(2031, 4, 30, 23, 59, 30, tzinfo=MOSCOW)
    await billed_through(company.actor, begun.date())
    uniqueid = channel()
    with clock.at(begun):
        answer = await company.authorise(uniqueid=uniqueid)
    assert isinstance(answer, Allow)
    ended = begun + timedelta(seconds=150)
    await run_at(begun + timedelta(seconds=40))
    assert await left(company.actor, ended) == 3
    with clock.at(ended):
        async with domain_transaction(company.actor) as tx:
            assert await holds.extend(tx, answer.hold_id, talked_seconds=149) >= 900
        await take_in(company.node_id, [a_record(company, talked=150, uniqueid=uniqueid, hold=answer.hold_id,
                                                 ended=ended)])
    call = await company.fetchrow("SELECT cost, charge FROM call WHERE uniqueid = $1", uniqueid)
    assert call
    assert (call["cost"], call["charge"]["mgp"]) == (Decimal("4.50"), 3_000_000)
    assert (await left(company.actor, ended), await company.balance()) == (3, Decimal("95.50"))
    await assert_books(company.actor)


@pytest.mark.req("FIN-D4")
async def test_a_call_whose_exchange_went_down_uses_the_bucket() -> None:
    company = await a_caller("2", balance="10")
    with clock.at(NOON):
        answer = await company.authorise()
        assert isinstance(answer, Allow)
        async with domain_transaction(company.actor) as tx:
            await holds.mark_answered(tx, answer.hold_id, channel="x", at=tx.now)
            await tx.execute("UPDATE hold SET seen_at = $2 WHERE id = $1", answer.hold_id,
                             tx.now + timedelta(seconds=100))
        async with domain_transaction(company.actor) as tx:
            assert await holds.close_orphan(tx, answer.hold_id)
    assert (await left(company.actor, NOON), await company.balance()) == (0, 9)
    await assert_books(company.actor)


async def test_the_nightly_check_finds_a_bucket_that_does_not_add_up() -> None:
    company = await a_caller("10")
    await set_account(company.actor, "mgp_left = 9")
    async with platform_transaction(STAFF) as tx:
        found = [(one.what, one.expected, one.found) for one in await check_books(tx)
                 if one.domain_id == company.id]
    await set_account(company.actor, "mgp_left = 10")
    assert found == [("mgp", "10.00", "9.00")]
