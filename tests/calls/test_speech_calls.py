"""A real call of an analysed user: both sides are recorded apart, recognised apart, and shown."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import math
from array import array
from datetime import timedelta

import av
import pytest

from app.features import load_services
from app.kernel import files
from app.kernel.db import domain_transaction
from app.modules.recording import service
from app.modules.recording.service import Operation
from app.modules.speech import jobs, recogniser
from app.settings import settings
from billing.services import service as services
from tests.calls.sipp.softphone import softphone
from tests.calls.test_recording_calls import recorded
from tests.calls.world import PASSWORD, a_company
from tests.db.factories import a_tariff
from tests.speech_stub import recogniser as running_stub
from tests.stack import Stack

pytestmark = pytest.mark.anyio


def loudness(wav: bytes) -> float:
    samples = array("h", wav[44:44 + int.from_bytes(wav[40:44], "little")])
    return math.sqrt(sum(one * one for one in samples) / max(1, len(samples))) / 32768


@pytest.mark.req("SPA-D1", "SPA-D2")
async def test_each_side_is_heard_by_itself(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    load_services()
    tariff = await a_tariff(("7", "1.50"), services=[{"service": code, "level": "special", "monthly": 30}
                                                     for code in ("recording", "speech")])
    company = await a_company(stack, balance="1000", tariff_id=tariff)
    async with domain_transaction(company.actor) as tx:
        await services.connect(tx, "speech")
        await service.apply(tx, [company.people["petrov"]], Operation.ANALYSE)
    await company.live()
    async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
        talk = await ivanov.call("102")
        answered = await petrov.taken()
        assert talk.code == 200
        answered.sing()  # only the analysed user speaks
        await asyncio.sleep(2.0)
        await talk.bye()
    await recorded(company, "petrov")
    with running_stub() as stub:
        monkeypatch.setattr(recogniser, "settings", lambda: dataclasses.replace(settings(), speech_url=stub.url))
        monkeypatch.setattr(files, "settings", lambda: stack.settings)  # the recording lies in the stack's folder
        async with domain_transaction(company.actor) as tx:
            await tx.execute("UPDATE speech_job SET due_at = $2 WHERE domain_id = $1", tx.domain_id,
                             tx.now - timedelta(seconds=1))
        await jobs.work({})
    own, other = (body[body.index(b"RIFF"):] for body in stub.bodies)
    assert loudness(own) > 5 * loudness(other)
    [row] = await company.fetch("SELECT * FROM speech_job WHERE domain_id = $1")
    assert (row["state"], row["user_id"], row["is_incoming"], row["number"]) == (
        "done", company.people["petrov"], True, "101")
    async with company.panel("ivanov") as panel:
        assert "Здравствуйте" in (await panel.get(f"/speech/results/{row['recording_id']}")).text
        audio = (await panel.get(f"/speech/results/{row['recording_id']}/audio?play")).content
    with av.open(io.BytesIO(audio), "r") as file:
        assert file.streams.audio[0].codec_context.layout.nb_channels == 2
