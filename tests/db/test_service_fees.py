"""Recurring fees of services: every level, as of the start of the day, many domains at once; channels, numbers,
operators; what a change of the plan does."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, domain_transaction, platform_transaction
from app.kernel.errors import Forbidden, InvalidFields, Refused
from billing.services import channels, external, fees, plans, service
from billing.tariffs.plan import Level
from tenants.domains import service as domains
from tenants.numbers import inventory
from tenants.users import operators
from tenants.users import service as users
from tests.db import billing_factories as world
from tests.db.billing_factories import run_at
from tests.db.factories import STAFF, a_domain, a_tariff, a_version
from tests.db.services_world import a_company, a_service, balance, ledger, settled_through

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
APRIL_16 = datetime(2031, 4, 16, 10, 0, tzinfo=MOSCOW)
DAY = timedelta(days=1)


async def fees_of(actor: Actor) -> list[tuple[str, int, Decimal]]:
    return [row[1:] for row in await ledger(actor) if row[0] == "subscription_fee"]


async def value(actor: Actor, sql: str, *args: object) -> Any:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval(sql, tx.domain_id, *args)


async def connect(actor: Actor, code: str) -> None:
    async with domain_transaction(actor) as tx:
        await service.connect(tx, code)


# --- the daily run -----------------------------------------------------------------------------------


@pytest.mark.req("SVC-20", "SVC-10", "SVC-D10")
async def test_every_level_is_charged_by_its_own_count() -> None:
    actor = await a_company(
        a_service("base_fee", "user", 30), a_service("integration_api", "domain", 60),
        a_service("contact_center", "operator", 90), a_service("additional_number", "special", 120, included=1),
        a_service("crm", "external", 15), a_service("callback_widget", "special", 300), money="1000")
    for number in range(3):
        await world.a_user(actor, f"user{number}", str(201 + number), is_operator=number < 2)
    for _number in range(3):
        await world.a_number(actor, is_default=False)
    with clock.at(APRIL_16):
        await connect(actor, "integration_api")
        await connect(actor, "contact_center")
        async with domain_transaction(actor) as tx:
            await external.report_counter(tx, "crm", 9, APRIL_16 - DAY)
            await external.report_counter(tx, "crm", 4, APRIL_16)
    charged = len(await fees_of(actor))
    await settled_through([actor], APRIL_16)
    await run_at(APRIL_16 + DAY)
    assert sorted((await fees_of(actor))[charged:]) == [
        ("additional_number", 2, -8), ("base_fee", 3, -3), ("contact_center", 2, -6), ("crm", 4, -2),
        ("integration_api", 1, -2)]
    async with domain_transaction(actor) as tx:
        rows = {row.code: row for row in await service.rows(tx)}
    assert service.grand_total(rows.values()).amount == Decimal(240 + 90 + 180 + 60 + 60)
    assert (rows["callback_widget"].is_on, rows["callback_widget"].quantity) == (True, 0)


@pytest.mark.req("SVC-32", "FIN-04")
async def test_t35_daily_and_monthly() -> None:
    """30.00 a month from the 16th: 1.00 at once and each day, or 15.00 at once; both make 15.00 in April."""
    both = [await a_company(a_service("integration_api", monthly=30, cycle=cycle), money="100")
            for cycle in ("daily", "monthly")]
    with clock.at(APRIL_16):
        for actor in both:
            await connect(actor, "integration_api")
    assert [(await fees_of(actor))[0][2] for actor in both] == [-1, -15]
    await settled_through(both, APRIL_16)
    await run_at(APRIL_16.replace(day=30))
    assert [sum(row[2] for row in await fees_of(actor)) for actor in both] == [-15, -15]
    await run_at(datetime(2031, 5, 1, 0, 1, tzinfo=MOSCOW))
    assert [(await fees_of(actor))[-1][2] for actor in both] == [Decimal("-0.97"), -30]


@pytest.mark.req("SVC-20", "SVC-34")
async def test_a_late_run_charges_each_day_by_its_own_count() -> None:
    """What was added or removed after a day began does not change that day's fee."""
    actor = await a_company(a_service("recording", "special", 30), a_service("integration_api", monthly=60),
                            money="1000")
    await settled_through([actor], APRIL_16)
    with clock.at(APRIL_16):
        async with domain_transaction(actor) as tx:
            await service.add_instances(tx, "recording", 2, "users")
    with clock.at(APRIL_16 + DAY):
        await connect(actor, "integration_api")
    with clock.at(APRIL_16 + 2 * DAY):
        async with domain_transaction(actor) as tx:
            assert await service.disconnect(tx, "integration_api")
    before = len(await fees_of(actor))
    await run_at(APRIL_16 + 3 * DAY)
    found = [row for row in (await fees_of(actor))[before:] if row[0] == "integration_api"]
    assert found == [("integration_api", 1, -2)]  # the 18th only: the 17th was paid at the connection


