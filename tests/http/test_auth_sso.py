"""Sign-in through a domain's OpenID provider, against a real one on this machine, and its forgeries."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.auth.sso import config
from app.auth.sso.config import Config
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser
from tests.http.openid_provider import CLIENT_ID, FOREIGN_KEY, KEY, SECRET, OpenIdProvider, running
from tests.http.people import Someone, a_user, history_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]

CALLBACK = "/sign-in/sso/callback"
EMAIL = "anna@company.example"
NO_ALGORITHM = b'{"alg":"none"}'


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with running() as one:
        one.claims["email"] = EMAIL
        yield one


@pytest.fixture
async def anna(provider: OpenIdProvider) -> Someone:
    """A plain user of a domain that signs in at the provider."""
    someone = await a_user(email=EMAIL.title())
    await connect(someone, provider)
    return someone


async def connect(someone: Someone, provider: OpenIdProvider, **changes: Any) -> None:
    known = replace(Config(True, provider.issuer, CLIENT_ID, config.EMAIL, False), **changes)
    async with domain_transaction(someone.actor) as tx:
        await config.write(tx, known, SECRET)


async def leave(client: Browser, domain: str, **more: str) -> str:
    """Where the provider's page is."""
    answer = await client.get("/sign-in/sso", params={"domain": domain, **more})
    assert answer.status_code == 303, answer.text[:300]
    return answer.headers["location"]


async def through(client: Browser, provider: OpenIdProvider, domain: str, **more: str) -> httpx.Response:
    """The whole way there and back."""
    return await client.get(CALLBACK, params=provider.sign_in(await leave(client, domain, **more)))


def refused(answer: httpx.Response, text: str) -> bool:
    return answer.status_code == 409 and text in answer.text and "switchroom_session" not in str(answer.headers)


# --- the way ---------------------------------------------------------------------------------------


