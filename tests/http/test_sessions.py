"""What a session is worth, and when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.auth import sessions, store
from app.auth.jobs import password_changed
from app.kernel import clock, outbox
from app.kernel.actors import ActorKind
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio


async def _is_in(browser: Browser) -> bool:
    return (await browser.get("/probe")).status_code == 200


async def _signed_in(browser: Browser, user: Someone) -> str:
    answer = await browser.sign_in(user.login, user.domain)
    assert answer.status_code == 303
    return browser.cookies["switchroom_session"]


@pytest.mark.req("ACC-D7")
async def test_cookie_flags(client: Browser) -> None:
    user = await a_user()
    answer = await client.sign_in(user.login, user.domain)
    line = client.cookie_of(answer, "switchroom_session").lower()
    assert "httponly" in line
    assert "samesite=lax" in line
    assert "path=/" in line
    assert "domain=" not in line
    assert "max-age" not in line
    assert "secure" not in line  # the tests' address is http


@pytest.mark.req("ACC-D7")
async def test_cookie_is_secure_under_https(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from app.auth import cookies, shells
    from app.settings import settings

    secure = dataclasses.replace(settings(), public_url="https://pbx.example")
    monkeypatch.setattr(cookies, "settings", lambda: secure)
    monkeypatch.setattr(shells, "settings", lambda: secure)
    user = await a_user()
    answer = await client.sign_in(user.login, user.domain)
    assert "secure" in client.cookie_of(answer, "__Host-switchroom_session").lower()


@pytest.mark.req("ACC-D7")
async def test_idle_for_an_hour_is_the_end(client: Browser) -> None:
    user = await a_user()
    start = clock.now()
    await _signed_in(client, user)
    for minutes, alive in ((50, True), (100, True), (159, True), (219, False), (160, True), (221, False)):
        with clock.at(start + timedelta(minutes=minutes)):
            assert await _is_in(client) is alive, minutes


@pytest.mark.req("ACC-D7")
async def test_twelve_hours_are_the_end_of_a_busy_session_too(client: Browser) -> None:
    user = await a_user()
    start = clock.now()
    await _signed_in(client, user)
    for minutes in range(50, 12 * 60, 50):
        with clock.at(start + timedelta(minutes=minutes)):
            assert await _is_in(client)
    with clock.at(start + timedelta(hours=12, seconds=1)):
        assert not await _is_in(client)


async def test_redis_itself_forgets_an_idle_session(client: Browser) -> None:
    token = await _signed_in(client, await a_user())
    left = await store.client().ttl(f"session:{sessions.session_id_of(token)}")
    assert 3590 <= left <= 3600


@pytest.mark.req("ACC-D7")
async def test_a_planted_session_is_not_taken_over(client: Browser) -> None:
    user = await a_user()
    client.plant("switchroom_session", "planted-by-somebody")
    token = await _signed_in(client, user)
    assert token != "planted-by-somebody"
    second = await _signed_in(client, user)
    assert second != token
    client.plant("switchroom_session", token)
    assert not await _is_in(client)  # the sign-in over it ended it
    assert len(token) >= 43  # 256 bits


async def test_redis_does_not_hold_what_opens_a_session(client: Browser) -> None:
    token = await _signed_in(client, await a_user())
    keys = [key async for key in store.client().scan_iter("session*", count=1000)]
    values = [await store.client().get(key) for key in keys if key.startswith(b"session:")]
    assert keys
    assert not any(token.encode() in thing for thing in [*keys, *values] if thing)
    assert f"session:{sessions.session_id_of(token)}".encode() in keys
    client.plant("switchroom_session", sessions.session_id_of(token))
    assert not await _is_in(client)


@pytest.mark.req("ACC-D5", "ACC-D11")
async def test_ending_all_sessions_but_ones_own(client: Browser, other_client: Browser) -> None:
    user, stranger = await a_user(), await a_user()
    await _signed_in(client, user)
    mine = (await client.get("/probe")).json()["session"]
    await _signed_in(other_client, user)
    ended = await sessions.end_sessions(ActorKind.DOMAIN_USER, stranger.actor.domain_id, stranger.id)
    assert ended == 0
    assert await sessions.end_sessions(ActorKind.DOMAIN_USER, user.actor.domain_id, user.id, mine) == 1
    assert await _is_in(client)
    assert not await _is_in(other_client)
    assert await sessions.end_sessions(ActorKind.DOMAIN_USER, user.actor.domain_id, user.id) == 1
    assert not await _is_in(client)


async def test_an_ended_session_is_not_revived_by_its_own_refresh(client: Browser) -> None:
    user = await a_user()
    token = await _signed_in(client, user)
    await sessions.end(token)
    with clock.at(clock.now() + timedelta(minutes=5)):
        assert not await _is_in(client)
    assert await store.client().get(f"session:{sessions.session_id_of(token)}") is None


async def test_the_worker_ends_the_sessions_of_an_old_password_only(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    now = clock.now()
    with clock.at(now - timedelta(minutes=5)):
        await _signed_in(client, user)
    async with domain_transaction(user.actor) as tx:
        await outbox.publish(tx, "password_changed", {"user_id": user.id, "keep_session": ""})
    with clock.at(now + timedelta(minutes=5)):
        await _signed_in(other_client, user)
    async with platform_transaction(STAFF) as tx:
        await password_changed(tx, user.actor.domain_id, {"user_id": user.id, "keep_session": ""})
    assert not await _is_in(client)
    with clock.at(now + timedelta(minutes=6)):
        assert await _is_in(other_client)


@pytest.mark.req("ACC-D7")
async def test_a_form_without_its_token_is_refused(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    fields = {"login": user.login, "domain": user.domain, "password": "correct1horse"}
    assert (await client.post("/sign-in", data=fields)).status_code == 403
    token = await other_client.csrf()
    assert (await client.post("/sign-in", data=fields | {"csrf_token": token})).status_code == 403
    before = await client.csrf()
    await _signed_in(client, user)
    for wrong in ("", "x", before, token):
        assert (await client.post("/probe", data={"csrf_token": wrong})).status_code == 403, wrong
    good = await client.csrf()
    assert (await client.post("/probe", data={"csrf_token": good})).status_code == 201
    assert (await client.post("/probe", headers={"x-csrf-token": good})).status_code == 201
    cross = await client.post("/probe", headers={"x-csrf-token": good, "sec-fetch-site": "cross-site"})
    assert cross.status_code == 403
