"""Parts are killed (-9) one by one while people talk: calls go on, no record is lost, none is billed twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from app import settings as settings_module
from app.kernel.db import DB, platform_transaction
from app.kernel.money import Money
from billing.accounts.rules import Scheme
from tenants.domains import service as domains
from tests.calls.sipp import Call
from tests.calls.world import (
    Carrier,
    Company,
    Handset,
    a_carrier,
    a_company,
    a_tariff_by_second,
    outside_number,
    the_node,
)
from tests.conftest import STATE
from tests.db.factories import STAFF, a_tariff
from tests.stack import OwnServers, Stack, make_stack

pytestmark = pytest.mark.anyio
PEOPLE = (("ivanov", "101"), ("petrov", "102"), ("sidorov", "203"), ("orlov", "204"))
ORPHAN_SECONDS = 6
PARTS = ("web", "worker", "agent", "redis", "postgres")


@dataclass
class World:
    own: OwnServers
    stack: Stack
    carrier: Carrier
    company: Company
    phones: dict[str, Handset]
    calls: int = 0  # that the journal must hold
    paid: int = 0  # of them, at 1.50

    async def kill(self, part: str) -> None:
        own: dict[str, Callable[[], Awaitable[None]]] = {
            "postgres": self.own.kill_postgres, "redis": self.own.kill_redis}
        for one in PARTS if part == "everything" else (part,):
            await own.get(one, partial(self.stack.kill, one))()

    async def restore(self, part: str) -> None:
        """The agent comes back without its memory of what it has shipped: everything is sent once more."""
        own: dict[str, Callable[[], Awaitable[None]]] = {
            "postgres": self.own.start_postgres, "redis": self.own.start_redis}
        for one in reversed(PARTS) if part == "everything" else (part,):
            if one == "agent":
                for path in (self.stack.settings.state_dir / "agent").glob("*.offset.json"):
                    path.unlink()
            await own.get(one, partial(self.stack.begin, one))()
        await self.stack.ready()


@asynccontextmanager
async def _database_of(own: OwnServers) -> AsyncIterator[None]:
    """This process works on the other cluster for a while."""
    before = {name: os.environ.get(name) for name in own.environment}
    await DB.close()
    os.environ.update(own.environment)
    settings_module.settings.cache_clear()
    await DB.open()
    try:
        yield
    finally:
        await DB.close()
        os.environ.update({name: value for name, value in before.items() if value is not None})
        settings_module.settings.cache_clear()
        await DB.open()


@pytest.fixture(scope="module")
async def world(servers: Any, database: None) -> AsyncIterator[World]:
    own = OwnServers(STATE / f"faults-{os.getpid()}")
    try:
        await own.start()
        async with _database_of(own):
            stack = make_stack(own.folder, own.postgres.owner_url, name="f", node_name="faults", environment={
                **own.environment, "AGENT_SEEN_SECONDS": "1", "AGENT_ORPHAN_SECONDS": str(ORPHAN_SECONDS)})
            if stack.telephony.node is None:
                pytest.skip(stack.telephony.missing)
            try:
                await stack.start()
                async with a_carrier(stack, await the_node(stack)) as carrier:
                    company = await a_company(stack, balance="100.00", people=PEOPLE)
                    phones = {login: await company.registered(login) for login, _ in PEOPLE}
                    yield World(own, stack, carrier, company, phones)
            finally:
                await stack.stop()
    finally:
        await own.stop()


@pytest.mark.parametrize("part", [*PARTS, "everything"])
async def test_calls_go_on_without(world: World, part: str) -> None:
    phones = world.phones
    short, long = outside_number(), outside_number()
    async with phones["petrov"].answering(), phones["orlov"].answering():
        talks = [asyncio.create_task(one) for one in (
            phones["ivanov"].call(f"8{short}", hold=3), phones["ivanov"].call(f"8{long}", hold=7),
            phones["ivanov"].call("102", hold=7))]
        await asyncio.gather(world.carrier.answered(f"7{short}"), world.carrier.answered(f"7{long}"))
        await world.kill(part)
        assert (await phones["sidorov"].call("204", hold=0.5)).code == 200
        assert (await phones["sidorov"].call("112", hold=0.1)).code == 200
        outside = await phones["sidorov"].call(f"8{outside_number()}", hold=0.5)
        is_asked = part in ("worker", "agent", "redis")  # who decides about money is there
        assert (outside.code, outside.early_media) == ((200, False) if is_asked else (503, True))
        await talks[0]  # ended while the part is away: its record waits somewhere
        assert not any(talk.done() for talk in talks[1:])
        await world.restore(part)
        ended: list[Call] = await asyncio.gather(*talks)
    assert [(call.code, call.ended_here) for call in ended] == [(200, True)] * 3
    assert all(-0.5 < call.talk_seconds - wanted < 1.5 for call, wanted in zip(ended, (3, 7, 7), strict=True))
    world.calls += 6
    world.paid += 2 + is_asked
    await _all_is_accounted_for(world)


async def _all_is_accounted_for(world: World) -> None:
    rows = await world.company.journal(world.calls, timeout=40)
    await asyncio.sleep(1)  # a second copy would come now
    rows = await world.company.calls()
    assert len(rows) == world.calls
    assert len({row["uniqueid"] for row in rows}) == world.calls
    paid = [row for row in rows if row["cost"]]
    assert [row["cost"] for row in paid] == [Decimal("1.50")] * world.paid
    assert sorted(await world.company.entries()) == [Decimal("-1.50")] * world.paid + [Decimal("100.00")]
    assert await world.company.balance() == Decimal("100.00") - world.paid * Decimal("1.50")
    assert await world.company.differences() == []
    assert await world.company.put_aside() == 0


async def test_help_without_money_and_without_the_panel(world: World) -> None:
    """The domain's number is shown; nobody pays for it."""
    company = await a_company(world.stack)
    phone, helped = await company.registered(), len(world.carrier.calls_to("sip:112"))
    assert (await phone.call("112", hold=0.3)).code == 200
    await world.kill("web")
    try:
        assert (await phone.call("112", hold=0.3)).code == 200
    finally:
        await world.restore("web")
    found = world.carrier.calls_to("sip:112")[helped:]
    assert len(found) == 2
    assert all(f"<sip:{company.number}@" in call.invite.header("From") for call in found)
    rows = await company.journal(2)
    assert [(row["direction"], row["result"], row["cost"]) for row in rows] == [("emergency", "answered", 0)] * 2
    assert await company.entries() == []


