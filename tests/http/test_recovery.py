"""A forgotten password [ACC-11…13, ACC-D5]."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import asyncpg
import pytest

from app.auth.passwords import sip_ha1
from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio
NEW = "another2horse"


async def _letters(address: str) -> list[asyncpg.Record]:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetch("SELECT subject, body, domain_id FROM mail_message WHERE recipient = $1 ORDER BY id",
                              address)


async def _ask(browser: Browser, login: str, domain: str) -> str:
    answer = await browser.submit("/restore-password", login=login, domain=domain)
    assert answer.status_code == 200
    return re.sub(r'(content|value|src|href)="[^"]*"', "", answer.text)


async def _token(browser: Browser, user: Someone, address: str) -> str:
    await _ask(browser, user.login, user.domain)
    found = re.search(r"/new-password\?token=(\S+)", (await _letters(address))[-1]["body"])
    assert found
    return found[1]


async def _set(browser: Browser, token: str, password: str = NEW, repeat: str = "") -> int:
    answer = await browser.submit("/new-password", token=token, password=password, repeat=repeat or password)
    return answer.status_code



@pytest.mark.req("ACC-11", "ACC-12", "ACC-13")
async def test_the_letters_link_sets_a_new_password(client: Browser) -> None:
    address = "way@one.example"
    user = await a_user(email=address)
    assert "/restore-password" in (await client.get("/sign-in")).text
    token = await _token(client, user, address)
    page = await client.get("/new-password", params={"token": token})
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "same-origin"
    assert await _set(client, token) == 200
    assert (await client.sign_in(user.login, user.domain)).status_code == 422
    assert (await client.sign_in(user.login, user.domain, NEW)).status_code == 303
    async with domain_transaction(user.actor) as tx:
        ha1 = await tx.fetchval("SELECT sip_ha1 FROM domain_user WHERE domain_id = $1 AND id = $2",
                                tx.domain_id, user.id)
    assert ha1 == sip_ha1(user.login, user.domain, NEW)


@pytest.mark.req("ACC-D5")
async def test_the_answer_is_the_same_for_everybody(client: Browser) -> None:
    known, without = await a_user(email="neutral@one.example"), await a_user()
    texts = {await _ask(client, known.login, known.domain), await _ask(client, without.login, without.domain),
             await _ask(client, "ghost", known.domain), await _ask(client, known.login, "nowhere.example"),
             await _ask(client, "a\x00' --", "b\x00.example")}
    assert len(texts) == 1
    assert len(await _letters("neutral@one.example")) == 1


@pytest.mark.req("ACC-D5")
async def test_a_link_works_once(client: Browser) -> None:
    user = await a_user(email="once@one.example")
    token = await _token(client, user, "once@one.example")
    assert await _set(client, token) == 200
    assert await _set(client, token, "third3horse") == 409
    assert (await client.get("/new-password", params={"token": token})).status_code == 409


@pytest.mark.req("ACC-D5")
async def test_a_link_used_twice_at_once_works_once(client: Browser) -> None:
    user = await a_user(email="race@one.example")
    token = await _token(client, user, "race@one.example")
    csrf = await client.csrf()
    answers = await asyncio.gather(*(
        client.post("/new-password", data={"csrf_token": csrf, "token": token, "password": f"horse{n}abc",
                                           "repeat": f"horse{n}abc"}) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


@pytest.mark.req("ACC-D5")
async def test_a_link_dies_after_an_hour_and_by_a_newer_one(client: Browser) -> None:
    user = await a_user(email="old@one.example")
    start = clock.now()
    first = await _token(client, user, "old@one.example")
    second = await _token(client, user, "old@one.example")
    assert await _set(client, first) == 409
    with clock.at(start + timedelta(minutes=61)):
        assert await _set(client, second) == 409
    with clock.at(start + timedelta(minutes=59)):
        assert await _set(client, second) == 200


@pytest.mark.req("ACC-D5")
async def test_a_forged_link_opens_nothing(client: Browser) -> None:
    user, other = await a_user(email="forged@one.example"), await a_user()
    token = await _token(client, user, "forged@one.example")
    secret = token.split(".")[1]
    for forged in ("", "x", "0." + secret, f"{other.actor.domain_id}.{secret}", token[:-1] + "-", token + "A",
                   f"{user.actor.domain_id}." + "A" * 43, "9" * 18 + "." + secret, "1.'; DROP TABLE staff; --",
                   "²." + secret):
        assert (await client.get("/new-password", params={"token": forged})).status_code == 409, forged
        assert await _set(client, forged) == 409, forged
    assert await _set(client, token) == 200


@pytest.mark.req("ACC-D5")
async def test_only_the_tokens_hash_is_kept(client: Browser) -> None:
    user = await a_user(email="hash@one.example")
    token = await _token(client, user, "hash@one.example")
    async with domain_transaction(user.actor) as tx:
        row = await tx.fetchrow("SELECT * FROM reset_token WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    assert token.split(".")[1] not in str(dict(row))


@pytest.mark.req("ACC-D5")
async def test_three_letters_an_hour(client: Browser) -> None:
    user = await a_user(email="many@one.example")
    start = clock.now()
    csrf = await client.csrf()
    form = {"csrf_token": csrf, "login": user.login, "domain": user.domain}
    texts = {(await client.post("/restore-password", data=form)).status_code for _ in range(2)}
    await asyncio.gather(*(client.post("/restore-password", data=form) for _ in range(4)))
    assert texts == {200}
    assert len(await _letters("many@one.example")) == 3
    with clock.at(start + timedelta(minutes=61)):
        await client.post("/restore-password", data=form)
    assert len(await _letters("many@one.example")) == 4


@pytest.mark.req("ACC-13", "ACC-35")
@pytest.mark.parametrize("password", ["ab12", "abcdef", "123456", "пароль1", "abc 123", "x1" * 33])
async def test_the_new_password_keeps_the_rule(client: Browser, password: str) -> None:
    address = f"rule{len(password)}{password[0].encode().hex()}@one.example"
    user = await a_user(email=address)
    token = await _token(client, user, address)
    assert await _set(client, token, password) == 422
    assert await _set(client, token, NEW, "different1") == 422
    assert await _set(client, token, user.login) == 422
    assert await _set(client, token, "correct1horse") == 422  # the old one
    assert await _set(client, token) == 200


@pytest.mark.req("ACC-D5")
async def test_a_reset_ends_every_open_session(client: Browser, other_client: Browser) -> None:
    user = await a_user(email="ends@one.example")
    await other_client.sign_in(user.login, user.domain)
    assert (await other_client.get("/probe")).status_code == 200
    assert await _set(client, await _token(client, user, "ends@one.example")) == 200
    assert (await other_client.get("/probe")).status_code == 303


@pytest.mark.req("ACC-12")
async def test_the_letter_is_in_the_domains_language(client: Browser) -> None:
    from app.kernel import i18n

    actor = await a_domain()
    user = await a_user(actor, email="lang@one.example")
    await _ask(client, user.login, user.domain)
    letter = (await _letters("lang@one.example"))[0]
    assert letter["domain_id"] == actor.domain_id
    with i18n.speaking("ru"):
        assert letter["subject"] == i18n.gettext("New password for %(login)s") % {
            "login": f"{user.login}@{user.domain}"}
