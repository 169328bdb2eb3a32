"""The pages of users, as a browser uses them."""

from __future__ import annotations

import io
import re
from typing import Any

import httpx
import pytest
from python_calamine import CalamineWorkbook

from app.auth import store
from app.kernel.db import domain_transaction
from tests.db.factories import a_domain, a_tariff
from tests.http.browser import PASSWORD, Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio

NASTY = ["${SHELL(rm -rf /)}", "a;b", "Smith, John", "x] y", "'; DROP TABLE domain_user; --",
         "<script>alert(1)</script>", "\"><img src=x>", "{{ 7*7 }}", "%(name)s", "\\", "=1+1"]
GROUP: dict[str, str] = {}  # of the administrator's domain: a new user is in one at least
LINES = ["a\r\nexten => _X.,1,System(id)", "a\nb", "a\rb", "a\x0bb", "a\x85b", "a\u2028b"]


@pytest.fixture
async def admin(client: Browser) -> Someone:
    """The client is signed in as an administrator of a fresh domain."""
    user = await a_user(login="admin", is_admin=True)
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    GROUP["groups"] = str(await a_group(user))
    return user


async def a_group(admin: Someone, name: str = "Everybody") -> int:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval("INSERT INTO call_group (domain_id, name) VALUES ($1, $2) RETURNING id", tx.domain_id,
                                 name)


async def post(browser: Browser, path: str, data: dict[str, Any] | None = None, **fields: Any) -> httpx.Response:
    """As htmx does it, with the token of a page of this session."""
    token = await browser.csrf("/me")
    return await browser.post(path, data=(data or {}) | fields, headers={"HX-Request": "true", "X-CSRF-Token": token})


def new_user(**changes: str) -> dict[str, str]:
    return {"display_name": "Anna", "login": "anna", "password": PASSWORD, "password_repeat": PASSWORD,
            "quoted": "0/0/0"} | GROUP | changes


