"""What was paid at its connection is not due again when a block ends; requests that cross each other [FIN-D3, SVC-D4]."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from billing.accounts.blocks import start_block
from billing.services import channels, counts, service
from billing.tariffs.terms import plan_of
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.billing_factories import blocks, run_at
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service, balance, ledger, settled_through

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MAY_1 = datetime(2031, 5, 1, 9, 0, tzinfo=ZoneInfo("Europe/Moscow"))
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
API = "integration_api"


async def pay(actor: Actor, amount: str, moment: datetime) -> None:
    with clock.at(moment):
        await world.pay(actor, amount)


async def block(actor: Actor, moment: datetime) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            assert await start_block(tx, "financial", "test")


async def switch(actor: Actor, code: str, moment: datetime, *, on: bool) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            assert await (service.connect if on else service.disconnect)(tx, code)


async def fees(actor: Actor, code: str) -> list[tuple[int, Decimal]]:
    return [row[2:] for row in await ledger(actor) if row[:2] == ("subscription_fee", code)]


# --- the end of a block ------------------------------------------------------------------------------


@pytest.mark.req("FIN-D3", "SVC-D7")
async def test_a_month_that_was_paid_at_the_connection_is_not_due_after_a_later_block() -> None:
    """310.00 a month. The 1st is blocked, the service goes in the block and comes back on the 6th: 26 of 31 days are
    paid then, and the blocks of the 10th and the 20th charge nothing more."""
    actor = await a_company(a_service(API, monthly=310, cycle="monthly"), money="700")
    await switch(actor, API, MAY_1 - DAY, on=True)
    await settled_through([actor], MAY_1 - DAY)
    await block(actor, MAY_1 - DAY + HOUR)
    await run_at(MAY_1)
    await switch(actor, API, MAY_1 + 2 * DAY, on=False)
    await pay(actor, "1", MAY_1 + 3 * DAY)
    await switch(actor, API, MAY_1 + 5 * DAY, on=True)
    paid = [(1, Decimal("-10.33")), (1, Decimal(-260))]
    assert (await blocks(actor), await fees(actor, API)) == ([], paid)
    for day in (9, 19):
        await block(actor, MAY_1 + day * DAY)
        await pay(actor, "1", MAY_1 + day * DAY + HOUR)
        assert (await blocks(actor), await fees(actor, API)) == ([], paid)
    with clock.at(MAY_1 + 25 * DAY):
        async with platform_transaction(STAFF) as tx:
            bound = await tx.enter_domain(actor.domain_id)
            await start_block(bound, "administrative", "asked")
            await domains.end_administrative_block(bound)
    assert (await blocks(actor), await fees(actor, API)) == ([], paid)
    await run_at(MAY_1 + 31 * DAY)
    assert (await fees(actor, API))[2:] == [(1, Decimal(-310))]


@pytest.mark.req("FIN-D3", "SVC-32")
async def test_a_day_that_was_paid_at_the_connection_is_not_due_after_a_second_block() -> None:
    actor = await a_company(a_service(API, monthly=310), a_service("base_fee", "user", 31), money="100")
    await world.a_user(actor)
    await switch(actor, API, MAY_1 - DAY, on=True)
    await settled_through([actor], MAY_1 - DAY)
    await block(actor, MAY_1 - 2 * HOUR)
    await run_at(MAY_1 - HOUR)
    await switch(actor, API, MAY_1, on=False)
    await pay(actor, "1", MAY_1 + HOUR)
    await switch(actor, API, MAY_1 + 2 * HOUR, on=True)
    await block(actor, MAY_1 + 3 * HOUR)
    await pay(actor, "1", MAY_1 + 4 * HOUR)
    assert await blocks(actor) == []
    assert (await fees(actor, API))[1:] == [(1, -10)]
    assert await fees(actor, "base_fee") == [(1, -1)]
    await run_at(MAY_1 + DAY)
    assert (await fees(actor, API))[2:] == [(1, -10)]


@pytest.mark.req("FIN-D3", "SVC-D9", "SVC-42")
@pytest.mark.parametrize("cycle", ["daily", "monthly"])
async def test_channels_that_are_lowered_in_the_block_and_raised_after_it(cycle: str) -> None:
    """Four of 310.00 when the month begins, two are left at the end of the block, four again later: each is paid
    once."""
    unit = 10 if cycle == "daily" else 310
    actor = await a_company(a_service(channels.INCOMING, "special", 310, cycle=cycle, included=1), money="5000")
    await set_channels(actor, 5, MAY_1 - DAY)
    before = len(await fees(actor, channels.INCOMING))
    await settled_through([actor], MAY_1 - DAY)
    await block(actor, MAY_1 - 2 * HOUR - DAY)
    await run_at(MAY_1 - HOUR)
    await set_channels(actor, 1, MAY_1)
    await pay(actor, "1", MAY_1 + HOUR)
    assert (await blocks(actor), (await fees(actor, channels.INCOMING))[before:]) == ([], [])
    await set_channels(actor, 5, MAY_1 + 2 * HOUR)
    await block(actor, MAY_1 + 3 * HOUR)
    await set_channels(actor, 3, MAY_1 + 4 * HOUR)
    await pay(actor, "1", MAY_1 + 5 * HOUR)
    await set_channels(actor, 5, MAY_1 + 6 * HOUR)
    assert await blocks(actor) == []
    assert (await fees(actor, channels.INCOMING))[before:] == [(4, -4 * unit), (2, -2 * unit)]


async def set_channels(actor: Actor, number: int, moment: datetime) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            await channels.change(tx, channels.INCOMING, number)


@pytest.mark.req("FIN-D3", "SVC-D10")
async def test_a_service_that_came_back_with_its_instances_has_paid_for_them() -> None:
    """Operators stay while the centre's other service is off; switched on again it is paid for all of them."""
    actor = await a_company(a_service("appeals", "operator", 310), money="100")
    for number in range(2):
        await world.a_user(actor, f"user{number}", str(201 + number), is_operator=True)
    await switch(actor, "appeals", MAY_1 - DAY, on=True)
    await settled_through([actor], MAY_1 - DAY)
    await block(actor, MAY_1 - 2 * HOUR - DAY)
    await run_at(MAY_1 - HOUR)
    await switch(actor, "appeals", MAY_1, on=False)
    await pay(actor, "1", MAY_1 + HOUR)
    await switch(actor, "appeals", MAY_1 + 2 * HOUR, on=True)
    await block(actor, MAY_1 + 3 * HOUR)
    await pay(actor, "1", MAY_1 + 4 * HOUR)
    assert (await fees(actor, "appeals"))[1:] == [(2, -20)]


