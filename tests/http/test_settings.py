"""The page of general settings: what it refuses, what it stores, who may open it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from app.kernel.db import domain_transaction
from tests.db.factories import a_domain
from tests.db.test_users_numbers import a_number
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.test_users import a_group, errors, post

pytestmark = pytest.mark.anyio
FIELDS: dict[str, str] = {
    "timezone": "Europe/Moscow", "locale": "ru", "notification_email": "", "balance_notice_below": "",
    "default_number_id": "", "pickup_number": "*8", "default_restriction": "none", "ring_seconds": "40",
    "ivr_errors": "3", "ivr_timeout_seconds": "10", "dtmf_transfer": "1", "dtmf_fax": "2", "dtmf_conference_add": "3",
    "dtmf_conference_remove": "4", "dtmf_hold": "5"}


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


async def save(client: Browser, **changes: str) -> httpx.Response:
    return await post(client, "/settings", **(FIELDS | changes))


async def stored(who: Someone) -> dict[str, Any]:
    async with domain_transaction(who.actor) as tx:
        return dict(await tx.fetchrow("SELECT * FROM domain WHERE id = $1", tx.domain_id) or {})


async def history(who: Someone) -> list[dict[str, Any]]:
    async with domain_transaction(who.actor) as tx:
        rows = await tx.fetch("SELECT changes FROM action_history WHERE domain_id = $1 AND action = 'settings_changed' "
                              "ORDER BY id", tx.domain_id)
        return [row["changes"] if isinstance(row["changes"], dict) else json.loads(row["changes"]) for row in rows]


@pytest.mark.req("SET-01", "SET-02", "SET-03", "SET-04")
async def test_the_page_shows_what_holds(client: Browser, admin: Someone) -> None:
    shown = (await client.get("/settings")).text
    for text in ("Acme", admin.domain, "UTC+03:00 Moscow", "UTC+05:45 Kathmandu", "Not specified", "General settings"):
        assert text in shown, text
    assert 'name="company_name"' not in shown
    changed = await save(client, company_name="Other")
    assert changed.status_code == 422
    assert (await stored(admin))["company_name"] == "Acme"
    client.cookies["lang"] = "ru"
    assert "UTC+03:00 Москва" in (await client.get("/settings")).text


@pytest.mark.req("SET-31", "SET-05", "SET-10", "SET-20", "SET-30")
async def test_every_wrong_field_of_every_block_is_told_and_nothing_stored(client: Browser, admin: Someone) -> None:
    before = await stored(admin)
    answer = await save(
        client, timezone="Mars/Phobos", locale="de", notification_email="nobody", balance_notice_on="on",
        balance_notice_below="10000000", default_number_id="1", pickup_number="8", default_restriction="all",
        ring_seconds="4", ivr_errors="21", ivr_timeout_seconds="121", dtmf_transfer="12345", dtmf_fax="3")
    assert errors(answer).keys() == {
        "timezone", "locale", "notification_email", "balance_notice_below", "default_number_id", "pickup_number",
        "default_restriction", "ring_seconds", "ivr_errors", "ivr_timeout_seconds", "dtmf_transfer", "dtmf_fax",
        "dtmf_conference_add"}
    assert errors(await save(client, ring_seconds="50", ivr_errors="-1")).keys() == {"ivr_errors"}
    assert await stored(admin) == before
    assert await history(admin) == []


@pytest.mark.req("SET-31")
async def test_one_line_of_history_with_old_and_new_values(client: Browser, admin: Someone) -> None:
    number = await a_number(admin.actor)
    answer = await save(client, timezone="Asia/Yekaterinburg", pickup_number="#77", default_number_id=str(number),
                        dtmf_hold="88", default_restriction="no_international")
    assert answer.status_code == 200
    assert answer.headers["hx-retarget"] == "#live-state"
    [changes] = await history(admin)
    assert changes.keys() == {"timezone", "pickup_number", "default_number", "dtmf_hold", "default_restriction"}
    assert (changes["timezone"], changes["pickup_number"]) == (["Europe/Moscow", "Asia/Yekaterinburg"], ["*8", "#77"])
    now = await stored(admin)
    assert (now["default_number_id"], now["dtmf_hold"]) == (number, "88")
    await save(client, timezone="Asia/Yekaterinburg", pickup_number="#77", default_number_id=str(number),
               dtmf_hold="88", default_restriction="no_international")
    assert len(await history(admin)) == 1  # nothing changed


@pytest.mark.req("SET-04")
async def test_a_new_time_zone_holds_at_once_for_who_is_signed_in(client: Browser, admin: Someone) -> None:
    async with domain_transaction(admin.actor) as tx:
        await tx.execute(
            "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, started_at, ended_at, result) "
            "SELECT id, pbx_node_id, name, 0, name, 'internal', '2026-03-01 12:00Z', '2026-03-01 12:00Z', 'busy' "
            "FROM domain WHERE id = $1", tx.domain_id)
    assert "15:00" in (await client.get("/calls?from=2026-02-01")).text
    await save(client, timezone="Asia/Vladivostok")
    shown = (await client.get("/calls?from=2026-02-01")).text
    assert "22:00" in shown
    assert "15:00" not in shown


@pytest.mark.req("SET-10")
async def test_a_pickup_number_that_means_something_else(client: Browser, admin: Someone) -> None:
    async with domain_transaction(admin.actor) as tx:
        extension = await tx.fetchval("SELECT extension FROM domain_user WHERE domain_id = $1", tx.domain_id)
    for taken in (extension, "112", "101", "#1#", "#5#", "1", "1234567", "*a", "٣٣"):
        assert errors(await save(client, pickup_number=taken)).keys() == {"pickup_number"}, taken
    for good in ("", "*8", "#1", "**", "123456", "#6#"):
        assert (await save(client, pickup_number=good)).status_code == 200, good
    await save(client, pickup_number="333")
    answer = await post(client, "/users", display_name="B", login="b", extension="333", password="correct1horse",
                        password_repeat="correct1horse", groups=str(await a_group(admin)))
    assert errors(answer).keys() == {"extension"}


@pytest.mark.req("SET-05")
async def test_the_notice_needs_amount_and_address_and_keeps_the_amount(client: Browser, admin: Someone) -> None:
    assert errors(await save(client, balance_notice_on="on")).keys() == {"balance_notice_below", "notification_email"}
    for amount in ("-9999999.99", "9 999 999,99", "0"):
        answer = await save(client, balance_notice_on="on", balance_notice_below=amount,
                            notification_email="boss@acme.example")
        assert answer.status_code == 200, amount
    await save(client, balance_notice_on="on", balance_notice_below="1000", notification_email="boss@acme.example")
    await save(client)  # unticked: the browser does not send the amount
    now = await stored(admin)
    assert (now["balance_notice_on"], str(now["balance_notice_below"])) == (False, "1000.00")


@pytest.mark.req("SET-06")
async def test_only_own_numbers_that_may_be_shown(client: Browser, admin: Someone) -> None:
    toll_free = await a_number(admin.actor, start="7800", category="toll_free")
    foreign = await a_number(await a_domain())
    shown = (await client.get("/settings")).text
    assert f'<option value="{toll_free}"' not in shown
    for number in (toll_free, foreign):
        assert errors(await save(client, default_number_id=str(number))).keys() == {"default_number_id"}


async def test_users_may_not_see_or_change_settings(client: Browser) -> None:
    user = await a_user(login="plain")
    await client.sign_in(user.login, user.domain)
    assert (await client.get("/settings")).status_code == 403
    assert (await save(client)).status_code == 403
