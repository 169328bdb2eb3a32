"""Speech analytics: who is analysed and what it costs, the way of a recording to its result, pages, and who may look."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.modules.recording import queries as recorded
from app.modules.recording.jobs import keep
from app.modules.speech import jobs, recogniser
from app.settings import settings
from billing.services import service as services
from tenants.calls.personal.audio import encoded_sides
from tenants.media import Media
from tests.db.factories import STAFF
from tests.db.services_world import a_service, balance, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_recording import mark
from tests.http.test_services import post, signed_in
from tests.speech_stub import Stub
from tests.speech_stub import recogniser as running_stub

pytestmark = pytest.mark.anyio

PLAN = (a_service("recording", "special", 70), a_service("speech", "special", 31, 5))


@pytest.fixture
async def stub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stub]:
    with running_stub() as found:
        monkeypatch.setattr(recogniser, "settings", lambda: replace(settings(), speech_url=found.url))
        yield found


async def a_domain(client: Browser, people: int = 4) -> tuple[Someone, list[int]]:
    """Speech analytics is switched on, `people` users besides the administrator; recording on for the first."""
    admin = await signed_in(client, *PLAN)
    ids = [(await a_user(admin.actor, login=f"user{number}")).id for number in range(people)]
    async with domain_transaction(admin.actor) as tx:
        await services.connect(tx, "speech")
    dialog = (await client.get(f"/recording/enable?ids={ids[0]}")).text
    await post(client, "/recording/enable", ids=str(ids[0]), quoted=mark(dialog))
    return admin, ids


async def flags(admin: Someone) -> dict[int, tuple[bool, bool]]:
    async with domain_transaction(admin.actor) as tx:
        return {one.id: (one.is_recorded, one.is_analysed) for one in await recorded.people(tx, None)}


async def a_recording(actor: Actor, user_id: int, key: str) -> int:
    """Two seconds of both sides, as the node's agent would bring it; the id."""
    sound, _seconds = encoded_sides(io.BytesIO(struct.pack("<2h", 500, -500) * 16_000))
    async with domain_transaction(actor) as tx:
        now = clock.now()
        await keep(tx, Media(key, 1, tx.domain_id, user_id, "recording",
                             {"linkedid": key, "seconds": "2", "start": str(int(now.timestamp()))}, sound, now))
        found = await tx.fetchval("SELECT id FROM call_recording WHERE domain_id = $1 AND linkedid = $2",
                                  tx.domain_id, key)
        await tx.execute("UPDATE speech_job SET due_at = $3 WHERE domain_id = $1 AND recording_id = $2", tx.domain_id,
                         found, now - timedelta(seconds=1))
    return found


async def job(actor: Actor, recording_id: int) -> dict | None:
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT * FROM speech_job WHERE domain_id = $1 AND recording_id = $2", tx.domain_id,
                                recording_id)
    return dict(row) if row else None


