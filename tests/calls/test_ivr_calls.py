"""Callers in voice scenarios: keys, internal numbers, silence, menus within menus, where calls go from there."""

from __future__ import annotations

import asyncio
import io
import math
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.kernel import provisioning
from app.kernel.db import domain_transaction
from tenants.destinations.model import Destination, Kind
from tenants.forwarding import service as forwarding
from tenants.groups.rules import Algorithm
from tenants.ivr import queries, service
from tenants.ivr.rules import DEFAULT, Action
from tenants.ivr.service import Reaction
from tenants.routing import service as routing
from tenants.sounds import prompts, recording
from tenants.sounds.convert import convert
from tenants.sounds.service import Original, Slot
from tests.calls.sipp.softphone import SoftPhone, Talk, softphone
from tests.calls.test_groups_calls import a_group
from tests.calls.test_voicemail_calls import put
from tests.calls.world import PASSWORD, Carrier, Company, _until, a_company, outside_number
from tests.stack import FAR_END, Stack

pytestmark = pytest.mark.anyio

PEOPLE = (("ivanov", "101"), ("petrov", "5010"))


def a_tone(hertz: int, seconds: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(2 * math.pi * hertz * at / 8000)))
                                  for at in range(int(8000 * seconds))))
    return out.getvalue()


async def a_scenario(company: Company, *, errors: int = 3, timeout: int = 1, tone: tuple[int, float] | None = None,
                     keys: dict[str, Reaction] | None = None, menus: dict[str, tuple[int, float]] | None = None
                     ) -> dict[str, int]:
    """The company's number leads to it. `menus`: name → tone; ids by name, the main one is ""."""
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain SET ivr_errors = $2, ivr_timeout_seconds = $3 WHERE id = $1", tx.domain_id,
                         errors, timeout)

        async def sound(of: tuple[int, float]) -> int:
            content = a_tone(*of)
            return await prompts.keep(tx, Original("tone.wav", "wav", content), convert(content, "wav"))

        scenario_id = await service.create(tx, await service.suggested_name(tx))
        ids = {"": (await queries.scenario(tx, scenario_id)).main.id, "scenario": scenario_id}
        if tone:
            await service.change_menu(tx, scenario_id, ids[""], "", await sound(tone))
        for name, of in (menus or {}).items():
            ids[name] = await service.add_menu(tx, scenario_id, name, await sound(of))
        for trigger, reaction in (keys or {}).items():
            await service.react(tx, scenario_id, ids[""], trigger, reaction)
        await routing.route_to(tx, company.number_id, Destination(Kind.IVR, scenario_id))
        await provisioning.want_new_generation(tx, "ivr")
    return ids


async def react(company: Company, ids: dict[str, int], menu: str, trigger: str, reaction: Reaction) -> None:
    async with domain_transaction(company.actor) as tx:
        await service.react(tx, ids["scenario"], ids[menu], trigger, reaction)


@asynccontextmanager
async def a_caller(stack: Stack, number: str = "79990001122") -> AsyncIterator[SoftPhone]:
    """Somebody outside, behind the carrier."""
    async with softphone(number, FAR_END, "", stack.sip, address=FAR_END, registered=False) as phone:
        yield phone


async def called(phone: SoftPhone, company: Company) -> Talk:
    phone.domain = "{}:{}".format(*company.stack.sip)
    talk = await phone.call(company.number)
    assert talk.code == 200
    return talk


async def hears_tone(talk: Talk, hertz: int) -> None:
    async def there() -> bool:
        return abs(talk.pitch - hertz) < hertz * 0.06

    await _until(there, f"a tone of {hertz} Hz (now {talk.pitch:.0f})", 6.0)


@pytest.mark.req("T43")
async def test_an_internal_number_from_a_fresh_scenario(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, people=PEOPLE)
    await a_scenario(company, errors=0, timeout=3)
    await company.live()
    async with a_caller(stack) as outside, softphone("petrov", company.name, PASSWORD, stack.sip) as petrov:
        first, second = await asyncio.gather(called(outside, company), called(outside, company))
        await asyncio.gather(first.keys("5010"), second.keys("5011"))
        talk = await petrov.taken()
        talk.sing()
        await first.hears()
        await second.over()  # one error exceeds the limit 0
        assert not first.ended.is_set()
        await first.bye()
        await talk.over()


async def test_menus_within_menus(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, people=PEOPLE)
    ids = await a_scenario(company, timeout=30, tone=(440, 1.0), menus={"Sales": (880, 1.0), "Deep": (1320, 1.0)})
    for menu, trigger, to in (("", "1", "Sales"), ("Sales", "1", "Deep"), ("", "2", "Deep"), ("Deep", "0", "")):
        await react(company, ids, menu, trigger, Reaction(Action.MENU, menu_id=ids[to]))
    for menu in ("Sales", "Deep"):
        await react(company, ids, menu, "*", Reaction(Action.BACK))
    group = await a_group(company, "Sales", "600", Algorithm.ALL, "petrov")
    await react(company, ids, "Deep", "#", Reaction(Action.REDIRECT, Destination(Kind.GROUP, group)))
    await company.live()
    async with a_caller(stack) as outside, softphone("petrov", company.name, PASSWORD, stack.sip) as petrov:
        talk = await called(outside, company)
        await hears_tone(talk, 440)
        for key, hertz in (("1", 880), ("1", 1320), ("*", 880), ("*", 440), ("2", 1320), ("*", 440), ("2", 1320)):
            await talk.keys(key)  # while the audio plays: it is interrupted
            await hears_tone(talk, hertz)
        await talk.keys("#")
        answered = await petrov.taken()
        answered.sing()
        await talk.hears()
        await answered.bye()
        await talk.over()  # it does not come back
    rows = await company.journal(1)
    assert [(row["direction"], row["result"]) for row in rows] == [("in", "answered")]
    steps = [line for line in stack.node.cel_file.read_text().splitlines() if '"ivr"' in line]
    assert any(f"menu {ids['Deep']}" in line for line in steps)


