"""Calls that last a minute begin early and run while other tests do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tenants.numbers.outgoing import shown_number
from tests.calls.sipp import Call
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.stack import Stack


@dataclass
class LongCalls:
    """Two calls that take a minute."""

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


@asynccontextmanager
async def long_calls(stack: Stack, carrier: Carrier) -> AsyncIterator[LongCalls]:
    found = LongCalls(await a_company(stack, balance="10.00"), await a_company(stack, balance="1.50"))
    found.tasks["main job"] = asyncio.create_task(_main_job(found.company))
    found.tasks["one minute"] = asyncio.create_task(_one_minute(found.poor, carrier))
    try:
        yield found
    finally:
        await _end(found)


async def _end(found: LongCalls) -> None:
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