@pytest.mark.req("SVC-31", "SVC-34", "SVC-D7")
async def test_a_monthly_service_that_goes_and_comes_on_the_last_day() -> None:
    """Nothing is refunded and a connection is paid as any other; the new month is charged once."""
    actor = await a_company(a_service(API, monthly=310, connection=7, cycle="monthly"), money="1000")
    await switch(actor, API, MAY_1 - 11 * DAY, on=True)
    await settled_through([actor], MAY_1 - DAY)
    await switch(actor, API, MAY_1 - DAY, on=False)
    await switch(actor, API, MAY_1 - DAY + HOUR, on=True)
    await run_at(MAY_1)
    await run_at(MAY_1 + DAY)
    assert await fees(actor, API) == [(1, Decimal("-113.67")), (1, Decimal("-10.33")), (1, -310)]
    assert await balance(actor) == 1000 - 2 * 7 - Decimal("113.67") - Decimal("10.33") - 310


@pytest.mark.req("SVC-20")
@pytest.mark.parametrize("seed", range(6))
async def test_the_least_number_of_a_period_is_that_of_a_plain_count(seed: int) -> None:
    """Additions and removals of an hour each, some within one moment, against every period between them."""
    chance, actor = random.Random(seed), await a_company(a_service("base_fee", "user", 30))
    deltas = [(MAY_1 + chance.randrange(8) * HOUR, chance.choice((1, 1, 2, -1))) for _ in range(10)]
    deltas.sort(key=lambda one: (one[0], -one[1]))
    there = 5 + sum(delta for _at, delta in deltas)
    for number in range(there):
        await world.a_user(actor, f"user{number}", str(201 + number))
    async with domain_transaction(actor) as tx:
        for at, delta in deltas:
            await tx.execute("INSERT INTO service_change (domain_id, counted, at, delta) VALUES ($1, '@user', $2, $3)",
                             tx.domain_id, at, delta)
        plan = {tx.domain_id: await plan_of(tx)}
        for since in range(9):
            for until in range(since, 9):
                found = await counts.lines(tx, plan, {tx.domain_id: MAY_1 + until * HOUR},
                                           {tx.domain_id: MAY_1 + since * HOUR})
                least = now = 5 + sum(delta for at, delta in deltas if at < MAY_1 + since * HOUR)
                for at, delta in deltas:
                    if MAY_1 + since * HOUR <= at < MAY_1 + until * HOUR:
                        now += delta
                        least = min(least, now)
                assert found[tx.domain_id]["base_fee"].instances == least, (since, until)


# --- at the same time --------------------------------------------------------------------------------


@pytest.mark.req("SVC-D4", "SVC-31", "SVC-36")
async def test_connecting_and_disconnecting_at_once_leaves_a_pair_for_each_time_that_it_was_on() -> None:
    actor = await a_company(a_service(API, monthly=31, connection=2), money="1000")

    async def one(number: int) -> tuple[bool, bool]:
        async with domain_transaction(actor) as tx:
            on = bool(number % 2)
            return on, await (service.connect if on else service.disconnect)(tx, API)

    done = await asyncio.gather(*(one(number) for number in range(24)))
    times = done.count((True, True))
    async with domain_transaction(actor) as tx:
        is_on = await service.is_on(tx, API)
        rows = await tx.fetch("SELECT connected_at, disconnected_at FROM domain_service WHERE domain_id = $1 "
                              "ORDER BY id", tx.domain_id)
    assert times == done.count((False, True)) + is_on == len(rows) > 0
    kinds = [row[0] for row in await ledger(actor)]
    assert kinds == (["connection", "subscription_fee", "disconnection"] * times)[:len(kinds)]
    assert len(kinds) == 3 * times - is_on
    moments = [moment for row in rows for moment in row if moment is not None]
    assert moments == sorted(moments)