@pytest.mark.req("FIN-D3")
async def test_a_monthly_fee_paid_at_the_connection_is_not_due_again_after_a_block() -> None:
    actor = await a_company(a_service("integration_api", monthly=30, cycle="monthly"),
                            a_service("base_fee", "user", 30), money="15.50")
    await world.a_user(actor)
    with clock.at(APRIL_16):
        await connect(actor, "integration_api")
    await settled_through([actor], APRIL_16)
    await run_at(APRIL_16 + DAY)
    assert await value(actor, "SELECT count(*) FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL") == 1
    with clock.at(APRIL_16 + 2 * DAY):
        await world.pay(actor, "10")
    assert await fees_of(actor) == [("integration_api", 1, -15), ("base_fee", 1, -1)]


async def test_a_batch_takes_as_many_queries_as_one_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = (a_service("base_fee", "user", 30), a_service("recording", "special", 3, cycle="monthly"),
            a_service("contact_center", "operator", 90), a_service("additional_number", "special", 120))
    tariff = await a_tariff(services=plan)
    ids = sorted([(await a_domain(tariff_id=tariff)).domain_id for _ in range(12)])
    asked: list[str] = []
    fetch = PlatformTx.fetch

    async def counted(tx: PlatformTx, sql: str, *args: object) -> Any:
        asked.append(sql)
        return await fetch(tx, sql, *args)

    monkeypatch.setattr(PlatformTx, "fetch", counted)
    many = []
    async with platform_transaction(STAFF) as tx:
        for few in (ids[:1], ids, ids[:1]):  # the first one also reads the terms
            asked.clear()
            found = await fees.service_fees(tx, dict.fromkeys(few, APRIL_16.replace(hour=0)))
            assert sorted(found) == few
            many.append(len(asked))
    assert many[1] == many[2] < 15


@pytest.mark.req("SVC-D2")
async def test_the_last_value_before_the_day_counts() -> None:
    actor = await a_company(a_service("crm", "external", 30), money="100")
    await settled_through([actor], APRIL_16)
    midnight = datetime(2031, 4, 17, tzinfo=MOSCOW)
    with clock.at(midnight + timedelta(hours=5)):
        async with domain_transaction(actor) as tx:
            await external.report_counter(tx, "crm", 7, midnight + timedelta(hours=1))
            await external.report_counter(tx, "crm", 3, midnight - timedelta(seconds=1))
            await external.report_counter(tx, "crm", 9, midnight - timedelta(hours=1))
            for wrong in ((-1, midnight), (1, midnight + DAY)):
                with pytest.raises(InvalidFields):
                    await external.report_counter(tx, "crm", *wrong)
    await run_at(midnight + timedelta(hours=6))
    assert await fees_of(actor) == [("crm", 3, -3)]
    await run_at(midnight + DAY)
    assert (await fees_of(actor))[-1] == ("crm", 7, -7)


# --- channels ----------------------------------------------------------------------------------------


@pytest.mark.req("SVC-40", "SVC-42", "SVC-D6", "SVC-D9")
async def test_channels_are_connected_and_given_back() -> None:
    actor = await a_company(a_service(channels.INCOMING, "special", 31, 5, included=2),
                            a_service(channels.OUTGOING, "special", 62, included=1), money="1000")
    with clock.at(datetime(2031, 3, 10, 9, 0, tzinfo=MOSCOW)):
        async with domain_transaction(actor) as tx:
            assert await channels.in_force(tx, tx.domain_id) == (2, 1)
            shown = await channels.propose(tx, channels.INCOMING, 5)
            await channels.change(tx, channels.INCOMING, 5, mark=shown.quote.mark)
            await channels.change(tx, channels.INCOMING, 5)  # nothing changes, nothing is charged
            lower = await channels.change(tx, channels.INCOMING, 1)
            assert await channels.in_force(tx, tx.domain_id) == (1, 1)
    assert lower.saving.amount == Decimal(93)
    assert await ledger(actor) == [
        ("connection", channels.INCOMING, 3, -15), ("subscription_fee", channels.INCOMING, 3, -3),
        ("disconnection", channels.INCOMING, -3, 0)]
    assert await value(actor, "SELECT count(*) FROM action_history WHERE domain_id = $1 "
                              "AND action = 'channels_changed'") == 2
    async with domain_transaction(actor) as tx:
        for wrong in (0, 1001, -5):
            with pytest.raises(InvalidFields):
                await channels.change(tx, channels.OUTGOING, wrong)


