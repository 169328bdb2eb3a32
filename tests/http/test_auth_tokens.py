"""Personal API tokens: shown once, good for programs only, gone with the password."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction
from tenants.users.credentials import set_password
from tests.http.browser import Browser
from tests.http.people import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]
HERE = "/me/security/tokens"


async def post(browser: Browser, path: str, **fields: str) -> httpx.Response:
    return await browser.post(path, data={"csrf_token": await browser.csrf(HERE), **fields})


async def a_token(browser: Browser, **changes: str) -> str:
    answer = await post(browser, HERE, **({"name": "Report", "days": "30", "scope": "read"} | changes))
    found = re.search(r"<code>(swr_[^<]+)</code>", answer.text)
    assert found, answer.text[:500]
    return found[1]


async def ask(browser: Browser, token: str, path: str = "/api/v1/me") -> httpx.Response:
    return await browser.get(path, headers={"Authorization": f"Bearer {token}"})


async def test_a_program_learns_who_it_works_for(client: Browser, other_client: Browser) -> None:
    user = await a_user(is_admin=True)
    await client.sign_in(user.login, user.domain)
    token = await a_token(client, scope="write")
    assert (await ask(other_client, token)).json() == {
        "login": user.login, "name": user.login.title(), "domain": user.domain, "role": "domain_admin",
        "scope": "write"}
    shown = (await client.get(HERE)).text
    assert token not in shown
    assert other_client.ip in shown
    async with domain_transaction(user.actor) as tx:
        rows = str(await tx.fetch("SELECT * FROM api_token")) + str(await tx.fetch("SELECT * FROM action_history"))
    assert token not in rows
    assert "api_token_created" in rows


async def test_a_token_opens_no_page_and_a_cookie_no_program(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    token = await a_token(client)
    for path in ("/me", "/probe", HERE):
        assert (await ask(other_client, token, path)).status_code == 303
    assert (await client.get("/api/v1/me")).status_code == 401


async def test_forged_tokens_are_nobodys(client: Browser, other_client: Browser) -> None:
    user, other = await a_user(), await a_user()
    await client.sign_in(user.login, user.domain)
    token = await a_token(client)
    moved = token.replace(f"_{user.actor.domain_id}.", f"_{other.actor.domain_id}.")
    for forged in ("", "x", moved, token[:-1], token[:-1] + "_", token.upper(), f"{token} ", "swr_0." + "a" * 43,
                   "swr_999999999999999999." + "a" * 43):
        assert (await ask(other_client, forged)).status_code == 401, forged
    assert (await other_client.get("/api/v1/me", headers={"Authorization": f"Basic {token}"})).status_code == 401
    assert (await ask(other_client, token)).status_code == 200


async def test_a_token_ends(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    revoked, outlived, of_old_password = [await a_token(client, name=name) for name in "abc"]
    ids = re.findall(rf"{HERE}/(\d+)/revoke\" hx-", (await client.get(HERE)).text)
    stranger = await a_user()
    await other_client.sign_in(stranger.login, stranger.domain)
    assert (await post(other_client, f"{HERE}/{ids[2]}/revoke")).status_code == 404
    assert (await post(client, f"{HERE}/{ids[2]}/revoke")).status_code == 303
    assert (await ask(other_client, revoked)).status_code == 401
    with clock.at(clock.now() + timedelta(days=30, seconds=1)):
        assert (await ask(other_client, outlived)).status_code == 401
    assert (await ask(other_client, of_old_password)).status_code == 200
    async with domain_transaction(user.actor) as tx:
        await set_password(tx, user.id, "another2horse")
    assert (await ask(other_client, of_old_password)).status_code == 401
    async with domain_transaction(user.actor) as tx:
        await tx.execute("DELETE FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id, user.id)
        assert await tx.fetchval("SELECT count(*) FROM api_token") == 0


async def test_wrong_wishes_are_refused(client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    for wrong in ({"name": ""}, {"name": "x" * 65}, {"days": "9999"}, {"scope": "all"}):
        answer = await post(client, HERE, **({"name": "a", "days": "30", "scope": "read"} | wrong))
        assert answer.status_code == 422
    for number in range(20):
        await a_token(client, name=f"<b>{number}</b>")
    assert (await post(client, HERE, name="one more", days="30", scope="read")).status_code == 409
    assert "<b>1</b>" not in (await client.get(HERE)).text
