"""Voice scenarios: the list, the scheme and its windows, as a browser uses them."""

from __future__ import annotations

import re

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from tenants.destinations import registry
from tenants.ivr import jobs as ivr_jobs
from tenants.ivr import queries
from tenants.ivr.rules import KEYS, Action, Scenario
from tenants.users import service as users
from tests.db.factories import STAFF
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_personal import a_wav
from tests.http.test_prompts import all_of, upload
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


async def a_scenario(client: Browser, name: str = "Reception") -> int:
    answer = await post(client, "/ivr", name=name)
    return int(re.findall(r"/ivr/(\d+)", answer.headers["hx-redirect"])[0])


async def loaded(actor: Actor, scenario_id: int) -> Scenario:
    async with domain_transaction(actor) as tx:
        return await queries.scenario(tx, scenario_id)


async def group_of(admin: Someone, name: str = "Sales") -> int:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval("INSERT INTO call_group (domain_id, name, extension) VALUES ($1, $2, '55600') "
                                 "RETURNING id", tx.domain_id, name)


async def count_menus(admin: Someone) -> int:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval("SELECT count(*) FROM ivr_menu WHERE domain_id = $1", tx.domain_id)


@pytest.mark.req("T34", "T36", "IVR-03", "IVR-04", "IVR-20", "IVR-21", "IVR-22", "IVR-73")
async def test_a_new_scenario(client: Browser, admin: Someone) -> None:
    client.cookies["lang"] = "ru"
    await a_scenario(client, "Первый")
    await a_scenario(client, "Второй")
    asked = (await client.get("/ivr/new")).text
    assert 'value="Голосовой сценарий 3"' in asked
    scenario_id = await a_scenario(client, "Голосовой сценарий 3")
    assert 'value="Голосовой сценарий 4"' in (await client.get("/ivr/new")).text
    shown = text_of((await client.get("/ivr")).text)
    assert shown.count("1 меню") == 3
    assert "Второй" not in (await client.get("/ivr?q=перв")).text
    page = (await client.get(f"/ivr/{scenario_id}")).text
    text = text_of(page)
    for words in ("Начало звонка", "Основное меню", "По умолчанию", "Таймаут", "10 с", "Изменить",
                  "Донабор внутреннего номера сотрудника", "Повтор меню", "Предлагаемый порядок"):
        assert words in text, words
    assert "Список меню" not in text
    assert f'href="/ivr/{scenario_id}/menus/' in page
    found = await loaded(admin.actor, scenario_id)
    assert [(one.trigger, one.action) for one in found.main.branches] == [
        ("default", Action.DIAL_EXTENSION), ("timeout", Action.REPEAT)]
    assert found.main.audio_id is None
    client.cookies["lang"] = "en"
    for name in ("", "x" * 101, "  первый ", "a\nb"):
        assert errors(await post(client, "/ivr", name=name)).keys() == {"name"}, name
    await post(client, f"/ivr/{scenario_id}", name=" New <b> name ")
    assert "New &lt;b&gt; name" in (await client.get(f"/ivr/{scenario_id}")).text


