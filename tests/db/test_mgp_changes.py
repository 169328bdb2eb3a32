"""The guaranteed payment begins or rises inside a month; the zone of the books changes over its buckets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock, parameters
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from app.kernel.money import Money
from billing.accounts.blocks import start_block
from billing.accounts.rules import Scheme
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.billing_factories import Company, balance, blocks, run_at
from tests.db.factories import STAFF, a_domain, a_tariff, a_version
from tests.db.test_mgp import a_call, a_payer, assert_books, billed_through, left, lines

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
APRIL_16 = datetime(2031, 4, 16, 12, 0, tzinfo=MOSCOW)  # 15 of 30 days are left
NEXT = APRIL_16.replace(day=17, hour=1)
DAY = timedelta(days=1)


async def give(actor: Actor, tariff: int, moment: datetime) -> None:
    with clock.at(moment):
        async with platform_transaction(STAFF) as tx:
            await domains.change_tariff(await tx.enter_domain(actor.domain_id), tariff)


async def scheme(actor: Actor, to: Scheme, moment: datetime) -> bool:
    limit = Money.parse("1000") if to is Scheme.CREDIT else None
    with clock.at(moment):
        async with platform_transaction(STAFF) as tx:
            return await domains.change_terms(await tx.enter_domain(actor.domain_id), scheme=to, credit_limit=limit)


async def paid(actor: Actor) -> list[Decimal]:
    await assert_books(actor)
    return [-amount for kind, _key, amount in await lines(actor) if kind == "mgp"]


# --- another tariff ----------------------------------------------------------------------------------


@pytest.mark.req("FIN-D4", "FIN-D2")
async def test_a_tariff_with_a_guaranteed_payment_charges_the_rest_of_the_month_at_once() -> None:
    """300.00 a month: 150.00 for 15 of 30 days, the day of the change counted; and all of May on the 1st."""
    actor = await a_payer(at=APRIL_16, mgp=0)
    await give(actor, await a_tariff(mgp=300), APRIL_16)
    assert (await paid(actor), await balance(actor), await left(actor, APRIL_16)) == ([150], 850, 150)
    assert await left(actor, APRIL_16 - DAY) == 0
    for day in range(1, 15):
        await run_at(APRIL_16 + day * DAY)
    assert await paid(actor) == [150]
    await run_at(APRIL_16 + 15 * DAY)
    assert await paid(actor) == [150, 300]
    assert (await left(actor, APRIL_16), await left(actor, APRIL_16 + 15 * DAY)) == (150, 300)


@pytest.mark.req("FIN-D4", "FIN-60")
async def test_a_call_uses_what_the_change_has_filled() -> None:
    rate: dict[str, object] = {"prefix": "7", "price": "1.50"}
    with clock.at(APRIL_16):
        company = await world.a_company(tariff_id=await a_tariff())
        await billed_through(company.actor, APRIL_16.date())
        await world.pay(company.actor, "200")
    await give(company.actor, await a_tariff(rate, mgp=300), APRIL_16)
    call, _ = await a_call(company, 55, at=APRIL_16 + timedelta(hours=1))
    assert (call["cost"], call["posting_id"]) == (Decimal("1.50"), None)
    assert (await left(company.actor, NEXT), await company.balance()) == (Decimal("148.50"), 50)
    await assert_books(company.actor)


@pytest.mark.req("FIN-D4")
async def test_a_larger_one_charges_the_difference_and_a_smaller_one_gives_nothing_back() -> None:
    """100.00 for April; from the 16th 300.00: 100.00 more; from the 17th 100.00 again; from the 21st 400.00: 133.33 for
    ten days, of which 33.33 and 66.67 are paid."""
    actor = await a_payer(at=APRIL_16 - 16 * DAY, mgp=100)
    small = await a_tariff(mgp=100)
    await run_at(APRIL_16 - 15 * DAY + timedelta(hours=1))
    await run_at(APRIL_16)
    await give(actor, await a_tariff(mgp=300), APRIL_16)
    assert (await paid(actor), await left(actor, APRIL_16)) == ([100, 100], 200)
    await run_at(NEXT)
    await give(actor, small, NEXT)
    await run_at(NEXT + 3 * DAY)
    assert (await paid(actor), await left(actor, NEXT)) == ([100, 100], 200)
    await give(actor, await a_tariff(mgp=400), NEXT + 4 * DAY)
    await run_at(NEXT + 5 * DAY)
    assert await paid(actor) == [100, 100, Decimal("33.33")]
    await run_at(APRIL_16 + 15 * DAY)
    assert await paid(actor) == [100, 100, Decimal("33.33"), 400]


@pytest.mark.req("FIN-D4", "FIN-D1", "FIN-D3")
async def test_one_that_is_not_covered_blocks_and_is_charged_by_the_payment_that_lifts_the_block() -> None:
    actor = await a_payer("149.99", at=APRIL_16, mgp=0)
    await give(actor, await a_tariff(mgp=300), APRIL_16)
    assert (await paid(actor), await blocks(actor), await balance(actor)) == ([], ["financial"], Decimal("149.99"))
    await run_at(APRIL_16 + 5 * DAY)
    with clock.at(APRIL_16 + 5 * DAY):
        await world.pay(actor, "0.01")
    assert (await paid(actor), await blocks(actor), await balance(actor)) == ([100], [], 50)
    await run_at(APRIL_16 + 9 * DAY)
    assert await paid(actor) == [100]


@pytest.mark.req("FIN-D4", "FIN-D3")
async def test_a_change_during_a_block_is_charged_at_its_end() -> None:
    """60.00 for April; 15 days of 300.00 less what is paid of them, when the block ends on the 16th."""
    actor = await a_payer(at=APRIL_16 - 16 * DAY, mgp=60)
    await run_at(APRIL_16 - 5 * DAY)
    with clock.at(APRIL_16 - 5 * DAY):
        async with platform_transaction(STAFF) as tx:
            await start_block(await tx.enter_domain(actor.domain_id), "financial", "asked")
    await give(actor, await a_tariff(mgp=300), APRIL_16 - 3 * DAY)
    await run_at(APRIL_16)
    assert await paid(actor) == [60]
    with clock.at(APRIL_16):
        await world.pay(actor, "1")
    assert (await paid(actor), await left(actor, APRIL_16)) == ([60, 120], 180)
    await run_at(NEXT)
    assert await paid(actor) == [60, 120]


@pytest.mark.req("FIN-D4", "FIN-D2")
async def test_a_month_that_the_run_still_owes_is_charged_by_the_run() -> None:
    """The run stands still over the 1st of May; on the 2nd a larger payment comes: 29 of 31 days of the difference."""
    actor = await a_payer(at=APRIL_16, mgp=31)
    changed = datetime(2031, 5, 2, 12, 0, tzinfo=MOSCOW)
    await give(actor, await a_tariff(mgp=62), changed)
    assert await paid(actor) == []
    await run_at(changed + DAY)
    assert (await paid(actor), await left(actor, changed + DAY)) == ([31, 29], 60)


@pytest.mark.req("FIN-D4", "FIN-D2")
async def test_a_payment_that_begins_is_charged_at_once_also_while_the_run_is_late() -> None:
    actor = await a_payer(at=APRIL_16, mgp=0)
    changed = datetime(2031, 5, 2, 12, 0, tzinfo=MOSCOW)
    await give(actor, await a_tariff(mgp=62), changed)
    assert await paid(actor) == [60]
    await run_at(changed + DAY)
    assert (await paid(actor), await left(actor, changed + DAY)) == ([60], 60)


@pytest.mark.req("FIN-D4")
async def test_in_trial_nothing_is_charged() -> None:
    actor = await a_domain(commercial=False)
    await give(actor, await a_tariff(mgp=300), APRIL_16)
    assert (await paid(actor), await blocks(actor)) == ([], [])


# --- another version, another scheme -----------------------------------------------------------------


@pytest.mark.req("FIN-D4", "FIN-D2")
async def test_a_version_with_another_payment_charges_the_rest_of_the_month_on_its_day() -> None:
    with clock.at(APRIL_16):
        tariff = await a_tariff()
        actor = await a_domain(tariff_id=tariff)
    await billed_through(actor, APRIL_16.date())
    with clock.at(APRIL_16):
        await world.pay(actor, "1000")
    for day, mgp in ((17, 300), (21, 600), (26, 600)):
        await a_version(tariff, valid_from=datetime(2031, 4, day, tzinfo=MOSCOW), mgp=mgp)
    for day in range(1, 15):
        await run_at(APRIL_16 + day * DAY)
    assert await paid(actor) == [140, 100]
    assert await left(actor, NEXT) == 240


@pytest.mark.req("FIN-D4", "FIN-03")
async def test_a_domain_that_becomes_prepaid_pays_the_rest_of_the_month_and_only_once() -> None:
    actor = await a_payer(at=APRIL_16, mgp=300)
    await scheme(actor, Scheme.CREDIT, APRIL_16)
    assert await paid(actor) == []
    for to in (Scheme.PREPAID, Scheme.UNLIMITED, Scheme.PREPAID):
        assert not await scheme(actor, to, APRIL_16)
    assert await paid(actor) == [150]


@pytest.mark.req("FIN-D4", "FIN-D2")
@pytest.mark.parametrize(("first", "then", "charged"), [(Scheme.PREPAID, Scheme.UNLIMITED, [300]),
                                                        (Scheme.UNLIMITED, Scheme.PREPAID, ["290.32"])])
async def test_the_scheme_is_that_of_the_day_that_is_settled_late(
    first: Scheme, then: Scheme, charged: list[Any],
) -> None:
    """On the 2nd of May the payment of the 1st is owed, or 30 of 31 days begin."""
    actor = await a_payer(at=APRIL_16, mgp=300)
    await scheme(actor, first, APRIL_16)
    await scheme(actor, then, datetime(2031, 5, 2, tzinfo=MOSCOW))
    await run_at(datetime(2031, 5, 2, 1, tzinfo=MOSCOW))
    assert await paid(actor) == [Decimal(one) for one in charged]


# --- the zone of the books ---------------------------------------------------------------------------


SetZone = Callable[[str], Awaitable[None]]


@pytest.fixture
async def set_zone() -> AsyncIterator[SetZone]:
    async def change(zone: str) -> None:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('billing.timezone', "
                             "to_jsonb($1::text)) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", zone)
        parameters.forget()

    yield change
    await change("Europe/Moscow")


@pytest.mark.req("FIN-D4")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Vladivostok", "Pacific/Kiritimati", "America/Los_Angeles"])
async def test_the_books_agree_whatever_zone_they_are_kept_in_later(zone: str, set_zone: SetZone) -> None:
    """Calls on both sides of the change of the zone, of the months and of the day."""
    actor = await a_payer(at=datetime(2031, 3, 31, 12, 0, tzinfo=MOSCOW), mgp=300)
    with clock.at(APRIL_16):
        node_id = await world.a_node()
        await world.a_trunk(node_id)
        company = Company(actor, node_id, await world.a_user(actor))
        await world.a_number(actor)
    await run_at(datetime(2031, 4, 1, 0, 5, tzinfo=MOSCOW))
    await a_call(company, 30, at=datetime(2031, 4, 1, 0, 30, tzinfo=MOSCOW))
    await run_at(APRIL_16)
    await a_call(company, 30, at=APRIL_16)
    await set_zone(zone)
    assert await paid(actor) == [300]
    for moment in (APRIL_16 + timedelta(hours=1), datetime(2031, 4, 30, 23, 30, tzinfo=MOSCOW)):
        await a_call(company, 30, at=moment)
    assert await left(actor, APRIL_16) == 294
    await run_at(datetime(2031, 5, 2, 2, tzinfo=MOSCOW))
    await a_call(company, 30, at=datetime(2031, 5, 2, 3, tzinfo=MOSCOW))
    assert await paid(actor) == [300, 300]
    await set_zone("Europe/Moscow")
    assert await paid(actor) == [300, 300]
