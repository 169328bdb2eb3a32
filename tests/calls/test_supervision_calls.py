"""An administrator joins an operator's conversation with real phones: who hears whom, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.features import load_services
from app.kernel import provisioning
from app.kernel.db import domain_transaction
from billing.services import service
from tenants.operators import service as operators
from tests.calls.sipp.softphone import SoftPhone, Talk, softphone
from tests.calls.world import PASSWORD, Company, Panel, _until, a_company
from tests.db.factories import a_tariff
from tests.stack import Stack

pytestmark = pytest.mark.anyio
load_services()
PEOPLE = (("boss", "101"), ("anna", "102"), ("client", "103"))


async def a_centre(stack: Stack) -> Company:
    """`anna` is the operator of the group 600 and at work."""
    plan = [{"service": "contact_center", "level": "operator", "monthly": 0}]
    company = await a_company(stack, balance="100", tariff_id=await a_tariff(("7", "1.50"), services=plan), people=PEOPLE)
    anna = company.people["anna"]
    async with domain_transaction(company.actor) as tx:
        await service.connect(tx, "contact_center")
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND id = $2", tx.domain_id, anna)
        group_id = await tx.fetchval("INSERT INTO call_group (domain_id, name, extension, algorithm) "
                                     "VALUES ($1, 'Sales', '600', 'acd_longest_idle') RETURNING id", tx.domain_id)
        await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id) VALUES ($1, $2, $3)", tx.domain_id,
                         group_id, anna)
        await provisioning.want_new_generation(tx, "group")
    await company.live()
    return company


async def at_work(company: Company) -> None:
    async with domain_transaction(company.actor) as tx:
        await operators.sign_in(tx, company.people["anna"])
    await in_state(company, "waiting")


async def in_state(company: Company, state: str) -> None:
    """The engine has noticed."""
    async def there() -> bool:
        return state == await company.fetchval(
            "SELECT state FROM operator_state_interval WHERE domain_id = $1 AND user_id = $2 AND ended_at IS NULL",
            company.people["anna"])

    await _until(there, f"anna is {state}", 8)


async def join(panel: Panel, company: Company, mode: str) -> int:
    answer = await panel.post(f"/groups/live/{company.people['anna']}/{mode}", headers=await headers(panel))
    return answer.status_code


async def headers(panel: Panel) -> dict[str, str]:
    page = (await panel.get("/me")).text
    return {"HX-Request": "true", "X-CSRF-Token": page.split('name="csrf-token" content="')[1].split('"')[0]}


async def sessions(company: Company) -> list[tuple[str, str, str]]:
    return [(row["mode"], row["state"], row["result"]) for row in await company.fetch(
        "SELECT mode, state, result FROM supervisor_session WHERE domain_id = $1 ORDER BY id")]


async def comes(company: Company, *wanted: tuple[str, str, str]) -> None:
    async def there() -> bool:
        return await sessions(company) == list(wanted)

    try:
        await _until(there, "sessions", 8)
    except AssertionError:
        assert await sessions(company) == list(wanted)
        raise


@asynccontextmanager
async def phones(company: Company) -> AsyncIterator[dict[str, SoftPhone]]:
    async with (softphone("boss", company.name, PASSWORD, company.stack.sip) as boss,
                softphone("anna", company.name, PASSWORD, company.stack.sip) as anna,
                softphone("client", company.name, PASSWORD, company.stack.sip) as client):
        yield {"boss": boss, "anna": anna, "client": client}


async def who_hears(speaker: Talk, **others: tuple[Talk, bool]) -> None:
    """Only `speaker` makes a sound; after a moment each of the others hears it or not."""
    speaker.sing()
    await asyncio.gather(*(talk.hears(wanted) for talk, wanted in others.values()))
    speaker.sing(loud=False)
    await asyncio.gather(*(talk.hears(False) for talk, _wanted in others.values()))


@pytest.mark.req("RT-04", "RT-05", "RT-08")
async def test_example_23_the_three_ways(stack: Stack) -> None:
    """His phone rings; nobody, only the operator, both hear him; the end of the conversation ends his leg."""
    company = await a_centre(stack)
    async with phones(company) as phone, company.panel("boss") as panel:
        await at_work(company)
        outgoing = await phone["anna"].call("103")
        await in_state(company, "outgoing")
        assert await join(panel, company, "listen") == 409
        await outgoing.bye()
        await (await phone["client"].taken()).over()
        await in_state(company, "waiting")
        client = await phone["client"].call("600")
        anna = await phone["anna"].taken()
        for one in (client, anna):
            one.sing(loud=False)
        await in_state(company, "incoming")
        assert await join(panel, company, "listen") == 200
        boss = await phone["boss"].taken()
        boss.sing(loud=False)
        await comes(company, ("listen", "talking", ""))
        await who_hears(client, boss=(boss, True), anna=(anna, True))
        await who_hears(anna, boss=(boss, True), client=(client, True))
        await who_hears(boss, anna=(anna, False), client=(client, False))
        assert await join(panel, company, "whisper") == 200
        await comes(company, ("listen", "ended", "switched"), ("whisper", "talking", ""))
        await who_hears(boss, anna=(anna, True), client=(client, False))
        await who_hears(client, boss=(boss, True), anna=(anna, True))
        assert await join(panel, company, "barge") == 200
        await comes(company, ("listen", "ended", "switched"), ("whisper", "ended", "switched"), ("barge", "talking", ""))
        await who_hears(boss, anna=(anna, True), client=(client, True))
        assert not boss.ended.is_set()
        await client.bye()
        await boss.hears()  # the announcement
        await boss.over()
        await comes(company, ("listen", "ended", "switched"), ("whisper", "ended", "switched"),
                    ("barge", "ended", "conversation_over"))
        assert "The conversation is already finished." in await panel.text("/groups/live")
        await in_state(company, "waiting")
    rows = await company.journal(2)  # the supervisor's leg is nobody's call
    assert [(row["direction"], row["result"]) for row in rows] == [("internal", "answered")] * 2
    assert [row["state"] for row in await company.fetch(
        "SELECT state FROM operator_state_interval WHERE domain_id = $1 AND state <> 'offline' ORDER BY id")] == [
        "waiting", "outgoing", "waiting", "ringing", "incoming", "waiting"]
    assert await company.fetchval("SELECT count(*) FROM group_call WHERE domain_id = $1") == 1
    assert await company.put_aside() == 0


async def test_without_a_phone_and_when_the_call_is_over(stack: Stack) -> None:
    company = await a_centre(stack)
    async with (company.panel("boss") as panel, softphone("anna", company.name, PASSWORD, stack.sip) as anna,
                softphone("client", company.name, PASSWORD, stack.sip) as client):
        await at_work(company)
        talk = await client.call("600")
        await anna.taken()
        await in_state(company, "incoming")
        assert await join(panel, company, "listen") == 200
        await comes(company, ("listen", "ended", "no_phone"))
        assert "none is registered" in await panel.text("/groups/live")
        async with softphone("boss", company.name, PASSWORD, stack.sip) as boss:
            ringing, joined = asyncio.create_task(boss.taken()), await join(panel, company, "whisper")
            mine = await ringing
            assert joined == 200
            await comes(company, ("listen", "ended", "no_phone"), ("whisper", "talking", ""))
            await mine.bye()
            await comes(company, ("listen", "ended", "no_phone"), ("whisper", "ended", "finished"))
            assert not talk.ended.is_set()
            async with domain_transaction(company.actor) as tx:  # asked for while the conversation ends
                await tx.execute(
                    "INSERT INTO supervisor_session (domain_id, supervisor_id, operator_id, group_call_id, mode, started_at) "
                    "SELECT $1, $2, $3, id + 1000000, 'listen', $4 FROM group_call WHERE domain_id = $1", tx.domain_id,
                    company.people["boss"], company.people["anna"], tx.now)
            await comes(company, ("listen", "ended", "no_phone"), ("whisper", "ended", "finished"),
                        ("listen", "ended", "conversation_over"))
            await talk.bye()
