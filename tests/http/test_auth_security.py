"""What an intruder tries at the sign-in, beyond the limits on guessing [ACC-D4, ACC-D5, ACC-D7]."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from app.auth import hashing, recovery
from app.auth.shells import DOMAIN, POOL, PROVIDER
from app.kernel.db import domain_transaction
from tests.db.factories import a_domain
from tests.http.browser import PASSWORD, Browser
from tests.http.people import a_pool_admin, a_staff_member, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


@pytest.mark.req("ACC-D4")
async def test_the_work_done_is_the_same_whoever_is_named(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumeration by time: what costs time is one Argon2 check, done for nobody as well."""
    checks: list[str] = []

    def counted(password_hash: str, password: str) -> bool:
        checks.append(password_hash.split("$")[3])  # the parameters, which decide how long it takes
        return False

    monkeypatch.setattr(hashing, "verify_password", counted)
    user, pool, staff = await a_user(), await a_pool_admin(), await a_staff_member()
    locked = await a_staff_member(is_active=False)
    for login, domain in ((user.login, user.domain), ("nobody", user.domain), (user.login, "nowhere.pbx.example")):
        await client.sign_in(login, domain, "wrong1pass")
    for panel, login in (("/group", pool.login), ("/group", "nobody"), ("/provider", staff.login),
                         ("/provider", "nobody"), ("/provider", locked.login)):
        await client.sign_in_at(panel, login, "wrong1pass")
    assert len(checks) == 8
    assert len(set(checks)) == 1


