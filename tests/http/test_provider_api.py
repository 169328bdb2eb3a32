"""The internal API of payments: what it takes, and whom and what it refuses."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from app.audit.words import ACTIONS
from app.auth import provider_keys
from app.kernel.actors import Actor
from app.kernel.db import platform_transaction
from tests.db.billing_factories import balance
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser, text_of
from tests.http.people import a_user
from tests.http.provider_help import a_console, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]

PATH = "/api/v1/provider/payments"
_count = itertools.count(1)


async def a_key(name: str = "1C") -> str:
    """A key that is good; those of other tests are revoked, so that there is always room for it."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE provider_api_key SET revoked_at = now() WHERE revoked_at IS NULL")
        return await provider_keys.create(tx, name, None)


@pytest.fixture
async def key() -> str:
    return await a_key()


async def number_of(actor: Actor) -> str:
    return await value("SELECT number FROM account WHERE domain_id = $1", actor.domain_id)


def an_id() -> str:
    return f"doc {os.getpid()}/{next(_count)}"


async def send(client: Browser, key: str, content: str | bytes | AsyncIterator[bytes],
               **headers: str) -> httpx.Response:
    named = {"content-type": "application/json", "authorization": f"Bearer {key}"} | headers
    return await client.post(PATH, content=content, headers=[(name.encode(), one.encode())
                                                             for name, one in named.items()])


async def pay(client: Browser, key: str, account: str, **changes: Any) -> httpx.Response:
    body = {"account": account, "amount": "500.00", "external_id": an_id(), "source": "Bank",
            "description": "invoice 7"} | changes
    return await send(client, key, json.dumps({name: one for name, one in body.items() if one is not ...}))


async def ask(client: Browser, key: str, path: str) -> httpx.Response:
    return await client.get(path, headers={"authorization": f"Bearer {key}"})


@pytest.mark.req("FIN-D7")
async def test_a_payment_is_posted_once_with_all_that_belongs_to_it(client: Browser, key: str) -> None:
    actor = await a_domain()
    account, external_id = await number_of(actor), an_id()
    first = await pay(client, key, account, external_id=external_id, amount="500.10", currency="RUB")
    assert first.status_code == 201, first.text
    told = first.json()
    assert told | {"at": ""} == {
        "external_id": external_id, "account": account, "amount": "500.10", "currency": "RUB", "source": "Bank",
        "description": "invoice 7", "at": "", "balance_after": "500.10", "balance": "500.10", "repeated": False}
    again = await pay(client, key, account, external_id=external_id, amount="500.1", source="Other")
    assert (again.status_code, again.json()) == (200, told | {"repeated": True})
    assert await balance(actor) == Decimal("500.10")
    row = await value("SELECT row(p.kind, p.source, p.description, g.key, e.amount, e.balance_after)::text "
                      "FROM payment p JOIN posting g ON g.id = p.posting_id JOIN entry e ON e.posting_id = g.id "
                      "AND e.account = 'domain' WHERE p.external_id = $1", f"api:{external_id}")
    assert row == f'(bank,Bank,"invoice 7","payment:api:{external_id}",500.10,500.10)'
    found = await ask(client, key, f"{PATH}/{external_id.replace(' ', '%20')}")
    assert (found.status_code, found.json() | {"repeated": False}) == (200, told)


