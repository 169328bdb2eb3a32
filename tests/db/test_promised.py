"""Promised payments by the worked examples of chapter 01."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import AppError, InvalidFields, Refused
from app.kernel.i18n import speaking
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.payments import jobs, promised
from tests.db import billing_factories as world
from tests.db.billing_factories import balance
from tests.db.factories import STAFF, a_domain, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

GRANTED = datetime(2021, 4, 16, 16, 2, 52, tzinfo=timezone(timedelta(hours=3)))


async def a_company(**changes: Any) -> Actor:
    actor = await a_domain(tariff_id=await a_tariff(), **changes)
    await _set(actor, "billed_through = '2100-01-01'")  # the daily run is another test's
    return actor


async def _set(actor: Actor, what: str) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute(f"UPDATE account SET {what} WHERE domain_id = $1", actor.domain_id)


async def ask(actor: Actor, amount: str, at: datetime = GRANTED) -> int:
    with clock.at(at), speaking("ru"):
        async with domain_transaction(actor) as tx:
            return await promised.grant(tx, Money.parse(amount))


async def sweep(at: datetime) -> None:
    with clock.at(at):
        await jobs.promised_payments({})


async def pay(actor: Actor, amount: str, at: datetime = GRANTED) -> None:
    with clock.at(at):
        await world.pay(actor, amount)


async def is_blocked(actor: Actor) -> bool:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT EXISTS (SELECT FROM domain_block WHERE domain_id = $1 AND kind = 'financial' "
                                 "AND ended_at IS NULL)", tx.domain_id)


@pytest.mark.req("FIN-22", "FIN-55")
@pytest.mark.parametrize(("amount", "given"), [
    ("49.99", False), ("50", True), ("5000", True), ("5000.01", False), ("0", False), ("-50", False), ("50.001", False)])
async def test_the_bounds_are_inclusive(amount: str, given: bool) -> None:
    """T21; it costs nothing."""
    actor = await a_company()
    if not given:
        with pytest.raises(InvalidFields):
            await ask(actor, amount)
    else:
        await ask(actor, amount)
    assert await balance(actor) == (Decimal(amount) if given else 0)


@pytest.mark.req("FIN-19", "FIN-21", "FIN-28", "FIN-29")
async def test_a_second_one_is_refused_with_the_moment_and_the_sum_of_the_first() -> None:
    """T20; it is given at any balance."""
    actor = await a_company()
    async with platform_transaction(STAFF) as tx:
        await accounts.post(await tx.enter_domain(actor.domain_id), _debit("600"))
    await ask(actor, "500")
    assert await balance(actor) == -100
    with pytest.raises(Refused) as refused:
        await ask(actor, "500", GRANTED + timedelta(hours=1))
    assert refused.value.message == ("Операция невозможна: не закрыт обещанный платёж от 16.04.2021 16:02:52 +03:00 "
                                     "на сумму 500.00 руб.")
    assert await balance(actor) == -100


def _debit(amount: str) -> Any:
    from billing.accounts.posting import Operation, Posting
    return Posting(world.channel(), Operation.ONE_OFF, "test", 1, -Money.parse(amount), GRANTED)


@pytest.mark.req("FIN-26", "FIN-27", "FIN-32")
async def test_the_debit_comes_to_the_second_and_may_block() -> None:
    """T22."""
    actor = await a_company()
    await ask(actor, "500")
    async with platform_transaction(STAFF) as tx:
        await accounts.post(await tx.enter_domain(actor.domain_id), _debit("400"))
    await sweep(GRANTED + timedelta(days=5) - timedelta(seconds=1))
    assert await balance(actor) == 100
    for _repeat in range(2):
        await sweep(GRANTED + timedelta(days=5))
    assert await balance(actor) == -400
    assert await is_blocked(actor)
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT kind, at FROM posting WHERE domain_id = $1 ORDER BY id DESC LIMIT 1",
                                tx.domain_id)
    assert row is not None
    assert (row["kind"], row["at"]) == ("promised_write_off", datetime(2021, 4, 21, 13, 2, 52, tzinfo=UTC))


async def test_a_debit_that_leaves_less_than_the_next_fee_blocks() -> None:
    tariff = await a_tariff(user_monthly=Decimal(300))
    actor = await a_domain(tariff_id=tariff)
    await world.a_user(actor)
    await _set(actor, "billed_through = '2100-01-01'")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain_user SET created_at = '2020-01-01' WHERE domain_id = $1", actor.domain_id)
    await pay(actor, "9.99")
    await ask(actor, "50")
    await sweep(GRANTED + timedelta(days=5))
    assert await balance(actor) == Decimal("9.99")  # April: 10.00 a day
    assert await is_blocked(actor)


@pytest.mark.req("FIN-28")
async def test_real_money_closes_it_bit_by_bit_and_does_not_move_the_debit() -> None:
    """T36 without the card: 300 and 200 close 500; the debit still comes."""
    actor = await a_company()
    await ask(actor, "500")
    for amount, at in (("300", 1), ("199.99", 2)):
        await pay(actor, amount, GRANTED + timedelta(hours=at))
        with pytest.raises(Refused):
            await ask(actor, "100", GRANTED + timedelta(hours=3))
    async with platform_transaction(STAFF) as tx:
        await accounts.correct(await tx.enter_domain(actor.domain_id), key=world.channel(), amount=Money.parse("0.01"),
                               reason="kopeck")
    await ask(actor, "100", GRANTED + timedelta(hours=4))
    assert await balance(actor) == 1100
    await sweep(GRANTED + timedelta(days=5))
    assert await balance(actor) == 600
    assert not await is_blocked(actor)


@pytest.mark.req("FIN-30", "FIN-31")
async def test_in_the_block_it_must_cover_the_fees_and_lifts_it() -> None:
    """T29: monthly fee 600, 15 of 30 days left."""
    actor = await a_domain(tariff_id=await a_tariff(user_monthly=Decimal(600), fee_cycle="monthly"))
    await world.a_user(actor)
    await _set(actor, "billed_through = '2100-01-01'")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain_user SET created_at = '2020-01-01' WHERE domain_id = $1", actor.domain_id)
        await accounts.start_block(await tx.enter_domain(actor.domain_id), "financial", "fee")
    with pytest.raises(InvalidFields) as refused:
        await ask(actor, "299")
    assert refused.value.message == "Суммы недостаточно для разблокировки услуги. Укажите большую сумму."
    assert await balance(actor) == 0
    assert await is_blocked(actor)
    await ask(actor, "300")
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT p.kind, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "AND e.account = 'domain' WHERE p.domain_id = $1 ORDER BY p.id", tx.domain_id)
    assert [tuple(row) for row in rows] == [("promised_payment", 300), ("subscription_fee", -300)]
    assert not await is_blocked(actor)


@pytest.mark.req("FIN-19")
@pytest.mark.parametrize("scheme", ["credit", "unlimited"])
async def test_other_schemes_and_trials_get_none(scheme: str) -> None:
    actor = await a_company()
    await _set(actor, f"scheme = '{scheme}'")
    trial = await a_domain(commercial=False)
    for one in (actor, trial):
        with pytest.raises(Refused):
            await ask(one, "100")
        assert await balance(one) == 0


@pytest.mark.req("FIN-51", "FIN-52")
async def test_it_stands_in_the_history_of_payments() -> None:
    """T23."""
    actor = await a_company()
    await ask(actor, "50.00", datetime(2020, 12, 1, 11, 55, tzinfo=UTC))
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT kind, amount, at FROM payment WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    assert (row["kind"], row["amount"]) == ("promised", Decimal("50.00"))


async def test_asked_twice_at_once_it_is_given_once() -> None:
    actor = await a_company()
    results = await asyncio.gather(*(ask(actor, "100") for _ in range(5)), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in results) == 1
    assert all(isinstance(one, AppError) for one in results if isinstance(one, BaseException))
    assert await balance(actor) == 100


async def test_a_domain_cannot_enter_other_payments_itself() -> None:
    actor = await a_company()

    async def forge() -> None:
        async with domain_transaction(actor) as tx:
            await tx.execute("INSERT INTO payment (domain_id, external_id, kind, amount, at) "
                             "VALUES ($1, 'forged', 'bank', 1000, now())", tx.domain_id)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await forge()


async def test_the_letter_before_the_debit_names_what_is_missing_once() -> None:
    actor = await a_company(notification_email="boss@acme.example")
    await ask(actor, "500")
    async with platform_transaction(STAFF) as tx:
        await accounts.post(await tx.enter_domain(actor.domain_id), _debit("400"))
    for hours in (4 * 24 - 1, 4 * 24, 4 * 24 + 1):
        await sweep(GRANTED + timedelta(hours=hours))
    async with platform_transaction(STAFF) as tx:
        bodies = [row["body"] for row in await tx.fetch(
            "SELECT body FROM mail_message WHERE domain_id = $1 ORDER BY id", actor.domain_id)]
    assert len(bodies) == 1
    assert "400" in bodies[0]
