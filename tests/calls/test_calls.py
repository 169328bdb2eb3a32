"""The main job: phones of a company call each other and the outside world, and the panel shows what it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from tenants.numbers.outgoing import shown_number
from tests.calls.sipp import Call
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@dataclass
class LongCalls:
    """Two calls that take a minute; they run while the other tests of this file do."""

    company: Company
    poor: Company
    tasks: dict[str, asyncio.Task] = field(default_factory=dict)


@dataclass(frozen=True)
class MainJob:
    """What was seen of 65 seconds of talk. Delays are seconds after the BYE."""

    internal: Call
    outside: Call
    number: str
    journal_delay: float
    finance_delay: float
    ledger_delay: float


@pytest.fixture(scope="module", autouse=True)
async def long_calls(stack: Stack, carrier: Carrier) -> AsyncIterator[LongCalls]:
    found = LongCalls(await a_company(stack, balance="10.00"), await a_company(stack, balance="1.50"))
    found.tasks["main job"] = asyncio.create_task(_main_job(found.company))
    found.tasks["one minute"] = asyncio.create_task(_one_minute(found.poor, carrier))
    yield found
    for task in found.tasks.values():
        task.cancel()
    await asyncio.gather(*found.tasks.values(), return_exceptions=True)


async def _main_job(company: Company) -> MainJob:
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    async with petrov.answering():
        internal = await ivanov.call("102", hold=1)
    number = outside_number()
    async with company.panel() as panel:
        outside = await ivanov.call(f"8{number}", hold=65)
        ended = outside.ended_at or 0
        seen = await asyncio.gather(
            panel.shows("/calls/", shown_number(f"7{number}"), "3.00 ₽"), panel.shows("/finance/", "7.00 ₽"),
            panel.shows("/finance/ledger", "-3.00 ₽", "7.00 ₽"))
    return MainJob(internal, outside, number, *(moment - ended for moment in seen))


async def _one_minute(company: Company, carrier: Carrier) -> Call:
    """Money for exactly one started minute; the call as the carrier saw it."""
    phone, number = await company.registered(), outside_number()
    await phone.call(f"8{number}", timeout=90)
    return await carrier.call_to(number)


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


@pytest.mark.req("ACC-01", "FIN-54", "FIN-62", "USR-28")
async def test_main_job(long_calls: LongCalls) -> None:
    """65 seconds at 1.50 per started minute cost 3.00, and everybody says so within two seconds."""
    company = long_calls.company
    seen: MainJob = await long_calls.tasks["main job"]
    assert (seen.internal.code, seen.outside.code, seen.outside.ended_here) == (200, 200, True)
    inner, outer = await company.journal(2)
    users = company.people["ivanov"], company.people["petrov"]
    assert (inner["direction"], inner["user_id"], inner["peer_user_id"]) == ("internal", *users)
    assert (inner["result"], inner["rating"], inner["cost"]) == ("answered", "free", 0)
    assert inner["talk_seconds"] in (1, 2)
    assert (outer["direction"], outer["user_id"], outer["b_number"]) == ("out", users[0], f"7{seen.number}")
    assert (outer["rating"], outer["cost"], outer["result"]) == ("rated", Decimal("3.00"), "answered")
    assert outer["talk_seconds"] in (65, 66)
    assert outer["charge"]["posted"] == 3_000_000
    assert await company.entries() == [Decimal("10.00"), Decimal("-3.00")]
    assert (await company.balance(), await company.held()) == (Decimal("7.00"), 0)
    assert await company.differences() == []
    print(f"after BYE: journal {seen.journal_delay:.2f} s, balance {seen.finance_delay:.2f} s, "
          f"ledger {seen.ledger_delay:.2f} s")
    assert max(seen.journal_delay, seen.finance_delay, seen.ledger_delay) < 2


async def test_one_minute_of_money_is_one_minute_of_talk(long_calls: LongCalls) -> None:
    call: Call = await long_calls.tasks["one minute"]
    assert call.ended_here is False
    assert 58 < call.talk_seconds < 62
    [row] = await long_calls.poor.journal(1)
    assert (row["talk_seconds"], row["cost"]) == (60, Decimal("1.50"))
    assert await long_calls.poor.balance() == 0
