"""The tab "Calls and voicemail" of one's own area and of a user's page."""

from __future__ import annotations

import io
import re
import wave
from datetime import UTC, datetime
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from app.kernel import files
from app.kernel.db import domain_transaction
from pbx_provisioning.intake.service import take_in
from tenants.calls.personal import service
from tests.db import billing_factories as world
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio
RESULTS = {"HX-Request": "true", "HX-Target": "journal-results"}
ROWS = {"HX-Request": "true", "HX-Target": "journal-more"}


async def calls_of(someone: Someone, *talked: int) -> None:
    node_id = await world.a_node()
    company = world.Company(someone.actor, node_id, someone.id)
    await take_in(node_id, [world.a_record(
        company, talked=seconds, direction="in", a_number="79161234567" if seconds else "79167654321",
        ended=datetime(2026, 2, 10, 13, number % 60, tzinfo=UTC)) for number, seconds in enumerate(talked)])


async def a_message(someone: Someone) -> None:
    """Two seconds of silence left in the voicemail."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(32_000))
    async with domain_transaction(someone.actor) as tx:
        file_id = await files.store(tx, sound.getvalue(), name="message.wav", media_type="audio/wav")
        await service.attach_voicemail(
            tx, user_id=someone.id, node_id=await tx.fetchval("SELECT min(id) FROM pbx_node"),
            linkedid=world.channel(), file_id=file_id, seconds=2, number="79160001122",
            recorded_at=datetime(2026, 2, 11, tzinfo=UTC))


def rows_in(text: str) -> list[str]:
    body = re.search(r"(?s)<tbody>(.*)</tbody>", text)
    return re.findall(r"(?s)<tr>.*?</tr>", body[1] if body else text)


@pytest.mark.req("VM-02", "VM-03", "VM-07", "ACC-51", "ACC-53", "ACC-78", "ACC-55", "VM-08")
async def test_both_pages_show_the_same_journal(web: Any, client: Browser) -> None:
    admin = await a_user(is_admin=True)
    plain = await a_user(admin.actor)
    await calls_of(plain, *[0] * 58, 50, 89)
    client.cookies.set("lang", "en")
    await client.sign_in(admin.login, admin.domain)
    async with Browser(web) as own:
        own.cookies.set("lang", "en")
        await own.sign_in(plain.login, plain.domain)
        pages = [(await own.get("/me/calls")).text, (await client.get(f"/users/{plain.id}/calls")).text]
        assert (await own.get(f"/users/{plain.id}/calls")).status_code == 403
    for text in pages:
        assert "Statistics: 60 calls" in text
        rows = rows_in(text)
        assert len(rows) == 50
        assert "10.02.26 16:57" in rows[0]
        assert "1 min 29 s" in rows[0]
        assert "50 s" in rows[1]
        assert "0 s" in rows[2]
        assert "Incoming answered" in rows[0]
        assert "Incoming missed" in rows[2]
        assert rows[0].count("+7 916 123-45-67") == 2  # unknown: the number in both places
        assert "data-play" not in text
    more = re.search(r'hx-get="([^"]+after=[^"]+)"', pages[0])
    assert more
    async with Browser(web) as own:
        own.cookies.set("lang", "en")
        await own.sign_in(plain.login, plain.domain)
        rest = (await own.get(more[1].replace("&amp;", "&"), headers=ROWS)).text
        assert len(rows_in(rest)) == 10
        assert "after=" not in rest


@pytest.mark.req("ACC-56", "ACC-57", "VM-09", "VM-10", "VM-11", "VM-12")
async def test_filters_are_applied_by_show_and_gone_after_a_reload(web: Any, client: Browser) -> None:
    someone = await a_user()
    await calls_of(someone, 0, 5, 5)
    client.cookies.set("lang", "en")
    await client.sign_in(someone.login, someone.domain)
    for asked, count in ((("q", "8 916 123 45 67"), 2), (("direction", "out"), 0), (("direction", "in"), 3),
                         (("from", "2026-02-10"), 3), (("to", "2026-02-09"), 0), (("period", "today"), 0)):
        found = await client.get("/me/calls", params=dict([asked]), headers=RESULTS)
        assert len(rows_in(found.text)) == count, asked
        assert "hx-push-url" not in found.text
        assert found.headers.get("HX-Push-Url") is None
    assert len(rows_in((await client.get("/me/calls?q=nobody&direction=out")).text)) == 3  # as after a reload
    wrong = await client.get("/me/calls?from=2026-02-10&to=2026-02-09", headers=RESULTS)
    assert wrong.status_code == 422
    assert (await client.get("/me/calls?from=x%00&after=9-9", headers=RESULTS)).status_code == 422
    one = await client.get("/me/calls?q=7654321", headers=RESULTS)
    assert "Statistics: 1 call<" in one.text


@pytest.mark.req("ACC-58", "VM-13", "ACC-D14")
async def test_the_file_holds_all_matching_rows_with_dates_and_numbers(web: Any, client: Browser) -> None:
    someone = await a_user()
    await calls_of(someone, *[7] * 60, 0)
    await a_message(someone)
    client.cookies.set("lang", "en")
    await client.sign_in(someone.login, someone.domain)
    answer = await client.get("/me/calls/export?q=1234567")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert len(rows) == 61
    assert isinstance(rows[1][0], datetime)
    assert rows[1][1:] == ["Incoming answered", "+7 916 123-45-67", "+7 916 123-45-67", 7.0, "no"]
    whole = await client.get("/me/calls/export")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(whole.content)).get_sheet_by_index(0).to_python()
    assert len(rows) == 63
    assert (rows[1][1], rows[1][4], rows[1][5]) == ("Voicemail", 2.0, "yes")


@pytest.mark.req("ACC-54", "VM-06", "VM-03")
async def test_a_message_plays_and_is_downloaded_as_mp3_by_those_who_may(web: Any, client: Browser) -> None:
    someone, colleague = await a_user(), await a_user(is_admin=True)
    neighbour = await a_user(someone.actor)
    await calls_of(someone, 5)
    await a_message(someone)
    client.cookies.set("lang", "en")
    await client.sign_in(someone.login, someone.domain)
    text = (await client.get("/me/calls")).text
    rows = rows_in(text)
    assert [("data-play" in row, "audio\" download" in row) for row in rows] == [(True, True), (False, False)]
    assert "2 s" in rows[0]
    url = re.search(r'href="([^"]+/audio)" download', rows[0])
    assert url
    saved = await client.get(url[1])
    assert saved.headers["content-type"] == "audio/mpeg"
    assert ".mp3" in saved.headers["content-disposition"]
    assert saved.content[:1] == b"\xff"
    played = await client.get(f"{url[1]}?play")
    assert "content-disposition" not in played.headers
    async with Browser(web) as other:
        await other.sign_in(neighbour.login, neighbour.domain)
        assert (await other.get(url[1])).status_code == 404
    async with Browser(web) as other:
        await other.sign_in(colleague.login, colleague.domain)
        assert (await other.get(url[1])).status_code == 404
        assert (await other.get(url[1].replace("/me/", f"/users/{someone.id}/"))).status_code == 404
