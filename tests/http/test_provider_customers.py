"""Pools, what only the provider sets of a domain, the way into a cabinet, search, and what call records left over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.kernel.db import platform_transaction
from app.provider.search.numbers import written_forms
from tests.db.factories import STAFF, a_domain, a_node, a_tariff, domain_name
from tests.http.browser import Browser
from tests.http.people import a_pool_admin, a_user
from tests.http.provider_help import Console, a_console, told, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

PASSWORD = "battery1horse"


@pytest.fixture
async def console(client: Browser) -> Console:
    return await a_console(client)


# --- pools ---------------------------------------------------------------------------------------------


def _pool(console: Console, **changes: str) -> dict[str, str]:
    return {"name": f"Пул {console.staff.id}", "route_number_length": "5", "dial_expression": "*{route}#{ext}",
            "login": f"sup{console.staff.login}", "display_name": "Ольга", "email": "olga@example.org", "phone": "",
            "password": PASSWORD, "send_credentials": "on"} | changes


@pytest.mark.req("POOL-D5", "POOL-D1", "POOL-41")
async def test_a_pool_from_creation_to_deletion(web: Any, console: Console) -> None:
    answer = await console.post("/provider/pools", **_pool(console))
    assert answer.status_code == 200, answer.text
    url = answer.headers["hx-redirect"]
    pool_id = int(url.rsplit("/", 1)[1])
    assert PASSWORD in await value("SELECT body FROM mail_message WHERE recipient = 'olga@example.org' "
                                   "ORDER BY id DESC LIMIT 1")
    async with Browser(web) as supervisor:
        await supervisor.sign_in_at("/group", f"sup{console.staff.login}", PASSWORD)
        assert f"Пул {console.staff.id}" in (await supervisor.get("/group")).text
    first, second = await a_domain(), await a_domain()
    assert await domain_name(first) in (await console.get(f"{url}/domains/add?q={await domain_name(first)}")).text
    both = {"ids": [str(first.domain_id), str(second.domain_id)]}
    assert (await console.post(f"{url}/domains/add", **both)).status_code == 200
    assert (await console.post(f"{url}/domains/add", ids=[str(first.domain_id)])).status_code == 409  # one pool at most
    await value("UPDATE domain SET route_number = '00799' WHERE id = $1", first.domain_id)
    page = (await console.get(f"{url}/domains?q=00799")).text
    assert await domain_name(first) in page
    assert await domain_name(second) not in page
    assert (await console.post(f"{url}/delete")).status_code == 409  # not while it has domains
    assert (await console.get(f"{url}/domains/remove?all={url}/domains")).text.count('name="ids"') == 2
    assert (await console.post(f"{url}/domains/remove", **both)).status_code == 200
    assert await value("SELECT pool_id IS NULL AND route_number IS NULL FROM domain WHERE id = $1", first.domain_id)
    assert (await console.post(f"{url}/delete")).status_code == 200
    assert await value("SELECT count(*) FROM pool_admin WHERE pool_id = $1", pool_id) == 0
    assert (await console.get(url)).status_code == 404


@pytest.mark.req("POOL-D5", "POOL-D6")
async def test_settings_of_a_pool_reach_its_domains(console: Console) -> None:
    admin = await a_pool_admin()
    member = await a_domain(pool_id=admin.pool_id, route_number="4455")
    before = await value("SELECT desired FROM provisioning_state WHERE domain_id = $1", member.domain_id)
    form = {"name": f"Renamed {admin.pool_id}", "route_number_length": "3", "dial_expression": "*{route}{ext}"}
    assert (await console.post(f"/provider/pools/{admin.pool_id}", **form)).status_code == 200
    assert await value("SELECT route_number FROM domain WHERE id = $1", member.domain_id) == "4455"
    assert await value("SELECT desired FROM provisioning_state WHERE domain_id = $1", member.domain_id) > before
    assert (await told("pool_changed", f"Renamed {admin.pool_id}"))["route_number_length"] == [4, 3]


@pytest.mark.parametrize(("field", "wrong"), [
    ("name", ""), ("name", "x" * 101), ("route_number_length", "0"), ("route_number_length", "11"),
    ("dial_expression", "{route}"), ("dial_expression", "{route}{ext};System(id)"), ("dial_expression", "{ext"),
    ("login", "A B"), ("email", "nobody"), ("email", ""), ("password", "abc12"), ("display_name", "")])
async def test_a_wrong_pool_saves_nothing(console: Console, field: str, wrong: str) -> None:
    before = await value("SELECT count(*) FROM pool"), await value("SELECT count(*) FROM pool_admin")
    answer = await console.post("/provider/pools", **_pool(console, **{field: wrong}))
    assert answer.status_code == 422
    assert f'data-field="{field}"' in answer.text
    assert before == (await value("SELECT count(*) FROM pool"), await value("SELECT count(*) FROM pool_admin"))


@pytest.mark.req("POOL-D4")
async def test_the_last_supervisors_password_is_reset(web: Any, console: Console) -> None:
    admin, other = await a_pool_admin(), await a_pool_admin("subgroup_admin")
    url = f"/provider/pools/{admin.pool_id}"
    async with Browser(web) as browser:
        await browser.sign_in_at("/group", admin.login)
        assert (await browser.get("/group")).status_code == 200
        assert (await console.get(f"{url}/administrators/{admin.id}/password")).status_code == 200
        done = await console.post(f"{url}/administrators/{admin.id}/password", password=PASSWORD)
        assert done.status_code == 200, done.text
        assert "sign-in" in (await browser.get("/group")).headers.get("location", "")
        await browser.sign_in_at("/group", admin.login, PASSWORD)
        assert (await browser.get("/group")).status_code == 200
    foreign = await console.post(f"{url}/administrators/{other.id}/password", password=PASSWORD)
    assert foreign.status_code == 404


# --- domains -------------------------------------------------------------------------------------------


async def _profile(actor_id: int, **changes: str) -> dict[str, str]:
    return {"company_name": "ООО «Ромашка»", "display_name": "Ромашка", "notification_email": "buh@example.org",
            "timezone": "Asia/Omsk", "locale": "en", "country": "RU", "area_code": "381",
            "pbx_node_id": str(await value("SELECT pbx_node_id FROM domain WHERE id = $1", actor_id))} | changes


@pytest.mark.req("SET-03")
async def test_names_place_and_node_are_the_providers(console: Console) -> None:
    actor = await a_domain()
    url = f"/provider/domains/{actor.domain_id}"
    before = await value("SELECT desired FROM provisioning_state WHERE domain_id = $1", actor.domain_id)
    answer = await console.post(f"{url}/profile", **await _profile(actor.domain_id))
    assert answer.status_code == 200, answer.text
    assert await value("SELECT company_name || timezone || area_code || locale FROM domain WHERE id = $1",
                       actor.domain_id) == "ООО «Ромашка»Asia/Omsk381en"
    assert await value("SELECT desired FROM provisioning_state WHERE domain_id = $1", actor.domain_id) > before
    said = await told("domain_changed", await domain_name(actor))
    assert said["timezone"] == ["Europe/Moscow", "Asia/Omsk"]
    assert "pbx_node_id" not in said
    assert "Asia/Omsk" in (await console.get(f"{url}/history")).text


@pytest.mark.parametrize(("field", "wrong"), [
    ("company_name", ""), ("display_name", "x" * 101), ("notification_email", "a@b\r\nBcc: c@d.example"),
    ("timezone", "Mars/Base"), ("locale", "de"), ("country", "ru"), ("area_code", "4a"), ("pbx_node_id", "999999999")])
async def test_a_wrong_profile_changes_nothing(console: Console, field: str, wrong: str) -> None:
    actor = await a_domain()
    form = await _profile(actor.domain_id, **{field: wrong})
    answer = await console.post(f"/provider/domains/{actor.domain_id}/profile", **form)
    assert answer.status_code == 422
    assert f'data-field="{field}"' in answer.text
    assert await value("SELECT company_name FROM domain WHERE id = $1", actor.domain_id) == "Acme"


@pytest.mark.req("FIN-D11", "USR-38", "FIN-42")
async def test_a_domain_has_a_maximum_of_its_own(console: Console) -> None:
    actor = await a_domain(scheme="credit")
    url = f"/provider/domains/{actor.domain_id}"
    limits = {"max_users": "7", "max_paid_calls": "3"}
    for wrong in ("999", "500000.01", "-1", "ten"):
        assert (await console.post(f"{url}/limits", **limits, credit_max=wrong)).status_code == 422
    assert (await console.post(f"{url}/limits", **limits, credit_max="20000")).status_code == 200
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="20000.01")).status_code == 422
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="20000")).status_code == 200
    name = await domain_name(actor)
    assert (await told("credit_limit_changed", name))["credit_limit"] == [None, "20000"]
    assert (await told("limits_changed", name))["max_users"] == [200, 7]
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="")).status_code == 200  # cleared
    assert await value("SELECT credit_limit IS NULL FROM account WHERE domain_id = $1", actor.domain_id)
    assert (await console.post(f"{url}/limits", **limits, credit_max="")).status_code == 200
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="500000")).status_code == 200
    assert await value("SELECT credit_limit FROM account WHERE domain_id = $1", actor.domain_id) == Decimal(500_000)


@pytest.mark.req("ACC-D5")
async def test_a_sole_administrator_gets_a_new_password(web: Any, console: Console) -> None:
    admin = await a_user(is_admin=True)
    plain = await a_user(admin.actor)
    url = f"/provider/domains/{admin.actor.domain_id}/administrators"
    async with Browser(web) as browser:
        await browser.sign_in(admin.login, admin.domain)
        no_address = await console.post(f"{url}/{admin.id}/password", password=PASSWORD, send_credentials="on")
        assert no_address.status_code == 422
        assert (await console.post(f"{url}/{admin.id}/password", password="short")).status_code == 422
        assert (await console.post(f"{url}/{plain.id}/password", password=PASSWORD)).status_code == 404
        assert (await console.post(f"{url}/{admin.id}/password", password=PASSWORD)).status_code == 200
        assert "sign-in" in (await browser.get("/users")).headers.get("location", "")
        await browser.sign_in(admin.login, admin.domain, PASSWORD)
        assert (await browser.get("/users")).status_code == 200


async def _enter(browser: Browser, token: str, domain_id: int, **data: str) -> Any:
    page = await browser.post(f"/provider/domains/{domain_id}/enter", data=data, headers={"x-csrf-token": token})
    if page.status_code not in {200, 201}:
        return page
    secret = page.text.split('name="token" value="')[1].split('"')[0]
    return await browser.post("/enter", data={"token": secret})


async def test_staff_enter_a_cabinet_and_support_only_reads_there(web: Any, console: Console) -> None:
    admin = await a_user(is_admin=True)
    domain_id = admin.actor.domain_id
    assert (await _enter(console.browser, console.token, domain_id)).status_code == 303
    assert (await console.browser.get("/users")).status_code == 200
    said = await value("SELECT actor_login FROM action_history WHERE domain_id = $1 AND action = 'signed_in' "
                       "ORDER BY id DESC LIMIT 1", domain_id)
    assert said == console.staff.login
    assert (await _enter(console.browser, console.token, domain_id, user_id=str(admin.id))).status_code == 303
    assert (await _enter(console.browser, console.token, 999_999_999)).status_code == 404
    stranger = await a_user()
    assert (await _enter(console.browser, console.token, domain_id, user_id=str(stranger.id))).status_code == 404
    async with Browser(web) as browser:
        support = await a_console(browser, "support")
        assert (await _enter(browser, support.token, domain_id)).status_code == 303
        assert (await browser.get("/users")).status_code == 200
        token = await browser.csrf("/users")
        for path in (f"/users/{admin.id}", f"/users/{admin.id}/password", "/users", "/users/delete"):
            refused = await browser.post(path, data={"ids": str(admin.id)}, headers={"x-csrf-token": token})
            assert refused.status_code in {403, 405}, path
        assert await value("SELECT count(*) FROM domain_user WHERE id = $1", admin.id) == 1


async def test_domains_are_filtered_by_pool_block_and_tariff(console: Console) -> None:
    pool, tariff = await a_pool_admin(), await a_tariff()
    first = await a_domain(pool_id=pool.pool_id, tariff_id=tariff)
    second = await a_domain(tariff_id=tariff)
    await console.post(f"/provider/domains/{second.domain_id}/block", reason="unpaid bill")

    async def found(query: str) -> set[int]:
        page = (await console.get(f"/provider/domains?tariff={tariff}&{query}")).text
        return {one.domain_id for one in (first, second) if f'/provider/domains/{one.domain_id}"' in page}

    assert await found("") == {first.domain_id, second.domain_id}
    assert await found(f"pool={pool.pool_id}") == {first.domain_id}
    assert await found("block=administrative") == {second.domain_id}
    assert await found("block=none") == {first.domain_id}
    assert await found("mode=trial") == set()


# --- search --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "form"), [
    ("+7 495 123-45-67", "74951234567"), ("8 (495) 123-45-67", "74951234567"), ("495 123-45-67", "74951234567"),
    ("74951234567", "74951234567"), ("8 10 49 30 123456", "4930123456"), ("00 49 30 123456", "4930123456"),
    ("8.495.123.45.67", "74951234567"), ("1234567", "1234567")])
def test_numbers_are_understood_as_written(text: str, form: str) -> None:
    assert written_forms(text)[0] == form


@pytest.mark.parametrize("text", ["12", "anna", "12a45", "", "+", "1" * 21, "٤٩٥١٢٣٤٥٦٧", "%%%", "7495' OR 1=1"])
def test_other_texts_are_no_numbers(text: str) -> None:
    assert written_forms(text) == []


async def _a_call(domain_id: int, uniqueid: str, linkedid: str) -> int:
    return await value(
        "INSERT INTO call (id, domain_id, node_id, uniqueid, sequence, linkedid, direction, a_number, b_number, "
        "started_at, ended_at, result, rating) VALUES (7000000 + $1, $1, $2, $3, 0, $4, 'out', '101', '74990000001', now(), now(), "
        "'answered', 'unrated') RETURNING id", domain_id, await a_node(), uniqueid, linkedid)


async def test_search_finds_everything_by_its_name_or_number(console: Console) -> None:
    pool = await a_pool_admin()
    user = await a_user(await a_domain(pool_id=pool.pool_id), email=f"mail{pool.id}@example.org")
    domain_id, local = user.actor.domain_id, f"{user.actor.domain_id:07}"
    await value("INSERT INTO phone_number (e164, domain_id) VALUES ($1, $2)", f"7495{local}", domain_id)
    call_id = await _a_call(domain_id, f"pbx1-1790000000.{domain_id}", f"1790000001.{domain_id}")
    account = await value("SELECT number FROM account WHERE domain_id = $1", domain_id)
    card = f'href="/provider/domains/{domain_id}"'
    for text in (user.domain, user.login, f"{user.login}@{user.domain}", f"mail{pool.id}@example.org", account,
                 f"8 (495) {local[:3]}-{local[3:5]}-{local[5:]}", f"495{local}", local, str(call_id),
                 f"pbx1-1790000000.{domain_id}", f"1790000001.{domain_id}"):
        assert card in (await console.browser.get("/provider/search", params={"q": text})).text, text
    for text in (f"Pool of {pool.login}", pool.login):
        assert f'href="/provider/pools/{pool.pool_id}"' in (await console.get(f"/provider/search?q={text}")).text
    hits = (await console.get(f"/provider/search?q={user.login}")).text
    assert f'name="user_id" value="{user.id}"' in hits
    assert f'action="/provider/domains/{domain_id}/enter"' in hits


# --- what call records left over -----------------------------------------------------------------------


async def test_records_in_quarantine_and_calls_without_a_rate_are_listed(console: Console) -> None:
    actor = await a_domain()
    await _a_call(actor.domain_id, f"1790000002.{actor.domain_id}", f"1790000002.{actor.domain_id}")
    page = (await console.get("/provider/unrated")).text
    assert await domain_name(actor) in page
    assert "has no rate for this number" in page
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO record_quarantine (node_id, uniqueid, sequence, reason, error, record) VALUES "
                         "($1, $2, 0, 'no_domain', '<odd>', '{}')", await _node(tx), f"q{actor.domain_id}")
    page = (await console.get("/provider/quarantine?reason=no_domain")).text
    assert f"q{actor.domain_id}" in page
    assert "no such domain" in page
    assert "&lt;odd&gt;" in page
    assert f"q{actor.domain_id}" not in (await console.get("/provider/quarantine?reason=defect")).text


async def _node(tx: Any) -> int:
    return await tx.fetchval("SELECT id FROM pbx_node LIMIT 1")