@pytest.mark.req("SVC-30", "SVC-42")
async def test_channels_without_money_stay_as_they_are() -> None:
    actor = await a_company(a_service(channels.OUTGOING, "special", 0, 10, included=1), money="15")
    with pytest.raises(Refused) as refused:
        async with domain_transaction(actor) as tx:
            await channels.change(tx, channels.OUTGOING, 3)
    assert refused.value.facts["missing"] == "5.00"
    async with domain_transaction(actor) as tx:
        assert await channels.in_force(tx, tx.domain_id) == (None, 1)


# --- numbers and operators ---------------------------------------------------------------------------


@pytest.mark.req("NUM-50", "NUM-51")
async def test_a_number_beyond_the_included_ones_is_charged_when_it_is_given() -> None:
    actor = await a_company(a_service("additional_number", "special", 125, 200, included=1), money="300")
    ids = []
    async with platform_transaction(STAFF) as tx:
        for number in range(3):
            ids.append(await tx.fetchval("INSERT INTO phone_number (e164) VALUES ($1) RETURNING id",
                                         f"7495{actor.domain_id:06}{number}"[:15]))
        await inventory.give(tx, ids[0], actor.domain_id)
        await inventory.give(tx, ids[1], actor.domain_id)
    with pytest.raises(Refused):
        async with platform_transaction(STAFF) as tx:
            await inventory.give(tx, ids[2], actor.domain_id)
    async with platform_transaction(STAFF) as tx:
        await inventory.take_back(tx, ids[1])
        await inventory.take_back(tx, ids[0])
    assert [row[:3] for row in await ledger(actor)] == [
        ("connection", "additional_number", 1), ("subscription_fee", "additional_number", 1),
        ("disconnection", "additional_number", -1)]


CENTRE = a_service("contact_center", "operator", 60, 7)


@pytest.mark.req("USR-63", "SVC-20", "SVC-22", "SVC-D10")
async def test_the_first_operator_switches_the_contact_centre_on() -> None:
    actor = await a_company(CENTRE, a_service("appeals", "operator", 30), money="100")
    anna, boris = [await world.a_user(actor, login, extension) for login, extension in (("anna", "201"), ("boris", "202"))]
    async with domain_transaction(actor) as tx:
        shown = await operators.quote(tx)
        assert await operators.set_operator(tx, anna, True, mark=shown.mark)
        assert not await operators.set_operator(tx, anna, True)  # a repeat charges nothing
        assert await service.is_on(tx, "contact_center")
        await service.connect(tx, "appeals")
        await operators.set_operator(tx, boris, True)
        assert (await operators.saving(tx)).amount == Decimal(90)
        await operators.set_operator(tx, boris, False)
    assert [row[:3] for row in await ledger(actor)] == [
        ("connection", "contact_center", 1), ("subscription_fee", "contact_center", 1),
        ("connection", "appeals", 1), ("subscription_fee", "appeals", 1),
        ("connection", "appeals", 1), ("subscription_fee", "appeals", 1),
        ("connection", "contact_center", 1), ("subscription_fee", "contact_center", 1),
        ("disconnection", "appeals", -1), ("disconnection", "contact_center", -1)]


@pytest.mark.req("SVC-35", "SVC-D5")
async def test_without_the_contact_centre_nobody_is_an_operator() -> None:
    actor = await a_company(CENTRE, money="100")
    anna = await world.a_user(actor, "anna", "201")
    async with domain_transaction(actor) as tx:
        await operators.set_operator(tx, anna, True)
        (told,) = await operators.affected(tx)
        assert told.names == ["anna"]
        await service.disconnect(tx, "contact_center")
    assert not await value(actor, "SELECT bool_or(is_operator) FROM domain_user WHERE domain_id = $1")
    assert (await ledger(actor))[-1] == ("disconnection", "contact_center", -1, 0)


