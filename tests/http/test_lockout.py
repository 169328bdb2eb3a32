"""Guessing is slow: locks per login and per address [ACC-D4]."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.auth import parameters
from app.kernel import clock
from app.kernel.db import platform_transaction
from tests.db.factories import STAFF
from tests.http.browser import PASSWORD, Browser
from tests.http.people import a_staff_member, a_user, history_of

pytestmark = [pytest.mark.anyio, pytest.mark.req("ACC-D4")]


async def _fail(browser: Browser, login: str, domain: str, times: int) -> list[int]:
    return [(await browser.sign_in(login, domain, "wrong1pass")).status_code for _ in range(times)]


async def test_five_failures_lock_the_login_from_everywhere_for_fifteen_minutes(
    client: Browser, other_client: Browser
) -> None:
    user = await a_user()
    start = clock.now()
    assert await _fail(client, user.login, user.domain, 5) == [422] * 5
    answer = await other_client.sign_in(f" {user.login.upper()}", user.domain.upper())
    assert answer.status_code == 429
    assert "Try again in 15 minutes" in answer.text
    assert "switchroom_session" not in str(answer.headers)
    with clock.at(start + timedelta(minutes=14, seconds=55)):
        assert (await client.sign_in(user.login, user.domain)).status_code == 429
    with clock.at(start + timedelta(minutes=15, seconds=5)):
        assert (await client.sign_in(user.login, user.domain)).status_code == 303


async def test_the_lock_is_of_one_login_in_one_domain(client: Browser) -> None:
    one, two = await a_user(login="petrov"), await a_user(login="petrov")
    await _fail(client, "petrov", one.domain, 5)
    assert (await client.sign_in("petrov", one.domain)).status_code == 429
    assert (await client.sign_in("petrov", two.domain)).status_code == 303


async def test_unknown_accounts_are_locked_like_known_ones(client: Browser) -> None:
    user = await a_user()
    assert await _fail(client, "ghost", user.domain, 6) == [422] * 5 + [429]
    assert await _fail(client, "ghost", f"nowhere.{user.domain}", 6) == [422] * 5 + [429]


async def test_old_failures_and_forgiven_ones_do_not_count(client: Browser) -> None:
    user = await a_user()
    start = clock.now()
    await _fail(client, user.login, user.domain, 4)
    with clock.at(start + timedelta(minutes=15, seconds=2)):
        assert await _fail(client, user.login, user.domain, 4) == [422] * 4
        assert (await client.sign_in(user.login, user.domain)).status_code == 303
        assert await _fail(client, user.login, user.domain, 4) == [422] * 4
        assert (await client.sign_in(user.login, user.domain)).status_code == 303


async def test_twenty_failures_of_many_logins_lock_the_address(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    for number in range(20):
        assert await _fail(client, f"guess{number}", user.domain, 1) == [422]
    assert (await client.sign_in(user.login, user.domain)).status_code == 429
    assert (await other_client.sign_in(user.login, user.domain)).status_code == 303


async def test_parallel_guesses_do_not_get_past_the_limit(client: Browser) -> None:
    user = await a_user()
    token = await client.csrf()
    form = {"csrf_token": token, "login": user.login, "domain": user.domain, "password": "wrong1pass"}
    answers = await asyncio.gather(*(client.post("/sign-in", data=form) for _ in range(15)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [422] * 5 + [429] * 10


async def test_the_other_panels_lock_too(client: Browser) -> None:
    staff = await a_staff_member()
    for _ in range(5):
        assert (await client.sign_in_at("/provider", staff.login, "wrong1pass")).status_code == 422
    assert (await client.sign_in_at("/provider", staff.login)).status_code == 429


@pytest.mark.req("ACC-D6")
async def test_a_locked_out_administrator_is_in_the_history_once_per_lock(client: Browser) -> None:
    admin = await a_user(is_admin=True)
    await _fail(client, admin.login, admin.domain, 8)
    who = (admin.login, admin.id, client.ip)
    assert await history_of(admin) == [("sign_in_failed", *who)] * 5 + [("sign_in_locked", *who)]


async def test_the_provider_sets_the_limit(client: Browser) -> None:
    async def put(value: int) -> None:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('auth.max_failures', $1) "
                             "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", value)
        parameters.forget()

    user = await a_user()
    await put(2)
    try:
        assert await _fail(client, user.login, user.domain, 3) == [422, 422, 429]
    finally:
        await put(5)


async def test_forwarded_addresses_count_from_known_proxies_only(web: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.auth import edge

    user = await a_user()
    async with Browser(web) as direct:
        await direct.sign_in(user.login, user.domain)
        seen = await direct.get("/probe", headers={"x-forwarded-for": "1.2.3.4"})
        assert seen.json()["ip"] == direct.ip
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7")
    edge.edge.cache_clear()
    try:
        async with Browser(web) as proxied:
            await proxied.sign_in(user.login, user.domain, PASSWORD)
            for header, ip in (("203.0.113.9", "203.0.113.9"), ("6.6.6.6, 203.0.113.9, 192.0.2.7", "203.0.113.9"),
                               ("nonsense", proxied.ip), ("6.6.6.6, nonsense", proxied.ip)):
                seen = await proxied.get("/probe", headers={"x-forwarded-for": header})
                assert seen.json()["ip"] == ip, header
    finally:
        monkeypatch.undo()
        edge.edge.cache_clear()
