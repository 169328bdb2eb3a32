"""Connecting and disconnecting on a real database: entries, funds, repeats, races, what is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.kernel.errors import Forbidden, Refused
from app.kernel.money import Currency
from app.web.parts import Affected
from billing.accounts import lines
from billing.accounts.blocks import start_block
from billing.accounts.sums import Span
from billing.services import catalogue, channels, service
from billing.services.catalogue import Descriptor
from billing.services.rules import CostChanged
from tenants.users import operators
from tenants.users import service as users
from tenants.users.rules import NewUser
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_version
from tests.db.services_world import a_company, a_service, balance, ledger

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

DECEMBER = datetime(2020, 12, 1, 17, 20, tzinfo=ZoneInfo("Europe/Moscow"))
API = a_service("integration_api", monthly="31.00", connection="5.00")
GROUPS = "test_groups"


async def _end_groups(tx: DomainTx) -> None:
    await tx.execute("DELETE FROM pickup_group WHERE domain_id = $1", tx.domain_id)


async def _told(tx: DomainTx) -> list[Affected]:
    rows = await tx.fetch("SELECT name FROM pickup_group WHERE domain_id = $1 ORDER BY name", tx.domain_id)
    return [Affected("Groups", [row["name"] for row in rows])]


@pytest.fixture(autouse=True)
def groups() -> Iterator[None]:
    """A switched service whose instances are pickup groups."""
    catalogue.register(Descriptor(
        GROUPS, "Groups", is_manual=True, functions=frozenset({"GROUPS"}), deletes=_told, on_disconnect=_end_groups,
        count="SELECT domain_id, count(*) FROM pickup_group WHERE domain_id = ANY($1::bigint[]) GROUP BY domain_id"))
    yield
    catalogue._known.pop(GROUPS)


@pytest.fixture
async def company() -> Actor:
    return await a_company(API, a_service(GROUPS, "special", 62, 1), money="1000")


async def connect(actor: Actor, code: str = "integration_api", mark: str | None = None) -> bool:
    async with domain_transaction(actor) as tx:
        return await service.connect(tx, code, mark=mark)


async def disconnect(actor: Actor, code: str = "integration_api") -> bool:
    async with domain_transaction(actor) as tx:
        return await service.disconnect(tx, code)


async def is_on(actor: Actor, code: str = "integration_api") -> bool:
    async with domain_transaction(actor) as tx:
        return await service.is_on(tx, code)


async def value(actor: Actor, sql: str) -> Any:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval(sql, tx.domain_id)


async def add_group(tx: DomainTx, name: str, mark: str | None = None) -> None:
    await service.add_instances(tx, GROUPS, 1, f"group:{name}", mark=mark)
    await tx.execute("INSERT INTO pickup_group (domain_id, name) VALUES ($1, $2)", tx.domain_id, name)


# --- the manual's examples ---------------------------------------------------------------------------


@pytest.mark.req("FIN-44", "FIN-46", "FIN-47", "SVC-31", "SVC-32", "SVC-36")
async def test_t17_a_widget_is_added() -> None:
    """TC-03, T17: 9906159.65, then −1.00 and −0.03; the fee stands above the connection in the list."""
    with clock.at(DECEMBER):
        actor = await a_company(a_service("callback_widget", "special", "1.00", "1.00"), money="9906159.65")
        async with domain_transaction(actor) as tx:
            await service.add_instances(tx, "callback_widget", 1, "widget:1")
    rows = await _newest_first(actor)
    assert [(row.kind, row.quantity, row.amount.amount, row.balance_after.amount) for row in rows] == [
        ("subscription_fee", 1, Decimal("-0.03"), Decimal("9906158.62")),
        ("connection", 1, Decimal("-1.00"), Decimal("9906158.65"))]
    assert {row.at for row in rows} == {DECEMBER}
    assert {row.service for row in rows} == {"callback_widget"}


async def _newest_first(actor: Actor) -> list[lines.LedgerRow]:
    """As the finance page lists them."""
    async with domain_transaction(actor) as tx:
        found = await lines.find(tx, Currency.RUB, Span())
        return await lines.rows(tx, Currency.RUB, Span(), found, limit=50)


@pytest.mark.req("FIN-45", "SVC-34", "SVC-36")
async def test_t18_an_additional_user_goes() -> None:
    """TC-05: quantity −1, 0.00, the balance stays."""
    actor = await a_company(money="1000")
    await a_version(await value(actor, "SELECT tariff_id FROM account WHERE domain_id = $1"), user_monthly=31)
    async with domain_transaction(actor) as tx:
        user_id = await users.create_user(tx, NewUser("anna", "Anna", "Secret-12345"))
    before = await balance(actor)
    async with domain_transaction(actor) as tx:
        await users.delete_user(tx, user_id)
    (row, *_older) = await _newest_first(actor)
    assert (row.kind, row.service, row.quantity, row.amount.amount) == ("disconnection", "additional_user", -1, 0)
    assert row.balance_after.amount == before == await balance(actor)


@pytest.mark.req("FIN-44", "FIN-47", "SVC-32", "SVC-D7")
async def test_t19_recording_is_switched_on() -> None:
    """TC-04, T19: 70.00 a month make 2.26 for a day of December, whatever the hour."""
    with clock.at(DECEMBER.replace(hour=15, minute=33)):
        actor = await a_company(a_service("recording", "special", "70.00"), money="9906161.91")
        async with domain_transaction(actor) as tx:
            await service.add_instances(tx, "recording", 1, "user:1")
    (row, *_older) = await _newest_first(actor)
    assert (row.kind, row.quantity, row.amount.amount) == ("subscription_fee", 1, Decimal("-2.26"))
    assert row.balance_after.amount == Decimal("9906159.65")


@pytest.mark.req("SVC-D11")
async def test_tc39_several_instances_are_one_pair_of_entries() -> None:
    with clock.at(DECEMBER):
        actor = await a_company(a_service("recording", "special", 70), a_service("speech", "special", 31), money="100")
        async with domain_transaction(actor) as tx:
            await service.add_instances(tx, "recording", 2, "group")
            await service.add_many(tx, {"recording": 1, "speech": 3}, "group")
            await service.remove_instances(tx, "recording", 3, "group")
    assert await ledger(actor) == [
        ("connection", "recording", 2, 0), ("subscription_fee", "recording", 2, Decimal("-4.52")),
        ("connection", "recording", 1, 0), ("subscription_fee", "recording", 1, Decimal("-2.26")),
        ("connection", "speech", 3, 0), ("subscription_fee", "speech", 3, -3)]


# --- a service as a whole ----------------------------------------------------------------------------


@pytest.mark.req("SVC-31", "SVC-34", "SVC-36", "SVC-D4", "GEN-D1")
async def test_on_and_off_again(company: Actor) -> None:
    with clock.at(clock.now().replace(day=7)):
        generation = await value(company, "SELECT desired FROM provisioning_state WHERE domain_id = $1")
        assert await connect(company)
        assert not await connect(company)  # repeated: nothing is charged
        assert await is_on(company)
        after = await balance(company)
        assert await disconnect(company)
        assert not await disconnect(company)
    rows = await ledger(company)
    assert [row[:3] for row in rows] == [
        ("connection", "integration_api", 1), ("subscription_fee", "integration_api", 1),
        ("disconnection", "integration_api", -1)]
    assert rows[0][3] == Decimal("-5.00")
    assert rows[1][3] in {Decimal("-1.00"), Decimal("-1.03"), Decimal("-1.07"), Decimal("-1.11")}
    assert rows[2][3] == 0
    assert await balance(company) == after  # no refund
    assert not await is_on(company)
    assert await value(company, "SELECT desired FROM provisioning_state WHERE domain_id = $1") == generation + 2
    assert await value(company, "SELECT array_agg(action ORDER BY id) FROM action_history WHERE domain_id = $1 "
                                "AND object_type = 'service'") == ["service_connected", "service_disconnected"]


@pytest.mark.req("SVC-31", "SVC-36")
async def test_a_service_of_nothing_is_written_too() -> None:
    actor = await a_company(a_service("integration_api"), money="")
    assert await connect(actor)
    assert await ledger(actor) == [("connection", "integration_api", 1, 0), ("subscription_fee", "integration_api", 1, 0)]


@pytest.mark.req("SVC-30", "SVC-D3")
async def test_a_refusal_names_what_is_missing_and_connects_nothing() -> None:
    actor = await a_company(a_service("integration_api", connection="100"), money="40")
    with pytest.raises(Refused) as refused:
        await connect(actor)
    assert refused.value.facts["missing"] == "60.00"
    assert "60" in refused.value.message
    assert not await is_on(actor)
    assert await ledger(actor) == []


@pytest.mark.req("SVC-D3")
async def test_credit_may_not_reach_its_limit_and_unlimited_may_do_anything() -> None:
    actor = await a_company(a_service("integration_api", connection="100"), scheme="credit")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET credit_limit = 100 WHERE domain_id = $1", actor.domain_id)
    with pytest.raises(Refused) as refused:
        await connect(actor)
    assert refused.value.facts["missing"] == "0.01"
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET credit_limit = 100.01 WHERE domain_id = $1", actor.domain_id)
    assert await connect(actor)
    assert await connect(await a_company(a_service("integration_api", connection="100"), scheme="unlimited"))


@pytest.mark.req("SVC-D3")
async def test_in_trial_everything_is_charged_nothing() -> None:
    actor = await a_company(API, a_service("recording", "special", 70, 10), commercial=False)
    assert await connect(actor)
    async with domain_transaction(actor) as tx:
        quote = await service.quote(tx, "recording", 3)
        await service.add_instances(tx, "recording", 3, "users")
    assert not quote.cost.monthly
    assert [row[3] for row in await ledger(actor)] == [0, 0, 0, 0]


@pytest.mark.req("FIN-05", "SVC-30")
async def test_a_blocked_domain_connects_nothing_but_may_disconnect() -> None:
    actor = await a_company(a_service("integration_api"), a_service("reminders"), money="100")
    assert await connect(actor, "reminders")
    async with domain_transaction(actor) as tx:
        await start_block(tx, "administrative", "asked")
    with pytest.raises(Refused, match="blocked"):
        await connect(actor)
    assert await disconnect(actor, "reminders")


async def test_what_is_not_in_the_plan_or_not_switched_by_hand() -> None:
    actor = await a_company(a_service("recording", "special"))
    for action in (connect, disconnect):
        with pytest.raises(Refused):
            await action(actor, "recording")
    with pytest.raises(Forbidden) as refused:
        await connect(actor, "integration_api")
    assert refused.value.code == "not_in_plan"


@pytest.mark.req("SVC-D10", "SVC-14")
async def test_on_is_what_the_plan_contains_or_what_was_connected() -> None:
    actor = await a_company(a_service("callback_widget", "special", 5), API)
    assert await is_on(actor, "callback_widget")
    assert not await is_on(actor)
    assert not await is_on(actor, "crm")
    async with domain_transaction(actor) as tx:
        assert await service.has_function(tx, "CALL_ME")
        assert not await service.has_function(tx, "GROUPS")


@pytest.mark.req("SVC-33")
async def test_amounts_that_changed_are_not_charged(company: Actor) -> None:
    async with domain_transaction(company) as tx:
        shown = await service.quote_connection(tx, "integration_api")
    with pytest.raises(CostChanged) as changed:
        await connect(company, mark="1/2/3")
    fresh = changed.value.facts["quote"]
    assert isinstance(fresh, service.Quote)
    assert fresh.mark == shown.mark
    assert await ledger(company) == []
    assert await connect(company, mark=shown.mark)
    assert sum(row[3] for row in await ledger(company)) == -shown.cost.charged.amount


# --- instances, and what is deleted ------------------------------------------------------------------


@pytest.mark.req("SVC-22", "SVC-D10")
async def test_the_first_instance_switches_its_service_on(company: Actor) -> None:
    async with domain_transaction(company) as tx:
        quote = await service.quote(tx, GROUPS)
        await add_group(tx, "first", quote.mark)
    assert await is_on(company, GROUPS)
    assert [row[:3] for row in await ledger(company)] == [("connection", GROUPS, 1), ("subscription_fee", GROUPS, 1)]


@pytest.mark.req("SVC-D10")
async def test_enabling_a_service_without_instances_debits_nothing(company: Actor) -> None:
    assert await connect(company, GROUPS)
    assert await ledger(company) == []
    assert await disconnect(company, GROUPS)
    assert [row[:3] for row in await ledger(company)] == [("disconnection", GROUPS, -1)]


@pytest.mark.req("SVC-35", "SVC-36", "SVC-D11")
async def test_disconnecting_tells_and_deletes_the_settings(company: Actor) -> None:
    async with domain_transaction(company) as tx:
        await add_group(tx, "a")
        await add_group(tx, "b")
    async with domain_transaction(company) as tx:
        (told,) = await catalogue.find(GROUPS).deletes(tx)  # type: ignore[misc]
        assert (await service.saving(tx, GROUPS)).amount == Decimal(124)
    assert list(told.names) == ["a", "b"]
    assert await disconnect(company, GROUPS)
    assert await value(company, "SELECT count(*) FROM pickup_group WHERE domain_id = $1") == 0
    assert (await ledger(company))[-1] == ("disconnection", GROUPS, -2, 0)


@pytest.mark.req("SVC-35", "SVC-D4")
async def test_a_deletion_that_fails_leaves_everything(company: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    async with domain_transaction(company) as tx:
        await add_group(tx, "a")
    before = await ledger(company)

    async def fails(tx: DomainTx) -> None:
        await _end_groups(tx)
        raise ConnectionError

    broken = catalogue.find(GROUPS)
    monkeypatch.setitem(catalogue._known, GROUPS, replace(broken, on_disconnect=fails))
    with pytest.raises(ConnectionError):
        await disconnect(company, GROUPS)
    assert await is_on(company, GROUPS)
    assert await ledger(company) == before
    assert await value(company, "SELECT count(*) FROM pickup_group WHERE domain_id = $1") == 1


# --- at the same time --------------------------------------------------------------------------------


@pytest.mark.req("SVC-D4")
async def test_two_requests_cannot_spend_the_same_money() -> None:
    actor = await a_company(a_service("integration_api", connection="100"), a_service("reminders", connection="100"),
                            a_service(GROUPS, "special", 0, 100), money="150")

    async def one_group() -> bool:
        async with domain_transaction(actor) as tx:
            await add_group(tx, "x")
        return True

    done = await asyncio.gather(connect(actor), connect(actor, "reminders"), one_group(), return_exceptions=True)
    assert sum(one is True for one in done) == 1
    assert all(one is True or isinstance(one, Refused) for one in done)
    assert await balance(actor) == Decimal(50)
    assert len(await ledger(actor)) == 2


@pytest.mark.req("SVC-D4")
async def test_the_same_request_five_times_at_once_is_charged_once(company: Actor) -> None:
    done = await asyncio.gather(*(connect(company) for _ in range(5)))
    assert sorted(done) == [False] * 4 + [True]
    assert len(await ledger(company)) == 2


@pytest.mark.req("SVC-D4")
async def test_many_different_changes_at_once_do_not_block_each_other() -> None:
    """Every order of locks that the features take, against each other: no deadlock, and the books agree."""
    actor = await a_company(API, a_service("contact_center", "operator", 30, 1), a_service(GROUPS, "special", 62, 1),
                            a_service("incoming_channels", "special", 31, 1, included=1), money="1000")
    people = [await world.a_user(actor, f"user{number}", str(201 + number)) for number in range(4)]

    async def one(number: int) -> None:
        async with domain_transaction(actor) as tx:
            match number % 6:
                case 0:
                    await operators.set_operator(tx, people[number % 4], number % 4 < 2)
                case 1:
                    await service.disconnect(tx, "contact_center")
                case 2:
                    await channels.change(tx, channels.INCOMING, number % 5 + 1)
                case 3:
                    await users.create_user(tx, NewUser(f"new{number}", "New", "Secret-12345"))
                case 4:
                    await add_group(tx, f"group{number}")
                case _:
                    await (service.disconnect if number % 4 < 2 else service.connect)(tx, GROUPS)

    done = await asyncio.gather(*(one(number) for number in range(36)), return_exceptions=True)
    assert [error for error in done if error is not None] == []
    assert 1000 + sum(row[3] for row in await ledger(actor)) == await balance(actor)
    assert await value(actor, "SELECT count(*) FROM pickup_group WHERE domain_id = $1") == (
        await value(actor, f"SELECT COALESCE(sum(delta), 0) FROM service_change WHERE domain_id = $1 "
                           f"AND counted = '{GROUPS}'"))
