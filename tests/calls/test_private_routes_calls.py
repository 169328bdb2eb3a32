"""Private routes in real calls: offices of a company at addresses of their own, played by SIPp [PRV, T21…T28]."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from app.provider.private_routes import service as provider
from app.provider.private_routes.service import Peer
from billing.services import channels
from tenants.destinations.model import Destination, Kind
from tenants.forwarding import service as forwarding
from tenants.forwarding.rules import Kind as Way
from tenants.forwarding.service import RuleData as RedirectData
from tenants.numbers.rules import Restriction
from tenants.private_routes import lines, pointing, service
from tenants.private_routes.lines import Lines
from tenants.private_routes.rules import Settings
from tenants.routing import service as routing
from tenants.routing.service import RuleData
from tests.calls.sipp import Call, FarEnd, Server
from tests.calls.sipp.driver import Answering
from tests.calls.world import Carrier, Company, Handset, _until, a_company, a_port, outside_number
from tests.db.campaigns_world import a_group
from tests.db.factories import STAFF, a_tariff
from tests.db.services_world import a_service
from tests.stack import Stack, free_udp_port

pytestmark = pytest.mark.anyio
assert pointing.URL  # what the registry of destinations knows of routes
SHORT = r"sip:8(\d{3}@.*)"


@dataclass
class Office:
    """A company's own PBX: answers, and calls from the address by which it is known."""

    route_id: int
    far: FarEnd
    _answering: Answering

    @property
    def answered(self) -> list[Call]:
        return self._answering.calls

    def got(self) -> list[str]:
        """Numbers that were called, in order."""
        return [call.invite.first_line.split("sip:")[1].split("@")[0] for call in self.answered]

    async def calls(self, number: str, caller: str = "501", *, hold: float | None = 0.1) -> Call:
        return await self.far.call_in(number, caller, hold=hold, port=a_port())


@asynccontextmanager
async def offices(company: Company, *wanted: Settings) -> AsyncIterator[list[Office]]:
    """In the order of their priority, live on the node."""
    found: list[Office] = []
    async with AsyncExitStack() as running:
        for place, settings in enumerate(wanted, 1):
            address = f"127.0.{os.getpid() % 200 + 20}.{company.id % 60 * 4 + place}"
            port = free_udp_port(address, 25_900)
            async with platform_transaction(STAFF) as tx:
                route_id = await provider.create(await tx.enter_domain(company.id), settings.name, Peer(address, port))
            async with domain_transaction(company.actor) as tx:
                await service.save(tx, route_id, settings)
            far = FarEnd(Server(*company.stack.sip), address, port)
            answering = await running.enter_async_context(far.answering())
            found.append(Office(route_id, far, answering))
        await company.live()
        await _until(lambda: _known(company.stack, found[-1].route_id), "the trunk in Asterisk")
        yield found


async def _known(stack: Stack, route_id: int) -> bool:
    return "sip:127" in await stack.node.rx(f"pjsip show endpoint prv{route_id}")


async def a_company_with_routes(stack: Stack, incoming: int = 5, outgoing: int = 5, **changes) -> Company:
    tariff = await a_tariff(("7", "1.50"), ("44", "9.00"), services=[
        a_service(lines.SERVICE, "special"), a_service(channels.INCOMING, "special", included=5),
        a_service(channels.OUTGOING, "special", included=5)])
    company = await a_company(stack, balance="500.00", tariff_id=tariff, **changes)
    async with domain_transaction(company.actor) as tx:
        await lines.change(tx, Lines(incoming, outgoing))
    return company



