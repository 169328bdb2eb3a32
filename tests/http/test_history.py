"""The pages of the action history: of a domain, of a pool, of the provider [AUD-01…06, POOL-45…48]."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from app.audit import history, jobs, listing
from app.kernel import clock
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from tests.db.factories import STAFF, a_domain
from tests.db.pool_factories import a_pool
from tests.http.browser import Browser
from tests.http.people import Someone, a_staff_member, a_user

pytestmark = pytest.mark.anyio
RESULTS = {"HX-Request": "true", "HX-Target": "list-results"}
ROWS = {"HX-Request": "true", "HX-Target": "list-more"}


async def _admin(browser: Browser) -> Someone:
    admin = await a_user(is_admin=True)
    await browser.sign_in(admin.login, admin.domain)
    browser.plant("lang", "en")
    return admin


def _as(admin: Someone, number: int, login: str, name: str) -> Actor:
    return Actor(ActorKind.DOMAIN_USER, number, login, name, admin.actor.domain_id, ip="10.7.7.7")


async def _write(actor: Actor, action: str, name: str, *, days_ago: int = 0, **changes: tuple[object, object]) -> None:
    async with domain_transaction(actor) as tx:
        shifted = DomainTx(tx.connection, tx.actor, tx.now - timedelta(days=days_ago), tx.domain_id)
        await history.record(shifted, action, "user", object_id=1, object_name=name, changes=changes)


def _names(text: str) -> list[str]:
    return re.findall(r"<td[^>]*>([^<]+)<small>User</small></td>", text)


@pytest.mark.req("AUD-01", "AUD-02", "AUD-06")
async def test_an_entry_tells_who_where_what_and_shows_old_and_new_values(web: Any, client: Browser) -> None:
    admin = await _admin(client)
    anna = _as(admin, 880_001, "anna", "Anna <b>Bold</b>")
    await _write(anna, "user_changed", "Ivan", days_ago=1, display_name=("Ivan", "Иван"), password=("old", "new"))
    await _write(anna, "user_deleted", "Later")
    page = (await client.get("/history/actions")).text
    assert page.index("Later") < page.index("Ivan<small>")  # newest first
    row = page[page.index(">Anna &lt;b&gt;Bold&lt;/b&gt;<small>"):]
    for text in ("anna · 10.7.7.7", "User changed", "Ivan", "<small>User</small>"):
        assert text in row, text
    link = re.search(r'href="(/history/actions/\d+)"', row[row.index("Ivan<small>"):])
    assert link is not None
    data = (await client.get(link[1])).text
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", data)
    assert cells == ["Password", "—", "changed", "Display name", "Ivan", "Иван"]
    signed_in = page[page.index("Sign-in to domain administration"):]
    assert "/history/actions/" not in signed_in[:signed_in.index("</tr>")]  # nothing to add: no link


@pytest.mark.req("AUD-03", "AUD-06")
async def test_period_action_user_and_object_narrow_the_list(web: Any, client: Browser) -> None:
    admin = await _admin(client)
    anna, boris = _as(admin, 880_002, "anna", "Anna"), _as(admin, 880_003, "boris", "Boris")
    for days, actor, action, name in ((0, anna, "user_created", "Ноль"), (6, anna, "user_changed", "Шесть"),
                                      (8, boris, "user_changed", "Восемь_%"), (40, boris, "user_deleted", "Сорок")):
        await _write(actor, action, name, days_ago=days)
    await jobs.seal_history({})
    form = (await client.get("/history/actions")).text
    assert re.search(r'<option value="user:880003">Boris \(boris\)</option>', form)  # no such user is there any more
    assert '<option value="user_deleted">User deleted</option>' in form
    today = clock.now()
    cases: list[tuple[dict[str, str], list[str]]] = [
        ({"period": "today"}, ["Ноль"]), ({"period": "7"}, ["Ноль", "Шесть"]),
        ({"period": "30"}, ["Ноль", "Шесть", "Восемь_%"]), ({"period": "45"}, ["Ноль", "Шесть", "Восемь_%", "Сорок"]),
        ({"from": f"{today - timedelta(days=9):%Y-%m-%d}", "to": f"{today - timedelta(days=5):%Y-%m-%d}"},
         ["Шесть", "Восемь_%"]),
        ({"from": f"{today - timedelta(days=9):%Y-%m-%d}", "period": "today"}, ["Ноль", "Шесть", "Восемь_%"]),
        ({"action": "user_changed"}, ["Шесть", "Восемь_%"]), ({"user": "user:880003"}, ["Восемь_%", "Сорок"]),
        ({"q": "_%"}, ["Восемь_%"]), ({"q": "вОсЕ"}, ["Восемь_%"]), ({"q": "ш", "user": "user:880002"}, ["Шесть"]),
        ({"user": "user:880003", "action": "user_changed", "period": "30"}, ["Восемь_%"]),
        ({"from": "nonsense", "q": "с"}, ["Шесть", "Восемь_%", "Сорок"])]
    for params, expected in cases:
        page = (await client.get("/history/actions", params=params, headers=RESULTS)).text
        assert [name for name in _names(page) if name in ("Ноль", "Шесть", "Восемь_%", "Сорок")] == expected, params
        if not params.get("period") and not params.get("from"):
            assert f'data-total="{len(expected)}"' in page, params
    assert "hx-push-url" not in form  # reload shows everything again


@pytest.mark.req("AUD-06", "POOL-48")
async def test_fifty_rows_at_a_time_with_the_number_of_loaded_and_all(web: Any, client: Browser) -> None:
    admin = await _admin(client)
    actor = _as(admin, 880_004, "bulk", "Bulk")
    async with domain_transaction(actor) as tx:
        await history.record_many(tx, "user_changed", "user", [
            history.Item(number, f"Row {number:03}", {}) for number in range(120)])
    params = {"q": "row "}
    first = (await client.get("/history/actions", params=params, headers=RESULTS)).text
    assert "Loaded 50 of 120" in first
    assert len(_names(first)) == 50
    seen = _names(first)
    for offset, loaded, rows in ((50, "Loaded 100 of 120", 50), (100, "Loaded 120 of 120", 20)):
        more = (await client.get("/history/actions", params=params | {"offset": str(offset)}, headers=ROWS)).text
        assert loaded in more
        assert 'hx-swap-oob="true"' in more
        assert len(_names(more)) == rows
        seen += _names(more)
    assert len(set(seen)) == 120


@pytest.mark.req("AUD-06", "POOL-48")
async def test_a_growing_history_is_scrolled_without_repeats(web: Any, client: Browser) -> None:
    admin = await _admin(client)
    actor = _as(admin, 880_014, "bulk", "Bulk")

    async def write(names: list[str]) -> None:
        async with domain_transaction(actor) as tx:
            await history.record_many(tx, "user_changed", "user", [history.Item(1, name, {}) for name in names])

    await write([f"Old {number:03}" for number in range(120)])
    answer = (await client.get("/history/actions", headers=RESULTS, params={"q": "o"})).text
    seen = _names(answer)
    for round_ in range(2):
        await write([f"Newer {round_} {number}" for number in range(7)])  # above what is on the page
        following = re.search(r'id="list-more" hx-get="([^"]+)"', answer)
        assert following is not None
        assert "after=" in following[1]
        answer = (await client.get(html.unescape(following[1]), headers=ROWS)).text
        seen += _names(answer)
    assert seen == [f"Old {number:03}" for number in range(119, -1, -1)]
    for cursor in ("x", "1-", "-1", "9" * 30 + "-1", "1-" + "9" * 30, "١-١"):  # broken ones are none
        page = (await client.get("/history/actions", headers=ROWS, params={"q": "o", "after": cursor})).text
        assert len(_names(page)) == 50


@pytest.mark.req("AUD-04")
@pytest.mark.parametrize("panel", ["domain", "provider"])
async def test_a_long_history_is_exported_whole(web: Any, client: Browser, monkeypatch: pytest.MonkeyPatch,
                                                panel: str) -> None:
    """More than a workbook is meant for is sent as CSV in portions; the page says so before."""
    admin = await _admin(client)
    actor = _as(admin, 880_015, "bulk", "Bulk")
    async with domain_transaction(actor) as tx:
        await history.record_many(tx, "user_changed", "user", [
            history.Item(number, f"=Row {number:03}", {}) for number in range(95)])
    place = "/history/actions"
    if panel == "provider":
        place = f"/provider/domains/{admin.actor.domain_id}/history"
        await client.sign_in_at("/provider", (await a_staff_member("support")).login)
    monkeypatch.setattr(listing, "WORKBOOK_MOST", 90)
    monkeypatch.setattr(listing, "EXPORT_STEP", 20)
    assert "exported as CSV" in (await client.get(place)).text
    answer = await client.get(f"{place}/export", params={"action": "user_changed"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert [row[4] for row in rows[1:]] == [f"'=Row {number:03}" for number in range(94, -1, -1)]
    assert rows[0] == ["Date and time", "User", "Login", "IP address", "Object", "Object type", "Action", "Data"]
    narrow = await client.get(f"{place}/export", params={"action": "user_changed", "q": "row 01"})
    assert narrow.content.startswith(b"PK")  # a workbook
    assert "Export ordered" in (await client.get(place)).text


@pytest.mark.req("AUD-04", "AUD-06")
async def test_the_export_holds_what_the_filters_leave_and_is_an_entry_itself(web: Any, client: Browser) -> None:
    admin = await _admin(client)
    anna = _as(admin, 880_005, "anna", "Anna")
    await _write(anna, "user_changed", "=Formula", display_name=("A", "Б"), password=("x1secret", "y1secret"))
    await _write(anna, "user_deleted", "Other")
    answer = await client.get("/history/actions/export", params={"action": "user_changed"})
    assert answer.status_code == 200
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert rows[0] == ["Date and time", "User", "Login", "IP address", "Object", "Object type", "Action", "Data"]
    assert len(rows) == 2
    assert rows[1][1:] == ["Anna", "anna", "10.7.7.7", "=Formula", "User", "User changed",
                           "Password: — → changed; Display name: A → Б"]
    assert "Export ordered" in (await client.get("/history/actions")).text


@pytest.mark.req("AUD-04")
async def test_every_export_of_the_cabinet_is_an_entry(web: Any, client: Browser) -> None:
    await _admin(client)
    exports = {"/users/export": "Users", "/numbers/export": "Numbers", "/finance/ledger/export": "Debits and accruals",
               "/finance/payments/export": "Payment history", "/calls/export": "Call history"}
    for path in exports:
        assert (await client.get(path)).status_code == 200, path
    page = (await client.get("/history/actions", params={"action": "export_ordered"}, headers=RESULTS)).text
    told = re.findall(r"<td[^>]*>([^<]+)<small>Export</small></td>", page)
    assert sorted(told) == sorted(exports.values())


@pytest.mark.req("AUD-04")
async def test_what_the_provider_does_is_done_by_the_system_administrator(web: Any, client: Browser) -> None:
    admin = await _admin(client)
    page = (await client.get("/history/actions")).text
    assert "System administrator" in page  # made the domain
    assert STAFF.name not in page
    assert STAFF.login not in page
    mine = (await client.get("/history/actions", params={"user": "provider"}, headers=RESULTS)).text
    assert "Domain created" in mine
    assert "Sign-in" not in mine
    # by a number of a member of staff nothing is found out
    total = re.search(r'data-total="(\d+)"', page)
    assert total is not None
    guess = (await client.get("/history/actions", params={"user": "staff:1"}, headers=RESULTS)).text
    assert f'data-total="{total[1]}"' in guess
    inside = Actor(ActorKind.STAFF, 1, "engineer", "Engineer", admin.actor.domain_id, ip="10.9.9.9",
                   behalf_login="petrov", behalf_name="Petrov")
    await _write(inside, "user_changed", "Jumped")
    page = (await client.get("/history/actions")).text
    assert "engineer · 10.9.9.9" in page
    assert "in place of Petrov (petrov)" in page
    assert ">Engineer<" not in page


@pytest.mark.req("AUD-04", "ACC-D6")
async def test_sign_ins_of_administrators_good_and_bad_are_there(web: Any, client: Browser) -> None:
    admin = await a_user(is_admin=True)
    async with Browser(web) as guesser:
        await guesser.sign_in(admin.login, admin.domain, "wrong1pass")
    await client.sign_in(admin.login, admin.domain)
    page = (await client.get("/history/actions", headers={"Accept-Language": "ru"})).text
    assert "Вход в систему администрирования домена" in page
    assert admin.login in page
    assert page.count(client.ip) >= 1
    assert guesser.ip in page


@pytest.mark.req("AUD-01", "POOL-45")
async def test_anothers_entries_do_not_exist(web: Any, client: Browser) -> None:
    theirs = await a_domain()
    async with domain_transaction(theirs) as tx:
        await history.record(tx, "user_changed", "user", object_name="Their secret", changes={"name": (1, 2)})
        line = await tx.fetchval("SELECT max(id) FROM action_history WHERE domain_id = $1", tx.domain_id)
    await _admin(client)
    assert (await client.get(f"/history/actions/{line}")).status_code == 404
    assert "Their secret" not in (await client.get("/history/actions", params={"q": "secret"}, headers=RESULTS)).text
    assert (await client.get(f"/history/actions/{2**63}")).status_code in (404, 422)


@pytest.mark.req("POOL-45", "POOL-46", "POOL-47", "POOL-48", "POOL-D3", "POOL-D10")
async def test_the_pools_history_is_the_same_for_both_roles(web: Any) -> None:
    pool = await a_pool()
    group = await pool.group("Филиалы")
    await pool.administrator("sub", [group])
    first, second = await pool.domain("4455"), await pool.domain("4456")
    async with Browser(web, headers={"Accept-Language": "en"}) as browser:
        await browser.sign_in_at("/group", pool.people["chief"].login)
        token = await browser.csrf("/group/profile")
        await browser.post("/group/bulk/move", data={"ids": [str(first), str(second)], "subgroup_id": str(group)},
                           headers={"X-CSRF-Token": token, "HX-Request": "true"})
        await browser.post(f"/group/domains/{first}/route", data={"route_number": "1234"},
                           headers={"X-CSRF-Token": token, "HX-Request": "true"})
    name = (await pool.row(first))["name"]
    async with Browser(web, headers={"Accept-Language": "ru"}) as browser:
        await browser.sign_in_at("/group", pool.people["sub"].login)
        page = (await browser.get("/group/history")).text
        assert page.count("Перенос домена в группу") == 2  # an entry per domain
        assert pool.people["chief"].login in page
        assert "Вход в интерфейс пула" in page
        assert "Загружено" in page
        for value in ("add", "edit", "sign_in"):
            assert f'<option value="{value}">' in page
        edits = (await browser.get("/group/history", params={"action": "edit", "q": name}, headers=RESULTS)).text
        assert 'data-total="2"' in edits
        chief = f"pool_admin:{pool.people['chief'].id}"
        assert 'data-total="0"' not in (await browser.get("/group/history", params={"user": chief, "period": "7"},
                                                          headers=RESULTS)).text
        link = re.search(r'href="(/group/history/\d+)"', edits)
        assert link is not None
        data = (await browser.get(link[1])).text
        assert re.findall(r"<td[^>]*>([^<]*)</td>", data) == ["Маршрутный номер", "4455", "1234"]
        assert (await browser.get("/group/history/export")).status_code == 200


@pytest.mark.req("AUD-02")
async def test_the_provider_sees_all_and_the_state_of_the_seal(web: Any, client: Browser) -> None:
    staff, domain = await a_staff_member("support"), await a_domain()
    async with domain_transaction(domain) as tx:
        await history.record(tx, "user_changed", "user", object_name="Everywhere seen")
        name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
    checked = await jobs.checked()
    await client.sign_in_at("/provider", staff.login)
    client.plant("lang", "en")
    page = (await client.get("/provider/history")).text
    assert "Sealed entries:" in page
    assert checked.head.hex()[:12] in page
    found = (await client.get("/provider/history", params={"domain": name, "q": "everywhere"}, headers=RESULTS)).text
    assert 'data-total="1"' in found
    assert name in found
    own = (await client.get("/provider/history", params={"user": f"staff:{staff.id}"}, headers=RESULTS)).text
    assert staff.login in own
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO history_check (at, seals, head, problem, history_id) "
                         "VALUES ($1, 0, ''::bytea, 'changed', 4711)", tx.now)
    assert "The history was tampered with: an entry was changed. First broken entry: 4711" in (
        await client.get("/provider/history")).text
    await jobs.checked()
