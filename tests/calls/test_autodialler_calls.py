"""The auto-dialler in real calls: what counts as informed, and the channels of the domain [ADL, SVC-43]."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.kernel.db import domain_transaction
from app.modules.autodialler import numbers, queries, service
from app.modules.autodialler.number_file import Entry
from app.modules.autodialler.rules import Action, Result, Status
from billing.services import channels
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.db.autodialler_world import SERVICE, Dialler, a_prompt
from tests.db.factories import a_tariff
from tests.db.services_world import a_service
from tests.stack import Stack

pytestmark = pytest.mark.anyio


async def _company(stack: Stack, outgoing: int) -> Company:
    tariff = await a_tariff(("7", "1.50"), services=[
        SERVICE, a_service(channels.INCOMING, "special", included=outgoing),
        a_service(channels.OUTGOING, "special", included=outgoing)])
    return await a_company(stack, balance="100.00", tariff_id=tariff)


async def _started(company: Company, *digits: str, seconds: float, **settings: Any) -> Dialler:
    """A task that is at work; its message is on the node before it begins."""
    async with domain_transaction(company.actor) as tx:
        task = Dialler(company.actor, await service.create(tx, "Оповещение"))
        await numbers.load(tx, task.id, [Entry(one) for one in digits])
    await task.save(audio_id=await a_prompt(company.actor, seconds), **settings)
    await company.live()
    assert await task.press(Action.START) in (Status.ACTIVE, Status.PREPARING)
    return task


async def _until(ready: Callable[[], Awaitable[bool]], what: str, timeout: float = 20.0) -> None:
    until = time.monotonic() + timeout
    while not await ready():
        assert time.monotonic() < until, what
        await asyncio.sleep(0.1)


async def _completed(task: Dialler) -> None:
    async def over() -> bool:
        return await task.status() is Status.COMPLETED
    await _until(over, "the task is completed")


def _facts(rows: dict[str, queries.Number]) -> list[tuple[Result, int]]:
    return [(row.result, row.attempts) for row in rows.values()]


@pytest.mark.req("ADL-33", "ADL-52", "ADL-57")
async def test_three_numbers_one_is_informed(stack: Stack, carrier: Carrier) -> None:
    """Whoever hears the message long enough is informed; who hangs up early or is busy is not. The number that is shown
    is the task's, answered calls are paid."""
    company = await _company(stack, 3)
    shown = await company.another_number()
    shown_id = await company.fetchval("SELECT id FROM phone_number WHERE domain_id = $1 AND e164 = $2", shown)
    good, short, busy = outside_number(), outside_number(), "9990000486"
    task = await _started(company, good, short, busy, seconds=3.5, success_seconds=3, attempts=1, concurrency=3,
                          caller_number_id=shown_id)
    await carrier.answered(short, timeout=20)
    await asyncio.sleep(1.0)
    await _hang_up(stack, short)
    await _completed(task)
    rows = await task.numbers()
    assert {digits: (row.result, row.attempts) for digits, row in rows.items()} == {
        good: (Result.SUCCESS, 1), short: (Result.FAILED, 1), busy: (Result.FAILED, 1)}
    call = carrier.calls_to(good)[0]
    assert f"7{good}@" in call.invite.first_line
    assert shown in call.invite.header("From")
    assert 3 < call.talk_seconds < 5
    journal = await company.journal(3)
    assert sorted((row["direction"], row["user_id"], row["kind"], row["result"], row["cost"] > 0) for row in journal) == [
        ("out", None, "autodial", "answered", True), ("out", None, "autodial", "answered", True),
        ("out", None, "autodial", "busy", False)]
    assert await company.balance() < 100
    assert await company.differences() == []


async def _hang_up(stack: Stack, number: str) -> None:
    """The called person hangs up."""
    lines = (await stack.node.rx("core show channels concise")).splitlines()
    leg = next(line.split("!")[0] for line in lines if f"{number}@" in line and "!Dial!" in line)
    await stack.node.rx(f"channel request hangup {leg}")


@pytest.mark.req("SVC-43")
async def test_calls_of_a_task_take_the_channels_of_the_domain(stack: Stack, carrier: Carrier) -> None:
    """While a user's call has the only channel the task waits, without an attempt; while the task's call has it, the
    user's own is refused."""
    company = await _company(stack, 1)
    ivanov = await company.registered("ivanov")
    talked, dialled = outside_number(), outside_number()
    talk = asyncio.create_task(ivanov.call(f"8{talked}", hold=4.5))
    await carrier.answered(talked)
    task = await _started(company, dialled, seconds=3.3, success_seconds=3, attempts=1)

    async def running() -> bool:
        return await task.status() is Status.RUNNING
    await _until(running, "the task at work")
    await asyncio.sleep(1.5)
    assert not carrier.calls_to(dialled)
    assert _facts(await task.numbers())[0][1] == 0
    assert (await talk).code == 200
    await carrier.answered(dialled, timeout=15)
    assert (await ivanov.call(f"8{outside_number()}")).code == 503
    await _completed(task)
    assert _facts(await task.numbers()) == [(Result.SUCCESS, 1)]
    rows = await company.journal(3)
    assert [row["refusal"] for row in rows if row["result"] == "refused"] == ["no_channel"]