@pytest.mark.req("PRV-40", "PRV-43", "PRV-44")
async def test_users_reach_their_offices(stack: Stack, carrier: Carrier) -> None:
    """T21, T22, T23, RTE-35: the expression, the cut, the group, the caller shown, and a rule that leads into a route."""
    company = await a_company_with_routes(stack)
    group = await a_group(company.actor, "Branch", company.people["ivanov"])
    wanted = [Settings("North", expression=SHORT, caller="outgoing"),
              Settings("Branch 1", expression=r"sip:1(\d{3}@.*)", cut=1), Settings("Off", expression="sip:3.*", is_on=False),
              Settings("Group", expression=r"sip:84950{5}\d\d@.*", is_group_only=True, group_id=group)]
    number = await company.another_number()
    async with offices(company, *wanted) as (north, branch, off, limited):
        async with domain_transaction(company.actor) as tx:
            number_id = await tx.fetchval("SELECT id FROM phone_number WHERE e164 = $1", number)
            await routing.add_rule(tx, number_id, RuleData(Destination(Kind.PRIVATE_ROUTE, number="8777")))
        await company.live()
        ivanov, petrov = [await company.registered(login) for login in ("ivanov", "petrov")]
        for phone, dialled, code in ((ivanov, "8123", 200), (ivanov, "1101", 200), (ivanov, "81234", 0),
                                     (ivanov, "84950000011", 200), (petrov, "84950000012", 200)):
            found = await phone.call(dialled, hold=0.1)
            assert (found.code == 200) == (code == 200), (dialled, found.code)
        assert north.got() == ["8123"]
        assert company.number in north.answered[0].invite.text
        assert branch.got() == ["101"]
        assert "sip:101@" in branch.answered[0].invite.text  # the caller's internal number
        assert limited.got() == ["84950000011"]
        assert carrier.calls_to("74950000012")
        assert not off.got()
        assert (await carrier.call_in(number, "74957771122", hold=0.1)).code == 200
        invite = north.answered[-1].invite.text
        assert "74957771122" in invite
        assert f"P-Asserted-Identity: <sip:{company.number}@{company.name}>" in invite
        assert f"Diversion: <sip:{number}@{company.name}>" in invite
    rows = await company.journal(6)
    marked = [(row["b_number"], row["cost"]) for row in rows if "to_private_route" in row["kind"].split()]
    assert sorted(marked) == [("1101", 0), (number, 0), ("8123", 0), ("84950000011", 0)]
    async with company.panel() as panel:
        assert (await panel.get("/calls")).text.count('aria-label="SIP-Trunk"') == 4


@pytest.mark.req("PRV-02", "PRV-27", "PRV-30", "PRV-31", "PRV-42")
async def test_an_office_calls_users_other_offices_and_the_outside(stack: Stack, carrier: Carrier) -> None:
    """T24, T25, T26, T27."""
    company = await a_company_with_routes(stack)
    other = await company.another_number()
    ids = {row["e164"]: row["id"] for row in await company.fetch(
        "SELECT id, e164 FROM phone_number WHERE domain_id = $1")}
    first = Settings("First", expression="", numbers=frozenset({ids[other]}))
    second = Settings("Second", expression=SHORT, restriction=Restriction.INTERNAL_ONLY)
    async with offices(company, first, second) as (office, inside):
        phone = await company.registered()
        called = outside_number()
        async with phone.answering() as answered:
            assert (await office.calls("101", "501")).code == 200
            assert "sip:501@" in answered.calls[0].invite.text
            assert (await inside.calls("101", "8444")).code == 200
        assert (await office.calls("8123", "501")).code == 200
        assert inside.got() == ["8123"]
        assert "sip:501@" in inside.answered[0].invite.text
        assert (await office.calls(f"8{called}", company.number)).code == 200
        assert other in (await carrier.call_to(called)).invite.text
        assert (await inside.calls(f"8{called}", "501")).code == 403
        async with domain_transaction(company.actor) as tx:
            await service.save(tx, office.route_id, Settings(
                "First", numbers=frozenset({ids[other]}), allows_from=True, restriction=Restriction.NO_INTERNATIONAL))
        await company.live()
        shown = []
        for caller in (f"8{company.number[1:]}", "74951234567"):
            called = outside_number()
            assert (await office.calls(f"+7{called}", caller)).code == 200
            text = (await carrier.call_to(called)).invite.text
            shown.append(next(one for one in (company.number, other) if one in text))
        assert shown == [company.number, other]
        assert (await office.calls("810442071234567", "501")).code == 403
        async with domain_transaction(company.actor) as tx:
            await service.save(tx, office.route_id, Settings("First", numbers=frozenset(ids.values())))
        await company.live()
        random: set[str] = set()
        while len(random) < 2:  # each with probability 1/2
            called = outside_number()
            assert (await office.calls(f"8{called}", "501")).code == 200
            text = (await carrier.call_to(called)).invite.text
            random.add(next(one for one in ids if one in text))
        async with domain_transaction(company.actor) as tx:
            await service.switch(tx, office.route_id, False)
        await company.live()
        assert (await office.calls("101", "501")).code == 403
    rows = await company.journal(10)
    told = [(row["direction"], row["refusal"], row["cost"] > 0) for row in rows if "private_route" in row["kind"].split()]
    assert set(told) == {("internal", "", False), ("out", "", True), ("out", "restricted", False)}
    assert (told.count(("internal", "", False)), told.count(("out", "restricted", False))) == (3, 2)
    assert not await company.differences()


