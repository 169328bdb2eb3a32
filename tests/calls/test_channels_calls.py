"""Channels of a company in real calls: two are enough for two, the third is refused, a lower limit ends nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from app.kernel.db import domain_transaction
from billing.services import channels
from tests.calls.sipp import Call
from tests.calls.test_faxes import send, until
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.db.factories import a_tariff
from tests.db.services_world import a_service
from tests.stack import Stack

pytestmark = pytest.mark.anyio
TALK = 6.0


async def _with_channels(stack: Stack, included: int) -> Company:
    tariff = await a_tariff(("7", "1.50"), services=[
        a_service(channels.INCOMING, "special", included=included),
        a_service(channels.OUTGOING, "special", included=included)])
    return await a_company(stack, balance="100.00", tariff_id=tariff)


async def _set(company: Company, code: str, number: int) -> None:
    async with domain_transaction(company.actor) as tx:
        await channels.change(tx, code, number)
    await company.live()


async def _until(ready: Callable[[], bool], what: str, timeout: float = 10.0) -> None:
    until = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < until, what
        await asyncio.sleep(0.05)


def _talked(call: Call) -> bool:
    """To its own end: nobody cut it."""
    return call.code == 200 and call.ended_at is not None and call.answered_at is not None \
        and call.ended_at - call.answered_at > TALK - 0.5


@pytest.mark.req("SVC-40", "SVC-D6")
async def test_incoming_calls_beyond_the_limit_are_busy_and_kept_as_missed(stack: Stack, carrier: Carrier) -> None:
    company = await _with_channels(stack, 2)
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    async with ivanov.answering() as answering:
        talks = []
        for count in (1, 2):  # one after the other: each takes a port of the carrier
            talks.append(asyncio.create_task(carrier.call_in(company.number, f"7495999880{count}", hold=TALK)))
            await _until(lambda: sum(one.answered_at is not None for one in answering.calls) == len(talks), "a talk")
        assert (await carrier.call_in(company.number, "74959998803")).code == 486
        assert (await petrov.call("101", hold=0.2)).code == 200  # a colleague needs no channel
        assert (await petrov.call(f"8{outside_number()}", hold=0.2)).code == 200  # another limit
        await _set(company, channels.INCOMING, 1)
        assert (await carrier.call_in(company.number, "74959998804")).code == 486
        assert all(_talked(one) for one in await asyncio.gather(*talks))
        assert (await carrier.call_in(company.number, "74959998805", hold=0.2)).code == 200
    rows = [row for row in await company.journal(7) if row["direction"] == "in"]
    missed = [row for row in rows if row["result"] != "answered"]
    assert [row["a_number"] for row in missed] == ["74959998803", "74959998804"]
    assert {(row["result"], row["refusal"], row["user_id"]) for row in missed} == {
        ("busy", "no_channel", company.people["ivanov"])}
    assert len(rows) == 5
    async with company.panel() as panel:
        assert "No free channel" in await panel.text("/calls")


@pytest.mark.req("SVC-40", "SVC-D6")
async def test_outgoing_calls_beyond_the_limit_are_refused(stack: Stack, carrier: Carrier) -> None:
    company = await _with_channels(stack, 2)
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    numbers = [outside_number() for _ in range(5)]
    talks = [asyncio.create_task(ivanov.call(f"8{number}", hold=TALK)) for number in numbers[:2]]
    await asyncio.gather(*(carrier.answered(number) for number in numbers[:2]))
    assert (await petrov.call(f"8{numbers[2]}")).code == 503
    assert (await petrov.call("112", hold=0.2)).code == 200  # emergency numbers are never refused
    async with ivanov.answering() as answering:
        assert (await carrier.call_in(company.number, "74959998806", hold=0.2)).code == 200
        assert len(answering.calls) == 1
    await _set(company, channels.OUTGOING, 1)
    assert (await petrov.call(f"8{numbers[3]}")).code == 503
    assert all(_talked(one) for one in await asyncio.gather(*talks))
    assert (await petrov.call(f"8{numbers[4]}", hold=0.2)).code == 200
    assert not carrier.calls_to(numbers[2])
    rows = await company.journal(7)
    assert [(row["result"], row["refusal"]) for row in rows if row["result"] == "refused"] == [
        ("refused", "no_channel")] * 2
    assert await company.held() == 0


async def test_a_plan_without_channels_has_no_limit(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, balance="100.00")
    ivanov = await company.registered("ivanov")
    numbers = [outside_number() for _ in range(4)]
    calls = await asyncio.gather(*(ivanov.call(f"8{number}", hold=1.0) for number in numbers))
    assert [call.code for call in calls] == [200] * 4


@pytest.mark.req("SVC-40")
async def test_six_calls_at_once_take_two_channels(stack: Stack, carrier: Carrier) -> None:
    """Neither more nor fewer: the last channel is not refused to both who ask for it together."""
    company = await _with_channels(stack, 2)
    ivanov = await company.registered("ivanov")
    calls = await asyncio.gather(*(ivanov.call(f"8{outside_number()}", hold=4.0) for _ in range(6)))
    assert sorted(call.code for call in calls) == [200] * 2 + [503] * 4


async def test_a_call_that_the_node_places_by_itself_takes_a_channel_like_any_other(
    stack: Stack, carrier: Carrier,
) -> None:
    """Faxes, which the node calls with for a user."""
    company = await _with_channels(stack, 1)
    ivanov = await company.registered("ivanov")
    talked, faxed = outside_number(), outside_number()
    talk = asyncio.create_task(ivanov.call(f"8{talked}", hold=15))
    await carrier.answered(talked)
    fax_id = await send(company, f"8{faxed}")
    await until(company, fax_id, "ready", attempts=1, timeout=14)
    assert not carrier.calls_to(faxed)
    assert (await talk).code == 200
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE fax SET next_at = now() WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
    await carrier.answered(faxed)
    assert (await ivanov.call(f"8{outside_number()}")).code == 503
    refused = [(row["kind"], row["refusal"]) for row in await company.calls() if row["result"] == "refused"]
    assert ("fax_out", "no_channel") in refused
