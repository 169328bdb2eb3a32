"""Signing in and out of the three panels."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from app.kernel.actors import Actor, ActorKind
from app.kernel.db import domain_transaction, platform_transaction, pool_transaction
from tenants.domains import service as domains
from tests.db.factories import STAFF, a_domain
from tests.http.browser import PASSWORD, Browser
from tests.http.people import a_pool_admin, a_staff_member, a_user, history_of

pytestmark = pytest.mark.anyio


@pytest.mark.req("ACC-08", "ACC-11")
async def test_the_form_asks_for_login_password_and_domain(client: Browser) -> None:
    page = (await client.get("/sign-in")).text
    for name in ("login", "password", "domain"):
        assert f'name="{name}"' in page
    assert "/restore-password" in page
    answer = await client.submit("/sign-in", page="/sign-in", login="anna")
    assert answer.status_code == 422
    assert answer.text.count("Fill in this field.") == 2
    assert 'value="anna"' in answer.text


@pytest.mark.req("ACC-08", "ACC-09")
@pytest.mark.parametrize(("is_admin", "start"), [(True, "/"), (False, "/me")])
async def test_each_role_lands_in_its_own_area(client: Browser, is_admin: bool, start: str) -> None:
    user = await a_user(is_admin=is_admin)
    answer = await client.sign_in(user.login, user.domain)
    assert (answer.status_code, answer.headers["location"]) == (303, start)
    seen = (await client.get("/probe")).json()
    assert (seen["login"], seen["domain"], seen["ip"]) == (user.login, user.actor.domain_id, client.ip)
    assert (await client.get("/probe/admin")).status_code == (200 if is_admin else 403)
    assert (await client.get("/sign-in")).headers["location"] == start


@pytest.mark.req("ACC-08")
async def test_the_domain_is_part_of_who_one_is(client: Browser) -> None:
    one, two = await a_user(login="ivanov"), await a_user(login="ivanov")
    await client.sign_in("ivanov", two.domain)
    assert (await client.get("/probe")).json()["domain"] == two.actor.domain_id != one.actor.domain_id


@pytest.mark.req("ACC-D4")
async def test_case_and_blanks_of_login_and_domain_do_not_matter_those_of_the_password_do(client: Browser) -> None:
    user = await a_user()
    for wrong in (PASSWORD.upper(), f" {PASSWORD}", f"{PASSWORD} "):
        assert (await client.sign_in(user.login, user.domain, wrong)).status_code == 422
    answer = await client.sign_in(f"  {user.login.upper()} ", f" {user.domain.upper()}\t")
    assert answer.status_code == 303


@pytest.mark.req("ACC-D4")
async def test_nothing_tells_which_field_was_wrong(client: Browser) -> None:
    user = await a_user()
    tries = [(user.login, user.domain, "wrong1pass"), ("nobody", user.domain, PASSWORD),
             (user.login, "nowhere.pbx.example", PASSWORD), ("a\x00b", "\N{GRINNING FACE}", PASSWORD),
             ("' OR 1=1 --", user.domain, PASSWORD), (user.login, user.domain, "x" * 900)]
    texts = set()
    for login, domain, password in tries:
        answer = await client.sign_in(login, domain, password)
        assert answer.status_code == 422
        assert "Wrong login, password or domain" in answer.text
        assert "switchroom_session" not in str(answer.headers)
        start, end = answer.text.index("<h1"), answer.text.index("<form")
        texts.add(answer.text[start:end])
    assert len(texts) == 1


@pytest.mark.req("ACC-D7")
async def test_a_blocked_domain_lets_its_people_in(client: Browser) -> None:
    actor = await a_domain()
    user = await a_user(actor, is_admin=True)
    async with domain_transaction(actor) as tx:
        await domains.start_block(tx, "financial", "no money")
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    assert (await client.get("/probe/admin")).status_code == 200


@pytest.mark.req("ACC-D6")
async def test_an_administrators_sign_ins_are_in_the_history(client: Browser) -> None:
    actor = await a_domain()
    admin, plain = await a_user(actor, is_admin=True), await a_user(actor)
    await client.sign_in(plain.login, plain.domain)
    await client.sign_in(plain.login, plain.domain, "wrong1pass")
    await client.sign_in(admin.login, admin.domain, "wrong1pass")
    await client.sign_in(admin.login, admin.domain)
    who = (admin.login, admin.id, client.ip)
    assert await history_of(admin) == [("sign_in_failed", *who), ("signed_in", *who)]


@pytest.mark.req("ACC-14")
async def test_the_sign_out_ends_the_session_on_the_server(client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    copied = client.cookies["switchroom_session"]
    token = await client.csrf("/probe/admin")
    assert (await client.get("/sign-out")).status_code in (404, 405)
    assert (await client.get("/probe")).status_code == 200
    answer = await client.post("/sign-out", data={"csrf_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    client.plant("switchroom_session", copied)
    assert (await client.get("/probe")).status_code == 303


@pytest.mark.req("POOL-08", "POOL-09")
async def test_the_pool_has_a_sign_in_of_its_own_without_a_domain(client: Browser) -> None:
    admin = await a_pool_admin()
    assert 'name="domain"' not in (await client.get("/group/sign-in")).text
    answer = await client.sign_in_at("/group", admin.login.upper())
    assert (answer.status_code, answer.headers["location"]) == (303, "/group")
    assert (await client.get("/group/probe")).json()["role"] == "supervisor"
    assert (await client.get("/probe")).headers["location"].startswith("/sign-in")
    actor = Actor(ActorKind.POOL_ADMIN, admin.id, admin.login, "", pool_id=admin.pool_id)
    async with pool_transaction(actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM action_history WHERE action = 'signed_in'") == 1


@pytest.mark.req("POOL-D4")
async def test_a_locked_administrator_cannot_sign_in(client: Browser) -> None:
    admin, staff = await a_pool_admin(is_active=False), await a_staff_member(is_active=False)
    for panel, someone in (("/group", admin), ("/provider", staff)):
        answer = await client.sign_in_at(panel, someone.login)
        assert answer.status_code == 422
        assert "Wrong login or password" in answer.text


async def test_an_engineer_is_in_the_provider_console_and_in_a_domain_at_once(client: Browser) -> None:
    user, staff = await a_user(), await a_staff_member("support")
    await client.sign_in(user.login, user.domain)
    answer = await client.sign_in_at("/provider", staff.login)
    assert answer.headers["location"] == "/provider"
    assert (await client.get("/provider/probe")).json()["login"] == staff.login
    assert (await client.get("/probe")).json()["login"] == user.login
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM action_history WHERE actor_login = $1 "
                                 "AND action = 'signed_in' AND domain_id IS NULL", staff.login) == 1


async def test_one_panels_session_opens_no_other(client: Browser) -> None:
    staff = await a_staff_member()
    await client.sign_in_at("/provider", staff.login)
    client.plant("switchroom_session", client.cookies["switchroom_provider"])
    client.plant("switchroom_group", client.cookies["switchroom_provider"])
    assert (await client.get("/probe")).status_code == 303
    assert (await client.get("/group/probe")).headers["location"].startswith("/group/sign-in")


async def test_a_hash_with_old_parameters_is_renewed(client: Browser) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    user = await a_user(password_hash=weak)
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    async with domain_transaction(user.actor) as tx:
        kept = await tx.fetchval("SELECT password_hash FROM domain_user WHERE domain_id = $1 AND id = $2",
                                 tx.domain_id, user.id)
    assert "m=19456" in kept
    assert (await client.sign_in(user.login, user.domain)).status_code == 303


async def test_a_chosen_language_stays_with_the_account(client: Browser, other_client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    answer = await client.submit("/language", page="/probe/admin", language="ru", to="/probe")
    assert answer.headers["location"] == "/probe"
    answer = await other_client.sign_in(user.login, user.domain)
    assert "lang=ru" in other_client.cookie_of(answer, "lang")