@pytest.mark.req("PRV-12", "PRV-13")
async def test_lines_limit_calls_and_forwarding_takes_a_channel_too(stack: Stack, carrier: Carrier) -> None:
    """The office is known by its password here, wherever it calls from."""
    company = await a_company_with_routes(stack, incoming=1, outgoing=1)
    async with offices(company, Settings("Office", expression=SHORT)) as (office,):
        phone = await company.registered()
        async with platform_transaction(STAFF) as tx:
            await provider.change_peer(await tx.enter_domain(company.id), office.route_id, Peer(
                office.far.address, office.far.port, is_known_by_password=True, password="s3cret.x"))
        await _until(lambda: _asks_for_a_password(stack, office.route_id), "the password in Asterisk")
        assert (await office.calls("101", "501")).code == 401  # the address alone proves nothing any more
        stranger, known = [Handset(f"prv{office.route_id}", company.name, password, Server(*stack.sip), port=a_port(),
                                   address="127.0.0.1") for password in ("wrong", "s3cret.x")]
        assert (await stranger.call("101", hold=0.1)).code == 401
        async with phone.answering() as answered:
            talk = asyncio.create_task(known.call("101", hold=2.5))
            await _until(lambda: _answered(answered.calls), "the talk")
            assert (await known.call("102", hold=0.1)).code == 486
            out = asyncio.create_task(phone.call("8123", hold=1.0))
            await _until(lambda: _answered(office.answered), "the other talk")
            petrov = await company.registered("petrov")
            assert (await petrov.call("8124", hold=0.1)).code == 486
            counts = await stack.node.rx("group show channels")
            assert f"{company.id}" in counts
            assert "prvin" in counts
            assert "prvout" in counts
            assert (await out).code == 200
            assert (await talk).code == 200
        async with phone.answering():
            assert (await known.call("101", hold=0.1)).code == 200  # free again
        mobile = outside_number()  # T28
        async with domain_transaction(company.actor) as tx:
            await forwarding.add_rule(tx, company.people["petrov"], RedirectData(Way.LANDLINE, f"+7{mobile}", 5, 5, True, ()))
        await company.live()
        talk = asyncio.create_task(known.call("102", hold=1.0))
        await carrier.answered(mobile)
        counts = await stack.node.rx("group show channels")
        taken = {tuple(line.split()[1:]) for line in counts.splitlines() if f" {company.id} " in f"{line} "}
        assert {(str(company.id), "prvin"), (str(company.id), "chout")} <= taken, counts
        assert (await talk).code == 200
    rows = await company.journal(6)
    assert sorted(row["refusal"] for row in rows if row["direction"] == "internal")[-2:] == ["no_line", "no_line"]
    assert [row["cost"] > 0 for row in rows if row["direction"] == "out"] == [True]


async def _answered(calls: list[Call]) -> bool:
    return any(call.answered_at is not None for call in calls)


async def _asks_for_a_password(stack: Stack, route_id: int) -> bool:
    return f"prv{route_id}/prv{route_id}" in await stack.node.rx(f"pjsip show endpoint prv{route_id}")