async def test_credit_company_talks_while_the_panel_is_away(world: World) -> None:
    """As long as it was told when it last asked; paid from the record alone."""
    company = await a_company(world.stack, tariff_id=await a_tariff(("7", "1.50")))
    async with platform_transaction(STAFF) as tx:
        await domains.change_terms(await tx.enter_domain(company.id), scheme=Scheme.CREDIT,
                                   credit_limit=Money.parse("1000"))
    phone, number = await company.registered(), outside_number()
    assert (await phone.call(f"8{outside_number()}", hold=0.3)).code == 200
    await world.kill("web")
    try:
        assert (await phone.call(f"8{number}", hold=1)).code == 200
    finally:
        await world.restore("web")
    told, offline = await company.journal(2)
    assert (offline["b_number"], offline["hold_id"], offline["cost"]) == (f"7{number}", None, Decimal("1.50"))
    assert told["hold_id"] is not None
    assert (await company.balance(), await company.differences()) == (Decimal("-3.00"), [])


async def test_asterisk_killed_during_a_paid_call(world: World) -> None:
    """The call is closed without a record and paid until it was last seen; the money it held is free again."""
    company = await a_company(world.stack, balance="500.00", tariff_id=await a_tariff_by_second("1.00"))
    ivanov, petrov, number = await company.registered("ivanov"), await company.registered("petrov"), outside_number()
    talk = asyncio.create_task(ivanov.call(f"8{number}", hold=600))
    try:
        await world.carrier.answered(f"7{number}")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(4)
        await world.stack.node.kill()
        talked = asyncio.get_running_loop().time() - began
    finally:
        talk.cancel()
    await world.stack.node.start()
    async with petrov.answering():  # its registration was kept
        assert (await ivanov.call("102", hold=0.3)).code == 200
    rows = await company.journal(2, timeout=ORPHAN_SECONDS + 20)
    closed = next(row for row in rows if row["direction"] == "out")
    assert (closed["sequence"], closed["result"], closed["hangup_cause"]) == (-1, "answered", 41)
    assert talked - 3 < closed["talk_seconds"] < talked + 2
    assert closed["cost"] == Decimal(closed["talk_seconds"])
    assert await company.entries() == [Decimal("500.00"), -closed["cost"]]
    assert (await company.balance(), await company.held()) == (Decimal("500.00") - closed["cost"], 0)
    assert await company.differences() == []
