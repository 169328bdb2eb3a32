"""From a pool or the provider's console into a domain, and what must not work on that way."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.auth import jump, sessions, store
from app.auth.shells import POOL, PROVIDER
from app.kernel import clock
from app.kernel.actors import ActorKind
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound
from tenants.calls.personal.service import attach_voicemail
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser
from tests.http.people import Someone, a_pool_admin, a_staff_member, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


@pytest.fixture
async def pool(client: Browser) -> Someone:
    """The client is a supervisor of a pool, signed in."""
    someone = await a_pool_admin("supervisor")
    await client.sign_in_at("/group", someone.login)
    return someone


async def a_pools_domain(pool_id: int) -> Any:
    actor = await a_domain()
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET pool_id = $2 WHERE id = $1", actor.domain_id, pool_id)
    return actor


async def token_for(client: Browser, shell: Any, domain_id: int, **more: int) -> str:
    principal = await sessions.load(shell, client.cookies[shell.cookie_name], ip=client.ip)
    assert principal is not None
    return await jump.issue(principal, domain_id, **more)


async def enter(client: Browser, token: str, **headers: str) -> httpx.Response:
    return await client.post("/enter", data={"token": token}, headers=headers)


async def lines(sql: str, *args: object) -> list[tuple]:
    async with platform_transaction(STAFF) as tx:
        return [tuple(row) for row in await tx.fetch(sql, *args)]


@pytest.mark.req("POOL-26")
async def test_a_supervisor_works_in_a_domain_under_their_own_name(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    answer = await enter(client, await token_for(client, POOL, actor.domain_id))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    client.cookies.set("lang", "ru")
    html = (await client.get("/users")).text
    assert f"{pool.login} (администратор пула)" in html
    assert "Администратор домена" in html
    assert 'href="/me"' not in html
    assert (await client.get("/me")).status_code == 403
    token = await client.csrf("/users")
    async with domain_transaction(actor) as tx:
        group = await tx.fetchval("INSERT INTO call_group (domain_id, name) VALUES ($1, 'G') RETURNING id", tx.domain_id)
    made = await client.post("/users", headers={"X-CSRF-Token": token, "HX-Request": "true"}, data={
        "display_name": "Anna", "login": "anna", "password": "correct1horse", "password_repeat": "correct1horse",
        "quoted": "0/0/0", "groups": str(group)})
    assert made.status_code == 200, made.text
    told = await lines("SELECT action, actor_kind, actor_login, ip, jumped FROM action_history WHERE domain_id = $1 "
                       "AND actor_kind = 'pool_admin' ORDER BY id", actor.domain_id)
    assert told == [("signed_in", "pool_admin", pool.login, client.ip, True),
                    ("user_created", "pool_admin", pool.login, client.ip, True),
                    ("group_changed", "pool_admin", pool.login, client.ip, True)]
    assert await lines("SELECT action, object_id FROM action_history WHERE pool_id = $1 AND action = 'entered_domain'",
                       pool.pool_id) == [("entered_domain", actor.domain_id)]
    assert (await client.get("/group")).status_code == 200  # the pool's own session goes on


@pytest.mark.req("POOL-26")
async def test_a_token_works_once_for_a_minute_in_its_own_browser(client: Browser, other_client: Browser,
                                                                  pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    token = await token_for(client, POOL, actor.domain_id)
    assert (await enter(other_client, token)).status_code == 409  # and it is used up by that
    assert (await enter(client, token)).status_code == 409
    for forged in ("", "x", "../../", "0" * 43):
        assert (await enter(client, forged)).status_code == 409
    used = await token_for(client, POOL, actor.domain_id)
    assert (await enter(client, used)).status_code == 303
    assert (await enter(client, used)).status_code == 409
    late = await token_for(client, POOL, actor.domain_id)
    key = jump._key(late)
    assert 0 < await store.client().ttl(key) <= 60
    assert (await enter(client, late, **{"sec-fetch-site": "cross-site"})).status_code == 404
    gone = await token_for(client, POOL, actor.domain_id)
    await client.post("/group/sign-out", data={"csrf_token": await client.csrf("/group")})
    assert (await enter(client, gone)).status_code == 409


async def test_a_get_does_not_enter(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    token = await token_for(client, POOL, actor.domain_id)
    assert (await client.get("/enter", params={"token": token})).status_code == 404
    assert "switchroom_session" not in client.cookies


@pytest.mark.req("POOL-14", "POOL-26")
async def test_a_domain_of_another_pool_does_not_exist(client: Browser, pool: Someone) -> None:
    other = await a_pools_domain((await a_pool_admin()).pool_id)
    for domain_id in (other.domain_id, (await a_domain()).domain_id, 10**15):
        with pytest.raises(NotFound):
            await token_for(client, POOL, domain_id)


async def test_the_right_is_asked_again_when_the_token_is_used(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    token = await token_for(client, POOL, actor.domain_id)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET pool_id = NULL WHERE id = $1", actor.domain_id)
    assert (await enter(client, token)).status_code == 409


@pytest.mark.parametrize("how", ["domain", "person", "locked"])
async def test_who_loses_the_right_is_out(client: Browser, pool: Someone, how: str) -> None:
    actor = await a_pools_domain(pool.pool_id)
    await enter(client, await token_for(client, POOL, actor.domain_id))
    assert (await client.get("/users")).status_code == 200
    if how == "domain":
        assert await jump.end_for(ActorKind.POOL_ADMIN, domain_id=actor.domain_id) == 1
    elif how == "person":
        assert await jump.end_for(ActorKind.POOL_ADMIN, pool.id) == 1
    else:
        await sessions.end_sessions(ActorKind.POOL_ADMIN, 0, pool.id)
    assert (await client.get("/users")).status_code == 303
    assert (await client.get("/group")).status_code == (303 if how == "locked" else 200)


async def test_leaving_ends_the_session_and_leads_back(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    await enter(client, await token_for(client, POOL, actor.domain_id))
    copied = client.cookies["switchroom_session"]
    answer = await client.post("/leave", data={"csrf_token": await client.csrf("/users")})
    assert answer.headers["location"] == "/group"
    client.plant("switchroom_session", copied)
    assert (await client.get("/users")).status_code == 303


@pytest.mark.parametrize(("role", "may_change"), [("administrator", True), ("billing", False), ("support", False)])
async def test_support_looks_and_changes_nothing(client: Browser, role: str, may_change: bool) -> None:
    staff = await a_staff_member(role)
    await client.sign_in_at("/provider", staff.login)
    actor = await a_domain()
    user = await a_user(actor)
    await enter(client, await token_for(client, PROVIDER, actor.domain_id))
    client.cookies.set("lang", "ru")
    html = (await client.get(f"/users/{user.id}")).text
    assert staff.login in html
    assert ("ничего не менять" in html or "изменить ничего" in html) is not may_change
    answer = await client.post(f"/users/{user.id}/delete", headers={
        "X-CSRF-Token": await client.csrf("/users"), "HX-Request": "true"})
    assert answer.status_code == (200 if may_change else 403)
    assert bool(await lines("SELECT id FROM domain_user WHERE id = $1", user.id)) is not may_change
    assert (await client.post("/leave", data={"csrf_token": await client.csrf("/users")})).status_code == 303


async def test_acting_in_a_users_place_carries_both_names(client: Browser) -> None:
    staff = await a_staff_member("administrator")
    await client.sign_in_at("/provider", staff.login)
    actor = await a_domain()
    user = await a_user(actor, "petrov")
    answer = await enter(client, await token_for(client, PROVIDER, actor.domain_id, as_user_id=user.id))
    assert answer.headers["location"] == "/me"
    html = (await client.get("/me")).text
    assert staff.login in html
    assert "Petrov" in html
    assert (await client.get("/users")).status_code == 403  # no more than that user may
    await client.post("/me", headers={"X-CSRF-Token": await client.csrf("/me")}, data={
        "display_name": "Pyotr", "email": ""})
    assert await lines("SELECT actor_login, behalf_login, action FROM action_history WHERE domain_id = $1 "
                       "AND action = 'user_changed'", actor.domain_id) == [(staff.login, "petrov", "user_changed")]
    assert await lines("SELECT changes->'acts_as' FROM action_history WHERE action = 'entered_domain' "
                       "AND actor_login = $1", staff.login) == [([None, "petrov"],)]


@pytest.mark.parametrize(("role", "may_change"), [("administrator", True), ("support", False)])
async def test_staff_in_a_users_place_see_the_users_own_tabs(client: Browser, role: str, may_change: bool) -> None:
    staff = await a_staff_member(role)
    await client.sign_in_at("/provider", staff.login)
    actor = await a_domain()
    user = await a_user(actor, "petrov")
    other = await a_user(actor, "sidorov")
    async with domain_transaction(actor) as tx:
        node_id = await tx.fetchval("SELECT pbx_node_id FROM domain WHERE id = $1", tx.domain_id)
        for person, number in ((user, "74951110001"), (other, "74951110002")):
            await attach_voicemail(tx, user_id=person.id, node_id=node_id, linkedid=f"v{person.id}", file_id=1,
                                   seconds=5, number=number, recorded_at=tx.now)
    await enter(client, await token_for(client, PROVIDER, actor.domain_id, as_user_id=user.id))
    for tab in ("", "/calls", "/faxes", "/calls/export", "/faxes/export", "/calls-settings", "/forwarding/new", "/contacts"):
        assert (await client.get(f"/me{tab}")).status_code == 200, tab
    calls = (await client.get("/me/calls")).text
    assert "111-00-01" in calls
    assert "111-00-02" not in calls
    sent = await client.post("/me/faxes/send", headers={"X-CSRF-Token": await client.csrf("/me"), "HX-Request": "true"},
                             data={"number": "84951110003"}, files={"file": ("a.png", b"not a picture", "image/png")})
    assert sent.status_code == (422 if may_change else 403)
    assert (await client.get("/me/security")).status_code == 404  # what proves who one is stays one's own


async def test_a_pool_administrator_acts_in_nobodys_place(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    user = await a_user(actor)
    with pytest.raises(NotFound):
        await token_for(client, POOL, actor.domain_id, as_user_id=user.id)


async def test_a_user_of_another_domain_cannot_be_stood_in_for(client: Browser) -> None:
    staff = await a_staff_member("administrator")
    await client.sign_in_at("/provider", staff.login)
    theirs = await a_user()
    token = await token_for(client, PROVIDER, (await a_domain()).domain_id, as_user_id=theirs.id)
    assert (await enter(client, token)).status_code == 404


async def test_from_inside_a_domain_no_way_leads_further(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    await enter(client, await token_for(client, POOL, actor.domain_id))
    from app.auth.shells import DOMAIN
    principal = await sessions.load(DOMAIN, client.cookies["switchroom_session"])
    assert principal is not None
    with pytest.raises(NotFound):
        await jump.issue(principal, actor.domain_id)


async def test_a_session_inside_a_domain_grows_old_like_any_other(client: Browser, pool: Someone) -> None:
    actor = await a_pools_domain(pool.pool_id)
    await enter(client, await token_for(client, POOL, actor.domain_id))
    with clock.at(clock.now() + timedelta(minutes=61)):
        assert (await client.get("/users")).status_code == 303


def test_the_page_that_hands_the_token_over_has_no_inline_script() -> None:
    text = (Path(jump.__file__).parent / "templates/jump.html").read_text(encoding="utf-8")
    assert "<script" not in text
    assert '<form method="post" action="/enter" data-autosubmit>' in text