@pytest.mark.req("FIN-D7")
async def test_a_payment_sent_eight_times_at_once_is_one_posting(client: Browser, key: str) -> None:
    actor = await a_domain()
    account, external_id = await number_of(actor), an_id()
    answers = await asyncio.gather(*(pay(client, key, account, external_id=external_id) for _time in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert {answer.json()["balance_after"] for answer in answers} == {"500.00"}
    assert await balance(actor) == 500
    assert await value("SELECT count(*) FROM posting WHERE domain_id = $1 AND kind = 'payment'", actor.domain_id) == 1


@pytest.mark.req("FIN-D7")
async def test_an_id_stays_with_its_payment(client: Browser, key: str) -> None:
    first, second = await a_domain(), await a_domain()
    account, external_id = await number_of(first), an_id()
    await pay(client, key, account, external_id=external_id)
    for account_of_it, amount in ((account, "500.01"), (await number_of(second), "500.00")):
        answer = await pay(client, key, account_of_it, external_id=external_id, amount=amount)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:switchroom:payment_known")
    new_key = await a_key("after the change of keys")
    await pay(client, new_key, account, amount="1")
    again = (await pay(client, new_key, account, external_id=external_id)).json()
    assert (again["repeated"], again["balance_after"], again["balance"]) == (True, "500.00", "501.00")
    assert (await balance(first), await balance(second)) == (501, 0)


@pytest.mark.req("FIN-D3")
async def test_a_payment_lifts_the_financial_block(client: Browser, key: str) -> None:
    actor = await a_domain(notification_email="boss@company.example")
    await value("INSERT INTO domain_block (domain_id, kind, started_at) VALUES ($1, 'financial', now()) RETURNING id",
                actor.domain_id)
    assert (await pay(client, key, await number_of(actor))).status_code == 201
    assert await value("SELECT count(*) FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL",
                       actor.domain_id) == 0
    assert await value("SELECT count(*) FROM outbox_event WHERE domain_id = $1 AND kind = 'block_ended'",
                       actor.domain_id) == 1, "the letter is made of it"


@pytest.mark.req("FIN-50", "FIN-51")
async def test_it_stands_in_the_lists_of_both_sides(client: Browser, other_client: Browser, key: str) -> None:
    actor = await a_domain()
    admin = await a_user(actor, is_admin=True)
    external_id = an_id()
    await pay(client, key, await number_of(actor), external_id=external_id, amount=1234.5, source="Sberbank")
    await client.sign_in(admin.login, admin.domain)
    page = text_of((await client.get("/finance/payments")).text)
    assert "Bank / Sberbank / invoice 7" in page
    assert "1,234.50" in page
    console = await a_console(other_client, "support")
    page = text_of((await console.get(f"/provider/payments?q={external_id}")).text)
    assert f"api:{external_id} Internal API" in page
    row = await value("SELECT row(actor_kind, actor_login, ip)::text FROM action_history WHERE domain_id = $1 "
                      "AND action = 'payment_recorded'", actor.domain_id)
    assert row == f"(system,api:1C,{client.ip})"


async def test_manual_numbers_cannot_be_those_of_the_api(client: Browser, other_client: Browser, key: str) -> None:
    actor = await a_domain()
    external_id = an_id()
    console = await a_console(other_client, "billing")
    typed = {"domain_id": str(actor.domain_id), "amount": "500", "source": "Bank transfer", "description": ""}
    assert (await console.post("/provider/payments", **typed, external_id=f"api:{external_id}")).status_code == 422
    assert (await console.post("/provider/payments", **typed, external_id=external_id)).status_code == 200
    assert (await ask(client, key, f"{PATH}/{external_id}")).status_code == 404
    assert (await pay(client, key, await number_of(actor), external_id=external_id)).status_code == 201
    assert await balance(actor) == 1000


@pytest.mark.req("FIN-D7")
async def test_amounts_are_exact_and_above_zero(client: Browser, key: str) -> None:
    account = await number_of(await a_domain())
    for amount, taken in (("0.01", "0.01"), (7, "7.00"), (0.1, "0.10"), ("007.5", "7.50"),
                          ("999999999999.99", "999999999999.99")):
        answer = await pay(client, key, account, amount=amount)
        assert (answer.status_code, answer.json()["amount"]) == (201, taken), amount
    digits = "9" * 500
    for raw in ("0", "0.00", "-5", '"-5"', "0.001", '"1,50"', '" 5"', '""', '"NaN"', '"Infinity"', '"1e2"', "1e2",
                "1e400", "1e-400", '"1e400"', "1e99999999999999999999", digits, f'"{digits}"', "1." + digits, "true",
                "null", "[]", "{}", '"٥"', '"5\\u0000"', '"0x10"', '"1_000"', "1000000000000"):
        start = json.dumps({"account": account, "external_id": an_id(), "source": "Bank"})[:-1]
        answer = await send(client, key, f'{start}, "amount": {raw}}}')
        assert answer.status_code == 422, (raw[:30], answer.text)
        assert list(answer.json()["fields"]) == ["amount"], raw[:30]


async def test_wrong_fields_are_named_in_words(client: Browser, key: str) -> None:
    account = await number_of(await a_domain())
    wrong: list[tuple[str, Any]] = [
        ("account", ""), ("account", ...), ("account", None), ("account", int(account)), ("account", "1" * 21),
        ("account", "1\x00"), ("account", "\ud800"), ("account", [account]), ("amount", ...), ("currency", "USD"),
        ("currency", "rub"), ("currency", 643), ("external_id", ""), ("external_id", " "), ("external_id", " x"),
        ("external_id", "x" * 101), ("external_id", "a\nb"), ("external_id", "a\x00b"), ("external_id", "\udfff"),
        ("external_id", "a\u200bb"), ("external_id", 17), ("external_id", ...), ("source", ""), ("source", ...),
        ("source", "x" * 101), ("source", "\x1b"), ("description", "x" * 501), ("description", "\ud83d"),
        ("description", None), ("domain_id", 1)]
    for name, one in wrong:
        answer = await pay(client, key, **({"account": account} | {name: one}))
        assert answer.status_code == 422, (name, one, answer.text)
        assert list(answer.json()["fields"]) == [name]
        assert answer.json()["fields"][name]
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await send(client, key, "{}", **{"accept-language": "ru"})
    assert answer.json()["fields"]["account"] == "Заполните это поле."
    assert (await pay(client, key, "9" * 12)).status_code == 404
    assert (await pay(client, key, "Acme")).status_code == 404
    for name in ("x" * 100, "1/2//3", "№ 5 «а»/?#%41+", "..", "' OR 1=1"):
        external_id = f"{an_id()} {name}"[-100:]
        assert (await pay(client, key, account, external_id=external_id)).status_code == 201, name
        found = await ask(client, key, f"{PATH}/{_quoted(external_id)}")
        assert found.json().get("external_id") == external_id


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def test_a_body_that_is_no_payment(client: Browser, key: str) -> None:
    account = await number_of(await a_domain())
    good = json.dumps({"account": account, "amount": "5", "external_id": an_id(), "source": "Bank"})
    for body in (b"", b" ", b"{", b"\xff\xfe{\x00", b"\xef\xbb\xbf" + good.encode(), good.encode("utf-16"), b"x=1",
                 b"[" * 15_000, b'{"a":' * 3_000, b'{"amount": NaN}', b'{"amount": Infinity}', b'{"amount": 01}',
                 b'{"source": "a\x00b"}', b'{"source": "\xed\xa0\x80"}', b'{"\\ud800": 1}', b"{'a': 1}",
                 good[:-1].encode() + b', "amount": "500"}', good.encode() + b"{}"):
        answer = await send(client, key, body)
        assert answer.status_code == 400, body[:40]
    for body in (b"[]", b"1", b'"text"', b"null", b"[[[]]]"):
        assert (await send(client, key, body)).status_code == 422, body
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                 "application/jsonp"):
        assert (await send(client, key, good, **{"content-type": kind})).status_code == 415, kind
    assert (await send(client, key, good + " " * (16 * 1024 - len(good)))).status_code == 201
    assert (await send(client, key, good + " " * (16 * 1024 - len(good) + 1))).status_code == 413
    assert (await send(client, key, b" " * 2_000_000)).status_code == 413
    assert (await send(client, key, _pieces())).status_code == 413, "its length is not told beforehand"


async def _pieces() -> AsyncIterator[bytes]:
    for _time in range(20):
        yield b" " * 1000


async def test_payments_of_other_ways_and_odd_ids_are_unknown(client: Browser, key: str) -> None:
    for path in ("", "nobody", "%00", "a%00b", "%ff", "%ED%A0%80", "x" * 101, "x" * 3000, "api:nobody", "%0A", "%"):
        answer = await ask(client, key, f"{PATH}/{path}")
        assert answer.status_code == 404, path[:20]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_other_methods_are_none(client: Browser, key: str) -> None:
    for method in ("PUT", "PATCH", "DELETE", "HEAD"):
        for path in (PATH, f"{PATH}/x"):
            answer = await client.request(method, path, headers={"authorization": f"Bearer {key}"})
            assert answer.status_code in (404, 405), (method, path)
    assert (await ask(client, key, PATH)).status_code == 404


async def test_without_a_good_key_nothing_is_told(client: Browser, key: str) -> None:
    account = await number_of(await a_domain())
    key_id, secret = key.removeprefix("swp_").split(".")
    other = await a_key("other")  # revokes the first
    other_id, other_secret = other.removeprefix("swp_").split(".")
    expired = await _expired()
    wrong = ["", "x", key, expired, other[:-1], f"{other}x", other.upper(), f" {other}", f"{other} ",
             f"swp_{key_id}.{other_secret}", f"swp_{other_id}.{secret}", f"swp_0{other_id}.{other_secret}",
             f"swp_999999999999999999.{other_secret}", f"swp_{'9' * 30}.{other_secret}",
             f"swr_{other_id}.{other_secret}", f"swp_٣.{other_secret}", f"swp_{other_id}.{'é' * 43}", "é" * 5000]
    answers = [await pay(client, one, account) for one in wrong]
    answers += [await client.post(PATH, content="{}", headers={"content-type": "application/json"} | headers)
                for headers in ({}, {"authorization": f"Basic {other}"}, {"authorization": other},
                                {"x-api-key": other}, {"cookie": f"authorization={other}"})]
    answers.append(await ask(client, "x", f"{PATH}/nobody"))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == "Bearer"
    assert (await send(client, "x", b" " * 20_000)).status_code == 401, "before the body is looked at"
    assert (await pay(client, other, account)).status_code == 201
    assert (await client.get(f"{PATH}/nobody", headers={"authorization": f"bearer {other}"})).status_code == 404


async def _expired() -> str:
    async with platform_transaction(STAFF) as tx:
        made = await provider_keys.create(tx, "short", tx.now)
    return made


async def test_the_look_up_does_not_depend_on_the_secret(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the id alone, and compared in constant time even where there is no such key."""
    compared: list[tuple[str, str]] = []
    whole = provider_keys.hmac.compare_digest
    monkeypatch.setattr(provider_keys.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or whole(a, b))
    for sent in (key, key[:-2] + "xx", "swp_999999999999." + "a" * 43):
        await provider_keys.identify(f"Bearer {sent}", ip="10.9.9.9", request_id="")
    assert [len(one) for pair in compared for one in pair] == [64] * 6


async def test_sessions_and_other_keys_do_not_open_it_and_it_opens_nothing_else(
        client: Browser, other_client: Browser, key: str) -> None:
    admin = await a_user(is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    made = await client.submit("/me/security/tokens", page="/me/security/tokens", name="x", days="30", scope="write")
    token = re.search(r"<code>(swr_[^<]+)</code>", made.text)
    assert token
    assert (await ask(other_client, token[1], f"{PATH}/x")).status_code == 401
    console = await a_console(client)
    for headers in ({}, {"x-csrf-token": console.token}):
        assert (await client.post(PATH, json={}, headers=headers)).status_code == 401
    assert (await client.get(f"{PATH}/x")).status_code == 401
    assert (await ask(other_client, key, "/api/v1/me")).status_code == 401
    for path in ("/provider", "/provider/payments", "/me", "/group", "/probe", "/finance"):
        assert (await ask(other_client, key, path)).status_code == 303, path
    assert (await ask(other_client, key, "/probe/api")).status_code == 401


async def test_guessing_ends_for_the_address_and_calls_have_a_limit(
        client: Browser, other_client: Browser, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guess = f"{key[:-4]}aaaa"
    answers = [(await ask(client, guess, f"{PATH}/x")).status_code for _time in range(provider_keys.WRONG.per_address)]
    assert set(answers) == {401}
    refused = await ask(client, key, f"{PATH}/x")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:switchroom:too_many")
    assert (await ask(other_client, key, f"{PATH}/x")).status_code == 404, "others are not concerned"
    monkeypatch.setattr(provider_keys, "CALLS", provider_keys.throttle.Limits(3, 100, 60))
    answers = [(await ask(other_client, key, f"{PATH}/x")).status_code for _time in range(3)]
    assert answers == [404, 404, 429]


# --- the page of keys


async def make(console: Any, **fields: str) -> Any:
    return await console.post("/provider/api-keys", **({"name": "1C", "last_day": ""} | fields))


async def test_a_key_is_made_used_and_revoked_in_the_console(client: Browser, other_client: Browser) -> None:
    account = await number_of(await a_domain())
    await a_key("makes room")
    console = await a_console(client)
    name = f"<b>billing {next(_count)}</b>"
    made = re.search(r"<code>(swp_([0-9]+)\.[A-Za-z0-9_-]{43})</code>", (await make(console, name=name)).text)
    assert made
    assert (await pay(other_client, made[1], account)).status_code == 201
    page = (await console.get("/provider/api-keys")).text
    assert made[1] not in page
    assert "<b>billing" not in page
    for shown in (console.staff.login, other_client.ip, f"swp_{made[2]}", "no end", "In force"):
        assert shown in page
    assert "Revoke" in (await console.get(f"/provider/api-keys/{made[2]}/revoke")).text
    assert (await console.post(f"/provider/api-keys/{made[2]}/revoke")).status_code == 200
    assert (await pay(other_client, made[1], account)).status_code == 401
    for number in (made[2], "999999999", "99999999999999999999"):
        assert (await console.post(f"/provider/api-keys/{number}/revoke")).status_code == 404
    rows = await value("SELECT string_agg(h::text, ' ') FROM action_history h WHERE object_type = 'provider_api_key' "
                       "AND object_id = $1", int(made[2]))
    assert "provider_key_created" in rows
    assert "provider_key_revoked" in rows
    assert {"provider_key_created", "provider_key_revoked"} <= set(ACTIONS)
    secret = made[1].split(".")[1]
    kept = await value("SELECT string_agg(k::text, ' ') FROM provider_api_key k")
    assert secret not in rows + kept


async def test_twenty_keys_and_no_more(client: Browser) -> None:
    await a_key("the first")
    console = await a_console(client)
    answers = await asyncio.gather(*(make(console, name=f"key {number}") for number in range(21)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [409] * 2
    assert await value("SELECT count(*) FROM provider_api_key WHERE revoked_at IS NULL") == 20
    await a_key("room again")


async def test_wrong_wishes_for_a_key(client: Browser) -> None:
    await a_key("makes room")
    console = await a_console(client)
    for wrong in ({"name": ""}, {"name": "x" * 65}, {"name": "a\nb"}, {"last_day": "2020-01-01"},
                  {"last_day": "2999-01-01"}, {"last_day": "9999-12-31"}, {"last_day": "soon"}, {"more": "1"}):
        assert (await make(console, **wrong)).status_code == 422, wrong
    day = await value("SELECT ((now() AT TIME ZONE 'Europe/Moscow')::date + 30)::text")
    name = f"until {next(_count)}"
    assert (await make(console, name=name, last_day=day)).status_code == 200
    assert await value("SELECT (expires_at AT TIME ZONE 'Europe/Moscow')::text FROM provider_api_key WHERE name = $1 "
                       "ORDER BY id DESC LIMIT 1", name) == await value(
        "SELECT ($1::text::date + 1)::timestamp::text", day)


@pytest.mark.parametrize("role", ["billing", "support"])
async def test_only_administrators_see_the_keys(client: Browser, role: str, key: str) -> None:
    console = await a_console(client, role)
    number = key.removeprefix("swp_").split(".")[0]
    assert "/provider/api-keys" not in (await console.get("/provider")).text
    for path in ("/provider/api-keys", "/provider/api-keys/new", f"/provider/api-keys/{number}/revoke"):
        assert (await console.get(path)).status_code == 403
    assert (await make(console)).status_code == 403
    assert (await console.post(f"/provider/api-keys/{number}/revoke")).status_code == 403