@pytest.mark.req("ACC-D5")
async def test_the_letter_is_queued_after_the_answer(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enumeration by time at the forgotten password: before the answer nobody is looked up."""
    order: list[str] = []

    async def noted(login: str, domain: str, **_more: Any) -> None:
        order.append(login)

    monkeypatch.setattr(recovery, "send_letter", noted)
    user = await a_user(email="anna@company.example")
    for login in (user.login, "nobody"):
        answer = await client.submit("/restore-password", login=login, domain=user.domain)
        assert answer.status_code in (200, 201)
    assert order == [user.login, "nobody"]


@pytest.mark.req("ACC-D7")
async def test_a_session_cannot_be_guessed_forged_or_carried_over(client: Browser) -> None:
    user = await a_user(is_admin=True)
    await client.sign_in(user.login, user.domain)
    token = client.cookies["switchroom_session"]
    assert len(token) >= 43  # 256 bits
    flipped = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for forged in ("", "x", token[:-1], token + "A", flipped, token.swapcase(), secrets.token_urlsafe(32),
                   "session:*", "../" + token, token * 100):
        client.plant("switchroom_session", forged)
        assert (await client.get("/probe")).status_code == 303, forged[:60]
    client.plant("switchroom_session", token)
    assert (await client.get("/probe")).status_code == 200
    for shell, probe in ((POOL, "/group/probe"), (PROVIDER, "/provider/probe")):
        client.plant(shell.cookie_name, token)
        assert (await client.get(probe)).status_code == 303


@pytest.mark.req("ACC-D7")
async def test_a_sign_in_from_a_foreign_page_is_refused(client: Browser, other_client: Browser) -> None:
    """Login CSRF: the victim would work in the intruder's account without noticing."""
    intruder = await a_user()
    form = {"login": intruder.login, "domain": intruder.domain, "password": PASSWORD}
    assert (await client.post("/sign-in", data=form)).status_code == 403
    foreign = await other_client.csrf("/sign-in")
    assert (await client.post("/sign-in", data=form | {"csrf_token": foreign})).status_code == 403
    own = {"csrf_token": await client.csrf("/sign-in")}
    answer = await client.post("/sign-in", data=form | own, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert (await client.get("/probe")).status_code == 303


@pytest.mark.req("ACC-D7")
async def test_a_sign_out_from_a_foreign_page_is_refused(client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    assert (await client.post("/sign-out")).status_code == 403
    assert (await client.get("/probe")).status_code == 200


@pytest.mark.req("ACC-D7")
async def test_every_sign_in_gives_a_new_token_and_ends_the_old(client: Browser) -> None:
    user = await a_user()
    seen = set()
    for _ in range(3):
        await client.sign_in(user.login, user.domain)
        first = client.cookies["switchroom_session"]
        token = await client.csrf("/probe/admin")
        form = {"csrf_token": token, "login": user.login, "domain": user.domain, "password": PASSWORD}
        assert (await client.post("/sign-in", data=form)).status_code == 303
        seen |= {first, client.cookies["switchroom_session"]}
        client.plant("switchroom_session", first)
        assert (await client.get("/probe")).status_code == 303
        client.cookies.clear()
    assert len(seen) == 6


@pytest.mark.req("ACC-D4")
async def test_one_password_over_many_logins_is_stopped_in_every_panel(web: Any) -> None:
    """Spraying: each login fails once, the address is what is counted; an IPv6 customer is one address."""
    user = await a_user()
    for number in range(20):
        async with Browser(web, ip=f"2001:db8:77:5::{number + 1:x}") as one:
            assert (await one.sign_in(f"victim{number}", user.domain, "Summer2026")).status_code == 422
    async with Browser(web, ip="2001:db8:77:5:ffff::1") as same_network:
        assert (await same_network.sign_in(user.login, user.domain)).status_code == 429
    async with Browser(web, ip="2001:db8:77:6::1") as neighbour:
        assert (await neighbour.sign_in(user.login, user.domain)).status_code == 303
    async with Browser(web) as sprayer:
        for panel in ("/group", "/provider"):
            for number in range(20):
                assert (await sprayer.sign_in_at(panel, f"victim{number}", "Summer2026")).status_code == 422
            assert (await sprayer.sign_in_at(panel, "admin", "Summer2026")).status_code == 429


@pytest.mark.req("ACC-D5")
async def test_a_link_of_one_domain_sets_nobodys_password_in_another(client: Browser) -> None:
    one, two = await a_user(email="a@company.example"), await a_user(email="b@company.example")
    await recovery.send_letter(one.login, one.domain, ip="", request_id="")
    async with domain_transaction(one.actor) as tx:
        body = await tx.fetchval("SELECT 1 FROM reset_token WHERE domain_id = $1", tx.domain_id)
    assert body == 1
    token = f"{two.actor.domain_id}.{secrets.token_urlsafe(32)}"
    answer = await client.submit("/new-password", token=token, password="another1pass", repeat="another1pass")
    assert answer.status_code == 409
    assert (await client.sign_in(two.login, two.domain)).status_code == 303


@pytest.mark.req("ACC-D4")
async def test_the_three_panels_do_not_share_their_people(client: Browser) -> None:
    """One name everywhere: each panel looks at its own people only."""
    staff, pool = await a_staff_member(), await a_pool_admin()
    user = await a_user(login=staff.login)
    assert (await client.sign_in_at("/group", staff.login)).status_code == 422
    assert (await client.sign_in_at("/provider", pool.login)).status_code == 422
    assert (await client.sign_in(pool.login, user.domain)).status_code == 422
    assert (await client.sign_in(staff.login, user.domain)).status_code == 303
    assert (await client.get("/probe")).json()["role"] == "user"
    assert (await client.get("/provider/probe")).status_code == 303


# --- the session keeps up with its person ----------------------------------------------------------------


async def _post(browser: Browser, path: str, page: str, **fields: str) -> int:
    token = await browser.csrf(page)
    answer = await browser.post(path, data={"csrf_token": token, **fields}, headers={"HX-Request": "true"})
    return answer.status_code


@pytest.mark.req("ACC-23")
async def test_a_changed_name_shows_at_once_in_every_session(client: Browser, other_client: Browser) -> None:
    actor = await a_domain()
    boss, plain = await a_user(actor, is_admin=True), await a_user(actor)
    await client.sign_in(boss.login, boss.domain)
    await other_client.sign_in(plain.login, plain.domain)
    assert await _post(other_client, "/me", "/me", display_name="Vera Orlova", email="") == 200
    principal = await _principal(other_client)
    assert principal.actor.name == "Vera Orlova"
    form = {"display_name": "Vera Serova", "extension": "777", "position": "", "email": "",
            "outgoing_number_id": ""}
    assert await _post(client, f"/users/{plain.id}", f"/users/{plain.id}", **form) == 200
    assert (await _principal(other_client)).actor.name == "Vera Serova"
    assert (await _principal(client)).actor.name == boss.login.title()


async def _principal(browser: Browser) -> Any:
    from app.auth import sessions

    found = await sessions.load(DOMAIN, browser.cookies["switchroom_session"])
    assert found is not None
    return found


async def test_without_a_wish_of_the_browser_the_domains_language_counts(client: Browser) -> None:
    del client.headers["Accept-Language"]
    user = await a_user()
    assert (await _language_after_sign_in(client, user)) == "ru"
    english = await a_user(locale="en")
    client.cookies.clear()
    assert (await _language_after_sign_in(client, english)) == "en"
    client.cookies.clear()
    client.headers["Accept-Language"] = "en"
    assert (await _language_after_sign_in(client, user)) == "en"


async def _language_after_sign_in(client: Browser, user: Any) -> str:
    await client.sign_in(user.login, user.domain)
    text = (await client.get("/me")).text
    return text[text.index('lang="') + 6:][:2]