def errors(answer: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<template data-field="(\w+)">(.*?)</template>', answer.text, re.S))


async def rows(admin: Someone, what: str = "login") -> list[Any]:
    async with domain_transaction(admin.actor) as tx:
        return [row[0] for row in await tx.fetch(f"SELECT {what} FROM domain_user WHERE domain_id = $1 ORDER BY id",
                                                 tx.domain_id)]


async def created(client: Browser, admin: Someone, **changes: str) -> int:
    answer = await post(client, "/users", new_user(**changes))
    assert answer.status_code == 200, answer.text
    return (await rows(admin, "id"))[-1]


@pytest.mark.req("GRP-21")
async def test_a_new_user_is_in_a_group_that_may_be_made_in_place(client: Browser, admin: Someone) -> None:
    fields = new_user()
    del fields["groups"]
    assert errors(await post(client, "/users", fields)).keys() == {"groups"}
    form = (await client.get("/users/new", headers={"HX-Request": "true", "HX-Target": "modal-body"})).text
    assert 'name="group_extension"' in form
    wrong = await post(client, "/groups/inline", group_name="EVERYBODY", group_extension="12345678")
    assert errors(wrong).keys() == {"group_extension"}
    assert errors(await post(client, "/groups/inline", group_name="EVERYBODY")).keys() == {"group_name"}
    assert errors(await post(client, "/groups/inline", group_name="A", group_algorithm="acd_random")).keys() == {
        "group_algorithm"}
    made = await post(client, "/groups/inline", group_name="<b>Sales</b>", group_extension="600")
    assert "<b>Sales" not in made.text
    group = re.search(r'name="groups" value="(\d+)" checked', made.text)
    assert group
    assert (await post(client, "/users", fields | {"groups": [group[1], GROUP["groups"]]})).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM group_member WHERE domain_id = $1", tx.domain_id) == 2
    foreign = await a_group(await a_user(login="other", is_admin=True))
    assert (await post(client, "/users", new_user(login="foreign", groups=str(foreign)))).status_code == 404
    assert "foreign" not in await rows(admin)


# --- creation --------------------------------------------------------------------------------------------


@pytest.mark.req("USR-21", "USR-39")
async def test_create_one(client: Browser, admin: Someone) -> None:
    form = await client.get("/users/new", headers={"HX-Request": "true", "HX-Target": "modal-body"})
    assert f"@{admin.domain}" in form.text
    assert 'value="105"' in form.text
    answer = await post(client, "/users", new_user(extension="105", proposed="105", position="Head of sales"))
    assert answer.status_code == 200
    assert answer.headers["hx-retarget"] == "#live-state"
    assert "list-refresh" in answer.headers["hx-trigger-after-swap"]
    listed = (await client.get("/users")).text
    for part in ("Anna", "Head of sales", "105"):
        assert part in listed


@pytest.mark.req("USR-28")
async def test_the_new_user_signs_in(client: Browser, other_client: Browser, admin: Someone) -> None:
    await created(client, admin)
    answer = await other_client.sign_in("anna", admin.domain)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")


@pytest.mark.req("USR-26")
async def test_a_taken_extension_is_told_in_words(client: Browser, admin: Someone) -> None:
    await created(client, admin, display_name="Иван Иванов", login="ivanov", extension="101")
    answer = await post(client, "/users", new_user(extension="101"))
    assert answer.status_code == 422
    assert errors(answer).keys() == {"extension"}
    assert "101" in errors(answer)["extension"]
    assert "Иван Иванов" in errors(answer)["extension"]
    assert await rows(admin) == ["admin", "ivanov"]


@pytest.mark.req("USR-26")
async def test_emergency_extensions_are_allowed_with_a_warning(client: Browser, admin: Someone) -> None:
    answer = await post(client, "/users", new_user(extension="101"))
    assert answer.status_code == 200
    assert '"warning"' in answer.headers["hx-trigger-after-swap"]
    assert await rows(admin, "extension") == [(await rows(admin, "extension"))[0], "101"]


@pytest.mark.req("USR-31", "USR-36")
async def test_every_field_error_at_once(client: Browser, admin: Someone) -> None:
    answer = await post(client, "/users", new_user(display_name="", login="Ivanov", extension="123456",
                                                  password="abc12", password_repeat="abc13", email="x"))
    assert answer.status_code == 422
    assert errors(answer).keys() == {"display_name", "login", "extension", "password", "password_repeat", "email"}
    assert await rows(admin) == ["admin"]


@pytest.mark.req("USR-22", "USR-23")
async def test_amounts_are_shown_and_shown_again_when_they_change(client: Browser) -> None:
    actor = await a_domain(tariff_id=await a_tariff(user_monthly=310), scheme="unlimited")
    admin = await a_user(actor, "boss", is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    form = (await client.get("/users/new")).text
    mark = re.search(r'name="quoted" value="([^"]+)"', form)
    assert mark
    assert mark[1].startswith("310/0/")
    answer = await post(client, "/users", new_user(quoted="0/0/0"))
    assert answer.headers["hx-retarget"] == "#new-user-cost"
    assert mark[1] in answer.text
    assert await rows(admin) == ["boss"]
    group = str(await a_group(admin))
    assert (await post(client, "/users", new_user(quoted=mark[1], groups=group))).status_code == 200
    assert await rows(admin) == ["boss", "anna"]


@pytest.mark.req("USR-24")
async def test_missing_money_is_named(client: Browser) -> None:
    actor = await a_domain(tariff_id=await a_tariff(user_connection=50))
    admin = await a_user(actor, "boss", is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    answer = await post(client, "/users", new_user(quoted="0/50/0"))
    assert answer.status_code == 409
    assert "50" in answer.text
    assert await rows(admin) == ["boss"]


# --- bad input -------------------------------------------------------------------------------------------


async def test_a_name_of_ten_megabytes_is_refused_clearly(client: Browser, admin: Someone) -> None:
    for size, status in ((1_000_000, 422), (10_500_000, 413)):
        answer = await post(client, "/users", new_user(display_name="x" * size))
        assert answer.status_code == status
        assert len(answer.text) < 5000
    assert await rows(admin) == ["admin"]


@pytest.mark.req("USR-25")
async def test_emoji_are_text(client: Browser, admin: Someone) -> None:
    user_id = await created(client, admin, display_name="Анна 🎧👩‍💻", position="☎️")
    assert "Анна 🎧👩‍💻" in (await client.get(f"/users/{user_id}")).text
    assert (await rows(admin, "display_name"))[-1] == "Анна 🎧👩‍💻"


@pytest.mark.parametrize("text", NASTY)
async def test_injections_stay_text(client: Browser, admin: Someone, text: str) -> None:
    user_id = await created(client, admin, display_name=text, position=text)
    assert (await rows(admin, "display_name"))[-1] == text
    for page in (f"/users/{user_id}", "/users", f"/users/{user_id}/delete", f"/users?q={text[:3]}"):
        shown = (await client.get(page)).text
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert ">49<" not in shown


@pytest.mark.parametrize("text", NASTY + LINES)
async def test_injections_cannot_be_logins_or_extensions(client: Browser, admin: Someone, text: str) -> None:
    answer = await post(client, "/users", new_user(login=text, extension=text))
    assert answer.status_code == 422
    assert {"login", "extension"} <= errors(answer).keys()
    assert await rows(admin) == ["admin"]


@pytest.mark.parametrize("text", LINES)
async def test_line_ends_are_refused_in_every_text(client: Browser, admin: Someone, text: str) -> None:
    answer = await post(client, "/users", new_user(display_name=text, position=text, email=f"{text}@x.example"))
    assert errors(answer).keys() == {"display_name", "position", "email"}
    assert await rows(admin) == ["admin"]


async def test_unknown_fields_are_refused(client: Browser, admin: Someone) -> None:
    answer = await post(client, "/users", new_user(is_admin="on", domain_id="1"))
    assert answer.status_code == 422
    assert await rows(admin) == ["admin"]


# --- the list --------------------------------------------------------------------------------------------


@pytest.mark.req("USR-07", "USR-08")
async def test_search_begins_with_the_third_character(client: Browser, admin: Someone) -> None:
    await created(client, admin, display_name="Иванова", login="anna", email="boss@company.example",
                  extension="20777")
    own_row = f'href="/users/{admin.id}"'
    for typed in ("иВА", "ann", "0777", "BOSS@"):
        found = (await client.get("/users", params={"q": typed})).text
        assert "Иванова" in found, typed
        assert own_row not in found
    assert own_row in (await client.get("/users", params={"q": "ив"})).text
    assert "Иванова" not in (await client.get("/users", params={"q": "%%%"})).text


@pytest.mark.req("USR-02", "USR-05")
async def test_order_and_indicators(client: Browser, admin: Someone) -> None:
    for login, name in (("a1", "Яна"), ("a2", "ёлкин"), ("a3", "Жуков"), ("a4", "Егоров")):
        await created(client, admin, login=login, display_name=name)
    await post(client, f"/users/{(await rows(admin, 'id'))[-1]}/restriction", restriction="no_international")
    client.cookies["lang"] = "en"
    shown = (await client.get("/users")).text
    assert [shown.index(name) for name in ("Егоров", "ёлкин", "Жуков", "Яна")] == sorted(
        shown.index(name) for name in ("Егоров", "ёлкин", "Жуков", "Яна"))
    assert shown.count("International calls are barred") == 1
    only = (await client.get("/users", params={"role": "restricted"})).text
    assert "Егоров" in only
    assert "Яна" not in only


@pytest.mark.req("USR-04")
async def test_online_state_comes_from_registrations(client: Browser, admin: Someone) -> None:
    user_id = await created(client, admin)
    dot = re.compile(rf'id="p-{user_id}" class="status-dot status-(\w+)')
    assert dot.findall((await client.get("/users")).text) == ["secondary"]
    await store.client().hset(f"presence:{admin.actor.domain_id}", str(user_id), "1")
    assert dot.findall((await client.get("/users")).text) == ["green"]
    assert dot.findall((await client.get("/users/presence", params={"ids": user_id})).text) == ["green"]


async def test_pages_of_a_hundred_and_the_true_total(client: Browser, admin: Someone) -> None:
    async with domain_transaction(admin.actor) as tx:
        await tx.execute(
            "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, sip_ha1) "
            "SELECT $1, 'u' || n, 'User ' || n, (20000 + n)::text, 'x', repeat('0', 32) "
            "FROM generate_series(1, 149) n", tx.domain_id)
    first = (await client.get("/users")).text
    assert first.count('name="ids"') == 100
    assert ">150<" in first
    rest = await client.get("/users", params={"offset": 100},
                            headers={"HX-Request": "true", "HX-Target": "list-more"})
    assert rest.text.count('name="ids"') == 50


async def test_export_has_everybody(client: Browser, admin: Someone) -> None:
    await created(client, admin, display_name="=1+1", email="anna@company.example")
    answer = await client.get("/users/export")
    table = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert [line[0] for line in table[1:]] == ["=1+1", "Admin"]
    assert "anna@company.example" in table[1]


# --- deletion --------------------------------------------------------------------------------------------


@pytest.mark.req("USR-72")
async def test_deletion_asks_first(client: Browser, other_client: Browser, admin: Someone) -> None:
    user_id = await created(client, admin)
    await other_client.sign_in("anna", admin.domain)
    assert (await client.get(f"/users/{user_id}/delete")).status_code == 200
    assert len(await rows(admin)) == 2
    answer = await post(client, f"/users/{user_id}/delete")
    assert answer.headers["hx-redirect"] == "/users"
    assert await rows(admin) == ["admin"]
    assert (await other_client.get("/me")).status_code == 303  # signed out [USR-75]
    assert (await client.get(f"/users/{user_id}")).status_code == 404


@pytest.mark.req("USR-20", "USR-64")
async def test_bulk_deletion_tells_what_stayed_and_why(client: Browser, admin: Someone) -> None:
    first = await created(client, admin, login="a1", display_name="One")
    second = await created(client, admin, login="a2", display_name="Two")
    ids = [first, second, admin.id]
    asked = await client.get("/users/delete", params={"ids": ids})
    assert all(name in asked.text for name in ("One", "Two"))
    answer = await post(client, "/users/delete", ids=[str(one) for one in ids])
    assert answer.status_code == 200
    assert "Admin" in answer.text
    assert await rows(admin) == ["admin"]


async def test_select_all_means_all_that_match(client: Browser, admin: Someone) -> None:
    for number in range(3):
        await created(client, admin, login=f"sales{number}", display_name=f"Sales {number}")
    asked = (await client.get("/users/delete", params={"all": "/users?q=sales"})).text
    assert asked.count('name="ids"') == 3


# --- the card --------------------------------------------------------------------------------------------


@pytest.mark.req("USR-55")
async def test_the_card_saves_its_blocks(client: Browser, admin: Someone) -> None:
    user_id = await created(client, admin)
    assert f"anna@{admin.domain}" in (await client.get(f"/users/{user_id}")).text
    answer = await post(client, f"/users/{user_id}", display_name="Anna B", extension="333", position="", email="",
                        outgoing_number_id="")
    assert answer.status_code == 200
    assert "Anna B" in answer.text
    assert (await rows(admin, "extension"))[-1] == "333"
    refused = await post(client, f"/users/{user_id}", display_name="Anna", extension="333", login="other")
    assert refused.status_code == 422  # the address is for ever


@pytest.mark.req("USR-56")
async def test_a_new_password_ends_the_users_sessions(client: Browser, other_client: Browser, admin: Someone) -> None:
    user_id = await created(client, admin)
    await other_client.sign_in("anna", admin.domain)
    assert (await other_client.get("/me")).status_code == 200
    answer = await post(client, f"/users/{user_id}/password", password="another2pass", password_repeat="another2pass")
    assert answer.status_code == 200, answer.text
    assert (await other_client.get("/me")).status_code == 303
    assert (await other_client.sign_in("anna", admin.domain, "another2pass")).status_code == 303


@pytest.mark.req("USR-64")
async def test_the_administrators_role(client: Browser, other_client: Browser, admin: Someone) -> None:
    user_id = await created(client, admin)
    assert (await post(client, f"/users/{user_id}/administrator", is_admin="on")).status_code == 200
    await other_client.sign_in("anna", admin.domain)
    assert (await other_client.get("/users")).status_code == 200
    assert (await post(client, f"/users/{user_id}/administrator")).status_code == 200
    assert (await other_client.get("/users")).status_code == 303  # the old rights end at once
    refused = await post(client, f"/users/{admin.id}/administrator")
    assert refused.status_code == 409


# --- one's own page -----------------------------------------------------------------------------------------


@pytest.mark.req("ACC-28", "ACC-29", "ACC-30", "ACC-31", "ACC-D10")
async def test_own_page_changes_name_and_mail_only(client: Browser) -> None:
    user = await a_user(login="anna")
    await client.sign_in(user.login, user.domain)
    shown = (await client.get("/me")).text
    assert f"anna@{user.domain}" in shown
    assert 'name="extension"' not in shown
    assert (await post(client, "/me", display_name="Anna B", email="anna@company.example")).status_code == 200
    assert await rows(user, "display_name || ' ' || email") == ["Anna B anna@company.example"]
    for field in ("extension", "outgoing_number_id", "position", "login", "is_admin"):
        assert (await post(client, "/me", {"display_name": "X", "email": "", field: "1"})).status_code == 422
    assert await rows(user, "display_name") == ["Anna B"]


@pytest.mark.req("ACC-32", "ACC-33")
async def test_own_password_needs_the_current_one(client: Browser, other_client: Browser) -> None:
    user = await a_user(login="anna")
    await client.sign_in(user.login, user.domain)
    await other_client.sign_in(user.login, user.domain)
    new = {"password": "another2pass", "password_repeat": "another2pass"}
    assert errors(await post(client, "/me/password", new, current="wrong1")).keys() == {"current"}
    assert "password_repeat" in errors(await post(client, "/me/password", new | {"password_repeat": "x"},
                                                  current=PASSWORD))
    assert (await post(client, "/me/password", new, current=PASSWORD)).status_code == 200
    assert (await client.get("/me")).status_code == 200  # one's own session stays
    assert (await other_client.get("/me")).status_code == 303


@pytest.mark.req("ACC-36")
async def test_own_mail_is_checked(client: Browser) -> None:
    user = await a_user(login="anna")
    await client.sign_in(user.login, user.domain)
    assert errors(await post(client, "/me", display_name="A", email="x\r\nBcc: y@z.example")).keys() == {"email"}


# --- who may ------------------------------------------------------------------------------------------------

CARD_ROUTES = [("GET", ""), ("POST", ""), ("POST", "/restriction"), ("GET", "/administrator"),
               ("POST", "/administrator"), ("GET", "/password"), ("POST", "/password"), ("GET", "/delete"),
               ("POST", "/delete")]
FIELDS = {"": {"display_name": "X", "extension": "400"}, "/restriction": {"restriction": "none"},
          "/administrator": {"is_admin": "on"},
          "/password": {"password": "another2pass", "password_repeat": "another2pass"}, "/delete": {}}


async def _ask(browser: Browser, method: str, path: str, fields: dict[str, str]) -> int:
    answer = await browser.get(path) if method == "GET" else await post(browser, path, fields)
    return answer.status_code


@pytest.mark.parametrize(("method", "tail"), CARD_ROUTES)
async def test_another_domains_user_is_not_found(client: Browser, admin: Someone, method: str, tail: str) -> None:
    stranger = await a_user(login="stranger")
    before = await rows(stranger, "domain_user::text")
    for user_id in (stranger.id, 2**62, 2**70, 0):
        assert await _ask(client, method, f"/users/{user_id}{tail}", FIELDS[tail]) == 404, user_id
    assert await rows(stranger, "domain_user::text") == before


async def test_bulk_deletion_does_not_reach_another_domain(client: Browser, admin: Someone) -> None:
    stranger = await a_user(login="stranger")
    assert "Stranger" not in (await client.get("/users/delete", params={"ids": [stranger.id]})).text
    await post(client, "/users/delete", ids=[str(stranger.id)])
    assert await rows(stranger) == ["stranger"]


async def test_a_plain_user_sees_the_own_page_only(client: Browser) -> None:
    user = await a_user(login="anna")
    await client.sign_in(user.login, user.domain)
    for method, tail in CARD_ROUTES:
        assert await _ask(client, method, f"/users/{user.id}{tail}", FIELDS[tail]) == 403
    for path in ("/users", "/users/new", "/users/export", "/users/delete", "/numbers", "/numbers/export"):
        assert (await client.get(path)).status_code == 403
    assert (await client.get("/me")).status_code == 200
