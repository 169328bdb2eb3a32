"""Groups on real calls: everybody rings and one answers, from inside and outside; the voicemail of a group."""

from __future__ import annotations

import asyncio

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from tenants.destinations.model import Destination, Kind
from tenants.forwarding import service as forwarding
from tenants.forwarding.rules import Kind as Contact
from tenants.forwarding.service import RuleData
from tenants.groups import pages, service
from tenants.groups.rules import Algorithm, NewGroup, Settings
from tenants.routing import service as routing
from tenants.sounds import prompts
from tenants.sounds.service import Original, converted
from tests.calls.sipp.softphone import softphone
from tests.calls.test_voicemail_calls import tone
from tests.calls.world import PASSWORD, PEOPLE, Carrier, Company, _until, a_company, outside_number
from tests.db.factories import STAFF
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("long_calls")]


async def a_group(company: Company, name: str, extension: str, algorithm: Algorithm, *logins: str,
                  ring_seconds: int = 30, email: str = "", voicemail: bool = False) -> int:
    async with domain_transaction(company.actor) as tx:
        group_id = await service.create(tx, NewGroup(name, extension, algorithm,
                                                     tuple(company.people[login] for login in logins)))
        await service.save(tx, group_id, Settings(name, extension, algorithm, email, ring_seconds))
        await service.set_voicemail(tx, group_id, is_on=voicemail, greets=False)
    await company.live()
    return group_id


async def lines(company: Company, group_id: int, count: int) -> list[dict]:
    sql = "SELECT * FROM group_journal WHERE domain_id = $1 AND group_id = $2 ORDER BY id"

    async def there() -> bool:
        return len(await company.fetch(sql, group_id)) >= count

    await _until(there, f"{count} lines of the group")
    return await company.fetch(sql, group_id)


@pytest.mark.req("GRP-36")
async def test_everybody_rings_and_the_first_answer_wins(stack: Stack, carrier: Carrier) -> None:
    """From inside; then from outside, at the numbers of a member's own scheme and never at the own voicemail."""
    company = await a_company(stack, balance="100.00", people=(*PEOPLE, ("sidorov", "103")))
    ids = company.people
    group = await a_group(company, "Sales", "600", Algorithm.ALL, "petrov", "sidorov", "ivanov")
    async with domain_transaction(company.actor) as tx:
        await forwarding.set_voicemail(tx, ids["sidorov"], True)
    await company.live()
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    sidorov = await company.registered("sidorov")
    async with petrov.answering(after=0.8) as first, sidorov.ringing() as second, ivanov.ringing() as own:
        call = await ivanov.call("600", hold=0.7)
        assert call.code == 200
        assert [len(phone.calls) for phone in (first, second, own)] == [1, 1, 0]  # who calls is not rung
        assert second.calls[0].answered_at is None
    [row] = [row for row in await company.journal(1) if row["result"] == "answered"]
    assert (row["direction"], row["b_number"], row["peer_user_id"], row["group_id"]) == (
        "internal", "600", ids["petrov"], group)
    [line] = await lines(company, group, 1)
    assert (line["kind"], line["number"], line["other_user_id"], line["member_id"]) == (
        "group", "101", ids["ivanov"], ids["petrov"])
    assert 0 < line["talk_seconds"] <= 2
    own_lines = await company.fetch("SELECT user_id, kind, name FROM user_call WHERE domain_id = $1 ORDER BY user_id")
    assert [(one["user_id"], one["kind"], one["name"]) for one in own_lines] == [
        (ids["ivanov"], "out_ok", "Sales"), (ids["petrov"], "in_ok", "Ivanov")]  # nothing for who did not answer

    outside = f"7{outside_number()}"
    async with domain_transaction(company.actor) as tx:
        await routing.route_to(tx, company.number_id, Destination(Kind.GROUP, group))
        scheme = await forwarding.scheme_of(tx, ids["sidorov"])
        await forwarding.change_rule(tx, ids["sidorov"], scheme.rules[0].id, RuleData(Contact.MAIN, "", 1, 5, False, ()))
        await forwarding.add_rule(tx, ids["sidorov"], RuleData(Contact.LANDLINE, f"+{outside}", 5, 20, True, ()))
    await company.live()
    async with petrov.ringing() as rung, ivanov.ringing() as also:
        answered = await carrier.call_in(company.number, "74959998811", hold=0.8)
        assert [len(phone.calls) for phone in (rung, also)] == [1, 1]
    assert answered.code == 200
    assert len(carrier.calls_to(outside)) == 1
    line = (await lines(company, group, 2))[1]
    assert (line["kind"], line["number"], line["member_id"]) == ("in_ok", "74959998811", ids["sidorov"])
    rows = [row for row in await company.journal(3) if row["direction"] == "out"]
    assert [(row["kind"], row["user_id"], row["b_number"]) for row in rows] == [("redirected", ids["sidorov"], outside)]


@pytest.mark.req("GRP-37")
async def test_the_voicemail_of_a_group(stack: Stack, carrier: Carrier) -> None:
    """Nobody answers; then a group without an algorithm; with the voicemail off the call ends."""
    company = await a_company(stack)
    group = await a_group(company, "Support", "601", Algorithm.ALL, "petrov", ring_seconds=5,
                          email="support@company.example", voicemail=True)
    upload = Original("hello.wav", "wav", tone(0.8))
    sound = await converted(upload)
    async with domain_transaction(company.actor) as tx:
        await service.set_prompt(tx, group, "vm", await prompts.keep(tx, upload, sound))
        await service.set_voicemail(tx, group, is_on=True, greets=True)
    silent = await a_group(company, "Silent", "602", Algorithm.NONE, "petrov")
    petrov = await company.registered("petrov")
    async with softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov:
        async with petrov.ringing() as phone:
            talk = await ivanov.call("601")
            assert len(phone.calls) == 1
        assert talk.code == 200
        talk.sing()
        await talk.hears()  # the greeting and the tone
        await talk.hears(wanted=False)
        await asyncio.sleep(2.6)
        await talk.bye()
        ended = await ivanov.call("602")
        assert ended.code == 486
    for kind in (Kind.VOICEMAIL, Kind.FAX):  # targets of their own, also where calls do not go on to the voicemail
        async with domain_transaction(company.actor) as tx:
            await routing.route_to(tx, company.number_id, Destination(kind, silent, "group"))
        await company.live()
        assert (await carrier.call_in(company.number, "74959998812", hold=1.0)).code == 200
    [line] = await lines(company, group, 1)

    async def kept() -> bool:
        return (await lines(company, group, 1))[0]["kind"] == "voicemail"

    await _until(kept, "the message")
    [line] = await lines(company, group, 1)
    assert 2 <= line["seconds"] <= 4
    assert (line["number"], line["is_answered"], line["is_internal"]) == ("101", False, True)
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetch("SELECT * FROM mail_message WHERE domain_id = $1 AND recipient = $2", company.id,
                                 "support@company.example")
        assert len(letters) == 1
        attached = await tx.fetchval("SELECT media_type FROM file WHERE id = $1", letters[0]["attachment_id"])
    assert "Support" in letters[0]["subject"]
    assert attached == "audio/mpeg"
    assert [one["kind"] for one in await lines(company, silent, 3)] == ["group_missed", "in_missed", "in_missed"]
    async with company.panel("ivanov") as panel:
        assert "1" in await panel.text(f"{pages.LIST}/{group}/calls")
        answer = await panel.get(f"{pages.LIST}/{group}/calls/{line['id']}/audio")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert (await panel.get(f"{pages.LIST}/{silent}/calls/{line['id']}/audio")).status_code == 404