@pytest.mark.req("T38", "T40", "IVR-41", "IVR-43", "IVR-44", "IVR-46", "IVR-55")
async def test_keys(client: Browser, admin: Someone) -> None:
    scenario_id, group_id = await a_scenario(client), await group_of(admin)
    menu = (await loaded(admin.actor, scenario_id)).main.id
    base = f"/ivr/{scenario_id}/menus/{menu}"
    assert (await client.get(f"{base}/keys")).text.count(" disabled") == 0
    for nothing in ({"action": "redirect"}, {"action": "redirect", "target_kind": "group"}, {"action": "audio"},
                    {"action": "menu"}, {"action": "redirect", "target_kind": "ivr", "target_id": str(scenario_id)}):
        assert (await post(client, f"{base}/reactions/1", nothing)).status_code == 422, nothing
    assert (await post(client, f"{base}/reactions/1", action="redirect", target_kind="group",
                       target_id=str(group_id + 999))).status_code == 404
    answer = await post(client, f"{base}/reactions/1", action="redirect", target_kind="group", target_id=str(group_id))
    assert answer.status_code == 200
    assert "Redirect: Sales" in text_of(answer.text)
    assert (await client.get(f"{base}/keys")).text.count(" disabled") == 1
    window = (await client.get(f"{base}/reactions/1")).text  # its own window, and a way to the types
    assert "Change action type" in window
    await post(client, f"{base}/reactions/2", action="repeat")
    for slug in ("2", "default", "timeout", "5"):  # the types directly
        assert "Change action type" not in (await client.get(f"{base}/reactions/{slug}")).text
    assert (await post(client, f"{base}/keys/1", key="2")).status_code == 422
    assert (await post(client, f"{base}/keys/1", key="#")).status_code == 200
    found = (await loaded(admin.actor, scenario_id)).main
    assert found.branch("1") is None
    assert (found.branch("#") or found.default).target is not None
    for key in found.free_keys:
        await post(client, f"{base}/reactions/{ {'*': 'star'}.get(key, key) }", action="hangup")
    full = (await loaded(admin.actor, scenario_id)).main
    assert full.free_keys == ()
    assert len(full.branches) == len(KEYS) + 2
    assert f"{base}/keys\"" not in (await client.get(f"/ivr/{scenario_id}")).text
    assert (await client.get(f"{base}/keys/default")).status_code == 404  # not a key, cannot be deleted
    assert (await post(client, f"{base}/keys/timeout/delete")).status_code == 404
    assert (await client.get(f"{base}/reactions/12")).status_code == 404


@pytest.mark.req("T39", "T41", "IVR-11", "IVR-12", "IVR-32", "IVR-45", "IVR-54")
async def test_menus(client: Browser, admin: Someone) -> None:
    scenario_id = await a_scenario(client)
    main = (await loaded(admin.actor, scenario_id)).main.id
    base, root = f"/ivr/{scenario_id}/menus", f"/ivr/{scenario_id}/menus/{main}"
    for name in ("", "x" * 101, "The main menu"):
        assert errors(await post(client, base, name=name)).keys() == {"name"}, name
    answer = await post(client, base, name="M2", back=f"{main}.1")  # from the window of a key
    assert answer.headers["hx-retarget"] == "#modal-body"
    m2 = max(menu.id for menu in (await loaded(admin.actor, scenario_id)).menus)
    assert re.search(rf'value="{m2}" checked', answer.text)
    for slug in ("1", "star", "timeout"):
        assert (await post(client, f"{root}/reactions/{slug}", action="menu", menu_id=str(m2))).status_code == 200
    page = text_of((await client.get(f"/ivr/{scenario_id}")).text)
    assert "List of menus: 2" in page
    assert page.count("To its place on the scheme") == 2  # drawn once, at its first place
    await post(client, f"{base}/{m2}/reactions/1", action="menu", menu_id=str(m2))  # a circle can be drawn
    assert (await client.get(f"/ivr/{scenario_id}")).status_code == 200
    assert errors(await post(client, base, name="m2")).keys() == {"name"}
    window = text_of((await client.get(base)).text)
    assert "Unused" not in window
    assert (await post(client, f"{root}/keys/1/delete")).status_code == 200
    assert (await post(client, f"{base}/{main}/delete")).status_code == 409
    await post(client, base, name="M3")
    m3 = max(menu.id for menu in (await loaded(admin.actor, scenario_id)).menus)
    assert "Unused" in text_of((await client.get(base)).text)
    await post(client, f"{base}/{m2}/reactions/2", action="menu", menu_id=str(m3))
    assert "3 branches lead" in text_of((await client.get(f"{base}/{m2}/delete")).text)
    assert (await post(client, f"{base}/{m2}/delete")).status_code == 200
    found = await loaded(admin.actor, scenario_id)
    assert [menu.name for menu in found.menus] == ["", "M3"]  # what it led to stays
    assert [(one.trigger, one.action) for one in found.main.branches] == [
        ("default", Action.DIAL_EXTENSION), ("timeout", Action.REPEAT)]


