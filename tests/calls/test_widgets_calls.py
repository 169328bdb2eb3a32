"""A visitor's request rings the employee, then the visitor; the log and the ledger have it."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest

from app.features import load_jobs, load_services
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.outbox import hand_on_next
from tenants.calls import orders
from tenants.groups import targets as _groups
from tenants.groups.rules import Algorithm
from tenants.users import destinations as _users
from tests.calls.test_groups_calls import a_group
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.db.factories import STAFF, a_tariff
from tests.stack import Stack
from widgets import queries, requests, service
from widgets.requests import Sent
from widgets.rules import ALWAYS

pytestmark = pytest.mark.anyio

OBJECTS = (_users, _groups)  # they register themselves when they are imported


async def a_widget(company: Company, dist_type: str, object_id: int) -> int:
    async with domain_transaction(company.actor) as tx:
        number = await service.create(tx)
        await service.configure(tx, number, is_on=True, name="Site", dist_type=dist_type, object_id=object_id,
                                schedule=ALWAYS, intensity_seconds=0)
    return number


async def sent(company: Company, widget_id: int, phone: str) -> None:
    async with domain_transaction(company.actor) as tx:
        seen = await requests.visit(tx, widget_id)
        assert seen is not None
        assert (await requests.take(tx, seen, Sent(phone, "", "https://shop.example/", "192.0.2.7"))).status == 202


async def result(company: Company, phone: str, timeout: float = 25.0) -> str:
    """Of the request, once its call has ended; the worker's share is done here."""
    until = time.monotonic() + timeout
    while True:
        async with platform_transaction(STAFF) as tx:
            while await hand_on_next(tx):
                pass
        async with domain_transaction(company.actor) as tx:
            found = await tx.fetchrow("SELECT result, is_processed, order_id FROM widget_request WHERE domain_id = $1 "
                                      "AND phone = $2", tx.domain_id, phone)
            assert found is not None
            if found["result"] != "waiting":
                return found["result"]
            order = await orders.find(tx, found["order_id"])
        assert time.monotonic() < until, order
        await asyncio.sleep(0.1)


async def _with_widgets(stack: Stack) -> Company:
    load_services()
    load_jobs()
    tariff = await a_tariff({"prefix": "7", "destination": "Russia", "price": "0.10", "unit_seconds": 1, "first_increment": 1,
                             "next_increment": 1}, services=[
        {"service": service.CODE, "level": "special", "monthly": 0, "connection": 0}])
    return await a_company(stack, balance="100.00", tariff_id=tariff)


@pytest.mark.req("WGT-65", "WGT-D2", "WGT-D8")
async def test_a_request_is_called_back(stack: Stack, carrier: Carrier) -> None:
    company = await _with_widgets(stack)
    widget_id = await a_widget(company, "user", company.people["ivanov"])
    ivanov = await company.registered("ivanov")
    visitor, unlucky = outside_number(), outside_number()
    async with ivanov.answering(hold=3.0) as answering:
        await sent(company, widget_id, f"8{visitor}")
        await carrier.answered(visitor)
        assert await result(company, f"7{visitor}") == "connected"
        assert f"7{visitor}" in answering.calls[0].invite.header("From")
        assert "Site" in answering.calls[0].invite.header("From")
    assert company.number in carrier.calls_to(visitor)[0].invite.header("From")  # the user has none of his own
    rows = await company.journal(1)
    assert [(row["direction"], row["user_id"], row["result"]) for row in rows] == [
        ("out", company.people["ivanov"], "answered")]
    assert rows[0]["cost"] > 0
    assert await company.balance() == Decimal("100.00") - rows[0]["cost"]
    async with ivanov.refusing(486):
        await sent(company, widget_id, f"8{unlucky}")
        assert await result(company, f"7{unlucky}") == "missed"
    assert not carrier.calls_to(unlucky)  # the visitor is called only after the employee has answered
    async with domain_transaction(company.actor) as tx:
        assert await queries.statistics(tx, widget_id, None, None) == queries.Counters(2, 1, 1, 0, 0)
        assert (await queries.widget(tx, widget_id)).unprocessed == 1
    assert await company.differences() == []


async def test_a_group_calls_back(stack: Stack, carrier: Carrier) -> None:
    """Everybody rings; only when one has answered is the visitor called, by the domain's number and for its money."""
    company = await _with_widgets(stack)
    group = await a_group(company, "Sales", "600", Algorithm.ALL, "ivanov", "petrov")
    widget_id = await a_widget(company, "group", group)
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    visitor = outside_number()
    async with ivanov.ringing() as rung, petrov.answering(after=1.0, hold=3.0) as answering:
        await sent(company, widget_id, f"8{visitor}")
        await carrier.answered(visitor)
        assert await result(company, f"7{visitor}") == "connected"
        assert len(rung.calls) == 1
        header = answering.calls[0].invite.header("From")
        assert f"7{visitor}" in header
        assert "Site" in header
    assert company.number in carrier.calls_to(visitor)[0].invite.header("From")
    rows = await company.journal(1)
    assert [(row["direction"], row["user_id"], row["result"]) for row in rows] == [("out", None, "answered")]
    assert await company.balance() == Decimal("100.00") - rows[0]["cost"]
    assert await company.differences() == []
