"""Calls that the system places: who is rung in which order, what comes of it, what it costs, once."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction
from tenants.calls import orders
from tenants.calls.orders import Order
from tenants.destinations.model import Destination, Kind
from tests.calls.test_acd_calls import a_centre
from tests.calls.test_channels_calls import _with_channels
from tests.calls.world import Carrier, Company, a_company, a_tariff_by_second, outside_number
from tests.stack import Stack

pytestmark = pytest.mark.anyio


def user(company: Company, login: str) -> Destination:
    return Destination(Kind.USER, company.people[login])


def number(digits: str) -> Destination:
    return Destination(Kind.NUMBER, number=digits)


async def placed(company: Company, first: Destination, then: Destination | int, **more) -> int:
    async with domain_transaction(company.actor) as tx:
        return await orders.order(tx, kind="callback", ref="1", first=first, then=then, **more)


async def ended(company: Company, order_id: int, timeout: float = 20.0) -> Order:
    until = time.monotonic() + timeout
    while True:
        async with domain_transaction(company.actor) as tx:
            found = await orders.find(tx, order_id)
        assert found is not None
        if found.state == "ended":
            return found
        assert time.monotonic() < until, found
        await asyncio.sleep(0.1)


async def test_a_user_is_called_and_then_connected_with_the_number(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, balance="100.00", tariff_id=await a_tariff_by_second("0.10"))
    ivanov = await company.registered("ivanov")
    visitor = outside_number()
    async with ivanov.answering(hold=4.0) as answering:
        order_id = await placed(company, user(company, "ivanov"), number(f"8{visitor}"), shown_number=f"7{visitor}",
                                shown_name="Site", payer_user_id=company.people["ivanov"])
        await carrier.answered(visitor)
        order = await ended(company, order_id)
        assert f"7{visitor}" in answering.calls[0].invite.header("From")
    assert order.result == "connected"
    assert 2 <= order.talk_seconds <= 5
    rows = await company.journal(1)
    assert [(row["direction"], row["user_id"], row["result"], row["kind"]) for row in rows] == [
        ("out", company.people["ivanov"], "answered", "callback")]
    assert await company.balance() == Decimal("100.00") - rows[0]["cost"]
    assert rows[0]["cost"] > 0
    assert await company.differences() == []


async def test_what_comes_of_a_call_is_told(stack: Stack, carrier: Carrier) -> None:
    """Nobody answers, busy, no money, the second is refused, cancelled, too late: each its own word."""
    company = await a_company(stack, balance="100.00")
    ivanov = await company.registered("ivanov")  # petrov has no phone
    async with ivanov.ringing():
        silent = await placed(company, user(company, "ivanov"), number("84950000000"), ring_seconds=5)
        hung = await placed(company, user(company, "ivanov"), number("84950000000"), ring_seconds=60)
        gone = await placed(company, user(company, "petrov"), number("84950000000"))
        late = await placed(company, user(company, "ivanov"), number("84950000000"), wait=timedelta(seconds=-1))
        assert (await ended(company, silent)).result == "no_answer"
        async with domain_transaction(company.actor) as tx:
            await orders.cancel(tx, hung)
        assert [(await ended(company, one)).result for one in (hung, gone, late)] == [
            "cancelled", "unreachable", "expired"]
    async with ivanov.refusing(486):
        assert (await ended(company, await placed(company, user(company, "ivanov"), number("84950000000")))
                ).result == "busy"
    async with ivanov.answering():
        order = await ended(company, await placed(company, user(company, "ivanov"), number("8123")))
        assert (order.result, order.reason, order.talk_seconds) == ("not_connected", "number", 0)
    poor = await a_company(stack)
    order = await ended(poor, await placed(poor, number(f"8{outside_number()}"), user(poor, "ivanov")))
    assert (order.result, order.reason) == ("refused", "funds")


async def test_the_domain_itself_calls_a_number_first_with_a_channel_of_its_own(
    stack: Stack, carrier: Carrier,
) -> None:
    """Without a user: the domain pays, the wished number of its own is shown, and the channels count."""
    company = await _with_channels(stack, 1)
    ivanov = await company.registered("ivanov")
    wished, called, other = await company.another_number(), outside_number(), outside_number()
    async with ivanov.answering(hold=3.0):
        order_id = await placed(company, number(f"8{called}"), user(company, "ivanov"), caller_id=wished)
        await carrier.answered(called)
        assert wished in carrier.calls_to(called)[0].invite.header("From")
        refused = await ended(company, await placed(company, number(f"8{other}"), user(company, "ivanov")))
        assert (refused.result, refused.reason) == ("no_channel", "no_channel")
        assert not carrier.calls_to(other)
        order = await ended(company, order_id)
    assert order.result == "connected"
    row = next(row for row in await company.journal(2) if row["result"] == "answered")
    assert (row["user_id"], row["direction"], row["a_number"]) == (None, "out", wished)
    assert row["cost"] > 0
    assert await company.differences() == []


async def test_a_voice_queue_is_the_first_party(stack: Stack) -> None:
    """The second is called when an operator has answered, not when the queue has taken the call."""
    async with a_centre(stack, who=("olga",)) as centre:
        olga, boris = centre.phones["olga"], centre.phones["boris"]
        await centre.sign_in("olga", "break")
        order_id = await placed(centre.company, Destination(Kind.GROUP, centre.group_id), user(centre.company, "boris"),
                                ring_seconds=60)
        await centre.waiting(1)
        await asyncio.sleep(0.5)
        assert boris.incoming.empty()
        await centre.sign_in("olga")
        operator = await olga.taken()
        await boris.taken()
        await asyncio.sleep(0.5)
        await operator.bye()
        assert (await ended(centre.company, order_id)).result == "connected"
        [row] = await centre.ended(1)
        assert (row["outcome"], row["operator_name"]) == ("answered", "Olga")
