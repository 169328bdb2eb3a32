"""Faxes in the personal area and on a user's page: form, refusals, list, protocol, download, cancelling."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from python_calamine import CalamineWorkbook

from app.kernel import files
from app.kernel.db import domain_transaction
from tenants.faxes import jobs, service, work
from tenants.faxes import pages as fax_pages
from tenants.faxes.present import event_text
from tests.db.billing_factories import a_number
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio
RESULTS = {"HX-Request": "true", "HX-Target": "journal-results"}
NUMBER = "84951234567"


def a_picture(kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("L", (200, 300), 255).save(out, kind)
    return out.getvalue()


async def post(client: Browser, content: bytes = b"", number: str = NUMBER, at: str = "",
               name: str = "letter.png") -> httpx.Response:
    token = await client.csrf("/me")
    return await client.post("/me/faxes/send", data={"number": number, "at": at, "csrf_token": token},
                             files={"file": (name, content or a_picture(), "image/png")}, headers={"HX-Request": "true"})


@pytest.fixture
async def anna(web: Any, client: Browser) -> Someone:
    someone = await a_user()
    client.cookies.set("lang", "en")
    await client.sign_in(someone.login, someone.domain)
    return someone


async def faxes_of(someone: Someone) -> list[dict]:
    async with domain_transaction(someone.actor) as tx:
        return [dict(row) for row in await tx.fetch("SELECT * FROM fax WHERE domain_id = $1 ORDER BY id", tx.domain_id)]


def rows_in(text: str) -> list[str]:
    body = re.search(r"(?s)<tbody>(.*)</tbody>", text)
    return re.findall(r"(?s)<tr>.*?</tr>", body[1]) if body else []


@pytest.mark.req("ACC-59", "ACC-60", "ACC-61", "ACC-62", "FAX-02", "FAX-04", "FAX-05", "FAX-06", "FAX-07", "FAX-01")
async def test_a_fax_from_the_form_to_its_protocol(anna: Someone, client: Browser) -> None:
    sent = await post(client)
    assert sent.headers["HX-Redirect"] == "/me/faxes", sent.text
    [row] = await faxes_of(anna)
    assert (row["state"], row["number"], row["user_id"]) == ("new", "74951234567", anna.id)
    while (await faxes_of(anna))[0]["state"] in ("new", "converting"):
        assert await jobs.convert_next()
    text = (await client.get("/me/faxes")).text
    assert "Faxes: 1" in text
    [line] = rows_in(text)
    for shown in ("File formed", "Outgoing fax", "+7 495 123-45-67"):
        assert shown in line
    assert re.search(r">\d\d\.\d\d\.20\d\d \d\d:\d\d<", line)
    saved = await client.get(f"/me/faxes/{row['id']}/document")
    assert saved.content.startswith(b"%PDF-")
    assert "attachment" in saved.headers["content-disposition"]
    told = (await client.get(f"/me/faxes/{row['id']}/protocol")).text
    positions = [told.index(words) for words in (
        "Document uploaded", "The command “Send” was given", "Taken for conversion", "Conversion succeeded")]
    assert positions == sorted(positions)
    assert "Fax protocol" in told
    assert ">Close<" in told
    assert await history_of(anna) == ["fax_queued"]


async def history_of(someone: Someone) -> list[str]:
    async with domain_transaction(someone.actor) as tx:
        return [row["action"] for row in await tx.fetch(
            "SELECT action FROM action_history WHERE domain_id = $1 AND object_type = 'fax' ORDER BY id", tx.domain_id)]


@pytest.mark.req("ACC-62", "ACC-D15")
async def test_what_the_form_refuses(anna: Someone, client: Browser) -> None:
    past = (datetime.now(UTC) - timedelta(hours=2)).astimezone(fax_pages.journal.ZoneInfo("Europe/Moscow"))
    attempts: tuple[tuple[dict[str, Any], str], ...] = (
        ({"content": b"MZ" + bytes(300)}, "file"), ({"content": b"x;y\n1;2\n"}, "file"), ({"number": ""}, "number"),
        ({"number": "12"}, "number"), ({"number": "112"}, "number"), ({"number": "8495${SHELL(id)}"}, "number"),
        ({"at": past.strftime("%Y-%m-%dT%H:%M")}, "at"), ({"at": "tomorrow"}, "at"), ({"at": "9999-12-31T23:59"}, "at"),
        ({"at": "2026-01-01T00:00+00:00"}, "at"))
    for wrong, field in attempts:
        answer = await post(client, **wrong)
        assert answer.status_code == 422, (wrong, answer.text[:300])
        assert f'data-field="{field}"' in answer.text, wrong
    assert (await client.post("/me/faxes/send", data={"number": NUMBER}, headers={
        "X-CSRF-Token": await client.csrf("/me")})).status_code == 422
    too_large = await post(client, a_picture() + bytes(fax_pages.MAX_BYTES))
    assert too_large.status_code in (413, 422)
    assert await faxes_of(anna) == []


@pytest.mark.req("ACC-D15")
async def test_blocked_domain_and_forbidden_direction_are_refused_in_the_form(anna: Someone, client: Browser) -> None:
    async with domain_transaction(anna.actor) as tx:
        await tx.execute("UPDATE domain_user SET outgoing_restriction = 'no_international' WHERE id = $1", anna.id)
    abroad = await post(client, number="810442079460018")
    assert abroad.status_code == 422
    assert 'data-field="number"' in abroad.text
    assert (await post(client)).status_code == 200
    async with domain_transaction(anna.actor) as tx:
        await tx.execute("INSERT INTO domain_block (domain_id, kind) VALUES ($1, 'administrative')", tx.domain_id)
    blocked = await post(client)
    assert blocked.status_code == 409
    assert "blocked" in blocked.text
    assert len(await faxes_of(anna)) == 1


async def test_word_documents_are_refused_where_they_cannot_be_converted(
        anna: Someone, client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fax_pages, "office", lambda: None)
    answer = await post(client, b"PK\x03\x04" + b"word/document.xml" + bytes(50), name="a.docx")
    assert answer.status_code == 422
    assert "Word documents cannot be converted here" in answer.text


@pytest.mark.req("ACC-D15")
async def test_planned_in_the_domains_zone_and_cancelled_before_it_begins(anna: Someone, client: Browser) -> None:
    at = (datetime.now(UTC) + timedelta(days=3)).astimezone(fax_pages.journal.ZoneInfo("Europe/Moscow"))
    assert (await post(client, at=at.strftime("%Y-%m-%dT%H:%M"))).status_code == 200
    [row] = await faxes_of(anna)
    assert row["next_at"] == at.replace(second=0, microsecond=0)
    token = await client.csrf("/me")
    assert "Cancel the sending" in (await client.get("/me/faxes")).text
    answer = await client.post(f"/me/faxes/{row['id']}/cancel", headers={"X-CSRF-Token": token})
    assert answer.status_code == 303
    [row] = await faxes_of(anna)
    assert (row["state"], row["tiff"], row["source_id"]) == ("cancelled", None, None)
    assert (await client.post(f"/me/faxes/{row['id']}/cancel", headers={"X-CSRF-Token": token})).status_code == 409
    assert "Not delivered" in (await client.get("/me/faxes")).text
    assert await history_of(anna) == ["fax_queued", "fax_cancelled"]


@pytest.mark.req("ACC-65", "FAX-08", "FAX-14", "ACC-78")
async def test_an_administrator_sees_but_does_not_send_for_others(web: Any, anna: Someone, client: Browser) -> None:
    await post(client)
    [row] = await faxes_of(anna)
    async with domain_transaction(anna.actor) as tx:
        pdf = await files.store(tx, b"%PDF-1.4 secret", name="fax.pdf", media_type="application/pdf")
        await tx.execute("UPDATE fax SET pdf_id = $2, state = 'ready' WHERE id = $1", row["id"], pdf)
    admin, stranger = await a_user(anna.actor, is_admin=True), await a_user(is_admin=True)
    async with Browser(web) as browser:
        browser.cookies.set("lang", "en")
        await browser.sign_in(admin.login, admin.domain)
        assert "Send fax" in (await browser.get("/me/faxes")).text
        text = (await browser.get(f"/users/{anna.id}/faxes")).text
        assert "Send fax" not in text
        assert "Cancel the sending" not in text
        assert "Faxes: 1" in text
        assert (await browser.get(f"/users/{anna.id}/faxes/send")).status_code in (404, 405)
        assert (await browser.get(f"/users/{anna.id}/faxes/{row['id']}/document")).content.startswith(b"%PDF-")
        assert (await browser.get(f"/me/faxes/{row['id']}/document")).status_code == 404
        token = await browser.csrf("/me")
        answer = await browser.post(f"/me/faxes/{row['id']}/cancel", headers={"X-CSRF-Token": token})
        assert answer.status_code == 404
    async with Browser(web) as browser:
        await browser.sign_in(stranger.login, stranger.domain)
        for what in ("document", "protocol"):
            for base in ("/me", f"/users/{anna.id}", f"/users/{stranger.id}"):
                assert (await browser.get(f"{base}/faxes/{row['id']}/{what}")).status_code == 404


@pytest.mark.req("ACC-64", "FAX-09", "FAX-10", "FAX-11", "FAX-12", "FAX-07", "ACC-78")
async def test_filters_search_scrolling_and_the_file(anna: Someone, client: Browser) -> None:
    async with domain_transaction(anna.actor) as tx:
        await tx.executemany(
            "INSERT INTO fax (domain_id, user_id, is_incoming, number, name, state, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [(tx.domain_id, anna.id, n % 2 == 0, f"7495000{n:04}", "Supplier" if n == 7 else "",
              ("delivered", "failed")[n % 2], datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=n)) for n in range(61)])
    text = (await client.get("/me/faxes?direction=in")).text
    assert "Faxes: 61" in text
    assert len(rows_in(text)) == 50
    for asked, count in (({"direction": "in"}, 31), ({"direction": "out"}, 30), ({"q": "SUPPL"}, 1),
                         ({"q": "8 495 000 00 11"}, 1), ({"from": "2026-05-02", "to": "2026-05-02"}, 24),
                         ({"period": "today"}, 0)):
        found = (await client.get("/me/faxes", params=asked, headers=RESULTS)).text
        assert f"Faxes: {count}<" in found, asked
    book = await client.get("/me/faxes/export?direction=out")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book.content)).get_sheet_by_index(0).to_python()
    assert len(rows) == 31
    assert isinstance(rows[1][0], datetime)
    assert rows[1][1] == "Outgoing fax"
    assert {row[4] for row in rows[1:]} == {"Not delivered"}


async def test_a_user_cannot_fill_the_queue(anna: Someone, client: Browser) -> None:
    async with domain_transaction(anna.actor) as tx:
        await tx.executemany(
            "INSERT INTO fax (domain_id, user_id, is_incoming, number, state, at, next_at) "
            "VALUES ($1, $2, false, '74951234567', 'ready', $3, $3)",
            [(tx.domain_id, anna.id, tx.now + timedelta(days=9))] * 20)
    assert (await post(client)).status_code == 409



def test_every_event_of_the_protocol_has_words() -> None:
    source = Path(work.__file__).read_text() + Path(service.__file__).read_text()
    events = set(re.findall(r'"(\w+)" if row\["state"\]|else "(mail_failed)"|note\(\w+, \w+(?:\["id"\])?, "(\w+)"', source))
    names = {name for group in events for name in group if name}
    assert len(names) >= 12
    assert {name for name in names if event_text(name, {}) == name} == set()


@pytest.mark.req("FAX-13")
async def test_a_number_is_made_the_fax_of_a_user(web: Any, client: Browser) -> None:
    admin = await a_user(is_admin=True)
    number_id = await a_number(admin.actor)
    client.cookies.set("lang", "en")
    await client.sign_in(admin.login, admin.domain)
    token = await client.csrf("/me")
    answer = await client.post(f"/routing/{number_id}/new", headers={"X-CSRF-Token": token, "HX-Request": "true"}, data={
        "is_active": "on", "target_kind": "fax", "target_owner": "user", "target_id": str(admin.id)})
    assert "To fax of a user or group" in answer.text
    async with domain_transaction(admin.actor) as tx:
        rule = await tx.fetchrow("SELECT target_kind, target_owner, target_id FROM routing_rule WHERE number_id = $1",
                                 number_id)
    assert tuple(rule) == ("fax", "user", admin.id)