async def test_a_verified_address_opens_the_cabinet(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    assert 'href="/sign-in/sso?domain=a%26b' in (await client.get("/sign-in?domain=a%26b")).text
    url = await leave(client, anna.domain.upper(), next="/me?tab=1")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert {"openid", "email"} <= set(asked["scope"].split())
    assert len(asked["state"]) >= 32 <= len(asked["nonce"])
    assert SECRET not in url
    answer = await client.get(CALLBACK, params=provider.sign_in(url))
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?tab=1")
    cookie = client.cookie_of(answer, "switchroom_session")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert (await client.get("/probe")).json()["login"] == anna.login
    assert (await client.get("/sign-in/sso", params={"domain": anna.domain})).headers["location"] == "/me"


@pytest.mark.req("ACC-D6")
async def test_an_administrators_sign_in_is_in_the_history(client: Browser, provider: OpenIdProvider) -> None:
    boss = await a_user(is_admin=True, email=EMAIL)
    await connect(boss, provider)
    assert (await through(client, provider, boss.domain)).headers["location"] == "/"
    assert await history_of(boss) == [("signed_in", boss.login, boss.id, client.ip)]


async def test_the_session_of_before_is_over(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    await client.sign_in(anna.login, anna.domain)
    planted = client.cookies["switchroom_session"]
    client.cookies.delete("switchroom_session")
    url = await leave(client, anna.domain)
    client.plant("switchroom_session", planted)
    await client.get(CALLBACK, params=provider.sign_in(url))
    assert client.cookies["switchroom_session"] != planted
    client.plant("switchroom_session", planted)
    assert (await client.get("/probe")).status_code == 303


async def test_a_person_is_found_by_the_providers_identifier(client: Browser, provider: OpenIdProvider,
                                                             anna: Someone) -> None:
    await connect(anna, provider, match_by=config.SUBJECT)
    assert refused(await through(client, provider, anna.domain), "no user of this domain")
    async with domain_transaction(anna.actor) as tx:
        await config.link(tx, anna.login, "person-1")
    provider.claims = {"email": None, "email_verified": None}
    assert (await through(client, provider, anna.domain)).status_code == 303
    assert (await client.get("/probe")).json()["login"] == anna.login


async def test_the_address_may_come_from_userinfo(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    provider.claims = {"email": None, "email_verified": None}
    provider.userinfo = {"sub": "somebody-else", "email": EMAIL, "email_verified": True}
    assert refused(await through(client, provider, anna.domain), "could not be verified")
    provider.userinfo["sub"] = "person-1"
    assert (await through(client, provider, anna.domain)).status_code == 303


# --- who is let in ------------------------------------------------------------------------------------


async def test_only_this_domains_people_are_found(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    other = await a_user(email="bob@company.example")
    await connect(other, provider)
    assert refused(await through(client, provider, other.domain), "no user of this domain")


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email_verified": "no"},
                                    {"email": None}, {"email": ["anna@company.example"]}])
async def test_an_unverified_address_is_nobodys(client: Browser, provider: OpenIdProvider, anna: Someone,
                                                claims: dict[str, Any]) -> None:
    provider.claims |= claims
    assert refused(await through(client, provider, anna.domain), "does not confirm your e-mail")


async def test_an_address_of_two_people_proves_neither(client: Browser, provider: OpenIdProvider,
                                                       anna: Someone) -> None:
    await a_user(anna.actor, email=EMAIL)
    assert refused(await through(client, provider, anna.domain), "no user of this domain")
    provider.claims["email"] = ""
    assert refused(await through(client, provider, anna.domain), "no user of this domain")


async def test_plain_users_may_be_sent_this_way_only(client: Browser, other_client: Browser, provider: OpenIdProvider,
                                                     anna: Someone) -> None:
    boss = await a_user(anna.actor, is_admin=True)
    await connect(anna, provider, is_required=True)
    assert "use single sign-on" in (await client.sign_in(anna.login, anna.domain)).text
    assert (await client.get("/probe")).status_code == 303
    wrong = await client.sign_in(anna.login, anna.domain, "wrong1pass")
    assert "use single sign-on" not in wrong.text
    assert (await through(client, provider, anna.domain)).status_code == 303
    assert (await other_client.sign_in(boss.login, boss.domain)).status_code == 303


# --- forgeries ---------------------------------------------------------------------------------------


LIES = {
    "another_issuer": {"iss": "https://evil.example"}, "another_client": {"aud": "somebody"},
    "several_audiences": {"aud": [CLIENT_ID, "somebody"]}, "made_for_another": {"azp": "somebody"},
    "old": {"exp": 1_000_000_000}, "from_the_future": {"iat": 9_000_000_000}, "without_an_end": {"exp": None},
    "replayed": {"nonce": "of-another-sign-in"}, "without_nonce": {"nonce": None}, "nobody": {"sub": None},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_false_token_opens_nothing(client: Browser, provider: OpenIdProvider, anna: Someone, lie: str) -> None:
    provider.claims |= LIES[lie]
    assert refused(await through(client, provider, anna.domain), "could not be verified")


async def test_only_the_issuers_own_key_counts(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    provider.key = FOREIGN_KEY
    assert refused(await through(client, provider, anna.domain), "could not be verified")
    provider.key = KEY
    honest = provider.id_token
    for made in (_with_the_public_key_as_secret, _unsigned):
        provider.id_token = lambda wanted, made=made: made(honest(wanted).split(".")[1])  # type: ignore[method-assign]
        assert refused(await through(client, provider, anna.domain), "could not be verified")


def _part(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _with_the_public_key_as_secret(payload: str) -> str:
    head = _part(b'{"alg":"HS256","kid":"one"}')
    mac = hmac.digest(KEY.as_pem(private=False), f"{head}.{payload}".encode(), "sha256")
    return f"{head}.{payload}.{_part(mac)}"


def _unsigned(payload: str) -> str:
    return f"{_part(NO_ALGORITHM)}.{payload}."


async def test_the_state_works_once_and_in_its_own_browser(client: Browser, other_client: Browser,
                                                           provider: OpenIdProvider, anna: Someone) -> None:
    back = provider.sign_in(await leave(client, anna.domain))
    assert refused(await other_client.get(CALLBACK, params=back), "no longer valid")
    assert refused(await client.get(CALLBACK, params=back), "no longer valid")  # the attempt is used up
    back = provider.sign_in(await leave(client, anna.domain))
    assert (await client.get(CALLBACK, params=back)).status_code == 303
    client.cookies.delete("switchroom_session")
    assert refused(await client.get(CALLBACK, params=back), "no longer valid")
    for made_up in ({}, {"state": "x" * 43, "code": "code-0"}):
        assert refused(await client.get(CALLBACK, params=made_up), "no longer valid")


async def test_a_code_of_another_sign_in_is_refused(client: Browser, other_client: Browser, provider: OpenIdProvider,
                                                    anna: Someone) -> None:
    """An injected code: PKCE binds it to the attempt that it was given for."""
    stolen = provider.sign_in(await leave(other_client, anna.domain))["code"]
    mine = provider.sign_in(await leave(client, anna.domain))
    assert refused(await client.get(CALLBACK, params=mine | {"code": stolen}), "could not be verified")


async def test_an_answer_of_another_issuer_is_refused(client: Browser, provider: OpenIdProvider,
                                                      anna: Someone) -> None:
    back = provider.sign_in(await leave(client, anna.domain))
    assert refused(await client.get(CALLBACK, params=back | {"iss": "https://evil.example"}), "no longer valid")


async def test_what_changed_meanwhile_counts(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    back = provider.sign_in(await leave(client, anna.domain))
    await connect(anna, provider, is_enabled=False)
    assert refused(await client.get(CALLBACK, params=back), "no longer valid")


async def test_a_refusal_of_the_provider_is_told_without_its_words(client: Browser, provider: OpenIdProvider,
                                                                   anna: Someone) -> None:
    state = provider.sign_in(await leave(client, anna.domain))["state"]
    answer = await client.get(CALLBACK, params={"state": state, "error": "access_denied",
                                                "error_description": "<b>call 1-900</b>"})
    assert refused(answer, "did not let you in")
    assert "1-900" not in answer.text


async def test_it_is_no_open_redirect(client: Browser, provider: OpenIdProvider, anna: Someone) -> None:
    for number, wish in enumerate(("//evil.example", "https://evil.example", "/\\evil.example", "/group")):
        answer = await through(client, provider, anna.domain, next=wish)
        assert answer.headers["location"] == "/me", number
        client.cookies.delete("switchroom_session")


async def test_a_foreign_page_cannot_send_people_through(client: Browser, provider: OpenIdProvider,
                                                         anna: Someone) -> None:
    answer = await client.get("/sign-in/sso", params={"domain": anna.domain}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert anna.domain in answer.text


async def test_a_domain_without_it_looks_like_none(client: Browser) -> None:
    user = await a_user()
    answers = [await client.get("/sign-in/sso", params={"domain": name})
               for name in (user.domain, "nowhere.pbx.example", "' OR 1=1 --")]
    assert all(refused(one, "not set up for this domain") for one in answers)


# --- the settings -------------------------------------------------------------------------------------


def form_of(provider: OpenIdProvider, **changes: str) -> dict[str, str]:
    return {"is_enabled": "on", "issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": SECRET,
            "match_by": "email"} | changes


async def post(client: Browser, path: str, **fields: str) -> httpx.Response:
    return await client.submit(path, page="/settings/sso", **fields)


async def test_the_administrator_connects_the_provider(client: Browser, other_client: Browser,
                                                       provider: OpenIdProvider) -> None:
    actor = await a_domain()
    boss, plain = await a_user(actor, is_admin=True), await a_user(actor, email=EMAIL)
    await client.sign_in(boss.login, boss.domain)
    assert (await post(client, "/settings/sso", **form_of(provider))).status_code == 303
    shown = (await client.get("/settings/sso")).text
    assert provider.issuer in shown
    assert CALLBACK in shown
    assert SECRET not in shown
    assert (await through(other_client, provider, plain.domain)).status_code == 303
    saved = await post(client, "/settings/sso", **form_of(provider, client_secret="", match_by="subject"))
    assert saved.status_code == 303  # the secret stayed
    assert (await post(client, "/settings/sso/links", login=plain.login, subject="person-1")).status_code == 303
    other_client.cookies.clear()
    assert (await through(other_client, provider, plain.domain)).status_code == 303
    assert "person-1" in (await client.get("/settings/sso")).text
    taken = await post(client, "/settings/sso/links", login=boss.login, subject="person-1")
    assert taken.status_code == 422
    assert (await post(client, f"/settings/sso/links/{plain.id}/delete")).status_code == 303
    other_client.cookies.clear()
    assert refused(await through(other_client, provider, plain.domain), "no user of this domain")


@pytest.mark.req("AUD-05")
async def test_the_secret_is_sealed_and_stays_out_of_the_history(provider: OpenIdProvider, anna: Someone) -> None:
    async with platform_transaction(STAFF) as tx:
        kept = await tx.fetchval("SELECT client_secret FROM domain_sso WHERE domain_id = $1", anna.actor.domain_id)
        lines = await tx.fetch("SELECT action, changes::text AS changes FROM action_history WHERE domain_id = $1 "
                               "AND object_type = 'single_sign_on'", anna.actor.domain_id)
    assert SECRET.encode() not in kept
    assert [row["action"] for row in lines] == ["single_sign_on_changed"]
    assert "client_secret" in lines[0]["changes"]
    assert SECRET not in lines[0]["changes"]
    other = await a_user()
    await connect(other, provider)
    async with platform_transaction(STAFF) as tx:  # a row copied into another domain does not open there
        await tx.execute("UPDATE domain_sso SET client_secret = $2 WHERE domain_id = $1", other.actor.domain_id, kept)
    async with domain_transaction(other.actor) as tx:
        with pytest.raises(ValueError, match="cannot be opened"):
            await config.secret(tx)


async def test_a_new_issuer_gets_neither_the_old_secret_nor_the_old_people(client: Browser,
                                                                           provider: OpenIdProvider) -> None:
    boss = await a_user(is_admin=True)
    await connect(boss, provider, match_by=config.SUBJECT)
    async with domain_transaction(boss.actor) as tx:
        await config.link(tx, boss.login, "person-1")
    await client.sign_in(boss.login, boss.domain)
    with running() as second:
        assert (await post(client, "/settings/sso", **form_of(second, client_secret=""))).status_code == 422
        assert (await post(client, "/settings/sso", **form_of(second))).status_code == 303
    async with domain_transaction(boss.actor) as tx:
        assert await config.linked(tx) == []


async def test_plain_users_and_other_domains_do_not_reach_the_settings(client: Browser, other_client: Browser,
                                                                       provider: OpenIdProvider,
                                                                       anna: Someone) -> None:
    await client.sign_in(anna.login, anna.domain)
    assert (await client.get("/settings/sso")).status_code == 403
    stranger = await a_user(is_admin=True)
    await other_client.sign_in(stranger.login, stranger.domain)
    assert provider.issuer not in (await other_client.get("/settings/sso")).text
    assert (await post(other_client, f"/settings/sso/links/{anna.id}/delete")).status_code == 404
    assert (await post(other_client, "/settings/sso/links", login=anna.login, subject="x")).status_code == 422


async def test_wrong_issuers_are_refused_with_one_answer(client: Browser, provider: OpenIdProvider) -> None:
    boss = await a_user(is_admin=True)
    await client.sign_in(boss.login, boss.domain)
    provider.redirect_discovery_to = f"{provider.issuer}/keys"
    for issuer in (provider.issuer, "https://10.0.0.1", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]",
                   "https://localhost.invalid", "http://10.0.0.1"):
        answer = await post(client, "/settings/sso", **form_of(provider, issuer=issuer))
        assert answer.status_code == 422
        assert "There is no OpenID provider at this address" in answer.text
    assert "/keys" not in provider.calls  # the redirect was not followed
    for issuer in ("ftp://company.example", "file:///etc/passwd", "https://", "https://u:p@company.example",
                   "https://company.example?x", "https://[bad"):
        answer = await post(client, "/settings/sso", **form_of(provider, issuer=issuer))
        assert "begins with https" in answer.text, issuer


async def test_a_provider_that_calls_itself_differently_is_refused(client: Browser, provider: OpenIdProvider) -> None:
    boss = await a_user(is_admin=True)
    await client.sign_in(boss.login, boss.domain)
    for lie in ({"issuer": "https://login.example"}, {"token_endpoint": "javascript:alert(1)"}, {"jwks_uri": ["x"]},
                {"authorization_endpoint": None}):
        provider.metadata = lie
        answer = await post(client, "/settings/sso", **form_of(provider))
        assert answer.status_code == 422, lie
