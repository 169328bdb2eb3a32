"""Greetings, melodies, voice messages and dictated greetings on real calls."""

from __future__ import annotations

import asyncio
import io
import math
import struct
import wave

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from tenants.forwarding import service as forwarding
from tenants.sounds import recording, service
from tenants.sounds.service import Original, Slot
from tests.calls.sipp.softphone import softphone
from tests.calls.world import PASSWORD, Company, _until, a_company
from tests.db.factories import STAFF
from tests.stack import Stack

pytestmark = pytest.mark.anyio


def tone(seconds: float, pitch: float = 16_000 / math.tau / 4) -> bytes:
    """A loud WAV of 16 kHz stereo, as a studio would send it."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"".join(struct.pack("<hh", *[int(20_000 * math.sin(math.tau * pitch * step / 16_000))] * 2)
                                  for step in range(int(16_000 * seconds))))
    return out.getvalue()


async def put(company: Company, login: str, slot: Slot, seconds: float, **how: float) -> None:
    """`login` "": the domain's."""
    upload = Original(f"{slot.value}.wav", "wav", tone(seconds, **how))
    sound = await service.converted(upload)
    async with domain_transaction(company.actor) as tx:
        await service.keep(tx, company.people[login] if login else None, slot, upload, sound)


@pytest.mark.req("ACC-45", "ACC-48", "USR-80", "USR-82", "USR-88")
async def test_greeting_then_melody_then_the_phone(stack: Stack) -> None:
    company = await a_company(stack)
    await put(company, "petrov", Slot.GREETING, 1.2)
    await put(company, "petrov", Slot.RINGBACK, 2.0)
    await put(company, "petrov", Slot.HOLD, 1.0)
    await company.live()
    async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
        petrov.answers = False
        before = len(ivanov.talks)
        calling = asyncio.create_task(ivanov.call("102"))
        await _until(lambda: _is(len(ivanov.talks) > before), "the call")
        caller = next(reversed(ivanov.talks.values()))
        await caller.hears()
        assert petrov.incoming.empty()  # the greeting comes first
        ringing = await asyncio.wait_for(petrov.incoming.get(), 5)
        caller.loud_at.clear()
        await caller.hears()  # the melody
        petrov.answer(ringing)
        talk = await calling
        assert talk.code == 200
        caller.loud_at.clear()
        await caller.hears(wanted=False)
        await talk.bye()
    classes = await stack.node.rx("moh show classes")
    assert f"u{company.people['petrov']}" in classes
    row = await company.fetchval("SELECT count(*) FROM call WHERE domain_id = $1 AND result = 'answered'")
    assert row <= 1


@pytest.mark.req("SET-23", "SND-01", "SND-03", "SND-05", "USR-89")
async def test_who_is_held_hears_the_melody_of_the_domain_or_of_who_holds(stack: Stack) -> None:
    """A file of the domain, another of the user before it, and none: each from the next call on."""
    company = await a_company(stack)

    async def held() -> float:
        """What the other party hears while ivanov holds, in Hz."""
        await company.live()
        async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                    softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
            ours = await ivanov.call("102")
            theirs = await petrov.taken()
            ours.sing(loud=False)
            theirs.sing(loud=False)
            await asyncio.sleep(0.3)
            await ours.keys("#5#")
            await _until(lambda: _is(theirs.pitch > 0), "sound on hold")
            theirs.frames.clear()
            await _until(lambda: _is(theirs.pitch > 0), "half a second of it")
            pitch = theirs.pitch
            await ours.bye()
        return pitch

    await put(company, "", Slot.HOLD, 3.0, pitch=1000)
    assert await held() == pytest.approx(1000, abs=30)
    await put(company, "ivanov", Slot.HOLD, 3.0, pitch=600)
    assert await held() == pytest.approx(600, abs=30)
    async with domain_transaction(company.actor) as tx:
        await service.remove(tx, company.people["ivanov"], Slot.HOLD)
    assert await held() == pytest.approx(1000, abs=30)
    async with domain_transaction(company.actor) as tx:
        await service.remove(tx, None, Slot.HOLD)
    assert await held() < 550  # the system's quiet chords


async def _is(value: bool) -> bool:
    return value


@pytest.mark.req("ACC-37", "ACC-44", "ACC-46", "ACC-D12", "VM-14", "VM-15", "USR-66", "USR-81")
async def test_a_voice_message(stack: Stack) -> None:
    company = await a_company(stack)
    petrov = company.people["petrov"]
    async with domain_transaction(company.actor) as tx:
        await forwarding.set_voicemail(tx, petrov, True)
        await tx.execute("UPDATE domain_user SET email = 'petrov@company.example', notify_voicemail = true "
                         "WHERE domain_id = $1 AND id = $2", tx.domain_id, petrov)
    await put(company, "petrov", Slot.VM_GREETING, 1.0)
    await company.live()
    async with softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov:
        short = await ivanov.call("102")  # petrov has no phone at all
        assert short.code == 200
        await short.hears()
        await short.bye()
        talk = await ivanov.call("102")
        talk.sing()
        await talk.hears()  # greeting and tone
        await talk.hears(wanted=False)
        await asyncio.sleep(2.6)
        await talk.bye()
    lines = "SELECT * FROM user_call WHERE domain_id = $1 AND user_id = $2 AND kind = 'voicemail'"

    async def there() -> bool:
        return len(await company.fetch(lines, petrov)) >= 1

    await _until(there, "the message")
    [line] = await company.fetch(lines, petrov)
    assert 2 <= line["seconds"] <= 4
    assert (line["number"], line["is_incoming"], line["is_answered"]) == ("101", True, False)
    async with company.panel("petrov") as panel:
        answer = await panel.get(f"/me/calls/{line['id']}/audio")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    async with company.panel("ivanov") as panel:
        assert (await panel.get(f"/me/calls/{line['id']}/audio")).status_code == 404
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetch("SELECT subject, body FROM mail_message WHERE domain_id = $1 AND recipient = $2",
                                 company.id, "petrov@company.example")
    assert len(letters) == 1
    assert "Ivanov" in letters[0]["subject"]


@pytest.mark.req("ACC-45", "ACC-D13", "USR-83")
async def test_call_and_record(stack: Stack) -> None:
    company = await a_company(stack)
    petrov = company.people["petrov"]

    async def asked() -> int:
        async with domain_transaction(company.actor) as tx:
            return await recording.ask(tx, petrov, petrov, Slot.GREETING)

    async def state(request_id: int) -> str:
        async with domain_transaction(company.actor) as tx:
            return (await recording.state_of(tx, petrov, request_id))[1]

    async def reaches(request_id: int, wanted: str) -> None:
        async def there() -> bool:
            return await state(request_id) == wanted
        await _until(there, wanted)

    await reaches(await asked(), "unanswered")  # no phone: nothing has changed
    async with softphone("petrov", company.name, PASSWORD, stack.sip) as phone:
        request_id = await asked()
        talk = await phone.taken()
        talk.sing()
        await talk.hears()  # the tone
        await reaches(request_id, "recording")
        await asyncio.sleep(1.2)
        await talk.keys("#")
        await talk.over()
        await reaches(request_id, "done")
    async with domain_transaction(company.actor) as tx:
        kept = (await service.slots(tx, petrov))[Slot.GREETING]
    assert kept.is_recorded
    assert 1 <= kept.seconds <= 3
    await company.live()
    assert await company.calls() == []
