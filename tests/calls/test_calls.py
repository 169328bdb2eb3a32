"""Calls of one company: inside, outside, from outside, wrong ones; and how soon a saved user can be called."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from tests.calls.world import Carrier, a_company, outside_number
from tests.stack import Stack

# the calls of a minute's length run while the tests of this and the next file do
pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("long_calls")]


async def test_how_numbers_are_dialled(stack: Stack, carrier: Carrier) -> None:
    """National, international, with plus and shortened to the area: E.164 at the trunk, ours in From."""
    company = await a_company(stack, balance="100.00")
    phone, national, local = await company.registered(), outside_number(), outside_number()
    for dialled, called in ((f"8{national}", f"7{national}"), (f"+7{national}", f"7{national}"),
                            (local.removeprefix("495"), f"7{local}"), ("810442079460018", "442079460018")):
        call = await phone.call(dialled, hold=0.3)
        assert call.code == 200, dialled
        arrived = carrier.calls_to(called)[-1]
        assert f"sip:{called}@" in arrived.invite.first_line
        assert f"<sip:{company.number}@" in arrived.invite.header("From")
    rows = await company.journal(4)
    assert [row["b_number"] for row in rows] == [f"7{national}", f"7{national}", f"7{local}", "442079460018"]
    assert {row["a_number"] for row in rows} == {company.number}
    assert [row["cost"] for row in rows] == [Decimal("1.50")] * 3 + [Decimal("9.00")]
    assert await company.balance() == Decimal("86.50")


async def test_wrong_number_is_announced(stack: Stack) -> None:
    company = await a_company(stack, balance="10.00")
    call = await (await company.registered()).call("8495")
    assert (call.code, call.early_media, call.answered_at) == (484, True, None)
    [row] = await company.journal(1)
    assert (row["result"], row["refusal"], row["cost"]) == ("refused", "number", Decimal("0.00"))


async def test_busy_and_absent_colleagues(stack: Stack) -> None:
    company = await a_company(stack)
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    async with petrov.refusing(486):
        assert (await ivanov.call("102")).code == 486
    await petrov.unregister()
    assert (await ivanov.call("102")).code == 480
    assert [row["result"] for row in await company.journal(2)] == ["busy", "failed"]


@pytest.mark.req("RTE-03")
async def test_incoming_call_rings_its_user_and_is_free(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack)
    ivanov = await company.registered("ivanov")
    unused = await company.another_number()
    await company.live()
    async with ivanov.answering() as answering:
        call = await carrier.call_in(company.number, "74959998877", hold=0.5)
        assert call.code == 200
        assert "<sip:74959998877@" in answering.calls[0].invite.header("From")
    assert (await carrier.call_in(unused, "74959998877")).code == 486
    answered, refused = await company.journal(2)
    assert (answered["direction"], answered["result"], answered["user_id"], answered["cost"]) == (
        "in", "answered", company.people["ivanov"], 0)
    assert (refused["direction"], refused["result"]) == ("in", "refused")
    assert answered["trunk_id"]
    assert await company.entries() == []


@pytest.mark.req("USR-39")
async def test_saved_is_live(stack: Stack) -> None:
    """A user can be called as soon as the change is live. Printed, not judged: that is the benchmark's part."""
    company = await a_company(stack)
    took = []
    for extension in range(103, 109):
        await company.add_user(f"user{extension}", str(extension))
        saved = time.monotonic()
        await company.live()
        took.append(time.monotonic() - saved)
    print(f"save → live: {', '.join(f'{one:.2f}' for one in took)} s")
    ivanov, newest = await company.registered("ivanov"), await company.registered("user108")
    async with newest.answering():
        assert (await ivanov.call("108", hold=0.3)).code == 200
