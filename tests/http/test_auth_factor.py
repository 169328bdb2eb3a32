"""The second factor and the page of one's own sessions, in all three panels."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest

from app.auth import parameters
from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser
from tests.http.people import Someone, a_pool_admin, a_staff_member, a_user, history_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]
ME = "/me/security"


async def post(browser: Browser, path: str, page: str = ME, **fields: str) -> httpx.Response:
    token = await browser.csrf(page)
    return await browser.post(path, data={"csrf_token": token, **fields})


async def secret_of(browser: Browser, here: str = ME) -> str:
    text = (await browser.get(f"{here}/factor")).text
    assert "<svg" in text
    return re.search(r"<code[^>]*>([A-Z2-7 ]+)</code>", text)[1].replace(" ", "")  # type: ignore[index]


async def set_up(browser: Browser, here: str = ME) -> tuple[pyotp.TOTP, list[str]]:
    """Turn it on; the authenticator and the recovery codes."""
    totp = pyotp.TOTP(await secret_of(browser, here))
    shown = await post(browser, f"{here}/factor", here, code=totp.at(clock.now()))
    codes = re.findall(r"<li><code>([a-z0-9-]{14})</code>", shown.text)
    assert len(codes) == 10, shown.text[:2000]
    return totp, codes


async def give_code(browser: Browser, code: str, panel: str = "") -> httpx.Response:
    return await post(browser, f"{panel}/sign-in/code", f"{panel}/sign-in/code", code=code)


@asynccontextmanager
async def required_of(whom: str) -> AsyncIterator[None]:
    async def put(value: str) -> None:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('auth.require_totp', $1) "
                             "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", value)
        parameters.forget()

    await put(whom)
    try:
        yield
    finally:
        await put("nobody")


async def test_the_password_alone_opens_nothing_any_more(client: Browser, other_client: Browser) -> None:
    user = await a_user(is_admin=True)
    await client.sign_in(user.login, user.domain)
    totp, _codes = await set_up(client)
    answer = await other_client.sign_in(user.login, user.domain, next="/users")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in/code")
    assert "switchroom_session" not in str(answer.headers)
    assert (await other_client.get("/probe")).status_code == 303
    with clock.at(clock.now() + timedelta(seconds=30)):
        let_in = await give_code(other_client, totp.at(clock.now()))
        assert (let_in.status_code, let_in.headers["location"]) == (303, "/users")
        assert (await other_client.get("/probe")).json()["login"] == user.login
        assert [line[0] for line in await history_of(user)] == ["signed_in", "signed_in"]


async def test_a_code_works_once(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    totp, _codes = await set_up(client)
    await other_client.sign_in(user.login, user.domain)
    assert (await give_code(other_client, totp.at(clock.now()))).status_code == 422  # spent when it was set up
    with clock.at(clock.now() + timedelta(seconds=30)):
        code = totp.at(clock.now())
        assert (await give_code(other_client, code)).status_code == 303
        await client.sign_in(user.login, user.domain)
        client.cookies.delete("switchroom_session")
        await client.sign_in(user.login, user.domain)
        assert (await give_code(client, code)).status_code == 422


async def test_a_code_sent_twice_at_once_works_once(client: Browser, web: Any) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    totp, codes = await set_up(client)
    async with Browser(web) as one, Browser(web) as two:
        for browser in (one, two):
            await browser.sign_in(user.login, user.domain)
        for code in (codes[0], None):
            with clock.at(clock.now() + timedelta(seconds=60)):
                sent = code or totp.at(clock.now())
                answers = await asyncio.gather(give_code(one, sent), give_code(two, sent))
            assert sorted(answer.status_code for answer in answers) == [303, 422]
            for browser in (one, two):
                browser.cookies.clear()
                await browser.sign_in(user.login, user.domain)


async def test_recovery_codes_work_once_and_are_not_kept(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    _totp, codes = await set_up(client)
    for code, status in ((codes[0].upper().replace("-", " "), 303), (codes[0], 422), (codes[1], 303)):
        other_client.cookies.clear()
        await other_client.sign_in(user.login, user.domain)
        assert (await give_code(other_client, code)).status_code == status
    assert codes[2] not in (await client.get(ME)).text
    async with domain_transaction(user.actor) as tx:
        row = await tx.fetchrow("SELECT totp_secret, totp_recovery FROM domain_user WHERE id = $1", user.id)
        lines = str(await tx.fetch("SELECT * FROM action_history WHERE domain_id = $1", tx.domain_id))
    assert len(row["totp_recovery"]) == 8
    assert not any(code.replace("-", "") in str(row) or code in lines for code in codes)
    renewed = await post(client, f"{ME}/factor/codes", code=codes[2])
    fresh = re.findall(r"<li><code>([a-z0-9-]{14})</code>", renewed.text)
    assert len(fresh) == 10
    assert not set(fresh) & set(codes)
    await other_client.sign_in(user.login, user.domain)
    other_client.cookies.clear()
    await other_client.sign_in(user.login, user.domain)
    assert (await give_code(other_client, codes[3])).status_code == 422


async def test_guessing_codes_is_locked(client: Browser, other_client: Browser) -> None:
    user = await a_user(is_admin=True)
    await client.sign_in(user.login, user.domain)
    totp, codes = await set_up(client)
    await other_client.sign_in(user.login, user.domain)
    assert [(await give_code(other_client, "000000")).status_code for _ in range(6)] == [422] * 5 + [429]
    assert (await give_code(other_client, codes[0])).status_code == 429
    other_client.cookies.clear()
    await other_client.sign_in(user.login, user.domain)  # a right password again does not open the lock
    assert (await give_code(other_client, totp.at(clock.now()))).status_code == 429
    assert [line[0] for line in await history_of(user)] == ["signed_in"] + ["sign_in_failed"] * 5 + ["sign_in_locked"]


async def test_the_second_step_is_bound_to_the_first(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    _totp, codes = await set_up(client)
    assert (await other_client.get("/sign-in/code")).headers["location"] == "/sign-in"
    token = await other_client.csrf()
    answer = await other_client.post("/sign-in/code", data={"csrf_token": token, "code": codes[0]})
    assert answer.headers["location"] == "/sign-in"
    await other_client.sign_in(user.login, user.domain)
    token = await other_client.csrf("/sign-in/code")
    assert (await other_client.post("/sign-in/code", data={"code": codes[0]})).status_code == 403  # CSRF
    async with domain_transaction(user.actor) as tx:  # the password changes in between
        await tx.execute("UPDATE domain_user SET password_hash = (SELECT password_hash || ' ' FROM domain_user o "
                         "WHERE o.id = domain_user.id) WHERE id = $1", user.id)
    answer = await other_client.post("/sign-in/code", data={"csrf_token": token, "code": codes[0]})
    assert answer.headers["location"] == "/sign-in"
    assert (await other_client.get("/probe")).status_code == 303


async def test_setting_it_up_needs_a_code_and_ends_other_sessions(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    await other_client.sign_in(user.login, user.domain)
    secret = await secret_of(client)
    assert secret == await secret_of(client)
    assert secret != await secret_of(other_client)
    assert (await post(client, f"{ME}/factor", code="123")).status_code == 422
    assert (await client.get("/probe")).status_code == (await other_client.get("/probe")).status_code == 200
    totp, _codes = await set_up(client)
    assert (await client.get("/probe")).status_code == 200
    assert (await other_client.get("/probe")).status_code == 303
    assert (await client.get(f"{ME}/factor")).status_code == 409
    assert (await post(client, f"{ME}/factor/off", code="000000")).status_code == 422
    with clock.at(clock.now() + timedelta(seconds=30)):
        assert (await post(client, f"{ME}/factor/off", code=totp.at(clock.now()))).status_code == 303
    assert (await other_client.sign_in(user.login, user.domain)).headers["location"] == "/me"


async def test_whoever_must_have_it_sets_it_up_before_anything_else(client: Browser) -> None:
    user = await a_user(is_admin=True)
    async with required_of("administrators"):
        await client.sign_in(user.login, user.domain)
        for path in ("/", "/users", "/probe", "/me", "/finance"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers.get("location")) == (303, ME), path
        api = await client.get("/probe/api")
        assert api.status_code == 403
        token = await client.csrf(ME)
        assert (await client.post("/probe", data={"csrf_token": token})).status_code == 303
        totp, _codes = await set_up(client)
        assert (await client.get("/users")).status_code == 200
        with clock.at(clock.now() + timedelta(seconds=30)):
            answer = await post(client, f"{ME}/factor/off", code=totp.at(clock.now()))
        assert answer.status_code == 409
        plain = await a_user(user.actor)
        client.cookies.clear()
        await client.sign_in(plain.login, plain.domain)
        assert (await client.get("/me")).status_code == 200


@pytest.mark.parametrize(("panel", "here", "probe"), [("/group", "/group/profile/security", "/group/probe"),
                                                      ("/provider", "/provider/security", "/provider/probe")])
async def test_the_other_panels_have_it_too(client: Browser, other_client: Browser, panel: str, here: str,
                                            probe: str) -> None:
    someone = await (a_pool_admin() if panel == "/group" else a_staff_member("support"))
    async with required_of("administrators"):
        await client.sign_in_at(panel, someone.login)
        assert (await client.get(probe)).headers["location"] == here
        totp, _codes = await set_up(client, here)
        assert (await client.get(probe)).status_code == 200
    answer = await other_client.sign_in_at(panel, someone.login)
    assert answer.headers["location"] == f"{panel}/sign-in/code"
    assert (await other_client.get("/sign-in/code")).headers["location"] == "/sign-in"  # another panel's step
    with clock.at(clock.now() + timedelta(seconds=30)):
        assert (await give_code(other_client, totp.at(clock.now()), panel)).headers["location"] == panel
    assert (await other_client.get(probe)).status_code == 200


async def test_the_domains_administrator_resets_a_lost_phone(client: Browser, other_client: Browser) -> None:
    actor = await a_domain()
    boss, plain, stranger = await a_user(actor, is_admin=True), await a_user(actor), await a_user(is_admin=True)
    await other_client.sign_in(plain.login, plain.domain)
    await set_up(other_client)
    reset = f"/users/{plain.id}/second-factor"
    await client.sign_in(stranger.login, stranger.domain)
    assert (await client.get(reset)).status_code == 404
    assert (await post(client, reset)).status_code == 404
    client.cookies.clear()
    assert (await post(other_client, f"/users/{boss.id}/second-factor")).status_code == 403
    await client.sign_in(boss.login, boss.domain)
    await set_up(client)
    assert (await post(client, f"/users/{boss.id}/second-factor")).status_code == 409  # one's own needs a code
    assert (await client.get(reset)).status_code == 200
    assert (await post(client, reset)).status_code == 303
    assert (await other_client.get("/probe")).status_code == 303
    assert (await other_client.sign_in(plain.login, plain.domain)).headers["location"] == "/me"
    async with domain_transaction(actor) as tx:
        line = await tx.fetchrow("SELECT actor_login, object_id FROM action_history WHERE domain_id = $1 "
                                 "AND action = 'second_factor_reset'", tx.domain_id)
    assert tuple(line) == (boss.login, plain.id)


async def test_a_companys_sign_in_does_not_replace_it(client: Browser, other_client: Browser) -> None:
    from tests.http.openid_provider import running
    from tests.http.test_auth_sso import EMAIL, connect, through

    user = await a_user(email=EMAIL)
    await client.sign_in(user.login, user.domain)
    _totp, codes = await set_up(client)
    with running() as provider:
        provider.claims["email"] = EMAIL
        await connect(user, provider)
        answer = await through(other_client, provider, user.domain)
    assert answer.headers["location"] == "/sign-in/code"
    assert (await other_client.get("/probe")).status_code == 303
    assert (await give_code(other_client, codes[0])).status_code == 303
    assert (await other_client.get("/probe")).status_code == 200


# --- sessions -----------------------------------------------------------------------------------------


async def test_own_sessions_are_listed_and_ended(client: Browser, other_client: Browser, web: Any) -> None:
    user, stranger = await a_user(), await a_user()
    other_client.headers["User-Agent"] = "Mozilla/5.0 (Windows NT 10.0) Gecko Firefox/140.0 <script>"
    for browser in (client, other_client):
        await browser.sign_in(user.login, user.domain)
    async with Browser(web) as third, Browser(web) as foreign:
        await third.sign_in(user.login, user.domain)
        await foreign.sign_in(stranger.login, stranger.domain)
        shown = (await client.get(ME)).text
        assert "Firefox, Windows" in shown
        assert all(browser.ip in shown for browser in (client, other_client, third))
        assert foreign.ip not in shown
        ids = re.findall(rf"{ME}/sessions/([0-9a-f]{{64}})/end\" hx-", shown)
        assert len(ids) == 2
        foreign_id = (await foreign.get("/probe")).json()["session"]
        assert (await post(client, f"{ME}/sessions/{foreign_id}/end")).status_code == 404
        assert (await foreign.get("/probe")).status_code == 200
        wanted = (await other_client.get("/probe")).json()["session"]
        assert wanted in ids
        assert (await post(client, f"{ME}/sessions/{wanted}/end")).status_code == 303
        assert (await other_client.get("/probe")).status_code == 303
        assert (await third.get("/probe")).status_code == 200
        assert (await post(client, f"{ME}/sessions/end")).status_code == 303
        assert (await third.get("/probe")).status_code == 303
        assert (await client.get("/probe")).status_code == 200


async def test_notices_have_a_switch_of_their_own(client: Browser) -> None:
    boss = await a_user(is_admin=True)
    await client.sign_in(boss.login, boss.domain)
    assert (await post(client, f"{ME}/notices")).status_code == 303
    assert await _notices(boss) is False
    assert (await post(client, f"{ME}/notices", notify_sign_in="on")).status_code == 303
    assert await _notices(boss) is True


@pytest.mark.parametrize("panel", ["", "/group", "/provider"])
async def test_a_new_place_is_told_by_letter_once(client: Browser, other_client: Browser, web: Any, panel: str) -> None:
    address = f"boss{panel[1:]}@company.example"
    if panel:
        boss = await (a_pool_admin() if panel == "/group" else a_staff_member())
        table = "pool_admin" if panel == "/group" else "staff"
        async with platform_transaction(STAFF) as tx:
            await tx.execute(f"UPDATE {table} SET email = $2 WHERE id = $1", boss.id, address)
    else:
        boss = await a_user(is_admin=True, email=address)

    async def enter(browser: Browser) -> list[str]:
        browser.cookies.clear()
        await (browser.sign_in_at(panel, boss.login) if panel else browser.sign_in(boss.login, boss.domain))
        async with platform_transaction(STAFF) as tx:
            return [row["body"] for row in await tx.fetch(
                "SELECT body FROM mail_message WHERE recipient = $1 ORDER BY id", address)]

    assert await enter(client) == []
    assert await enter(client) == []
    told = await enter(other_client)
    assert len(told) == 1
    assert other_client.ip in told[0]
    assert "/security" in told[0]
    assert len(await enter(other_client)) == 1
    other_client.headers["User-Agent"] = "Mozilla/5.0 (iPhone) Safari/604"
    assert len(await enter(other_client)) == 2
    if not panel:
        async with domain_transaction(boss.actor) as tx:
            await tx.execute("UPDATE domain_user SET notify_sign_in = false WHERE id = $1", boss.id)
        async with Browser(web) as third:
            assert len(await enter(third)) == 2


async def test_plain_users_get_no_such_letters(client: Browser, other_client: Browser) -> None:
    user = await a_user(email="plain-reader@company.example")
    for browser in (client, other_client):
        await browser.sign_in(user.login, user.domain)
    async with platform_transaction(STAFF) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM mail_message WHERE recipient = 'plain-reader@company.example'")


async def _notices(someone: Someone) -> bool:
    async with domain_transaction(someone.actor) as tx:
        return await tx.fetchval("SELECT notify_sign_in FROM domain_user WHERE id = $1", someone.id)
