"""The page of the domain's numbers, and the marks that follow from a number's settings."""

from __future__ import annotations

import io

import pytest
from python_calamine import CalamineWorkbook

from tests.db.test_users_numbers import a_number, default_number
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.test_users import post

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


@pytest.mark.req("NUM-21", "NUM-08")
async def test_use_by_default_marks_the_number(client: Browser, admin: Someone) -> None:
    first, second = await a_number(admin.actor), await a_number(admin.actor)
    answer = await post(client, f"/routing/{first}", is_default="on")
    assert "Outgoing" in answer.text
    assert await default_number(admin.actor) == first
    answer = await post(client, f"/routing/{second}", is_default="on")
    assert answer.text.count('hx-swap-oob="true"') == 2  # the mark has left the other scheme
    assert await default_number(admin.actor) == second
    assert "+7 (495)" in (await client.get("/routing")).text  # the title of the menu [NUM-02]
    await post(client, f"/routing/{second}")
    assert await default_number(admin.actor) is None


@pytest.mark.req("NUM-09")
async def test_toll_free_is_refused_with_the_reason(client: Browser, admin: Someone) -> None:
    number = await a_number(admin.actor, start="7800", category="toll_free")
    assert "disabled" in (await client.get(f"/routing/{number}")).text
    answer = await post(client, f"/routing/{number}", is_default="on")
    assert answer.status_code == 409
    assert "8-800" in answer.text
    assert await default_number(admin.actor) is None


async def test_export(client: Browser, admin: Someone) -> None:
    await a_number(admin.actor)
    answer = await client.get("/numbers/export")
    table = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert "City number" in table[1]