@pytest.mark.req("SPA-02", "SPA-03", "SPA-04", "SPA-07", "SPA-08", "SPA-10", "REC-11", "SVC-D11")
async def test_switching_one_user(client: Browser) -> None:
    """With recording off: one dialog with the cost of both, two pairs of lines, recording first."""
    admin, ids = await a_domain(client)
    page = text_of((await client.get("/speech")).text)
    assert "включена у 0 из 5" in page
    assert "1 месяц" in page
    assert 'href="/recording#recording-term"' in (await client.get("/speech")).text
    dialog = (await client.get(f"/recording/analyse?ids={ids[1]}&origin=speech")).text
    assert "101,00" in text_of(dialog)  # 70 + 31 each month
    assert (await flags(admin))[ids[1]] == (False, False)  # nothing has happened yet
    answer = await post(client, "/recording/analyse", ids=str(ids[1]), quoted=mark(dialog), origin="speech")
    assert answer.status_code == 200
    assert (await flags(admin))[ids[1]] == (True, True)
    assert [line[:3] for line in (await ledger(admin.actor))[-4:]] == [
        ("connection", "recording", 1), ("subscription_fee", "recording", 1),
        ("connection", "speech", 1), ("subscription_fee", "speech", 1)]
    before = await balance(admin.actor)
    alone = (await client.get(f"/recording/analyse?ids={ids[0]}")).text
    assert "31,00" in text_of(alone)
    await post(client, "/recording/analyse", ids=str(ids[0]), quoted=mark(alone))
    assert before - await balance(admin.actor) > 5  # the connection and a day
    assert "включена у 2 из 5" in text_of((await client.get("/speech")).text)
    saving = text_of((await client.get(f"/recording/disable?ids={ids[0]}")).text)
    assert "101,00" in saving  # recording takes the analysis with it
    await post(client, "/recording/disable", ids=str(ids[0]))
    assert (await flags(admin))[ids[0]] == (False, False)
    card = (await client.get(f"/users/{ids[1]}")).text
    assert f"/recording/plain?ids={ids[1]}&amp;origin=user" in card
    answer = await post(client, "/recording/plain", ids=str(ids[1]), origin="user")
    assert answer.headers["HX-Redirect"] == f"/users/{ids[1]}"
    assert (await flags(admin))[ids[1]] == (True, False)
    assert (await ledger(admin.actor))[-1] == ("disconnection", "speech", -1, 0)


@pytest.mark.req("SPA-06", "SPA-09", "REC-03", "SVC-35")
async def test_everybody(client: Browser) -> None:
    admin, ids = await a_domain(client)
    everyone = (await client.get("/recording/analyse?everyone=1&origin=speech")).text
    assert "435,00" in text_of(everyone)  # recording for four, the analysis for five
    await post(client, "/recording/analyse", everyone="on", quoted=mark(everyone), origin="speech")
    assert set((await flags(admin)).values()) == {(True, True)}
    page = (await client.get("/recording?state=analysed")).text
    assert page.count("data-analysis=") == 5
    off = (await client.get("/recording/plain?everyone=1&origin=speech")).text
    assert "155,00" in text_of(off)
    await post(client, "/recording/plain", everyone="on")
    assert set((await flags(admin)).values()) == {(True, False)}
    dialog = (await client.get(f"/recording/analyse?ids={ids[1]}")).text
    await post(client, "/recording/analyse", ids=str(ids[1]), quoted=mark(dialog))
    ending = (await client.get("/services/speech/disconnect")).text
    assert "User1" in ending or "user1" in ending
    async with domain_transaction(admin.actor) as tx:
        await services.disconnect(tx, "speech")
    assert set((await flags(admin)).values()) == {(True, False)}
    assert (await client.get("/speech")).status_code == 403


@pytest.mark.req("REC-02")
async def test_the_column_on_the_page_of_recording(client: Browser) -> None:
    _admin, _ids = await a_domain(client)
    page = (await client.get("/recording")).text
    assert page.count("data-analysis=") == 5
    for words in ("Включить запись с аналитикой", "Выключить аналитику"):
        assert words in text_of(page)


@pytest.mark.req("SPA-D1", "SPA-D2")
async def test_from_a_recording_to_its_result(client: Browser, stub: Stub) -> None:
    admin, ids = await a_domain(client)
    for name, weight, wanted, unwanted in (("Приветствие", 3, "добрый день", ""), ("Вежливость", 1, "", "компания")):
        assert (await post(client, "/speech/criteria/new", name=name, weight=str(weight), wanted=wanted,
                           unwanted=unwanted)).status_code == 200
    plain = await a_recording(admin.actor, ids[0], "k1")  # not analysed: no job
    assert await job(admin.actor, plain) is None
    dialog = (await client.get(f"/recording/analyse?ids={ids[0]}")).text
    await post(client, "/recording/analyse", ids=str(ids[0]), quoted=mark(dialog))
    found = await a_recording(admin.actor, ids[0], "k2")
    await jobs.work({})
    assert [body.count(b"WAVE") for body in stub.bodies] == [1, 1]  # each side by itself
    row = await job(admin.actor, found)
    assert row is not None
    assert (row["state"], row["score"], row["words_per_minute"], row["interruptions"]) == ("done", 75, 240, 0)
    assert [one["speaker"] for one in row["segments"]] == [0, 1]
    page = text_of((await client.get(f"/speech/results/{found}")).text)
    for words in ("Добрый день, компания Ромашка", "Здравствуйте", "75 %", "Приветствие"):
        assert words in page, words
    assert f"/speech/results/{found}" in (await client.get("/speech/results?q=ДОБРЫЙ+день")).text
    assert f"/speech/results/{found}" not in (await client.get("/speech/results?q=брый")).text
    assert (await client.get(f"/speech/results/{found}/audio?play")).headers["Content-Type"] == "audio/mpeg"
    async with platform_transaction(STAFF) as tx:
        await tx.execute("DELETE FROM call_recording WHERE id = $1", found)
    assert await job(admin.actor, found) is None  # the result ends with the recording [REC-D5]