@pytest.mark.req("T42")
async def test_silence_and_errors(stack: Stack, carrier: Carrier) -> None:
    idle, wrong, patient = [await a_company(stack, people=PEOPLE[:1]) for _ in range(3)]
    await a_scenario(idle, errors=1, timeout=1)
    await a_scenario(wrong, errors=3, timeout=30, keys={DEFAULT: Reaction(Action.REPEAT)})
    await a_scenario(patient, errors=0, timeout=1, tone=(440, 1.2))
    for company in (idle, wrong, patient):
        await company.live()
    async with a_caller(stack) as outside:
        talks = await asyncio.gather(*(called(outside, company) for company in (idle, wrong, patient)))
        for _ in range(3):
            await talks[1].keys("5", pause=0.3)
            assert not talks[1].ended.is_set()
        await talks[1].keys("5")
        await asyncio.gather(*(talk.over() for talk in talks))
    assert 1.8 <= talks[0].talk_seconds <= 3.5  # the menu twice, a second each
    assert 4.0 <= talks[2].talk_seconds <= 5.5  # the audio to its end, and three seconds after it


async def test_where_calls_go(stack: Stack, carrier: Carrier) -> None:
    company, poor = await a_company(stack, balance="50.00", people=PEOPLE), await a_company(stack, people=PEOPLE[:1])
    partner, petrov_id = outside_number(), company.people["petrov"]
    to_partner = Reaction(Action.REDIRECT, Destination(Kind.NUMBER, number=f"+7{partner}"))
    keys = {"1": to_partner, "3": Reaction(Action.REDIRECT, Destination(Kind.VOICEMAIL, petrov_id, "user")),
            "4": Reaction(Action.REDIRECT, Destination(Kind.NUMBER, number="5010"))}
    await put(company, "petrov", Slot.VM_GREETING, 1.0)
    async with domain_transaction(company.actor) as tx:
        await forwarding.set_voicemail(tx, petrov_id, True)
    await a_scenario(company, timeout=10, keys=keys)
    await a_scenario(poor, timeout=10, keys={"1": to_partner})
    await company.live()
    await poor.live()
    async with a_caller(stack) as outside, softphone("petrov", company.name, PASSWORD, stack.sip) as petrov:
        paid, refused, message, inside = await asyncio.gather(
            *(called(outside, one) for one in (company, poor, company, company)))
        message.sing()
        await asyncio.gather(paid.keys("1"), refused.keys("1"), message.keys("3"), inside.keys("4"))
        await message.hears()
        answered = await petrov.taken()
        await answered.bye()
        await carrier.answered(partner)
        [leg] = carrier.calls_to(partner)
        assert company.number in leg.invite.header("From")
        await message.hears(wanted=False)  # greeting and tone are over
        await asyncio.sleep(2.6)
        await asyncio.gather(paid.bye(), message.bye())
        await refused.over()  # busy, and the end
        assert len(carrier.calls_to(partner)) == 1

    async def there() -> bool:
        return bool(await company.fetchval("SELECT count(*) FROM user_call WHERE domain_id = $1 AND user_id = $2 "
                                           "AND message_id IS NOT NULL", petrov_id))

    await _until(there, "the message")
    rows = await company.journal(4)
    [out] = [row for row in rows if row["direction"] == "out"]
    assert (out["user_id"], out["result"], out["kind"]) == (None, "answered", "ivr redirected")
    assert await company.entries() != []
    assert await company.differences() == []


async def test_a_prompt_is_dictated_by_telephone(stack: Stack) -> None:
    company = await a_company(stack, people=PEOPLE[:1])

    async def state() -> tuple[str, int | None]:
        async with domain_transaction(company.actor) as tx:
            return await recording.prompt_of(tx, request_id)

    async with softphone("ivanov", company.name, PASSWORD, stack.sip) as phone:
        async with domain_transaction(company.actor) as tx:
            request_id = await recording.ask_prompt(tx, company.people["ivanov"])
        talk = await phone.taken()
        talk.sing()
        await talk.hears()  # the tone

        async def at(wanted: str) -> bool:
            return (await state())[0] == wanted

        await _until(lambda: at("recording"), "recording")
        await talk.hears(wanted=False)
        await asyncio.sleep(2.2)
        await talk.keys("#")
        await talk.over()
        await _until(lambda: at("done"), "done")
    prompt_id = (await state())[1]
    assert prompt_id is not None
    async with domain_transaction(company.actor) as tx:
        found = await prompts.get(tx, prompt_id)
    assert found.is_recorded
    assert 1.0 <= found.milliseconds / 1000 <= 4.0


