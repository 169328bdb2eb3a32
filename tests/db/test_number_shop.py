"""Numbers that a domain buys, gives back and keeps in reserve: money, states, who may take what."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Forbidden, NotFound, Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.services.rules import CostChanged
from tenants.destinations.model import Destination, Kind
from tenants.numbers import inventory, leaving, shop
from tenants.routing import service as routing
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.db.services_world import a_service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
_count = itertools.count(500)  # below are the numbers that others make


async def in_stock(price: str = "100.00", grade: str = "gold", category: str = "toll_free") -> tuple[int, str]:
    e164 = f"78{'00' if category == 'toll_free' else '12'}{os.getpid() % 10_000:04}{next(_count):03}"
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("INSERT INTO phone_number (e164, category, grade, connection_price) VALUES ($1, $2, $3, "
                                 "$4) RETURNING id", e164, category, grade, Decimal(price)), e164


async def a_buyer(balance: str = "1000.00", *, commercial: bool = True) -> Actor:
    """One number costs 30 a month, of which a day is paid at once."""
    tariff = await a_tariff(("7", "1.50"), services=[a_service("additional_number", "special", monthly="3000.00")])
    actor = await a_domain(tariff_id=tariff, commercial=commercial, notification_email="office@acme.example")
    async with platform_transaction(STAFF) as tx:
        await accounts.record_payment(await tx.enter_domain(actor.domain_id), external_id=f"{os.getpid()}-{next(_count)}",
                                      amount=Money.parse(balance), source="Bank", description="")
    return actor


async def connect(actor: Actor, *numbers: str, mark: str | None = None) -> shop.Purchase:
    async with domain_transaction(actor) as tx:
        return await shop.connect(tx, numbers, mark=mark)


async def row_of(number_id: int) -> dict:
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT * FROM phone_number WHERE id = $1", number_id)
    assert row is not None
    return dict(row)


async def balance(actor: Actor) -> Decimal:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id)


@pytest.mark.req("NUM-49")
async def test_t30_connection_debits_and_tells() -> None:
    actor = await a_buyer()
    number_id, e164 = await in_stock("150.00")
    async with domain_transaction(actor) as tx:
        found = await shop.purchase(tx, [e164])
    assert found.own == Money.parse("150.00")
    day = found.quote.cost.first_day
    assert found.quote.cost.monthly == Money.parse("3000.00")
    await connect(actor, e164, mark=found.mark)
    row = await row_of(number_id)
    assert (row["domain_id"], row["is_additional"], row["filter_mode"]) == (actor.domain_id, True, "off")
    assert await balance(actor) == Decimal("1000.00") - Decimal("150.00") - day.rounded_for_ledger().amount
    async with platform_transaction(STAFF) as tx:
        letter = await tx.fetchrow("SELECT subject, body FROM mail_message WHERE domain_id = $1 AND body LIKE '%150%'",
                                   actor.domain_id)
        assert letter is not None
    async with domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM routing_rule WHERE domain_id = $1", tx.domain_id) == 0
        assert await tx.fetchval("SELECT default_number_id FROM domain WHERE id = $1", tx.domain_id) is None


@pytest.mark.req("NUM-50")
async def test_several_numbers_are_all_or_none() -> None:
    buyer, rival = await a_buyer("260.00"), await a_buyer()
    first, second, third = [await in_stock() for _each in range(3)]
    await connect(rival, third[1])
    before = await balance(buyer)
    with pytest.raises(Refused) as refused:
        await connect(buyer, first[1], third[1])
    assert refused.value.code == "numbers_taken"
    assert f"{third[1][-2:]}" in refused.value.message
    with pytest.raises(Refused) as poor:  # 200 for both and two days of the fee
        await connect(buyer, first[1], second[1])
    assert poor.value.code == "funds"
    assert await balance(buyer) == before
    assert (await row_of(first[0]))["domain_id"] is None
    with pytest.raises(CostChanged):
        await connect(buyer, first[1], mark="0/0/0|0")


async def test_no_purchases_in_trial_or_where_they_are_off() -> None:
    trial, closed = await a_domain(commercial=False), await a_buyer()
    _id, e164 = await in_stock()
    with pytest.raises(Refused) as refused:
        await connect(trial, e164)
    assert refused.value.code == "trial"
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET buys_numbers = false WHERE id = $1", closed.domain_id)
    with pytest.raises(Forbidden):
        await connect(closed, e164)


@pytest.mark.req("NUM-56")
async def test_t31_disconnected_reserved_extended_and_connected_again() -> None:
    actor, rival = await a_buyer(), await a_buyer()
    number_id, e164 = await in_stock(category="city")
    await connect(actor, e164)
    async with domain_transaction(actor) as tx:
        await routing.add_rule(tx, number_id, routing.RuleData(Destination(Kind.HANGUP)))
        await routing.add_entry(tx, number_id, "black", "101")
        await tx.execute("UPDATE domain SET default_number_id = $2 WHERE id = $1", tx.domain_id, number_id)
        assert len(await leaving.affected(tx, number_id)) == 2
    async with domain_transaction(actor) as tx:
        await shop.disconnect(tx, number_id)
        assert await tx.fetchval("SELECT default_number_id FROM domain WHERE id = $1", tx.domain_id) is None
        for table in ("routing_rule", "line_filter_entry"):
            assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE domain_id = $1", tx.domain_id) == 0
    row = await row_of(number_id)
    assert (row["domain_id"], row["held_for"], row["hold_kind"]) == (None, actor.domain_id, "reserve")
    assert 29 <= (row["hold_until"] - datetime.now(UTC).date()).days <= 31
    with pytest.raises(Refused):  # nobody else's
        await connect(rival, e164)
    async with domain_transaction(rival) as tx:
        assert number_id not in {one.id for one in await shop.reserved(tx)}
        with pytest.raises(NotFound):
            await shop.extend(tx, number_id)
    async with domain_transaction(actor) as tx:
        assert await shop.extend(tx, number_id) == row["hold_until"] + timedelta(days=30)
    with pytest.raises(Refused) as again:
        async with domain_transaction(actor) as tx:
            await shop.extend(tx, number_id)
    assert again.value.code == "extended"
    await connect(actor, e164)
    assert (await row_of(number_id))["is_additional"]


@pytest.mark.req("NUM-42")
async def test_t32_a_main_number_stays() -> None:
    actor = await a_buyer()
    number_id, _e164 = await in_stock()
    async with platform_transaction(STAFF) as tx:
        await inventory.give(tx, number_id, actor.domain_id)
    with pytest.raises(Refused) as refused:
        async with domain_transaction(actor) as tx:
            await shop.disconnect(tx, number_id)
    assert refused.value.code == "main_number"


@pytest.mark.req("NUM-45")
async def test_t33_a_run_of_digits_as_the_number_is_dialled() -> None:
    actor = await a_buyer()
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO phone_number (e164, category) VALUES ('78003011887', 'toll_free'), "
                         "('78003011888', 'toll_free') ON CONFLICT DO NOTHING")
    async with domain_transaction(actor) as tx:
        found = {one.e164 for one in (await shop.available(tx, category="toll_free", digits="1888"))[0]}
        assert "78003011888" in found
        assert "78003011887" not in found
        assert "78003011888" in {one.e164 for one in (await shop.available(tx, category="toll_free",
                                                                           digits="88003011888"))[0]}


async def test_booking_ends_with_its_last_day() -> None:
    actor, rival = await a_buyer(), await a_buyer()
    number_id, e164 = await in_stock()
    until = datetime.now(UTC).date() + timedelta(days=5)
    async with platform_transaction(STAFF) as tx:
        await inventory.book(tx, number_id, actor.domain_id, until)
    async with domain_transaction(actor) as tx:
        assert [(one.e164, one.hold_kind, one.hold_until) for one in await shop.reserved(tx)] == [(e164, "booked", until)]
    async with domain_transaction(rival) as tx:
        assert await tx.fetchval("SELECT count(*) FROM phone_number WHERE e164 = $1", e164) == 0
    for today, held in ((until, actor.domain_id), (until + timedelta(days=1), None)):
        async with platform_transaction(STAFF) as tx:
            await inventory.end_holds(tx, today)
        assert (await row_of(number_id))["held_for"] == held
    with pytest.raises(Refused):
        async with platform_transaction(STAFF) as tx:
            await inventory.unbook(tx, number_id)
    async with platform_transaction(STAFF) as tx:
        assert await inventory.set_price(tx, [number_id], grade="m", price=Decimal("9.50")) == 1
        assert await inventory.set_price(tx, [number_id], grade="m", price=None) == 0


async def test_a_domain_sees_only_stock_and_its_own() -> None:
    """The door of the rows, not the queries: a number of another domain is not there at all, and the stock only for
    the purchase."""
    actor, rival = await a_buyer(), await a_buyer()
    number_id, _e164 = await in_stock()
    async with domain_transaction(rival) as tx:
        assert await tx.fetchval("SELECT count(*) FROM phone_number WHERE domain_id IS NULL") == 0
        await shop.reserved(tx)
        assert await tx.fetchval("UPDATE phone_number SET domain_id = $2 WHERE id = $1 RETURNING 1", number_id,
                                 rival.domain_id) == 1
    async with domain_transaction(actor) as tx:
        await shop.reserved(tx)
        assert await tx.fetchval("SELECT count(*) FROM phone_number WHERE id = $1", number_id) == 0
        assert await tx.fetchval("UPDATE phone_number SET held_for = $2 WHERE id = $1 RETURNING 1", number_id,
                                 actor.domain_id) is None
    _id, other = await in_stock()
    with pytest.raises(Exception, match="row-level security"):
        async with domain_transaction(actor) as tx:
            await shop.reserved(tx)
            await tx.execute("UPDATE phone_number SET domain_id = $2, held_for = NULL WHERE e164 = $1", other,
                             rival.domain_id)


@pytest.mark.req("NUM-58")
async def test_the_life_of_a_number() -> None:
    """Every line of the table, one after another."""
    actor, rival = await a_buyer("5000.00"), await a_buyer()
    today = datetime.now(UTC).date()
    number_id, e164 = await in_stock()

    async def state() -> tuple[object, object, object]:
        row = await row_of(number_id)
        return row["domain_id"] and row["is_additional"], row["hold_kind"], row["held_for"]

    async def sweep(day: date) -> None:
        async with platform_transaction(STAFF) as tx:
            await inventory.end_holds(tx, day)

    await connect(actor, e164)
    assert await state() == (True, None, None)
    async with domain_transaction(actor) as tx:
        await shop.disconnect(tx, number_id)
    assert await state() == (None, "reserve", actor.domain_id)
    with pytest.raises(Refused):  # the same domain only
        await connect(rival, e164)
    async with domain_transaction(actor) as tx:
        until = await shop.extend(tx, number_id)
    await connect(actor, e164)
    async with domain_transaction(actor) as tx:
        await shop.disconnect(tx, number_id)
    await sweep(until + timedelta(days=1))
    assert await state() == (None, None, None)
    async with platform_transaction(STAFF) as tx:
        await inventory.book(tx, number_id, actor.domain_id, today + timedelta(days=3))
    async with domain_transaction(actor) as tx:
        assert await shop.extend(tx, number_id) == today + timedelta(days=33)
    await connect(actor, e164)
    assert await state() == (True, None, None)
    async with platform_transaction(STAFF) as tx:
        await inventory.take_back(tx, number_id)
        await inventory.book(tx, number_id, actor.domain_id, today + timedelta(days=3))
    await sweep(today + timedelta(days=4))
    assert await state() == (None, None, None)
    async with platform_transaction(STAFF) as tx:
        await inventory.give(tx, number_id, actor.domain_id)
    assert await state() == (False, None, None)


@pytest.mark.req("NUM-56")
async def test_every_extension_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a number that came into the reserve twice on one day."""
    actor = await a_buyer("5000.00")
    number_id, e164 = await in_stock("0.00")
    given = parameters.get

    async def with_a_fee(tx, key: str):
        return Decimal("7.00") if key == "numbers.extension_fee" else await given(tx, key)

    monkeypatch.setattr(parameters, "get", with_a_fee)
    for _each in range(2):
        await connect(actor, e164)
        async with domain_transaction(actor) as tx:
            await shop.disconnect(tx, number_id)
        before = await balance(actor)
        async with domain_transaction(actor) as tx:
            await shop.extend(tx, number_id)
        assert before - await balance(actor) == Decimal("7.00")
