"""Recording of real calls: who is recorded, what is heard in it, and that nothing else changes."""

from __future__ import annotations

import asyncio
import io
import math
from array import array
from decimal import Decimal

import av
import pytest

from app.kernel.db import domain_transaction
from app.modules.recording import service
from tests.calls.sipp.softphone import Talk, softphone
from tests.calls.world import PASSWORD, Carrier, Company, _until, a_company, outside_number
from tests.db.factories import a_tariff
from tests.stack import Stack

pytestmark = pytest.mark.anyio

LOUD = 0.001  # the phone's tone lies at the edge of what MP3 keeps; the sound of its quiet room is 0.0002
LINES = "SELECT * FROM user_call WHERE domain_id = $1 AND user_id = $2 ORDER BY started_at, id"


async def a_recording_company(stack: Stack, *logins: str, **changes: str) -> Company:
    tariff = await a_tariff(("7", "1.50"), services=[{"service": "recording", "level": "special", "monthly": 70}])
    company = await a_company(stack, balance="1000", tariff_id=tariff, **changes)
    await record(company, *logins)
    return company


async def record(company: Company, *logins: str, to: bool = True) -> None:
    if logins:
        async with domain_transaction(company.actor) as tx:
            await service.switch(tx, [company.people[login] for login in logins], to)
    await company.live()


async def talked(talk: Talk, *others: Talk, seconds: float = 2.0) -> None:
    assert talk.code == 200
    for one in (talk, *others):
        one.sing()
    await asyncio.sleep(seconds)
    await talk.bye()


async def recorded(company: Company, login: str, number: int = 0) -> dict:
    """The user's line once it has its recording."""
    async def there() -> bool:
        lines = await company.fetch(LINES, company.people[login])
        return len(lines) > number and lines[number]["audio_id"] is not None

    await _until(there, f"the recording of {login}")
    return (await company.fetch(LINES, company.people[login]))[number]


def heard(mp3: bytes) -> tuple[float, float]:
    """Seconds, and how loud it is (root mean square, 1 at the most)."""
    samples = array("h")
    with av.open(io.BytesIO(mp3), "r") as file:
        assert file.format.name == "mp3"
        even = av.AudioResampler(format="s16", layout="mono", rate=8000)
        for frame in file.decode(audio=0):
            for part in even.resample(frame):
                samples.frombytes(bytes(part.planes[0])[:part.samples * 2])
    return len(samples) / 8000, math.sqrt(sum(one * one for one in samples) / len(samples)) / 32768


async def none_recorded(company: Company, calls: int) -> None:
    """The calls are in the journal; what their nodes sent has had time to come, because a later call's came."""
    await company.journal(calls)
    assert await company.fetchval("SELECT count(*) FROM call_recording WHERE domain_id = $1") == 0


@pytest.mark.req("REC-D6", "REC-32", "ACC-54")
async def test_an_internal_call_of_the_called_user(stack: Stack) -> None:
    """Once for both; played and kept as MP3 from both journals; nobody else's."""
    company = await a_recording_company(stack, "petrov")
    async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
        talk = await ivanov.call("102")
        await talked(talk, await petrov.taken())
    line, other = await recorded(company, "petrov"), await recorded(company, "ivanov")
    assert line["audio_id"] == other["audio_id"]
    [call] = await company.journal(1)
    async with company.panel("petrov") as panel:
        answer = await panel.get(f"/me/calls/{line['id']}/audio")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert (await panel.get(f"/calls/{call['id']}/audio")).status_code in (403, 404)
    seconds, loudness = heard(answer.content)
    assert 1.5 <= seconds <= 3.5
    assert loudness > LOUD
    async with company.panel("ivanov") as panel:  # the administrator
        assert f"/calls/{call['id']}/audio" in (await panel.get("/calls")).text
        assert (await panel.get(f"/calls/{call['id']}/audio?play")).content == answer.content
    stranger = await a_company(stack)
    async with stranger.panel("ivanov") as panel:
        assert (await panel.get(f"/calls/{call['id']}/audio")).status_code == 404


@pytest.mark.req("REC-D6")
async def test_an_outgoing_call_and_one_from_outside(stack: Stack, carrier: Carrier) -> None:
    """Money and talk time are those of any call; the call of the user without the switch is not recorded."""
    company, number = await a_recording_company(stack, "ivanov"), outside_number()
    before = await company.balance()
    async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
        await talked(await petrov.call(f"8{outside_number()}"))
        before = await company.balance()
        await none_recorded(company, 1)
        await talked(await ivanov.call(f"8{number}"))
    line = await recorded(company, "ivanov")
    for call in await company.journal(2):  # petrov's, ivanov's
        assert (call["direction"], call["result"], call["cost"]) == ("out", "answered", Decimal("1.50"))
        assert 2 <= call["talk_seconds"] <= 3
    assert before - await company.balance() == 3
    async with company.panel("ivanov") as panel:
        seconds, loudness = heard((await panel.get(f"/me/calls/{line['id']}/audio?play")).content)
    assert 1.5 <= seconds <= 3.5
    assert loudness > LOUD
    async with softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov:
        calling = asyncio.create_task(carrier.call_in(company.number, "79161234567", hold=2.0))
        (await ivanov.taken()).sing()
        assert (await calling).code == 200
    await recorded(company, "ivanov", 1)
    assert await company.fetchval("SELECT count(*) FROM call_recording WHERE domain_id = $1") == 2


@pytest.mark.req("REC-D6", "REC-D1")
async def test_nobody_without_the_switch(stack: Stack) -> None:
    """Neither before nor after: switching off stops new recordings, those made stay."""
    company = await a_recording_company(stack)

    async def one() -> None:
        async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                    softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
            talk = await ivanov.call("102")
            await talked(talk, await petrov.taken(), seconds=1.0)

    await one()
    await none_recorded(company, 1)
    await record(company, "ivanov", "petrov")
    await one()
    await recorded(company, "petrov", 1)
    await record(company, "ivanov", "petrov", to=False)
    await one()
    async def told() -> bool:
        return len(await company.fetch(LINES, company.people["ivanov"])) == 3

    await _until(told, "the third call")
    lines = await company.fetch(LINES, company.people["ivanov"])
    assert [line["audio_id"] is not None for line in lines] == [False, True, False]
    assert await company.fetchval("SELECT count(*) FROM call_recording WHERE domain_id = $1") == 1  # of two users once
