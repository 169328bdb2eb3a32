"""Administrators of a pool and one's own profile [POOL-15…18, POOL-36…44, POOL-D4, POOL-D9]."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.kernel.db import platform_transaction
from tests.db.factories import STAFF
from tests.db.pool_factories import Pool, a_pool
from tests.http.browser import PASSWORD, Browser

pytestmark = pytest.mark.anyio
NEW = {"display_name": "Пётр Админов", "email": "adm@pool.example", "phone": "+7 (495) 000-00-00",
       "password": "abc123", "password_repeat": "abc123"}


@asynccontextmanager
async def _browser(web: Any, pool: Pool, who: str = "chief", password: str = PASSWORD) -> AsyncIterator[Browser]:
    async with Browser(web, headers={"Accept-Language": "en"}) as browser:
        assert (await browser.sign_in_at("/group", pool.people[who].login, password)).status_code == 303
        yield browser


async def _post(browser: Browser, path: str, **fields: Any):
    token = await browser.csrf("/group/profile")
    return await browser.post(path, data=fields, headers={"X-CSRF-Token": token, "HX-Request": "true"})


async def _admin(login: str) -> Any:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchrow("SELECT * FROM pool_admin WHERE login = $1", login)


async def _letters(address: str) -> list[Any]:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetch("SELECT subject, body FROM mail_message WHERE recipient = $1 ORDER BY id", address)


@pytest.mark.req("POOL-36", "POOL-37", "POOL-38", "POOL-39", "POOL-40", "POOL-43")
async def test_t13_without_the_box_it_is_a_subgroup_administrator_for_ever(web: Any) -> None:
    pool = await a_pool()
    group, login = await pool.group("Филиалы"), f"adm_test{(await a_pool()).id}"
    async with _browser(web, pool) as browser:
        form = (await browser.get("/group/administrators/new")).text
        assert "data-pick-search" in form
        assert "Филиалы" in form
        answer = await _post(browser, "/group/administrators", login=login, subgroup_ids=str(group), **NEW)
        assert answer.status_code == 200, answer.text
        row = await _admin(login)
        assert (row["role"], row["is_active"], row["phone"]) == ("subgroup_admin", True, "+7 (495) 000-00-00")
        listed = (await browser.get("/group/administrators")).text
        assert "Пётр Админов" in listed
        assert "adm@pool.example" in listed
        assert "Филиалы" in listed
        assert login in listed
        for smuggled in ({"login": "other"}, {"role": "supervisor"}, {"is_supervisor": "on"}):
            fields = {"display_name": "X", "email": "x@pool.example", **smuggled}
            assert (await _post(browser, f"/group/administrators/{row['id']}", **fields)).status_code == 422
        edit = (await browser.get(f"/group/administrators/{row['id']}")).text
        assert 'name="login"' not in edit
        assert "is_supervisor" not in edit
        assert 'checked' in edit
        locked = await _post(browser, "/group/administrators", login=f"{login}b", is_locked="on", is_supervisor="on",
                             subgroup_ids=str(group), **NEW)
        assert locked.status_code == 200
        second = await _admin(f"{login}b")
        assert (second["role"], second["is_active"]) == ("supervisor", False)
        async with platform_transaction(STAFF) as tx:  # ignored for a supervisor
            assert not await tx.fetchval("SELECT count(*) FROM pool_admin_subgroup WHERE admin_id = $1", second["id"])
    async with Browser(web) as stranger:
        assert (await stranger.sign_in_at("/group", f"{login}b", "abc123")).status_code == 422
        assert (await stranger.sign_in_at("/group", login, "abc123")).status_code == 303


@pytest.mark.req("POOL-42", "POOL-D4")
async def test_wrong_fields_are_named_and_nothing_is_saved(web: Any) -> None:
    pool, other = await a_pool(), await a_pool()
    foreign = await other.group("Чужая")
    login = f"wrong{pool.id}"
    cases: list[tuple[dict[str, str], str]] = [
        ({"login": other.people["chief"].login}, "login"), ({"login": "ab"}, "login"), ({"login": "Имя"}, "login"),
        ({"email": "nobody"}, "email"), ({"email": ""}, "email"), ({"display_name": " "}, "display_name"),
        ({"password": "abc12", "password_repeat": "abc12"}, "password"), ({"password_repeat": "abc124"},
                                                                        "password_repeat"),
        ({"phone": "call me"}, "phone"), ({"subgroup_ids": str(foreign)}, "subgroup_ids")]
    async with _browser(web, pool) as browser:
        for change, field in cases:
            answer = await _post(browser, "/group/administrators", **({"login": login, **NEW} | change))
            assert answer.status_code == 422, change
            assert f'data-field="{field}"' in answer.text, change
        assert await _admin(login) is None


@pytest.mark.req("POOL-15", "POOL-16", "POOL-17", "POOL-18")
async def test_t14_the_profile_takes_six_characters_and_neither_role_nor_login(web: Any) -> None:
    pool = await a_pool()
    await pool.administrator("sub", [await pool.group("Филиалы")])
    async with _browser(web, pool, "sub") as browser, _browser(web, pool, "sub") as elsewhere:
        form = (await browser.get("/group/profile", headers={"Accept-Language": "ru"})).text
        for text in ("Профиль", "Супервизор", "Логин", "Отображаемое имя", "Электронная почта", "Номер телефона",
                     "Повтор пароля", "Не менее 6 символов: латинские буквы и цифры", "Администратор групп"):
            assert text in form, text
        person = {"display_name": "Анна", "email": "anna@pool.example", "phone": "102"}
        weak = await _post(browser, "/group/profile", **person, password="abc12", password_repeat="abc12")
        assert weak.status_code == 422
        assert 'data-field="password"' in weak.text
        for smuggled in ({"role": "supervisor"}, {"login": "root"}, {"is_active": "on"}, {"subgroup_ids": "1"}):
            assert (await _post(browser, "/group/profile", **person, **smuggled)).status_code == 422
        assert (await _post(browser, "/group/profile", **person)).status_code == 200  # empty: unchanged
        assert (await elsewhere.get("/group")).status_code == 200
        good = await _post(browser, "/group/profile", **person, password="abc123", password_repeat="abc123")
        assert good.status_code == 200, good.text
        assert (await browser.get("/group")).status_code == 200  # one's own session stays
        assert (await elsewhere.get("/group")).status_code == 303
        assert "Анна" in (await browser.get("/group")).text
    row = await _admin(pool.people["sub"].login)
    assert (row["display_name"], row["email"], row["phone"], row["role"]) == ("Анна", "anna@pool.example", "102",
                                                                              "subgroup_admin")
    changes = [line["changes"] for line in await pool.history() if line["action"] == "profile_changed"]
    assert changes[-1] == {"password": ["***", "***"]}
    assert "abc123" not in str([dict(line) for line in await pool.history()])


@pytest.mark.req("POOL-41", "POOL-43", "POOL-D9")
async def test_credentials_are_sent_with_a_new_password_only(web: Any) -> None:
    pool = await a_pool()
    login, address = f"letter{pool.id}", f"letter{pool.id}@pool.example"
    fields = NEW | {"email": address}
    async with _browser(web, pool) as browser:
        await _post(browser, "/group/administrators", login=login, send_credentials="on", **fields)
        row = await _admin(login)
        letters = await _letters(address)
        assert len(letters) == 1
        assert login in letters[0]["body"]
        assert "abc123" in letters[0]["body"]
        assert "/group/" in letters[0]["body"]
        url = f"/group/administrators/{row['id']}"
        answer = await _post(browser, url, display_name="P", email=address, send_credentials="on")
        assert answer.status_code == 422
        assert 'data-field="send_credentials"' in answer.text
        answer = await _post(browser, url, display_name="P", email=address, send_credentials="on",
                             password="new1pass", password_repeat="new1pass")
        assert answer.status_code == 200
        assert "new1pass" in (await _letters(address))[1]["body"]


@pytest.mark.req("POOL-44", "POOL-D4", "POOL-D9")
async def test_locking_a_new_password_and_deletion_end_the_sessions_at_once(web: Any) -> None:
    pool = await a_pool()
    person = {"display_name": "S", "email": "s@pool.example"}
    sub = await pool.administrator("sub")
    url = f"/group/administrators/{sub.id}"
    async with _browser(web, pool) as chief:
        async with _browser(web, pool, "sub") as browser:
            assert (await _post(chief, url, **person, is_locked="on")).status_code == 200
            assert (await browser.get("/group")).status_code == 303
            assert (await browser.sign_in_at("/group", sub.login)).status_code == 422
        await _post(chief, url, **person)
        async with _browser(web, pool, "sub") as browser:
            await _post(chief, url, **person, password="new1pass", password_repeat="new1pass")
            assert (await browser.get("/group")).status_code == 303
        async with _browser(web, pool, "sub", "new1pass") as browser:
            assert "S" in (await chief.get(f"{url}/delete")).text
            assert (await _post(chief, f"{url}/delete")).status_code == 200
            assert (await browser.get("/group")).status_code == 303
    assert await _admin(sub.login) is None
    line = (await pool.history())[-1]
    assert (line["action"], line["object_name"], line["changes"]["login"]) == (
        "pool_admin_deleted", "S", [sub.login, None])
    own = [one for one in await pool.history() if one["actor_login"] == sub.login]
    assert own
    assert own[0]["action"] == "signed_in"


@pytest.mark.req("POOL-D9")
async def test_nobody_locks_or_deletes_themselves_or_the_last_supervisor(web: Any) -> None:
    pool = await a_pool()
    chief = pool.people["chief"]
    url = f"/group/administrators/{chief.id}"
    async with _browser(web, pool) as browser:
        answer = await _post(browser, url, display_name="C", email="c@pool.example", is_locked="on")
        assert answer.status_code == 409
        assert (await _post(browser, f"{url}/delete")).status_code == 409
        assert (await _post(browser, url, display_name="C", email="c@pool.example")).status_code == 200
        assert (await _admin(chief.login))["is_active"]
        second = await pool.administrator("second", role="supervisor")
        async with _browser(web, pool, "second") as other:
            assert (await _post(other, f"{url}/delete")).status_code == 200
            assert (await browser.get("/group")).status_code == 303
            assert (await _post(other, f"/group/administrators/{second.id}/delete")).status_code == 409


@pytest.mark.req("POOL-12", "POOL-14", "POOL-36")
async def test_people_of_another_pool_do_not_exist(web: Any) -> None:
    pool, other = await a_pool(), await a_pool()
    victim = other.people["chief"]
    async with _browser(web, pool) as browser:
        assert victim.login not in (await browser.get("/group/administrators")).text
        for path in (f"/group/administrators/{victim.id}", f"/group/administrators/{victim.id}/delete"):
            assert (await browser.get(path)).status_code == 404
            answer = await _post(browser, path, display_name="x", email="x@x.example") \
                if not path.endswith("delete") else await _post(browser, path)
            assert answer.status_code == 404
    assert (await _admin(victim.login))["display_name"] == victim.login


@pytest.mark.req("POOL-09")
async def test_the_sign_in_form_has_no_domain(web: Any, client: Browser) -> None:
    page = (await client.get("/group/sign-in")).text
    assert set(re.findall(r'<input[^>]*name="(\w+)"', page)) >= {"login", "password"}
    assert 'name="domain"' not in page
