"""Groups, rules and scenarios where they meet other features: pools, transfers, deletions, callers who give up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.kernel.db import domain_transaction
from tenants.destinations.model import Destination, Kind
from tenants.groups import service as groups
from tenants.groups.rules import Algorithm
from tenants.ivr import service as ivr
from tenants.ivr.rules import Action
from tenants.ivr.service import Reaction
from tenants.routing import service as routing
from tenants.routing.rules import Filter
from tenants.routing.service import RuleData
from tests.calls.sipp.softphone import softphone
from tests.calls.test_groups_calls import a_group, lines
from tests.calls.test_integration_api_calls import a_company_with_api, ended
from tests.calls.test_ivr_calls import a_caller, a_scenario, called, hears_tone, react
from tests.calls.test_pool_calls import a_pool, into_pool
from tests.calls.test_routing_calls import a_number
from tests.calls.world import PASSWORD, PEOPLE, Carrier, a_company
from tests.http.integration_api_world import a_receiver
from tests.http.test_integration_api_tls import server_side
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("long_calls")]
MORE = (*PEOPLE, ("sidorov", "103"))


async def test_the_pool_calls_a_group_and_a_colleague_transfers_into_it(stack: Stack, carrier: Carrier) -> None:
    company, peer = await a_company(stack, people=MORE), await a_company(stack, people=PEOPLE[:1])
    group = await a_group(company, "Sales", "600", Algorithm.ALL, "petrov")
    pool_id = await a_pool()
    await into_pool(pool_id, company, "4455")
    await into_pool(pool_id, peer, "4456")
    async with domain_transaction(company.actor) as tx:  # a rule with a condition: not the short way to a user
        await routing.route_to(tx, company.number_id, None)
        await routing.add_rule(tx, company.number_id, RuleData(
            Destination(Kind.USER, company.people["ivanov"]), prefixes=("812",)))
    await company.live()
    await peer.live()
    ids = company.people
    async with (softphone("petrov", company.name, PASSWORD, stack.sip) as petrov,
                softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                softphone("ivanov", peer.name, PASSWORD, stack.sip) as stranger, a_caller(stack, "78127770011") as outside):
        talk, taken = await asyncio.gather(stranger.call("4455600"), petrov.taken())
        assert talk.code == 200
        await asyncio.sleep(0.3)
        await taken.bye()
        await talk.over()
        outside.domain = "{}:{}".format(*stack.sip)
        talk, taken = await asyncio.gather(outside.call(company.number), ivanov.taken())
        assert talk.code == 200
        await asyncio.sleep(0.3)
        assert await taken.refer("600") == 202
        member = await petrov.taken()
        await asyncio.sleep(0.3)
        await member.bye()
        await talk.over()
    found = await lines(company, group, 2)
    assert [(one["member_id"], one["is_answered"]) for one in found] == [(ids["petrov"], True)] * 2
    rows = {row["kind"]: row for row in await company.journal(3)}
    assert (rows["transferred"]["direction"], rows["transferred"]["user_id"], rows["transferred"]["b_number"],
            rows["transferred"]["group_id"]) == ("internal", ids["ivanov"], "600", group)


async def test_who_hangs_up_as_the_voicemail_answers_was_missed(stack: Stack, carrier: Carrier) -> None:
    """A rule that ends calls says so in the journal."""
    company = await a_company(stack)
    group = await a_group(company, "Support", "601", Algorithm.NONE)
    ended = await company.another_number()
    async with domain_transaction(company.actor) as tx:
        await routing.route_to(tx, company.number_id, Destination(Kind.VOICEMAIL, group, "group"))
        number_id = await tx.fetchval("SELECT id FROM phone_number WHERE e164 = $1", ended)
        await routing.add_rule(tx, number_id, RuleData(Destination(Kind.HANGUP)))
    await company.live()
    assert (await carrier.call_in(company.number, "74959998813", hold=0.02)).code == 200
    [line] = await lines(company, group, 1)
    assert (line["is_answered"], line["kind"]) == (False, "in_missed")
    assert (await carrier.call_in(ended, "74959998814")).code == 486
    rows = {row["b_number"]: row for row in await company.journal(2)}
    assert rows[ended]["refusal"] == "hangup_rule"
    async with company.panel() as panel:
        assert "Ended by a routing rule" in await panel.text("/calls")


async def test_what_is_deleted_while_somebody_is_inside(stack: Stack, carrier: Carrier) -> None:
    """Callers in a scenario finish in it and nobody enters it any more; members of a group that is gone go on ringing."""
    company = await a_company(stack, people=MORE)
    ids = await a_scenario(company, timeout=30, tone=(440, 0.6), menus={"Deep": (880, 0.6)})
    group = await a_group(company, "Sales", "600", Algorithm.ALL, "petrov", voicemail=True, ring_seconds=8)
    await react(company, ids, "", "1", Reaction(Action.MENU, menu_id=ids["Deep"]))
    await react(company, ids, "Deep", "2", Reaction(Action.REDIRECT, Destination(Kind.USER, company.people["petrov"])))
    await company.live()
    async with (a_caller(stack) as outside, softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
        talk = await called(outside, company)
        async with domain_transaction(company.actor) as tx:
            await ivr.delete(tx, ids["scenario"])
        await company.live()
        assert (await carrier.call_in(company.number, "74959998815")).code == 486
        await talk.keys("1")
        await hears_tone(talk, 880)
        await talk.keys("2")
        answered = await petrov.taken()
        await answered.bye()
        await talk.over()
    phone = await company.registered("petrov")
    async with phone.ringing() as rung, softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov:
        waiting = asyncio.create_task(ivanov.call("600"))
        while not rung.calls:
            await asyncio.sleep(0.05)
        async with domain_transaction(company.actor) as tx:
            await groups.delete(tx, group)
        await company.live()
        talk = await waiting
        assert talk.code == 200  # its voicemail
        await asyncio.sleep(1.5)
        await talk.bye()
    assert await company.differences() == []


async def test_the_crm_is_asked_for_a_line_without_rules_and_never_told_of_who_is_listed(
        stack: Stack, carrier: Carrier, tmp_path: Path) -> None:
    """The order of RTE-40: lists, the event, smart routing, the rules."""
    async with a_receiver(server_side(tmp_path, "localhost")) as receiver:
        company, _own = await a_company_with_api(stack, receiver)
        receiver.reply = lambda path, _body: (200, '{"result":0,"PIN":"102"}' if "number_info" in path else "{}")
        async with domain_transaction(company.actor) as tx:
            await routing.route_to(tx, company.number_id, None)
        listed = await a_number(company, RuleData(Destination(Kind.HANGUP)), mode=Filter.BLACKLIST, listed="+79991230001")
        await company.live()
        async with softphone("petrov", company.name, PASSWORD, stack.sip) as petrov:
            assert (await carrier.call_in(listed, "79991230001")).code == 486
            calling = asyncio.create_task(carrier.call_in(company.number, "79161234567", hold=0.3))
            await petrov.taken()
            assert (await calling).code == 200
        await ended(receiver)
        assert [body["request_number"] for body in receiver.bodies() if body["state"] == "new"] == [
            f"sip:{company.number}@{company.name}"]
