"""The pool interface: frame, list, what may be changed of a domain and by whom [POOL-08…26, POOL-D3…D7]."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.db.factories import a_domain
from tests.db.pool_factories import Pool, a_pool
from tests.http.browser import Browser
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def _browser(web: Any, pool: Pool, who: str = "chief") -> AsyncIterator[Browser]:
    async with Browser(web, headers={"Accept-Language": "en"}) as browser:
        assert (await browser.sign_in_at("/group", pool.people[who].login)).status_code == 303
        yield browser


async def _post(browser: Browser, path: str, **fields: Any):
    token = await browser.csrf("/group/profile")
    return await browser.post(path, data=fields, headers={"X-CSRF-Token": token, "HX-Request": "true"})


def _order(text: str) -> list[str]:
    """Names of the groups' headings, in order, with their counters."""
    return re.findall(r'sw-pool-name">([^<]+)<.*?Domains: (\d+)', text, re.DOTALL)  # type: ignore[return-value]


async def _sample() -> Pool:
    """The pool of T8: three groups, four domains by route number."""
    pool = await a_pool(route_number_length=5)
    second, third = await pool.group("Новая группа 2"), await pool.group("СупермегатестГрупп")
    for route, group in (("00799", None), ("00702", None), ("00700", second), ("02203", third)):
        await pool.domain(route, group)
    await pool.administrator("sub", [second])
    return pool


@pytest.mark.req("POOL-08", "POOL-10", "POOL-11", "POOL-19", "POOL-20", "POOL-21", "POOL-28", "POOL-D5")
async def test_t8_a_supervisor_sees_the_groups_in_order_with_boxes(web: Any) -> None:
    pool = await _sample()
    async with _browser(web, pool) as browser:
        page = (await browser.get("/group", headers={"Accept-Language": "ru"})).text
        assert re.findall(r'sw-pool-name">([^<]+)<', page) == ["Без группы", "Новая группа 2", "СупермегатестГрупп"]
        assert re.findall(r"Доменов: (\d+)</span>", page) == ["2", "1", "1"]
        assert page.count('name="ids"') == 4
        assert "Новая группа</a>" in page
        assert "data-tick-all" in page
        assert pool.name in page
        assert "Длина маршрутного номера: 5" in page
        assert "Супервизор" in page
        assert "/group/administrators" in page
        assert "/group/history" in page


@pytest.mark.req("POOL-10", "POOL-11", "POOL-12", "POOL-21", "POOL-28", "POOL-D3")
async def test_t9_a_subgroup_administrator_sees_all_and_manages_the_own(web: Any) -> None:
    pool = await _sample()
    async with _browser(web, pool, "sub") as browser:
        page = (await browser.get("/group")).text
        assert [name for name, _count in _order(page)] == ["Новая группа 2", "No group", "СупермегатестГрупп"]
        assert 'name="ids"' not in page
        assert "data-tick-all" not in page
        assert "New group" not in page
        own, others = pool.domains["00700"], [pool.domains[one] for one in ("00799", "00702", "02203")]
        assert f"/group/domains/{own}/enter" in page
        assert f"/group/domains/{own}/name" in page
        for other in others:
            assert f"/group/domains/{other}/enter" not in page
            assert f"/group/domains/{other}/name" not in page
        assert "Group administrator" in page
        assert "/group/administrators" not in page


@pytest.mark.req("POOL-12", "POOL-14", "POOL-25", "POOL-D3")
async def test_t34_domains_outside_the_groups_are_refused_and_other_pools_do_not_exist(web: Any) -> None:
    pool, other = await _sample(), await a_pool()
    foreign = await other.domain("4455")
    async with _browser(web, pool, "sub") as browser:
        for domain_id, status in ((pool.domains["00799"], 403), (foreign, 404), (2**62, 404)):
            for path, fields in ((f"/group/domains/{domain_id}/route", {"route_number": "11111"}),
                                 (f"/group/domains/{domain_id}/name", {"display_name": "Mine"}),
                                 (f"/group/domains/{domain_id}/enter", {})):
                assert (await _post(browser, path, **fields)).status_code == status, path
        assert (await pool.row(pool.domains["00799"]))["route_number"] == "00799"
        assert (await other.row(foreign))["route_number"] == "4455"
        own = pool.domains["00700"]
        assert (await _post(browser, f"/group/domains/{own}/route", route_number="55555")).status_code == 200
        assert (await _post(browser, f"/group/domains/{own}/name", display_name="Филиал")).status_code == 200
        row = await pool.row(own)
        assert (row["route_number"], row["display_name"]) == ("55555", "Филиал")


