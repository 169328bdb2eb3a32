"""Other terms inside a month: the days before cost by the old ones, the days after by the new ones, none twice."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from billing.accounts.blocks import end_block, start_block
from billing.books.checks import check_books
from billing.services import service
from billing.tariffs.plan import Level
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.billing_factories import blocks, run_at
from tests.db.factories import STAFF, a_domain, a_tariff, a_version
from tests.db.services_world import a_service, balance, settled_through

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
API = "integration_api"
BEFORE = datetime(2031, 3, 31, 12, 0, tzinfo=MOSCOW)
MAY = datetime(2031, 5, 1, 1, 0, tzinfo=MOSCOW)


def april(day: int, hour: int = 0) -> datetime:
    return datetime(2031, 4, day, hour, tzinfo=MOSCOW)


async def a_payer(*services: dict, users: int = 1, money: str = "1000", **terms: Any) -> tuple[Actor, int]:
    """Commercial for long, settled until the 31st of March; and its tariff."""
    tariff = await a_tariff(services=services, **terms)
    actor = await a_domain(tariff_id=tariff)
    for number in range(users):
        await world.a_user(actor, f"user{number}", str(201 + number))
    async with domain_transaction(actor) as tx:
        await end_block(tx, "financial")  # it could not pay its guaranteed payment at the contract
    await settled_through([actor], BEFORE)
    if Decimal(money):
        with clock.at(BEFORE):
            await world.pay(actor, money)
    return actor, tariff


async def lines(actor: Actor) -> list[tuple[int, int, Decimal]]:
    """(day of April, quantity, amount) of the subscription fees."""
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch(
            "SELECT extract(day FROM p.at AT TIME ZONE 'Europe/Moscow')::int AS day, p.quantity::int AS quantity, "
            "e.amount FROM posting p JOIN entry e ON e.posting_id = p.id AND e.account = 'domain' "
            "WHERE p.domain_id = $1 AND p.kind = 'subscription_fee' AND p.at < $2 ORDER BY p.id", tx.domain_id,
            datetime(2031, 5, 1, tzinfo=MOSCOW))
    return [tuple(row) for row in rows]


async def change_tariff(actor: Actor, tariff: int, moment: datetime) -> None:
    with clock.at(moment):
        async with platform_transaction(STAFF) as tx:
            await domains.change_tariff(await tx.enter_domain(actor.domain_id), tariff)


async def run_each_day(first: int, last: int) -> None:
    for day in range(first, last + 1):
        await run_at(april(day, 1))


async def pay(actor: Actor, amount: str, moment: datetime) -> None:
    with clock.at(moment):
        await world.pay(actor, amount)


async def spent(actor: Actor, money: str = "1000") -> Decimal:
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == actor.domain_id] == []
    return Decimal(money) - await balance(actor)


# --- another version of the tariff -------------------------------------------------------------------


@pytest.mark.req("FIN-04", "FIN-D2")
@pytest.mark.parametrize("is_late", [False, True])
async def test_a_fee_that_becomes_monthly_charges_the_rest_of_the_month(is_late: bool) -> None:
    """30.00 a month: 19 days at 1.00, and 60.00 for 11 of 30 days."""
    actor, tariff = await a_payer(user_monthly=30)
    await a_version(tariff, valid_from=april(20), user_monthly=60, fee_cycle="monthly")
    if not is_late:
        await run_each_day(1, 30)
    await run_at(april(30, 23))
    assert await lines(actor) == [(day, 1, -1) for day in range(1, 20)] + [(20, 1, -22)]
    assert await spent(actor) == 19 + 22
    await run_at(MAY)
    assert await spent(actor) == 41 + 60


@pytest.mark.req("FIN-04", "FIN-D2")
@pytest.mark.parametrize("is_late", [False, True])
async def test_a_fee_that_becomes_daily_gives_back_the_rest_of_the_month(is_late: bool) -> None:
    """60.00 for April; from the 20th on 11 days of 30 are given back and each costs 1.00."""
    actor, tariff = await a_payer(user_monthly=60, fee_cycle="monthly", users=2)
    await a_version(tariff, valid_from=april(20), user_monthly=30)
    if not is_late:
        await run_each_day(1, 30)
    await run_at(april(30, 23))
    assert sorted(await lines(actor)) == sorted([(1, 2, -120), (20, -2, 44)] + [(day, 2, -2) for day in range(20, 31)])
    assert await spent(actor) == 120 - 44 + 22
    await run_at(MAY)
    assert await spent(actor) == 98 + Decimal("1.94")


@pytest.mark.req("FIN-04", "FIN-D2")
async def test_a_fee_that_changes_its_cycle_again_and_again_costs_each_day_once() -> None:
    """30.00 a month all the time: April costs 30.00."""
    actor, tariff = await a_payer(user_monthly=30, fee_cycle="monthly")
    for day, cycle in ((6, "daily"), (11, "monthly"), (16, "daily"), (26, "monthly")):
        await a_version(tariff, valid_from=april(day), user_monthly=30, fee_cycle=cycle)
    await run_each_day(1, 30)
    assert await spent(actor) == 30
    await run_at(MAY)
    assert await spent(actor) == 60


@pytest.mark.req("FIN-D2")
async def test_another_price_by_the_month_counts_from_its_day() -> None:
    """Three users of which one was included until the 15th: 20 days at 30.00 or 10 at 60.00 as by the day."""
    costs = []
    for cycle in ("daily", "monthly"):
        actor, tariff = await a_payer(user_monthly=30, included_users=1, fee_cycle=cycle, users=3)
        await a_version(tariff, valid_from=april(16), user_monthly=60, fee_cycle=cycle)
        await a_version(tariff, valid_from=april(21), user_monthly=60, fee_cycle=cycle)  # the same terms
        await run_each_day(1, 30)
        costs.append(await spent(actor))
    assert costs == [30 + 90, 30 + 90]


@pytest.mark.req("FIN-D2")
async def test_a_price_that_the_tariff_did_not_have_is_charged_for_the_rest_of_the_month() -> None:
    actor, tariff = await a_payer(users=2)
    await a_version(tariff, valid_from=april(16), services=[a_service("base_fee", "user", 30, cycle="monthly")])
    await run_each_day(1, 30)
    assert await lines(actor) == [(16, 2, -30)]


@pytest.mark.req("FIN-D2", "SVC-31")
async def test_what_was_connected_inside_the_month_is_given_back_too() -> None:
    """The API by the month from the 11th: 20.00 of 30.00; by the day from the 21st: 10.00 back, 1.00 a day."""
    actor, tariff = await a_payer(a_service(API, monthly=30, cycle="monthly"))
    await run_each_day(1, 11)
    with clock.at(april(11, 9)):
        async with domain_transaction(actor) as tx:
            await service.connect(tx, API)
    await a_version(tariff, valid_from=april(21), services=[a_service(API, monthly=30)])
    await run_each_day(12, 30)
    assert await lines(actor) == [(11, 1, -20), (21, 1, -1), (21, -1, 10)] + [(day, 1, -1) for day in range(22, 31)]
    assert await spent(actor) == 20


@pytest.mark.req("FIN-D2", "FIN-D5", "FIN-14")
async def test_what_was_given_back_has_no_discount() -> None:
    """Of 30.00 in April 10 % are 3.00, whatever the cycle."""
    actor, tariff = await a_payer(user_monthly=30, fee_cycle="monthly", discount_percent=10)
    await a_version(tariff, valid_from=april(16), user_monthly=30, discount_percent=10)
    await run_each_day(1, 30)
    assert await spent(actor) == 30
    await run_at(MAY)
    assert await spent(actor) == 30 - 3 + Decimal("0.97")


# --- blocks ------------------------------------------------------------------------------------------


@pytest.mark.req("FIN-D1", "FIN-D3")
async def test_a_rest_of_the_month_that_is_not_covered_blocks_and_is_charged_at_the_end_of_the_block() -> None:
    """19.00 are gone by the 19th; the 20th would cost 22.00 and the 26th, when it is paid, costs 10.00."""
    actor, tariff = await a_payer(user_monthly=30, money="25")
    await a_version(tariff, valid_from=april(20), user_monthly=60, fee_cycle="monthly")
    await run_each_day(1, 22)
    assert (await blocks(actor), await balance(actor)) == (["financial"], 6)
    await pay(actor, "3.99", april(26, 9))
    assert await blocks(actor) == ["financial"]
    await pay(actor, "0.01", april(26, 10))
    await run_each_day(26, 30)
    assert (await blocks(actor), await balance(actor)) == ([], 0)
    assert (await lines(actor))[-1] == (26, 1, -10)


@pytest.mark.req("FIN-D1", "FIN-D3")
async def test_a_block_over_the_change_gives_back_what_was_paid_in_advance_once() -> None:
    """60.00 for April; blocked from the 10th, by the day from the 16th, paid on the 21st: 20.00 back and 1.00 a day."""
    actor, tariff = await a_payer(user_monthly=60, fee_cycle="monthly", money="60")
    await a_version(tariff, valid_from=april(16), user_monthly=30)
    await run_each_day(1, 9)
    with clock.at(april(10, 9)):
        async with domain_transaction(actor) as tx:
            await start_block(tx, "financial", "fee")
    await run_each_day(11, 20)
    await pay(actor, "1", april(21, 9))
    assert await blocks(actor) == []
    await run_each_day(21, 30)
    assert sorted(await lines(actor)) == sorted([(1, 1, -60), (21, -1, 20)] + [(day, 1, -1) for day in range(21, 31)])
    assert await spent(actor, "61") == 50


@pytest.mark.req("FIN-D3")
async def test_a_block_after_the_change_does_not_charge_the_month_again() -> None:
    actor, tariff = await a_payer(user_monthly=30)
    await a_version(tariff, valid_from=april(11), user_monthly=30, fee_cycle="monthly")
    await run_each_day(1, 15)
    with clock.at(april(15, 9)):
        async with domain_transaction(actor) as tx:
            await start_block(tx, "financial", "fee")
    await pay(actor, "1", april(17, 9))
    assert await blocks(actor) == []
    await run_each_day(17, 30)
    assert await spent(actor, "1001") == 30


# --- another tariff ----------------------------------------------------------------------------------


@pytest.mark.req("FIN-D2")
async def test_owed_days_are_charged_by_the_tariff_of_each_day() -> None:
    """The run has stood still since the 10th. One user is included until the 15th at noon, 10 % are discounted."""
    actor, _old = await a_payer(user_monthly=30, included_users=1, users=3, discount_percent=10)
    new = await a_tariff(user_monthly=90)
    await run_each_day(1, 10)
    await change_tariff(actor, new, april(15, 12))
    await run_at(april(18, 9))
    assert [row for row in await lines(actor) if row[0] > 10] == [
        *((day, 2, Decimal(-2)) for day in range(11, 16)), *((day, 3, Decimal(-9)) for day in range(16, 19))]


@pytest.mark.req("FIN-D2", "FIN-D5")
async def test_a_month_that_is_closed_late_has_its_own_discount_package_and_guaranteed_payment() -> None:
    actor, _old = await a_payer(user_monthly=30, discount_percent=10, mgp=100, included_minutes=50)
    new = await a_tariff(user_monthly=0, discount_percent=50, mgp=300, included_minutes=500)
    await run_each_day(1, 28)
    assert await spent(actor) == 28 + 100
    await change_tariff(actor, new, MAY.replace(day=2))
    with clock.at(MAY.replace(day=2)):  # the 29th, the 30th and the 1st are owed
        await run_at(MAY.replace(day=2, hour=2))
    first = [Decimal("-1.00")] * 2 + [Decimal("3.00"), Decimal("-100.00"), Decimal("-0.97")]
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "AND e.account = 'domain' WHERE p.domain_id = $1 AND p.at >= $2 AND p.at < $3",
                              tx.domain_id, april(29), datetime(2031, 5, 2, tzinfo=MOSCOW))
        package = await tx.fetchval("SELECT package_seconds_left FROM account WHERE domain_id = $1", tx.domain_id)
    assert sorted(row["amount"] for row in rows) == sorted(first)
    assert package == 50 * 60


@pytest.mark.req("FIN-D2")
@pytest.mark.parametrize(("old", "new"), [("daily", "monthly"), ("monthly", "daily"), ("monthly", "monthly")])
async def test_another_tariff_counts_from_the_day_after_it_was_given(old: str, new: str) -> None:
    """Until the 15th 30.00, from the 16th 60.00 a month; a user added that afternoon has paid by the new tariff."""
    actor, _tariff = await a_payer(user_monthly=30, fee_cycle=old)
    other = await a_tariff(user_monthly=60, fee_cycle=new)
    await run_each_day(1, 15)
    await change_tariff(actor, other, april(15, 12))
    with clock.at(april(15, 15)):
        async with domain_transaction(actor) as tx:
            await service.add_level(tx, Level.USER, 1, "user")
            await tx.execute("INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, "
                             "sip_ha1) VALUES ($1, 'late', 'Late', '299', '-', $2)", tx.domain_id, "0" * 32)
    await run_each_day(16, 30)
    assert await spent(actor) == 15 + 30 + (2 + 30)  # the afternoon of the 15th is a day of the new user
    await run_at(MAY)
    day = Decimal("1.94") if new == "daily" else 60
    assert await spent(actor) == 77 + 2 * day


@pytest.mark.req("FIN-D2")
async def test_what_was_in_force_is_kept_with_every_change() -> None:
    actor, old = await a_payer()
    new = await a_tariff()
    await change_tariff(actor, new, april(3, 9))
    await change_tariff(actor, new, april(4, 9))  # nothing changes
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT at, tariff_id, scheme FROM account_change WHERE domain_id = $1 ORDER BY id DESC "
                              "LIMIT 1", tx.domain_id)
    assert [tuple(row) for row in rows] == [(april(3, 9), old, "prepaid")]