async def test_audio_belongs_to_menus_and_branches(client: Browser, admin: Someone) -> None:
    scenario_id = await a_scenario(client)
    menu = (await loaded(admin.actor, scenario_id)).main.id
    base = f"/ivr/{scenario_id}/menus/{menu}"
    for _ in range(3):
        await upload(client, "hello.wav", a_wav(1.5))
    first, second, third = [one.id for one in await all_of(admin)]
    assert (await post(client, base, audio_id=str(first))).status_code == 200
    assert "hello.wav" in (await client.get(f"/ivr/{scenario_id}")).text
    assert (await post(client, base, audio_id=str(first))).status_code == 200  # saved again without a change
    assert (await post(client, f"{base}/reactions/4", action="audio", audio_id=str(first))).status_code == 404  # owned
    assert (await post(client, f"{base}/reactions/4", action="audio", audio_id=str(second))).status_code == 200
    assert (await post(client, base, audio_id=str(third))).status_code == 200
    assert [one.id for one in await all_of(admin)] == [second, third]
    assert (await post(client, f"{base}/reactions/4", action="hangup")).status_code == 200
    assert [one.id for one in await all_of(admin)] == [third]
    assert "their numbers" not in (await client.get(f"/ivr/{scenario_id}/delete")).text
    await post(client, f"{base}/reactions/5", action="menu", menu_id=str(menu))
    assert (await post(client, f"/ivr/{scenario_id}/delete")).status_code == 200
    for path in (f"/ivr/{scenario_id}", base, f"/ivr/{scenario_id}/delete"):
        assert (await client.get(path)).status_code == 404
    assert "Reception" not in text_of((await client.get("/ivr")).text)
    again = await a_scenario(client)  # the name is free
    assert (await post(client, f"/ivr/{again}/delete")).status_code == 200
    async with platform_transaction(STAFF) as tx:  # callers inside have had a day to finish
        await tx.execute("UPDATE ivr_scenario SET deleted_at = now() - interval '23 hours' WHERE id = $1", again)
        await tx.execute("UPDATE ivr_scenario SET deleted_at = now() - interval '25 hours' WHERE id = $1", scenario_id)
        assert await ivr_jobs.delete_left(tx) == 1
    assert await all_of(admin) == []
    assert await count_menus(admin) == 1


@pytest.mark.req("T35", "IVR-02")
async def test_numbers_that_lead_to_a_scenario(client: Browser, admin: Someone) -> None:
    routed, _other = await a_scenario(client, "Routed"), await a_scenario(client, "Alone")
    async with platform_transaction(STAFF) as tx:
        number = await tx.fetchval("INSERT INTO phone_number (e164, domain_id) VALUES ($1, $2) RETURNING id",
                                   f"7495{admin.id + 5_000_000:07}", admin.actor.domain_id)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("INSERT INTO routing_rule (domain_id, number_id, priority, target_kind, target_id) "
                         "VALUES ($1, $2, 1, 'ivr', $3)", tx.domain_id, number, routed)
    rows = (await client.get("/ivr")).text.split('<a class="row-link"')[1:]
    assert ["+7 495" in text_of(row).replace("\xa0", " ") for row in rows] == [False, True]
    assert [row.count('href="/routing"') for row in rows] == [1, 1]
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE routing_rule SET is_active = false WHERE domain_id = $1", tx.domain_id)
    assert "495" not in text_of((await client.get("/ivr")).text.split('<a class="row-link"')[-1])


