"""Fees where blocks, trials and late runs meet: each day and month is paid once, and only what is there."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts.blocks import start_block
from billing.accounts.rules import Scheme
from billing.services import service
from billing.subscriptions import run
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake.service import take_in
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.db.services_world import a_company, a_service, balance, ledger, settled_through

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
APRIL_16 = datetime(2031, 4, 16, 10, 0, tzinfo=MOSCOW)
APRIL_30 = datetime(2031, 4, 30, 10, 0, tzinfo=MOSCOW)
DAY = timedelta(days=1)
HUNDRED_A_DAY = a_service("base_fee", "user", 3000)


async def at(moment: datetime) -> None:
    with clock.at(moment):
        await run.run_until_today()


async def pay(actor: Actor, amount: str, moment: datetime) -> None:
    with clock.at(moment):
        await world.pay(actor, amount)


async def connect(actor: Actor, code: str, moment: datetime) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            assert await service.connect(tx, code)


async def blocks(actor: Actor) -> list[str]:
    async with domain_transaction(actor) as tx:
        return [row["kind"] for row in await tx.fetch(
            "SELECT kind FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL", tx.domain_id)]


async def fees(actor: Actor) -> list[tuple[str, Decimal]]:
    return [(service, amount) for kind, service, _quantity, amount in await ledger(actor)
            if kind == "subscription_fee"]


async def blocked_on_the_17th() -> Actor:
    """150.00 and 100.00 a day."""
    actor = await a_company(HUNDRED_A_DAY, money="150")
    await world.a_user(actor)
    await settled_through([actor], APRIL_16 - DAY)
    await at(APRIL_16)
    await at(APRIL_16 + DAY)
    assert (await balance(actor), await blocks(actor)) == (50, ["financial"])
    return actor


@pytest.mark.req("FIN-D2", "FIN-D3", "FIN-D1")
async def test_a_payment_between_midnight_and_the_run_pays_the_day_once() -> None:
    actor, midnight = await blocked_on_the_17th(), APRIL_16.replace(day=18, hour=0)
    await pay(actor, "60", midnight + timedelta(seconds=2))
    assert (await balance(actor), await blocks(actor)) == (10, [])
    await at(midnight + timedelta(seconds=5))
    assert (await balance(actor), await blocks(actor)) == (10, [])


@pytest.mark.req("FIN-D1")
async def test_a_run_that_comes_after_the_block_leaves_its_days_free() -> None:
    actor = await blocked_on_the_17th()
    await pay(actor, "1000", APRIL_16 + 3 * DAY)  # the run stood still on the 18th and the 19th
    assert await balance(actor) == 950
    await at(APRIL_16 + 3 * DAY + timedelta(hours=1))
    assert await balance(actor) == 950
    await at(APRIL_16 + 4 * DAY)
    assert await balance(actor) == 850


@pytest.mark.req("FIN-D3", "SVC-35")
async def test_a_service_given_up_in_the_block_is_not_charged_at_its_end() -> None:
    actor = await a_company(a_service("integration_api", monthly=310, cycle="monthly"), a_service("reminders", monthly=62),
                            a_service("base_fee", "user", 31), money="100")
    await world.a_user(actor)
    for code in ("integration_api", "reminders"):
        await connect(actor, code, APRIL_30)  # 10.33 and 2.07
    await settled_through([actor], APRIL_30)
    await at(APRIL_30 + DAY)
    assert await blocks(actor) == ["financial"]
    with clock.at(APRIL_30 + 3 * DAY):
        async with domain_transaction(actor) as tx:
            for code in ("integration_api", "reminders"):
                assert await service.disconnect(tx, code)
    await pay(actor, "10", APRIL_30 + 3 * DAY + timedelta(hours=1))
    assert (await blocks(actor), (await fees(actor))[2:]) == ([], [("base_fee", -1)])


@pytest.mark.req("ACC-D3", "FIN-D3", "FIN-D2")
async def test_what_was_connected_in_the_trial_is_paid_when_the_block_of_the_first_day_ends() -> None:
    services = (a_service("integration_api", monthly=300, cycle="monthly"), HUNDRED_A_DAY, a_service("reminders", monthly=60))
    tariff = await a_tariff(services=services)
    with clock.at(APRIL_16 - 3 * DAY):
        actor = await a_domain(tariff_id=tariff, commercial=False)
        await world.a_user(actor)
    await connect(actor, "integration_api", APRIL_16 - 3 * DAY)
    await connect(actor, "reminders", APRIL_16 - timedelta(hours=1))
    with clock.at(APRIL_16):
        async with platform_transaction(STAFF) as tx:
            await domains.switch_to_commercial(await tx.enter_domain(actor.domain_id), tariff_id=tariff,
                                               scheme="prepaid")
    assert await blocks(actor) == ["financial"]
    await pay(actor, "1000", APRIL_16 + timedelta(hours=1))
    assert sorted((await fees(actor))[2:]) == [("base_fee", -100), ("integration_api", -150), ("reminders", -2)]
    await at(APRIL_16 + timedelta(hours=2))
    assert (await balance(actor), await blocks(actor)) == (748, [])


@pytest.mark.req("FIN-D1", "ACC-D3")
async def test_the_first_day_on_credit_is_charged_before_it_blocks() -> None:
    """Without a limit 0.00 is the floor: the fee is posted, the balance is below it; a limit ends the block."""
    tariff = await a_tariff(services=(HUNDRED_A_DAY,))
    with clock.at(APRIL_16):
        actor = await a_domain(tariff_id=tariff, commercial=False)
        await world.a_user(actor)
        async with platform_transaction(STAFF) as tx:
            bound = await tx.enter_domain(actor.domain_id)
            await domains.switch_to_commercial(bound, tariff_id=tariff, scheme="credit")
        assert (await balance(actor), await blocks(actor)) == (-100, ["financial"])
        async with platform_transaction(STAFF) as tx:
            await domains.change_terms(await tx.enter_domain(actor.domain_id), scheme=Scheme.CREDIT,
                                       credit_limit=Money.parse("1000"))
    assert (await balance(actor), await blocks(actor)) == (-100, [])


@pytest.mark.req("FIN-D1", "FIN-D2")
@pytest.mark.parametrize(("money", "left", "block"), [("1500", 1200, []), ("299", 299, ["financial"])])
async def test_the_end_of_an_administrative_block_charges_the_rest_of_the_month(money: str, left: int,
                                                                                block: list[str]) -> None:
    """310.00 on the 1st were not charged; on the 2nd of May 30 of 31 days are left."""
    actor = await a_company(a_service("base_fee", "user", 310, cycle="monthly"), money=money)
    await world.a_user(actor)
    await settled_through([actor], APRIL_30)
    with clock.at(APRIL_30):
        async with domain_transaction(actor) as tx:
            await start_block(tx, "administrative", "asked")
    await at(APRIL_30 + DAY)
    assert await fees(actor) == []
    with clock.at(APRIL_30 + 2 * DAY):
        async with platform_transaction(STAFF) as tx:
            bound = await tx.enter_domain(actor.domain_id)
            assert await domains.end_administrative_block(bound)
            assert not await domains.end_administrative_block(bound)
    await at(APRIL_30 + 3 * DAY)
    assert (await balance(actor), await blocks(actor)) == (left, block)


@pytest.mark.req("FIN-59")
@pytest.mark.parametrize("money", ["9.99", "10.00", "25.00"])
async def test_a_call_that_is_answered_in_a_dearer_band_costs_no_more_than_there_is(money: str) -> None:
    """Set up at 07:59:50 at 1.00 a minute, answered at 08:00:05 at 10.00."""
    tariff = await a_tariff({"prefix": "7", "price": Decimal(1), "weekdays": "1234567", "start_minute": 0,
                             "end_minute": 480}, {"prefix": "7", "price": Decimal(10)})
    company = await world.a_company(money, tariff_id=tariff)
    set_up, uniqueid = APRIL_16.replace(hour=7, minute=59, second=50), world.channel()
    with clock.at(set_up):
        answer = await company.authorise(uniqueid=uniqueid)
    if Decimal(money) < 10:
        assert answer == Deny("funds")
        return
    assert isinstance(answer, Allow)
    ended = set_up + timedelta(seconds=15 + answer.max_seconds)
    with clock.at(ended):
        await take_in(company.node_id, [world.a_record(company, talked=answer.max_seconds, uniqueid=uniqueid,
                                                       hold=answer.hold_id, ended=ended)])
    assert await company.balance() == Decimal(money) - 10 * (answer.max_seconds // 60) >= 0
