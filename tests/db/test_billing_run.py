"""The daily run: each day once, catching up, blocks, and what stops half-way."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, domain_transaction, platform_transaction
from billing.accounts.blocks import start_block
from billing.subscriptions import run
from tenants.users import service as users
from tenants.users.rules import NewUser
from tests.db import billing_factories as world
from tests.db.billing_factories import blocks, run_at
from tests.db.factories import STAFF, a_domain, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
APRIL_16 = datetime(2031, 4, 16, 10, 0, tzinfo=MOSCOW)  # far from the clock of the other tests


async def a_company(day: datetime, *, users: int = 1, money: str = "1000.00", monthly: str = "30.00",
                    **tariff: Any) -> Actor:
    """Commercial since `day`, whose fee is paid; its users were there before."""
    actor = await a_domain(tariff_id=await a_tariff(user_monthly=Decimal(monthly), **tariff))
    for number in range(users):
        await world.a_user(actor, f"user{number}", str(201 + number))
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain_user SET created_at = $2 WHERE domain_id = $1", actor.domain_id,
                         day - timedelta(days=40))
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
        await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = $1", actor.domain_id,
                         day.date())
    if money:
        await world.pay(actor, money)
    return actor


async def fees(actor: Actor) -> list[tuple[date, Decimal]]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT (p.at AT TIME ZONE 'Europe/Moscow')::date AS day, e.amount FROM posting p "
                              "JOIN entry e ON e.posting_id = p.id AND e.account = 'domain' WHERE p.domain_id = $1 "
                              "AND p.kind = 'subscription_fee' ORDER BY p.id", tx.domain_id)
    return [(row["day"], row["amount"]) for row in rows]


@pytest.mark.req("FIN-04")
async def test_a_daily_fee_is_charged_each_day_once() -> None:
    """T35: 30.00 a month are 1.00 a day in April."""
    actor = await a_company(APRIL_16)
    assert await run_at(APRIL_16) == 0
    for _repeat in range(3):
        await run_at(APRIL_16 + timedelta(days=1))
    assert await fees(actor) == [(date(2031, 4, 17), Decimal("-1.00"))]
    await run_at(datetime(2031, 4, 30, 23, 59, 59, tzinfo=MOSCOW))
    assert len(await fees(actor)) == 14
    await run_at(datetime(2031, 5, 1, 0, 0, 1, tzinfo=MOSCOW))
    assert (await fees(actor))[-1] == (date(2031, 5, 1), Decimal("-0.97"))


@pytest.mark.req("FIN-04")
async def test_a_monthly_fee_is_charged_on_the_first_only() -> None:
    actor = await a_company(APRIL_16, users=2, fee_cycle="monthly")
    await run_at(datetime(2031, 6, 2, 8, 0, tzinfo=MOSCOW))
    assert await fees(actor) == [(date(2031, 5, 1), Decimal("-60.00")), (date(2031, 6, 1), Decimal("-60.00"))]


async def test_days_off_are_caught_up_in_order() -> None:
    actor = await a_company(APRIL_16)
    await run_at(APRIL_16 + timedelta(days=5))
    assert [day for day, _ in await fees(actor)] == [date(2031, 4, 17) + timedelta(days=n) for n in range(5)]


async def test_a_user_of_today_has_paid_today() -> None:
    actor = await a_company(APRIL_16, users=1)
    noon = APRIL_16 + timedelta(days=1, hours=2)
    with clock.at(noon):
        async with domain_transaction(actor) as tx:
            await users.create_user(tx, NewUser("late", "Late", "Secret-12345"))
    await run_at(noon + timedelta(hours=1))
    await run_at(noon + timedelta(days=1))
    assert [amount for _, amount in await fees(actor)] == [Decimal("-1.00"), Decimal("-1.00"), Decimal("-2.00")]


async def test_included_users_are_free() -> None:
    actor = await a_company(APRIL_16, users=3, included_users=2)
    await run_at(APRIL_16 + timedelta(days=1))
    assert await fees(actor) == [(date(2031, 4, 17), Decimal("-1.00"))]


@pytest.mark.req("FIN-05", "FIN-D1")
async def test_a_fee_that_is_not_covered_blocks_and_is_not_posted() -> None:
    actor = await a_company(APRIL_16, money="1.50")
    await run_at(APRIL_16 + timedelta(days=3))
    assert await fees(actor) == [(date(2031, 4, 17), Decimal("-1.00"))]
    assert await blocks(actor) == ["financial"]
    async with domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id) == Decimal("0.50")


@pytest.mark.req("FIN-D3")
async def test_a_payment_charges_the_fee_due_and_lifts_the_block() -> None:
    """The blocked days are free; the day of the payment is charged once, by the payment."""
    actor = await a_company(APRIL_16, money="1.50")
    later = APRIL_16 + timedelta(days=3)
    await run_at(later)
    with clock.at(later + timedelta(hours=1)):
        await world.pay(actor, "0.49")
    assert await blocks(actor) == ["financial"]
    with clock.at(later + timedelta(hours=2)):
        await world.pay(actor, "0.01")
    assert await blocks(actor) == []
    await run_at(later + timedelta(hours=3))
    assert await fees(actor) == [(date(2031, 4, 17), Decimal("-1.00")), (date(2031, 4, 19), Decimal("-1.00"))]
    await run_at(later + timedelta(days=1))
    assert len(await fees(actor)) == 2  # 0.00 is left: blocked again, nothing posted
    assert await blocks(actor) == ["financial"]


async def test_an_administrative_block_is_free_too_and_stays() -> None:
    actor = await a_company(APRIL_16)
    async with domain_transaction(actor) as tx:
        await start_block(tx, "administrative", "asked")
    await run_at(APRIL_16 + timedelta(days=2))
    assert await fees(actor) == []
    assert await blocks(actor) == ["administrative"]


async def test_money_held_by_a_call_is_waited_for() -> None:
    actor = await a_company(APRIL_16, money="1.50")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET held = 1 WHERE domain_id = $1", actor.domain_id)
    assert await run_at(APRIL_16 + timedelta(days=1)) == 0
    assert await blocks(actor) == []
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET held = 0 WHERE domain_id = $1", actor.domain_id)
    assert await run_at(APRIL_16 + timedelta(days=1)) == 1
    assert len(await fees(actor)) == 1


async def test_a_trial_pays_nothing() -> None:
    actor = await a_company(APRIL_16)
    trial = await a_domain(commercial=False, tariff_id=await a_tariff(user_monthly=Decimal(30)))
    await world.a_user(trial)
    await run_at(APRIL_16 + timedelta(days=2))
    assert await fees(trial) == []
    assert len(await fees(actor)) == 2


async def test_a_run_that_dies_in_the_middle_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the batch that died is kept, nothing before it is repeated."""
    monkeypatch.setattr(run, "BATCH", 1)
    actor = await a_company(APRIL_16)
    calls = iter(range(100))
    write = run._write

    async def dying(tx: PlatformTx, *more: Any) -> None:
        await write(tx, *more)
        if next(calls) == 2:
            raise ConnectionError("killed")

    monkeypatch.setattr(run, "_write", dying)
    with pytest.raises(ConnectionError):
        await run_at(APRIL_16 + timedelta(days=5))
    assert len(await fees(actor)) == 2
    await run_at(APRIL_16 + timedelta(days=5))
    assert [day.day for day, _ in await fees(actor)] == [17, 18, 19, 20, 21]


async def test_a_credit_domain_is_charged_down_to_its_limit_and_then_blocked() -> None:
    actor = await a_company(APRIL_16, money="", monthly="1500.00")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET scheme = 'credit', credit_limit = 100 WHERE domain_id = $1",
                         actor.domain_id)
    await run_at(APRIL_16 + timedelta(days=3))
    assert [amount for _, amount in await fees(actor)] == [Decimal("-50.00")] * 2
    assert await blocks(actor) == ["financial"]


async def test_the_day_is_counted_for_those_who_watch() -> None:
    day = date(2033, 3, 2)
    actor = await a_company(datetime(2033, 3, 1, 9, 0, tzinfo=MOSCOW))
    await run_at(datetime(2033, 3, 2, 0, 0, 1, tzinfo=MOSCOW))
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT domains, charged, blocked, amount FROM billing_day WHERE day = $1", day)
    assert row is not None
    assert tuple(row) == (1, 1, 0, Decimal("0.97"))
    assert len(await fees(actor)) == 1