async def test_a_plan_without_the_contact_centre_has_no_operators() -> None:
    actor = await a_company(money="100")
    anna = await world.a_user(actor, "anna", "201")
    with pytest.raises(Forbidden):
        async with domain_transaction(actor) as tx:
            await operators.set_operator(tx, anna, True)


@pytest.mark.req("SVC-20")
async def test_an_operator_who_is_deleted_is_counted_no_more() -> None:
    actor = await a_company(CENTRE, money="100")
    await world.a_user(actor, "boss", "200", is_admin=True)
    anna = await world.a_user(actor, "anna", "201")
    async with domain_transaction(actor) as tx:
        await operators.set_operator(tx, anna, True)
        await users.delete_user(tx, anna)
        assert (await service.scene(tx)).lines["contact_center"].instances == 0
        assert not (await service.saving_of_level(tx, Level.OPERATOR)).amount
    assert ("disconnection", "contact_center", -1, 0) in await ledger(actor)


# --- the plan changes --------------------------------------------------------------------------------


@pytest.mark.req("SVC-D10", "SVC-35")
async def test_a_tariff_without_a_service_ends_it_after_a_warning() -> None:
    actor = await a_company(CENTRE, a_service("integration_api"), a_service("recording", "special"), money="100")
    other = await a_tariff(services=[a_service("integration_api")])
    anna = await world.a_user(actor, "anna", "201")
    async with domain_transaction(actor) as tx:
        await operators.set_operator(tx, anna, True)
        await service.connect(tx, "integration_api")
        assert [row.code for row in await plans.leaving(tx, other)] == ["contact_center"]
    async with platform_transaction(STAFF) as tx:
        await domains.change_tariff(await tx.enter_domain(actor.domain_id), other)
    async with domain_transaction(actor) as tx:
        assert [row.code for row in await service.rows(tx) if row.is_on] == ["integration_api", "additional_user"]
    assert not await value(actor, "SELECT bool_or(is_operator) FROM domain_user WHERE domain_id = $1")
    assert (await ledger(actor))[-1] == ("disconnection", "contact_center", -1, 0)


@pytest.mark.req("SVC-D10", "SVC-01")
async def test_a_version_that_comes_into_force_ends_what_it_lacks() -> None:
    actor = await a_company(a_service("integration_api"), a_service(channels.INCOMING, "special", included=3))
    await connect(actor, "integration_api")
    async with platform_transaction(STAFF) as tx:
        await plans.follow_versions(tx)
    tariff = await value(actor, "SELECT tariff_id FROM account WHERE domain_id = $1")
    before = await value(actor, "SELECT desired FROM provisioning_state WHERE domain_id = $1")
    await a_version(tariff, services=[a_service(channels.INCOMING, "special", included=4)])
    async with platform_transaction(STAFF) as tx:
        assert await plans.follow_versions(tx) >= 1
        assert await plans.follow_versions(tx) == 0
    assert (await ledger(actor))[-1][:3] == ("disconnection", "integration_api", -1)
    assert await value(actor, "SELECT desired FROM provisioning_state WHERE domain_id = $1") > before


@pytest.mark.req("ACC-D3", "SVC-D3")
async def test_services_of_the_trial_are_paid_from_the_contract_on() -> None:
    plan = (a_service("integration_api", monthly=30, connection=500), a_service("reminders"))
    actor = await a_company(*plan, commercial=False)
    other = await a_tariff(services=plan[:1])
    await connect(actor, "integration_api")
    await connect(actor, "reminders")
    await world.pay(actor, "100")
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(actor.domain_id)
        quote = await plans.quote_tariff(bound, other)
        assert [row.code for row in await plans.leaving(bound, other)] == ["reminders"]
        await domains.switch_to_commercial(bound, tariff_id=other, scheme="prepaid", quoted=quote.mark)
    assert await balance(actor) == Decimal(100) - quote.cost.charged.amount
    assert not quote.cost.connection
    async with domain_transaction(actor) as tx:
        assert await service.is_on(tx, "integration_api")
        assert not await service.is_on(tx, "reminders")