@pytest.mark.req("SPA-D1")
async def test_three_tries_and_no_recogniser(client: Browser, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    admin, ids = await a_domain(client)
    dialog = (await client.get(f"/recording/analyse?ids={ids[0]}")).text
    await post(client, "/recording/analyse", ids=str(ids[0]), quoted=mark(dialog))
    found = await a_recording(admin.actor, ids[0], "k3")
    stub.status = 503
    for state in ("queued", "queued", "failed"):
        async with domain_transaction(admin.actor) as tx:
            await tx.execute("UPDATE speech_job SET due_at = now() - interval '1 second' WHERE domain_id = $1",
                             tx.domain_id)
        await jobs.work({})
        row = await job(admin.actor, found)
        assert row is not None
        assert row["state"] == state
    monkeypatch.setattr(recogniser, "settings", settings)
    later = await a_recording(admin.actor, ids[0], "k4")
    await jobs.work({})
    row = await job(admin.actor, later)
    assert row is not None
    assert row["state"] == "queued"
    assert "не настроено" in text_of((await client.get("/speech")).text)


async def test_what_a_recogniser_should_not_say(client: Browser, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs that no database keeps are left out; times without end are no answer; both leave the queue going."""
    admin, ids = await a_domain(client)
    dialog = (await client.get(f"/recording/analyse?ids={ids[0]}")).text
    await post(client, "/recording/analyse", ids=str(ids[0]), quoted=mark(dialog))
    found = await a_recording(admin.actor, ids[0], "k6")
    stub.says = [["a\x00b \ud800"], []]
    await jobs.work({})
    row = await job(admin.actor, found)
    assert row is not None
    assert (row["state"], row["words"]) == ("done", " ab ")
    endless = await a_recording(admin.actor, ids[0], "k7")
    monkeypatch.setattr(Stub, "answer", lambda _stub: {"segments": [{"start": 0, "end": float("inf"), "text": "a"}]})
    await jobs.work({})
    row = await job(admin.actor, endless)
    assert row is not None
    assert (row["state"], row["tries"]) == ("queued", 1)


async def test_of_another_domain_nothing_is_seen(client: Browser, stub: Stub) -> None:
    admin, ids = await a_domain(client)
    dialog = (await client.get(f"/recording/analyse?ids={ids[0]}")).text
    await post(client, "/recording/analyse", ids=str(ids[0]), quoted=mark(dialog))
    found = await a_recording(admin.actor, ids[0], "k5")
    await jobs.work({})
    await post(client, "/speech/criteria/new", name="A", weight="1", wanted="да")
    criterion = re.findall(r"/speech/criteria/(\d+)/delete", (await client.get("/speech/criteria")).text)[0]
    await client.post("/sign-out")
    other, _ids = await a_domain(client)
    assert other.domain != admin.domain
    for path in (f"/speech/results/{found}", f"/speech/results/{found}/audio", f"/speech/criteria/{criterion}",
                 f"/speech/criteria/{criterion}/delete"):
        assert (await client.get(path)).status_code == 404, path
    assert (await post(client, f"/speech/criteria/{criterion}/delete")).status_code == 404
    assert f"/speech/results/{found}" not in (await client.get("/speech/results")).text