@pytest.mark.req("IVR-65")
async def test_a_deleted_target_leaves_a_warning(client: Browser, admin: Someone) -> None:
    scenario_id = await a_scenario(client)
    boris = await a_user(admin.actor, "boris")
    menu = (await loaded(admin.actor, scenario_id)).main.id
    reactions = f"/ivr/{scenario_id}/menus/{menu}/reactions"
    await post(client, f"{reactions}/1", action="redirect", target_kind="user", target_id=str(boris.id))
    await post(client, f"{reactions}/2", action="redirect", target_kind="voicemail", target_owner="user",
               target_id=str(boris.id))
    await post(client, f"{reactions}/3", action="redirect", target_kind="number", target_number="+7 495 123-45-67")
    async with domain_transaction(admin.actor) as tx:
        assert [one.names for one in await registry.pointers(tx, "user", boris.id)] == [["Reception"]]
        await users.delete_user(tx, boris.id)
    found = (await loaded(admin.actor, scenario_id)).main
    assert [one.target.number if one.target else None for one in found.branches[2:]] == [None, None, "+74951234567"]
    page = text_of((await client.get(f"/ivr/{scenario_id}")).text)
    assert page.count("The target was deleted. Choose another one.") >= 2
    assert "The target was deleted" in (await client.get(f"{reactions}/1/redirect")).text


async def test_other_companies_and_their_things(client: Browser, admin: Someone, web: object) -> None:
    scenario_id = await a_scenario(client)
    main = (await loaded(admin.actor, scenario_id)).main.id
    async with Browser(web) as browser:
        other = await a_user(is_admin=True)
        await browser.sign_in(other.login, other.domain)
        own = await a_scenario(browser, "Own")
        mine = (await loaded(other.actor, own)).main.id
        base = f"/ivr/{own}/menus/{mine}"
        for path in (f"/ivr/{scenario_id}", f"/ivr/{scenario_id}/menus", f"/ivr/{own}/menus/{main}",
                     f"/ivr/{own}/menus/{main}/keys"):
            assert (await browser.get(path)).status_code == 404, path
        for data in ({"action": "menu", "menu_id": str(main)}, {"action": "audio", "audio_id": "1"},
                     {"action": "redirect", "target_kind": "user", "target_id": str(admin.id)},
                     {"action": "redirect", "target_kind": "private_route", "target_number": "101"}):
            assert (await post(browser, f"{base}/reactions/1", data)).status_code in (404, 422), data
        assert len((await loaded(other.actor, own)).main.branches) == 2
        assert (await post(browser, f"{base}/reactions/1", action="redirect", target_kind="number",
                           target_number="1${SHELL(id)}")).status_code == 422


@pytest.mark.req("IVR-66")
async def test_every_change_is_told_and_reaches_the_pbx(client: Browser, admin: Someone) -> None:
    scenario_id = await a_scenario(client)
    menu = (await loaded(admin.actor, scenario_id)).main.id
    await post(client, f"/ivr/{scenario_id}/menus/{menu}/reactions/1", action="hangup")
    await post(client, f"/ivr/{scenario_id}/menus/{menu}/keys/1", key="2")
    async with domain_transaction(admin.actor) as tx:
        told = await tx.fetch("SELECT action, object_id, changes FROM action_history WHERE domain_id = $1 "
                              "AND object_type = 'ivr' ORDER BY id", tx.domain_id)
        wanted = await tx.fetchval("SELECT reason FROM provisioning_state WHERE domain_id = $1", tx.domain_id)
    assert [row["action"] for row in told] == ["ivr_created", "ivr_changed", "ivr_changed"]
    assert {row["object_id"] for row in told} == {scenario_id}
    assert told[1]["changes"] == {"branch": ["", "The main menu, 1: Disconnect the caller"]}
    assert told[2]["changes"] == {"digit": ["The main menu: 1", "The main menu: 2"]}
    assert wanted == f"ivr_changed {scenario_id}"
