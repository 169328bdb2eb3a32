"""How callbacks end, what happens when who answers is deleted, and the end of old requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound
from tenants.calls.orders import Order
from tenants.destinations import registry
from tenants.groups import targets as _groups
from tenants.users import destinations as _users
from tenants.users import service as users
from tests.db import billing_factories as world
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service
from tests.db.test_lock_order import Other
from widgets import jobs, queries, requests, service, services
from widgets.requests import Sent
from widgets.rules import ALWAYS

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

OBJECTS = (_users, _groups, services)  # they register themselves when they are imported
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SENT = Sent("79051112233", "", "https://shop.example/", "192.0.2.7")


async def a_widget():
    """(actor, widget, user who answers): on, without a limit."""
    actor = await a_company(a_service("callback_widget", "special", 1, 1), money="1000")
    user_id = await world.a_user(actor)
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE domain SET notification_email = 'office@acme.example' WHERE id = $1", tx.domain_id)
        number = await service.create(tx)
        await service.configure(tx, number, is_on=True, name="Заказ", dist_type="user", object_id=user_id,
                                schedule=ALWAYS, intensity_seconds=0)
    return actor, number, user_id


async def an_order(actor, number: int) -> Order:
    """Of a request that was accepted just now."""
    async with domain_transaction(actor) as tx:
        seen = await requests.visit(tx, number)
        assert seen is not None
        assert (await requests.take(tx, seen, SENT)).status == 202
        request_id = await tx.fetchval("SELECT max(id) FROM widget_request WHERE domain_id = $1", tx.domain_id)
    return Order(1, service.CALLBACK, str(request_id), "ended", None, "", 16, None, 1, "1.1", NOW, NOW, None, NOW, 0, 0)


@pytest.mark.req("WGT-D2")
async def test_results_of_callbacks() -> None:
    actor, number, _user = await a_widget()
    seen = []
    for outcome in ({"result": "connected", "first_at": NOW}, {"result": "no_answer"}, {"result": "expired"},
                    {"result": "not_connected", "first_at": NOW},
                    {"result": "not_connected", "first_at": NOW, "reason": "funds"}):
        order = replace(await an_order(actor, number), **outcome)
        async with domain_transaction(actor) as tx:
            await jobs.ended(tx, order)
            await jobs.ended(tx, order)  # a repeat changes nothing
            row = await tx.fetchrow("SELECT result, reason, is_processed FROM widget_request WHERE domain_id = $1 "
                                    "AND id = $2", tx.domain_id, int(order.ref))
            seen.append(tuple(row or ()))
    assert seen == [("connected", "", True), ("missed", "", False), ("missed", "", False),
                    ("client_missed", "", False), ("not_placed", "funds", False)]
    async with domain_transaction(actor) as tx:
        assert (await queries.widget(tx, number)).unprocessed == 4
        assert await queries.statistics(tx, number, None, None) == queries.Counters(5, 2, 2, 0, 0)


async def test_who_answers_is_deleted() -> None:
    """The dialog names the widget; it is off, without an object, and the domain has a letter."""
    actor, number, user_id = await a_widget()
    async with domain_transaction(actor) as tx:
        group = await tx.fetchval("INSERT INTO call_group (domain_id, name) VALUES ($1, 'Продажи') RETURNING id",
                                  tx.domain_id)
        told = await registry.pointers(tx, "user", user_id)
        assert ["Заказ"] in [list(one.names) for one in told]
        await registry.gone(tx, "user", user_id)
        found = await queries.widget(tx, number)
        assert (found.is_on, found.object_id, found.dist_type) == (False, None, "user")
        await service.configure(tx, number, is_on=True, name="Заказ", dist_type="group", object_id=group,
                                schedule=ALWAYS, intensity_seconds=0)
        await tx.execute("DELETE FROM call_group WHERE domain_id = $1 AND id = $2", tx.domain_id, group)
        found = await queries.widget(tx, number)
        assert (found.is_on, found.object_id, found.dist_type) == (False, None, "group")
        assert await requests.visit(tx, number) is None
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetch("SELECT body FROM mail_message WHERE domain_id = $1 "
                                 "AND recipient = 'office@acme.example'", actor.domain_id)
    assert len(letters) == 1
    assert "Заказ" in letters[0]["body"]


@pytest.mark.req("WGT-D1")
async def test_deletion_takes_everything_along_but_the_calls() -> None:
    actor, number, _user = await a_widget()
    await an_order(actor, number)
    async with domain_transaction(actor) as tx:
        await service.end_all(tx)
        assert await tx.fetchval("SELECT count(*) FROM widget_request WHERE domain_id = $1", tx.domain_id) == 0
        assert await tx.fetchval("SELECT bool_and(cancel_wanted) FROM call_order WHERE domain_id = $1", tx.domain_id)


@pytest.mark.req("WGT-D9")
async def test_requests_are_kept_for_a_year() -> None:
    actor, number, _user = await a_widget()
    for _time in range(2):
        await an_order(actor, number)
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE widget_request SET at = $2 WHERE domain_id = $1 AND id = (SELECT min(id) "
                         "FROM widget_request WHERE domain_id = $1)", tx.domain_id, tx.now - timedelta(days=367))
    await jobs.delete_old({})
    async with domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM widget_request WHERE domain_id = $1", tx.domain_id) == 1


async def test_a_request_and_a_change_meet_the_deletion_of_who_answers() -> None:
    """Both wait for it, then find nobody: no call, no widget without an object that is on, nothing torn down."""
    actor, number, user_id = await a_widget()
    leaving = await world.a_user(actor, "petrov", "102")

    async def asked() -> None:
        async with domain_transaction(actor) as tx:
            seen = await requests.visit(tx, number)
            assert seen is not None
            await requests.take(tx, seen, SENT)

    async def chosen() -> None:
        async with domain_transaction(actor) as tx:
            await service.configure(tx, number, is_on=True, name="Заказ", dist_type="user", object_id=leaving,
                                    schedule=ALWAYS, intensity_seconds=0)

    for work, gone in ((chosen, leaving), (asked, user_id)):
        other = Other(work)
        async with domain_transaction(actor) as tx:
            await users.delete_user(tx, gone)
            await other.begins_and_waits(tx)
        with pytest.raises(NotFound):
            await other.ends()
    async with domain_transaction(actor) as tx:
        found = await queries.widget(tx, number)
        assert (found.is_on, found.object_id) == (False, None)
        assert await tx.fetchval("SELECT count(*) FROM call_order WHERE domain_id = $1", tx.domain_id) == 0
