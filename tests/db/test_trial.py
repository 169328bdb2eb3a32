"""The trial from its first day to the contract."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Refused
from app.kernel.money import Money
from billing.accounts.state import lock
from billing.services import plans
from pbx_provisioning.authorise.question import Allow, Deny, Question
from pbx_provisioning.authorise.service import authorise
from pbx_provisioning.intake.service import take_in
from tenants.domains import jobs, service
from tenants.numbers import inventory
from tenants.users import fees
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

_numbers = itertools.count(74959900000)


async def value(sql: str, *args: object) -> Any:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval(sql, *args)


async def in_stock(category: str = "city") -> int:
    return await value("INSERT INTO phone_number (e164, category) VALUES ($1, $2) RETURNING id",
                       str(next(_numbers)), category)


async def letters(actor: Actor) -> list[str]:
    async with platform_transaction(STAFF) as tx:
        return [row["subject"] for row in await tx.fetch(
            "SELECT subject FROM mail_message WHERE domain_id = $1 ORDER BY id", actor.domain_id)]


async def sweep(moment: Any) -> None:
    with clock.at(moment):
        await jobs.sweep_trials({})


async def ends_at(actor: Actor) -> Any:
    return await value("SELECT trial_ends_at FROM domain WHERE id = $1", actor.domain_id)


async def trial_blocks(actor: Actor) -> int:
    return await value("SELECT count(*) FROM domain_block WHERE domain_id = $1 AND kind = 'trial_expired' "
                       "AND ended_at IS NULL", actor.domain_id)


@pytest.mark.req("ACC-03")
async def test_a_new_domain_has_one_free_number_and_fifty_minutes() -> None:
    """T1; and the options cost nothing."""
    await in_stock()
    tariff = await a_tariff(user_monthly=Decimal(300), user_connection=Decimal(100))
    actor = await a_domain(commercial=False, tariff_id=tariff)
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT trial_seconds_left, (SELECT count(*) FROM phone_number n WHERE n.domain_id = "
                                "d.id) AS numbers FROM domain d WHERE d.id = $1", tx.domain_id)
        quote = await fees.quote_new_user(tx)
    assert row is not None
    assert (row["trial_seconds_left"], row["numbers"]) == (50 * 60, 1)
    assert not quote.cost.charged
    assert not quote.cost.monthly


@pytest.mark.req("ACC-06")
async def test_further_numbers_need_the_contract() -> None:
    """T2: refused in trial, possible afterwards; the free number stays until it is replaced."""
    await in_stock()
    actor = await a_domain(commercial=False)
    city, toll_free = await in_stock(), await in_stock("toll_free")
    for number in (city, toll_free):
        async with platform_transaction(STAFF) as tx:
            with pytest.raises(Refused):
                await inventory.give(tx, number, actor.domain_id)
    tariff = await value("SELECT tariff_id FROM account WHERE domain_id = $1", actor.domain_id)
    async with platform_transaction(STAFF) as tx:
        await service.switch_to_commercial(await tx.enter_domain(actor.domain_id), tariff_id=tariff, scheme="prepaid")
    free = await value("SELECT default_number_id FROM domain WHERE id = $1", actor.domain_id)
    async with platform_transaction(STAFF) as tx:
        await inventory.give(tx, city, actor.domain_id)
        await inventory.give(tx, toll_free, actor.domain_id)
        await inventory.take_back(tx, free)
    assert await value("SELECT count(*) FROM phone_number WHERE domain_id = $1", actor.domain_id) == 2


@pytest.mark.req("ACC-02", "ACC-05")
async def test_the_term_ends_with_letters_and_a_block_each_once() -> None:
    actor = await a_domain(commercial=False, notification_email="boss@acme.example")
    end = await ends_at(actor)
    await sweep(end - timedelta(days=3, minutes=1))
    assert await letters(actor) == []
    for moment in (end - timedelta(days=3), end - timedelta(days=1)):
        await sweep(moment)
    assert len(await letters(actor)) == 1
    assert await trial_blocks(actor) == 0
    for moment in (end, end + timedelta(days=1)):
        await sweep(moment)
    assert len(await letters(actor)) == 2
    assert await trial_blocks(actor) == 1


async def test_a_sweep_that_comes_late_does_not_remind_of_what_is_over() -> None:
    actor = await a_domain(commercial=False, notification_email="boss@acme.example")
    await sweep(await ends_at(actor) + timedelta(days=2))
    assert len(await letters(actor)) == 1
    assert await trial_blocks(actor) == 1


async def test_a_commercial_domain_is_left_alone() -> None:
    actor = await a_domain(notification_email="boss@acme.example")
    await sweep(clock.now() + timedelta(days=400))
    assert await letters(actor) == []
    assert await trial_blocks(actor) == 0


@pytest.mark.req("ACC-03")
async def test_used_up_minutes_end_outside_calls_and_are_told_once() -> None:
    actor = await a_domain(commercial=False, notification_email="boss@acme.example")
    node = await world.a_node()
    await world.a_trunk(node)
    await world.a_number(actor)
    user = await world.a_user(actor)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET trial_seconds_left = 30 WHERE id = $1", actor.domain_id)

    async def ask(number: str) -> Allow | Deny:
        return await authorise(Question("pbx1", actor.domain_id, user, number, world.channel()))

    assert await ask("81012125550100") == Deny("trial")  # abroad, whatever is left
    first = await ask(world.MOSCOW)
    assert isinstance(first, Allow)
    assert first.max_seconds == 30
    record = world.a_record(world.Company(actor, node, user), talked=30, b_number=world.E164, hold=str(first.hold_id))
    for _repeat in range(2):
        await take_in(node, [record])
    assert await value("SELECT trial_seconds_left FROM domain WHERE id = $1", actor.domain_id) == 0
    assert await ask(world.MOSCOW) == Deny("trial")
    for _repeat in range(2):
        async with platform_transaction(STAFF) as tx:
            await jobs.tell_minutes_used_up(tx, actor.domain_id, {})
    assert len(await letters(actor)) == 1


async def _after_switch(actor: Actor, tariff: int, scheme: str = "prepaid", quoted: str | None = None) -> list[tuple]:
    async with platform_transaction(STAFF) as tx:
        await service.switch_to_commercial(await tx.enter_domain(actor.domain_id), tariff_id=tariff, scheme=scheme,
                                           quoted=quoted)
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT p.kind, p.service, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "WHERE e.account = 'domain' AND p.domain_id = $1 AND p.kind <> 'payment'", tx.domain_id)
    return [tuple(row) for row in rows]


async def _with_users(tariff: int, users: int) -> Actor:
    actor = await a_domain(commercial=False, tariff_id=tariff)
    for number in range(users):
        await world.a_user(actor, f"user{number}", str(201 + number))
    return actor


@pytest.mark.req("ACC-05")
async def test_charging_begins_with_the_contract_and_without_connection_fees() -> None:
    """Three users, one included: today's share of two monthly fees and nothing else."""
    tariff = await a_tariff(user_monthly=Decimal(310), user_connection=Decimal(100), included_users=1)
    actor = await _with_users(tariff, 3)
    await world.pay(actor, "1000.00")
    async with platform_transaction(STAFF) as tx:
        quote = await plans.quote_tariff(await tx.enter_domain(actor.domain_id), tariff)
    rows = await _after_switch(actor, tariff, quoted=quote.mark)
    assert rows == [("subscription_fee", "additional_user", -quote.cost.first_day.amount)]
    assert quote.fees[0].quantity == 2
    assert quote.cost.monthly == Money.parse("620")
    assert not quote.cost.connection
    assert await value("SELECT trial_seconds_left FROM domain WHERE id = $1", actor.domain_id) == 0


@pytest.mark.req("ACC-05")
async def test_a_contract_without_money_posts_no_fee_and_blocks() -> None:
    tariff = await a_tariff(user_monthly=Decimal(310))
    actor = await _with_users(tariff, 1)
    assert await _after_switch(actor, tariff) == []
    assert await value("SELECT kind FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL",
                       actor.domain_id) == "financial"
    async with domain_transaction(actor) as tx:
        assert not (await lock(tx)).balance


async def test_amounts_that_have_changed_are_shown_again() -> None:
    tariff = await a_tariff(user_monthly=Decimal(310))
    actor = await _with_users(tariff, 1)
    with pytest.raises(fees.CostChanged):
        await _after_switch(actor, tariff, quoted="0/0/0")
    assert await value("SELECT mode FROM domain WHERE id = $1", actor.domain_id) == "trial"


async def test_the_contract_lifts_the_block_of_an_expired_trial() -> None:
    actor = await a_domain(commercial=False)
    await sweep(await ends_at(actor))
    tariff = await value("SELECT tariff_id FROM account WHERE domain_id = $1", actor.domain_id)
    await _after_switch(actor, tariff)
    assert await trial_blocks(actor) == 0
