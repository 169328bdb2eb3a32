"""The page of the domain's numbers."""

from __future__ import annotations

import io

import pytest
from python_calamine import CalamineWorkbook

from tests.db.factories import a_domain
from tests.db.test_users_numbers import a_number, default_number
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


@pytest.mark.req("RTE-03")
async def test_who_rings(client: Browser, admin: Someone) -> None:
    number = await a_number(admin.actor)
    assert "Busy tone" in (await client.get("/numbers")).text
    assert "Admin" in (await client.get(f"/numbers/{number}")).text
    answer = await post(client, f"/numbers/{number}", target_user_id=str(admin.id))
    assert answer.status_code == 200
    assert answer.headers["hx-retarget"] == "#live-state"
    assert f"/users/{admin.id}" in (await client.get("/numbers")).text


@pytest.mark.req("NUM-21")
async def test_use_by_default_marks_the_number(client: Browser, admin: Someone) -> None:
    number = await a_number(admin.actor)
    await post(client, f"/numbers/{number}", is_default="on", target_user_id="")
    assert await default_number(admin.actor) == number
    assert "Outgoing number of the domain" in (await client.get("/numbers")).text
    await post(client, f"/numbers/{number}", target_user_id="")
    assert await default_number(admin.actor) is None


@pytest.mark.req("NUM-09")
async def test_toll_free_is_refused_with_the_reason(client: Browser, admin: Someone) -> None:
    number = await a_number(admin.actor, start="7800", category="toll_free")
    assert "disabled" in (await client.get(f"/numbers/{number}")).text
    answer = await post(client, f"/numbers/{number}", is_default="on")
    assert answer.status_code == 409
    assert "8-800" in answer.text
    assert await default_number(admin.actor) is None


async def test_another_domains_number_and_people(client: Browser, admin: Someone) -> None:
    stranger = await a_user(await a_domain(), login="stranger")
    foreign, own = await a_number(stranger.actor), await a_number(admin.actor)
    for number in (foreign, 2**62, 2**70):
        assert (await client.get(f"/numbers/{number}")).status_code == 404
        assert (await post(client, f"/numbers/{number}", target_user_id=str(admin.id))).status_code == 404
    answer = await post(client, f"/numbers/{own}", target_user_id=str(stranger.id))
    assert errors(answer).keys() == {"target_user_id"}
    assert errors(await post(client, f"/numbers/{own}", target_user_id="${SHELL(id)}")).keys() == {"target_user_id"}


@pytest.mark.req("USR-74")
async def test_deletion_names_the_numbers_that_would_be_busy(client: Browser, admin: Someone) -> None:
    anna = await a_user(admin.actor, "anna")
    number = await a_number(admin.actor)
    await post(client, f"/numbers/{number}", target_user_id=str(anna.id))
    asked = (await client.get(f"/users/{anna.id}/delete")).text
    assert "busy tone" in asked
    assert "+7 495" in asked


async def test_export(client: Browser, admin: Someone) -> None:
    await a_number(admin.actor)
    answer = await client.get("/numbers/export")
    table = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert "Busy tone" in table[1]