@pytest.mark.req("POOL-12", "POOL-14", "POOL-36")
async def test_t30_a_subgroup_administrator_has_no_supervisors_pages(web: Any) -> None:
    pool = await _sample()
    async with _browser(web, pool, "sub") as browser:
        assert (await browser.get("/group/administrators")).status_code == 403
        own = str(pool.domains["00700"])
        group = pool.groups["СупермегатестГрупп"]
        for path, fields in (("/group/bulk/move", {"ids": own, "subgroup_id": str(group)}),
                             ("/group/bulk/new", {"ids": own, "name": "x"}), ("/group/bulk/remove", {"ids": own}),
                             ("/group/subgroups", {"name": "x"}), (f"/group/subgroups/{group}/delete", {}),
                             (f"/group/administrators/{pool.people['chief'].id}/delete", {})):
            assert (await _post(browser, path, **fields)).status_code == 403, path
        assert (await pool.row(pool.domains["00700"]))["subgroup_id"] == pool.groups["Новая группа 2"]


@pytest.mark.req("POOL-22")
async def test_t10_the_information_window_has_exactly_these_values(web: Any) -> None:
    pool = await a_pool(route_number_length=5)
    domain_id = await pool.domain("00799", account="2147483647", balance="12747", users=21, numbers=9, toll_free=1,
                                  display_name="Головной офис", email="office@company.example")
    async with _browser(web, pool) as browser:
        page = (await browser.get(f"/group/domains/{domain_id}", headers={"Accept-Language": "ru"})).text
        facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>(?:<[^>]+>)?([^<]*)", page))
    row = await pool.row(domain_id)
    assert facts["Домен"] == row["name"]
    assert facts["Видимое название"] == "Головной офис"
    assert facts["НЛС"] == "2147483647"
    assert facts["Маршрутный номер"] == "00799"
    assert facts["Email"] == "office@company.example"
    assert re.sub(r"\D", "", facts["Баланс"].split(",")[0]) == "12747"
    assert (facts["Пользователей"], facts["Операторов"]) == ("21", "0")
    assert (facts["Номеров стационарных"], facts["Номеров 8800"]) == ("9", "1")


@pytest.mark.req("POOL-23")
async def test_search_goes_by_name_display_name_and_route_number(web: Any) -> None:
    pool = await _sample()
    await pool.domain("77777", pool.groups["Новая группа 2"], display_name="Склад на Мойке")
    async with _browser(web, pool) as browser:
        for word in ("мойке", "7777", (await pool.row(pool.domains["77777"]))["name"]):
            page = (await browser.get("/group", params={"q": word})).text
            assert page.count('name="ids"') == 1, word
            assert f"domain-{pool.domains['77777']}" in page, word
            assert _order(page) == [("Новая группа 2", "1")]
        assert "Nothing found" in (await browser.get("/group", params={"q": "zzz%"})).text


@pytest.mark.req("POOL-24", "POOL-D6")
async def test_route_numbers_have_the_pools_length_and_no_number_begins_with_another(web: Any) -> None:
    pool = await a_pool(route_number_length=4)
    first = await pool.domain("4455")
    await pool.domain("447")  # from before the length was changed: it stays
    async with _browser(web, pool) as browser:
        for wrong in ("445", "44555", "44a5", "4470", "٤٤٥٦", "+445"):
            answer = await _post(browser, f"/group/domains/{first}/route", route_number=wrong)
            assert answer.status_code == 422, wrong
            assert 'data-field="route_number"' in answer.text, wrong
        assert (await pool.row(first))["route_number"] == "4455"
        assert (await _post(browser, f"/group/domains/{first}/route", route_number="0099")).status_code == 200
        assert (await pool.row(first))["route_number"] == "0099"
        second = await pool.domain(None)
        assert (await _post(browser, f"/group/domains/{second}/route", route_number="0099")).status_code == 422
        assert (await _post(browser, f"/group/domains/{first}/route", route_number="")).status_code == 200
        assert (await pool.row(first))["route_number"] is None


@pytest.mark.req("POOL-24")
async def test_a_new_route_number_asks_for_a_new_configuration_of_that_domain(web: Any) -> None:
    pool = await a_pool()
    first, second = await pool.domain("4455"), await pool.domain("4456")
    before = [await pool.desired(one) for one in (first, second)]
    async with _browser(web, pool) as browser:
        await _post(browser, f"/group/domains/{first}/route", route_number="1234")
        await _post(browser, f"/group/domains/{second}/name", display_name="Other")
    assert [await pool.desired(first), await pool.desired(second)] == [before[0] + 1, before[1]]


