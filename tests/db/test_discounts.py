"""The tariff's discount: one credit at a month's close, whatever happened to the domain and to the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from app.kernel.money import Currency, Money
from billing.accounts import queries
from billing.accounts import service as accounts
from billing.accounts.blocks import start_block
from billing.accounts.posting import Operation, Posting
from tests.db import billing_factories as world
from tests.db.billing_factories import balance, blocks, run_at
from tests.db.factories import a_version
from tests.db.test_billing_run import APRIL_16, MOSCOW, a_company

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MAY_1 = datetime(2031, 5, 1, tzinfo=MOSCOW)


async def post(actor: Actor, operation: Operation, amount: str, moment: datetime) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            key = f"test:{operation.value}:{amount}:{moment.isoformat()}"
            assert await accounts.post(tx, Posting(key, operation, "", 1, Money.parse(amount), moment))


async def discounts(actor: Actor) -> list[tuple[str, Decimal, datetime]]:
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT p.key, e.amount, p.at FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "AND e.account = 'domain' WHERE p.domain_id = $1 AND p.kind = 'discount' ORDER BY p.id",
                              tx.domain_id)
    return [tuple(row) for row in rows]


@pytest.mark.req("FIN-14", "FIN-D5")
async def test_fees_connections_and_calls_are_discounted_once_and_rounded_once() -> None:
    """14 days at 1.00, 3.33 + 5.05 + 1.00: 10 % of 23.38 is 2.338."""
    actor = await a_company(APRIL_16, discount_percent=10)
    noon = APRIL_16 + timedelta(days=4)
    for operation, amount in ((Operation.CALL, "-3.33"), (Operation.CONNECTION, "-5.05"), (Operation.ONE_OFF, "-1.00"),
                              (Operation.CORRECTION, "-100.00"), (Operation.CORRECTION, "7.00"),
                              (Operation.PROMISED_WRITE_OFF, "-50.00"), (Operation.MGP, "-40.00"),
                              (Operation.DISCONNECTION, "0.00")):
        await post(actor, operation, amount, noon)
    await run_at(MAY_1 - timedelta(seconds=1))
    assert await discounts(actor) == []
    for _repeat in range(3):
        await run_at(MAY_1 + timedelta(seconds=5))
    assert await discounts(actor) == [("discount:2031-04", Decimal("2.34"), MAY_1 - timedelta(seconds=1))]
    assert await balance(actor) == Decimal("1000") - 14 - Decimal("9.38") - 183 + Decimal("2.34") - Decimal("0.97")


@pytest.mark.req("FIN-14", "FIN-12")
async def test_the_months_page_shows_gross_expenses_and_the_credit_as_income() -> None:
    actor = await a_company(APRIL_16, discount_percent=25)
    await post(actor, Operation.CALL, "-100.00", APRIL_16)
    await run_at(MAY_1 + timedelta(seconds=5))
    async with domain_transaction(actor) as tx:
        april = await queries.month(tx, Currency.RUB, APRIL_16.date().replace(day=1))
    assert april.expense.amount == Decimal("114.00")
    assert april.income.amount == Decimal("28.50")
    assert april.state.current.amount == april.state.start.amount + Decimal("28.50") - 114


@pytest.mark.req("FIN-D5")
async def test_the_month_is_that_of_the_platforms_zone() -> None:
    actor = await a_company(APRIL_16, monthly="0", discount_percent=50)
    for moment, amount in ((datetime(2031, 3, 31, 20, 59, 59, tzinfo=UTC), "-1.00"),  # March in Moscow
                           (datetime(2031, 3, 31, 21, 0, tzinfo=UTC), "-10.00"),
                           (datetime(2031, 4, 30, 20, 59, 59, tzinfo=UTC), "-100.00"),
                           (datetime(2031, 4, 30, 21, 0, tzinfo=UTC), "-1000.00")):  # May
        await post(actor, Operation.CALL, amount, moment)
    await run_at(MAY_1 + timedelta(days=2))
    assert [amount for _key, amount, _at in await discounts(actor)] == [Decimal("55.00")]
    await run_at(datetime(2031, 6, 1, 0, 0, 5, tzinfo=MOSCOW))
    assert [amount for _key, amount, _at in await discounts(actor)] == [Decimal("55.00"), Decimal("500.00")]


@pytest.mark.req("FIN-14")
async def test_a_correction_of_a_call_leaves_its_discount() -> None:
    """A refund is not an expense, and takes no discount back."""
    actor = await a_company(APRIL_16, monthly="0", discount_percent=10)
    await post(actor, Operation.CALL, "-30.00", APRIL_16)
    await post(actor, Operation.CORRECTION, "30.00", APRIL_16 + timedelta(days=1))
    await run_at(MAY_1 + timedelta(seconds=5))
    assert [amount for _key, amount, _at in await discounts(actor)] == [Decimal("3.00")]


async def test_the_percent_is_that_of_the_version_in_force_at_the_months_end() -> None:
    actor = await a_company(APRIL_16, monthly="0", discount_percent=10)
    async with domain_transaction(actor) as tx:
        tariff_id = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", tx.domain_id)
    await a_version(tariff_id, valid_from=datetime(2031, 4, 30, tzinfo=MOSCOW), discount_percent="12.50")
    await a_version(tariff_id, valid_from=MAY_1, discount_percent=0)
    await post(actor, Operation.CALL, "-100.00", APRIL_16)
    await post(actor, Operation.CALL, "-100.00", MAY_1)
    await run_at(datetime(2031, 6, 1, 0, 0, 5, tzinfo=MOSCOW))
    assert [(key, amount) for key, amount, _at in await discounts(actor)] == [("discount:2031-04", Decimal("12.50"))]


async def test_days_off_and_blocked_domains_get_theirs() -> None:
    """Two months settled in one go; a domain blocked by its provider is not forgotten."""
    actor = await a_company(APRIL_16, monthly="0", discount_percent=10)
    await post(actor, Operation.CALL, "-100.00", APRIL_16)
    await post(actor, Operation.CALL, "-200.00", MAY_1 + timedelta(days=3))
    async with domain_transaction(actor) as tx:
        await start_block(tx, "administrative", "test")
    await run_at(datetime(2031, 6, 12, 12, 0, tzinfo=MOSCOW))
    assert [(key, amount) for key, amount, _at in await discounts(actor)] == [
        ("discount:2031-04", Decimal("10.00")), ("discount:2031-05", Decimal("20.00"))]
    assert await blocks(actor) == ["administrative"]


@pytest.mark.req("FIN-D3")
async def test_a_discount_that_covers_the_fee_due_lifts_the_block() -> None:
    actor = await a_company(APRIL_16, money="14.50", discount_percent=50)  # half of 14.00 at the month's end
    await post(actor, Operation.CORRECTION, "-0.50", APRIL_16)
    await run_at(MAY_1 - timedelta(hours=1))
    assert await balance(actor) == 0
    await run_at(MAY_1 + timedelta(seconds=5))
    assert await balance(actor) == Decimal("6.03")  # the credit comes before the fee of the 1st: no block at all
    blocked = await a_company(APRIL_16, money="10.20", discount_percent=50)
    await run_at(MAY_1 - timedelta(hours=1))
    assert await blocks(blocked) == ["financial"]
    assert await balance(blocked) == Decimal("0.20")
    await run_at(MAY_1 + timedelta(seconds=5))
    assert await blocks(blocked) == []
    assert await balance(blocked) == Decimal("0.20") + 5 - Decimal("0.97")


async def test_without_a_discount_nothing_is_posted() -> None:
    actor = await a_company(APRIL_16)
    await world.pay(actor, "5")
    await run_at(MAY_1 + timedelta(days=1))
    assert await discounts(actor) == []
