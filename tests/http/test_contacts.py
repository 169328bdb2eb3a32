"""The pages of address books, as browsers and telephones use them."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from python_calamine import CalamineWorkbook

from app.kernel.db import domain_transaction, platform_transaction
from tenants.directory.imports import COLUMNS
from tests.db.factories import STAFF
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.unit.directory.test_import_rules import T26, a_csv, a_workbook

pytestmark = pytest.mark.anyio

NASTY = ["<script>alert(1)</script>", "\"><img src=x>", "{{ 7*7 }}", "%(name)s", "=cmd|'/c calc'!A1", "]]>&amp;"]


@pytest.fixture
async def admin(client: Browser) -> Someone:
    """The client is signed in as an administrator of a fresh domain."""
    user = await a_user(login="admin", is_admin=True)
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    return user


async def post(browser: Browser, path: str, data: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    """As htmx does it."""
    token = await browser.csrf("/me")
    return await browser.post(path, data=data or {}, headers={"HX-Request": "true", "X-CSRF-Token": token}, **more)


def contact(*numbers: tuple[str, str], **fields: str) -> dict[str, Any]:
    given = numbers or (("work", "101"),)
    return {"name": "Anna", "row": [str(at) for at in range(len(given))], "kind": [kind for kind, _n in given],
            "number": [number for _kind, number in given]} | fields


def errors(answer: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<template data-field="([\w-]+)">(.*?)</template>', answer.text, re.S))


async def ids(someone: Someone, what: str = "contact") -> list[int]:
    async with domain_transaction(someone.actor) as tx:
        return [row["id"] for row in await tx.fetch(f"SELECT id FROM {what} WHERE domain_id = $1 ORDER BY id",
                                                    tx.domain_id)]


@pytest.mark.req("ABK-03", "ABK-05", "ABK-06", "ABK-14")
async def test_create_and_edit_a_contact(client: Browser, admin: Someone) -> None:
    form = (await client.get("/contacts/new")).text
    assert all(f'value="{kind}"' in form for kind in ("ip", "mobile", "work", "home", "other"))
    answer = await post(client, "/contacts", contact(("mobile", "8 999 111-22-33"), ("work", ""), ("ip", "101"),
                                                     name="Анна", email="anna@acme.example", position="Head"))
    assert answer.status_code == 200, answer.text
    listed = (await client.get("/contacts")).text
    for part in ("Анна", "Head", "*1", "+1", "Contacts outside groups"):
        assert part in listed
    [contact_id] = await ids(admin)
    edited = (await client.get(f"/contacts/{contact_id}")).text
    assert "+79991112233" in edited
    assert "anna@acme.example" in edited
    assert (await post(client, f"/contacts/{contact_id}", contact(("home", "102"), name="Борис", speed_dial="15"))
            ).status_code == 200
    listed = (await client.get("/contacts")).text
    assert "Борис" in listed
    assert "*15" in listed
    assert "Анна" not in listed


@pytest.mark.req("ABK-03", "ABK-04")
async def test_errors_stand_at_their_fields_and_rows(client: Browser, admin: Someone) -> None:
    answer = await post(client, "/contacts", contact(("work", ""), ("work", "101"), ("work", "+7495111223"),
                                                     name="", speed_dial="1a", email="x"))
    assert answer.status_code == 422
    assert errors(answer).keys() == {"name", "speed_dial", "email", "number-2"}
    assert errors(await post(client, "/contacts", contact(("work", " ")))).keys() == {"number-0"}
    assert errors(await post(client, "/contacts", contact(speed_dial="8"))).keys() == {"speed_dial"}
    assert await ids(admin) == []


@pytest.mark.req("ABK-02", "ABK-07", "ABK-08")
async def test_groups_bulk_work_and_search(client: Browser, admin: Someone) -> None:
    assert (await post(client, "/contacts/groups", {"name": "Sales"})).status_code == 200
    assert errors(await post(client, "/contacts/groups", {"name": "sales"})).keys() == {"name"}
    [group] = await ids(admin, "contact_group")
    for name in ("Anna", "Boris", "Clara"):
        await post(client, "/contacts", contact(name=name))
    everyone = await ids(admin)
    asked = (await client.get("/contacts/move", params={"all": "/contacts?q=a"})).text
    assert "Anna" in asked
    assert "Clara" in asked
    assert "Boris" not in asked
    assert (await post(client, "/contacts/move", {"ids": everyone[:2], "group_id": str(group)})).status_code == 200
    folded = (await client.get("/contacts", params={"closed": str(group)})).text
    assert "Anna" not in folded
    assert "Clara" in folded
    found = (await client.get("/contacts", params={"q": "bor"}, headers={"HX-Request": "true",
                                                                        "HX-Target": "list-results"})).text
    assert "Boris" in found
    assert "Anna" not in found
    assert "Contacts outside groups" not in found
    assert (await post(client, f"/contacts/groups/{group}", {"name": "Buyers"})).status_code == 200
    assert (await post(client, f"/contacts/groups/{group}/delete")).status_code == 200
    assert "Buyers" not in (await client.get("/contacts")).text
    assert (await post(client, "/contacts/delete", {"ids": everyone})).status_code == 200
    assert (await post(client, "/contacts/delete", {})).status_code == 422
    assert await ids(admin) == []


@pytest.mark.req("ABK-14")
async def test_further_rows_load_while_scrolling(client: Browser, admin: Someone) -> None:
    rows = [(f"Client {n:03}", "", "", "", "101") for n in range(130)]
    await _import(client, a_csv(*rows))
    first = (await client.get("/contacts")).text
    assert (first.count("row-link"), "Shown 99 of 130" in first) == (99, True)
    more = re.search(r'id="list-more" hx-get="([^"]+)"', first)
    assert more
    rest = (await client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true", "HX-Target": "list-more"}))
    assert (rest.text.count("row-link"), "<html" in rest.text) == (31, False)


async def _preview(client: Browser, content: bytes, name: str = "list.csv") -> httpx.Response:
    return await post(client, "/contacts/import/preview", files={"file": (name, content)})


async def _import(client: Browser, content: bytes) -> httpx.Response:
    found = re.search(r'name="import_id" value="(\d+)"', (await _preview(client, content)).text)
    assert found
    return await post(client, "/contacts/import", {"import_id": found[1]})


@pytest.mark.req("ABK-09", "ABK-10", "ABK-12")
async def test_t26_import_by_template_preview_and_create(client: Browser, admin: Someone) -> None:
    book = (await client.get("/contacts/import/template/xlsx")).content
    assert tuple(CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()[0]) == COLUMNS
    assert (await client.get("/contacts/import/template/csv")).text.lstrip("\ufeff").split("\r\n")[0] == ";".join(COLUMNS)
    preview = (await _preview(client, a_workbook(*T26), "клиенты.xlsx")).text
    for part in ("Contacts in the file: 3", "Ready to create: 3", "With errors: 0", "Upload another file?"):
        assert part in preview
    assert await ids(admin) == []
    answer = await _import(client, a_workbook(*T26))
    assert "3 contacts are created" in answer.headers["hx-trigger"]
    listed = (await client.get("/contacts")).text
    for part in ("Важные клиенты", "Новые клиенты", "Клиент 3", "*30"):
        assert part in listed


@pytest.mark.req("ABK-12")
async def test_erroneous_rows_are_told_and_not_loaded(client: Browser, admin: Someone) -> None:
    bad = [("<b>Bad</b>", "", "10", "", "+7495111223"), ("", "", "1a", "", ""), ("Twin", "", "5", "", "101"),
           ("Twin", "", "5", "", "101")]
    preview = (await _preview(client, a_csv(("Good", "", "", "", "101"), *bad))).text
    for part in ("Contacts in the file: 5", "Ready to create: 1", "With errors: 4", "Value is not unique in the list",
                 "List of contacts with errors (4)", "&lt;b&gt;Bad"):
        assert part in preview
    assert "<b>Bad" not in preview
    await _import(client, a_csv(("Good", "", "", "", "101"), *bad))
    assert len(await ids(admin)) == 1


@pytest.mark.req("ABK-12")
@pytest.mark.parametrize("content", [b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04xl/", a_csv(), b"name;number\nA;101\n",
                                     a_csv(*[("A", "", "", "", "101")] * 5001), b"x" * (5 * 1024 * 1024 + 1)])
async def test_files_refused_as_a_whole(client: Browser, admin: Someone, content: bytes) -> None:
    answer = await _preview(client, content)
    assert answer.status_code == 422
    assert errors(answer).keys() == {"file"}


async def test_a_pending_file_is_its_readers_only(client: Browser, other_client: Browser, admin: Someone) -> None:
    found = re.search(r'name="import_id" value="(\d+)"', (await _preview(client, a_csv(*T26))).text)
    assert found
    for someone in (await a_user(admin.actor, is_admin=True), await a_user(is_admin=True)):
        async with Browser(client._transport.app) as other:  # type: ignore[attr-defined]
            await other.sign_in(someone.login, someone.domain)
            assert (await post(other, "/contacts/import", {"import_id": found[1]})).status_code == 404
    assert await ids(admin) == []


async def test_another_companys_contacts_do_not_exist(client: Browser, other_client: Browser, admin: Someone) -> None:
    other = await a_user(is_admin=True)
    await other_client.sign_in(other.login, other.domain)
    await post(other_client, "/contacts", contact(name="Secret"))
    await post(other_client, "/contacts/groups", {"name": "Secret"})
    [contact_id], [group_id] = await ids(other), await ids(other, "contact_group")
    for path in (f"/contacts/{contact_id}", f"/contacts/groups/{group_id}", f"/contacts/groups/{group_id}/delete",
                 f"/contacts/{2**62}"):
        assert (await client.get(path)).status_code == 404
        sent = {"name": "x"} if "groups" in path else contact(name="x")
        assert (await post(client, path, sent)).status_code == 404
    assert (await post(client, "/contacts", contact(group_id=str(group_id)))).status_code == 404
    await post(client, "/contacts/delete", {"ids": [contact_id]})
    assert "Secret" not in (await client.get("/contacts/delete", params={"ids": contact_id})).text
    assert await ids(other) == [contact_id]
    assert await ids(admin) == []


async def test_nothing_typed_becomes_markup_or_a_formula(client: Browser, admin: Someone) -> None:
    for text in NASTY:
        assert (await post(client, "/contacts", contact(name=text, position=text))).status_code == 200
    page = (await client.get("/contacts")).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    table = (await client.get("/contacts/export/csv")).text
    assert "'=cmd" in table
    sheet = CalamineWorkbook.from_filelike(io.BytesIO((await client.get("/contacts/export/xlsx")).content))
    assert {row[0] for row in sheet.get_sheet_by_index(0).to_python()[1:]} == set(NASTY)
    cards = (await client.get("/contacts/export/vcf")).text
    assert cards.count("BEGIN:VCARD") == len(NASTY)
    again = await _preview(client, cards.replace("X-SPEED-DIAL", "X-OLD").encode(), "cards.vcf")
    assert f"Ready to create: {len(NASTY)}" in again.text


@pytest.mark.req("ABK-01", "ACC-67", "ACC-73")
async def test_plain_users_see_shared_contacts_and_change_nothing(client: Browser, other_client: Browser,
                                                                  admin: Someone) -> None:
    await post(client, "/contacts", contact(("work", "84951112233"), ("other", "102"), name="Shared"))
    [shared] = await ids(admin)
    plain = await a_user(admin.actor)
    await other_client.sign_in(plain.login, plain.domain)
    page = (await other_client.get("/me/contacts/shared")).text
    assert "Shared" in page
    assert 'name="ids"' not in page
    for path in ("/contacts", f"/contacts/{shared}", "/contacts/export/csv"):
        assert (await other_client.get(path)).status_code == 403
    for path in (f"/me/contacts/{shared}", f"/me/contacts/groups/{shared}"):
        assert (await other_client.get(path)).status_code == 404
    assert (await post(other_client, "/me/contacts/delete", {"ids": [shared]})).status_code == 200
    assert await ids(admin) == [shared]
    told = (await other_client.get("/me/contacts/softphone.json")).json()["contacts"]
    assert told == [{"id": shared, "name": "Shared", "group": "", "shared": True, "speed_dial": "*1", "position": "",
                     "email": "", "numbers": [{"kind": "work", "number": "+74951112233"},
                                              {"kind": "other", "number": "102"}]}]


@pytest.mark.req("ACC-66", "ACC-70", "ACC-72", "ACC-74")
async def test_t4_t31_the_personal_book(client: Browser, other_client: Browser, admin: Someone) -> None:
    form = (await client.get("/me/contacts/new")).text
    assert 'value="other"' not in form
    assert re.search(r'value="1" id="f-speed_dial"', form)
    assert errors(await post(client, "/me/contacts", contact(speed_dial="123456"))).keys() == {"speed_dial"}
    assert errors(await post(client, "/me/contacts", contact(speed_dial=""))).keys() == {"speed_dial"}
    assert (await post(client, "/me/contacts", contact(name="Mine", speed_dial="15"))).status_code == 200
    page = (await client.get("/me/contacts")).text
    assert "Mine" in page
    assert "/me/contacts/users" not in page
    assert (await client.get("/me/contacts/users")).status_code == 404
    [mine] = await ids(admin)
    other = await a_user(admin.actor)
    await other_client.sign_in(other.login, other.domain)
    assert "Mine" not in (await other_client.get("/me/contacts")).text
    assert (await other_client.get(f"/me/contacts/{mine}")).status_code == 404
    assert (await other_client.get("/me/contacts/softphone.json")).json()["contacts"] == []
    assert (await post(other_client, f"/me/contacts/{mine}", contact(speed_dial="1"))).status_code == 404


@pytest.mark.req("ACC-75", "ACC-76", "ACC-77")
async def test_t32_users_of_the_pool(client: Browser, admin: Someone) -> None:
    friend, stranger = await a_user(login="ivan"), await a_user(login="ivar")
    async with platform_transaction(STAFF) as tx:
        pool = await tx.fetchval("INSERT INTO pool (name, dial_expression) VALUES ($1, '*{route}#{ext}') RETURNING id",
                                 f"Pool {admin.domain}")
        for route, one in (("4455", admin), ("4456", friend)):
            await tx.execute("UPDATE domain SET pool_id = $1, route_number = $2 WHERE id = $3", pool, route,
                             one.actor.domain_id)
        extension = await tx.fetchval("SELECT extension FROM domain_user WHERE id = $1", friend.id)
        await tx.execute("INSERT INTO forwarding_rule (domain_id, user_id, kind, number) VALUES "
                         "($1, $2, 'mobile', '79161234567')", friend.actor.domain_id, friend.id)
        await tx.execute("UPDATE domain_user SET email = 'hidden@example.org', is_operator = true WHERE id = $1",
                         friend.id)
    own = (await client.get("/me/contacts/users")).text
    assert "(4455)" in own
    assert f"*4456#{extension}" not in own
    theirs = (await client.get("/me/contacts/users", params={"domain": friend.actor.domain_id})).text
    for part in ("Ivan", "ivan", "Operator", f"*4456#{extension}", "(4456)", "+7 916 123-45-67"):
        assert part in theirs
    assert "hidden@example.org" not in theirs
    assert (await client.get("/me/contacts/users", params={"domain": stranger.actor.domain_id})).status_code == 404
    found = (await client.get("/me/contacts/users", params={"q": "iva"})).text
    assert "Ivan" in found
    assert "ivar" not in found
    assert "Ivan" not in (await client.get("/me/contacts/users", params={"q": extension})).text
    assert "Ivan" in (await client.get("/me/contacts/users", params={"q": "8 (916) 123"})).text


def _address(page: str) -> str:
    found = re.search(r'data-copy="http://[^/]+(/phonebook/[a-z2-7]{32})"', page)
    assert found, page
    return found[1]


async def test_telephones_fetch_the_address_book(client: Browser, other_client: Browser, admin: Someone) -> None:
    for number, text in enumerate(NASTY):
        await post(client, "/contacts", contact(*[("work", f"{number}0{n}") for n in range(4)], name=text))
    await post(client, "/contacts", contact(("ip", admin.login), ("ip", "sip:a@elsewhere.example"), name="Colleague"))
    await post(client, "/me/contacts", contact(name="Mine", speed_dial="1"))
    root = _address((await client.get("/me/contacts/phone")).text)
    for name, tag, count in (("yealink.xml", "Unit", 14), ("grandstream.xml", "Contact", 8), ("phonebook.xml", "Contact", 8),
                             ("generic.xml", "DirectoryEntry", 8)):
        answer = await other_client.get(f"{root}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/xml")
        tree = ElementTree.fromstring(answer.content)
        assert len(tree.findall(f".//{tag}")) == count
        assert "elsewhere" not in answer.text
        known = {one.get("Name") or one.text for one in tree.iter() if one.tag in ("Unit", "FirstName", "Name")}
        assert {*NASTY, "Mine", "Colleague"} <= known
        again = await other_client.get(f"{root}/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    for wrong in (f"{root}/other.xml", f"{root[:-1]}{'a' if root[-1] != 'a' else 'b'}/yealink.xml",
                  "/phonebook/x/yealink.xml"):
        assert (await other_client.get(wrong)).status_code == 404
    assert (await post(client, "/me/contacts/phone")).status_code == 200
    assert (await other_client.get(f"{root}/yealink.xml")).status_code == 404
    renewed = _address((await client.get("/me/contacts/phone")).text)
    codes = [(await other_client.get(f"{renewed}/yealink.xml")).status_code for _ in range(31)]
    assert (codes[0], codes[-1]) == (200, 429)