@pytest.mark.req("POOL-D6")
async def test_a_display_name_has_one_to_a_hundred_characters_and_need_not_be_unique(web: Any) -> None:
    pool = await a_pool()
    first, second = await pool.domain("4455"), await pool.domain("4456")
    async with _browser(web, pool) as browser:
        for wrong in ("", " ", "x" * 101, "a\u202eb"):
            assert (await _post(browser, f"/group/domains/{first}/name", display_name=wrong)).status_code == 422
        name = "<b>Филиал</b> & Ко"
        for domain_id in (first, second):
            assert (await _post(browser, f"/group/domains/{domain_id}/name", display_name=name)).status_code == 200
        page = (await browser.get("/group")).text
        assert page.count("&lt;b&gt;Филиал&lt;/b&gt; &amp; Ко") == 2
        assert "<b>Филиал" not in page


@pytest.mark.req("POOL-26", "POOL-D7", "POOL-D10")
async def test_the_way_into_a_domain_is_single_use_and_stands_in_both_histories(web: Any) -> None:
    pool = await _sample()
    domain_id = pool.domains["00700"]
    async with _browser(web, pool, "sub") as browser:
        leap = await _post(browser, f"/group/domains/{domain_id}/enter")
        token = re.search(r'name="token" value="([^"]+)"', leap.text)
        assert token is not None
        assert leap.headers["cache-control"] == "no-store"
        answer = await browser.post("/enter", data={"token": token[1]})
        assert answer.status_code == 303
        page = (await browser.get("/users")).text
        assert pool.people["sub"].login in page
        assert (await browser.post("/enter", data={"token": token[1]})).status_code == 409
        history = (await browser.get("/history/actions", headers={"Accept-Language": "ru"})).text
        assert f"{pool.people['sub'].login} (администратор пула)" in history
        assert "Вход в домен" in (await browser.get("/group/history", headers={"Accept-Language": "ru"})).text
        # the groups are taken away: the session inside ends
        async with _browser(web, pool) as chief:
            sub = pool.people["sub"]
            answer = await _post(chief, f"/group/administrators/{sub.id}", display_name="Sub", email="s@x.example")
            assert answer.status_code == 200, answer.text
        assert (await browser.get("/users")).headers.get("location", "").startswith("/sign-in")
        assert (await browser.get("/group")).status_code == 200


@pytest.mark.req("POOL-26", "POOL-D7")
async def test_moving_a_domain_away_or_deleting_its_group_ends_the_visit_inside(web: Any) -> None:
    pool = await _sample()
    second, third = pool.groups["Новая группа 2"], pool.groups["СупермегатестГрупп"]
    domain_id = pool.domains["00700"]
    for end in (("/group/bulk/move", {"ids": str(domain_id), "subgroup_id": str(third)}),
                (f"/group/subgroups/{second}/delete", {})):
        async with _browser(web, pool, "sub") as browser, _browser(web, pool) as chief:
            leap = await _post(browser, f"/group/domains/{domain_id}/enter")
            token = re.search(r'name="token" value="([^"]+)"', leap.text)
            assert token is not None, leap.text
            await browser.post("/enter", data={"token": token[1]})
            assert (await browser.get("/users")).status_code == 200
            assert (await _post(chief, end[0], **end[1])).status_code == 200
            assert (await browser.get("/users")).status_code == 303
            await _post(chief, "/group/bulk/move", ids=str(domain_id), subgroup_id=str(second))


@pytest.mark.req("POOL-08")
async def test_the_domain_cabinet_has_no_way_to_the_pool(web: Any, client: Browser) -> None:
    admin = await a_user(is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    assert re.search(r'href="/group["/?]', (await client.get("/users")).text) is None


@pytest.mark.req("POOL-19", "POOL-23", "POOL-D8")
async def test_a_long_list_comes_in_portions_and_all_of_it_can_be_chosen(web: Any) -> None:
    pool = await a_pool(route_number_length=4)
    group = await pool.group("Филиалы")
    await pool.many_domains(130, group, first_route=1000)
    async with _browser(web, pool) as browser:
        page = (await browser.get("/group")).text
        assert page.count('name="ids"') == 100
        assert "Shown 100 of 130" in page
        rest = (await browser.get(f"/group/rows?subgroup={group}&offset=100")).text
        assert rest.count('name="ids"') == 30
        assert "hx-trigger" not in rest
        dialog = (await browser.get("/group/bulk/remove", params={"all": "/group?q=Branch+100"})).text
        assert dialog.count('name="ids"') == 10  # 1000 … 1009
    other = await a_domain()
    async with _browser(web, pool) as browser:
        answer = await _post(browser, "/group/bulk/remove", ids=[str(pool.domains["1000"]), str(other.domain_id)])
        assert answer.status_code == 404  # all or nothing
    assert (await pool.row(pool.domains["1000"]))["subgroup_id"] == group
