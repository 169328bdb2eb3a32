"""Provisioning as people see it: the state of a domain, its generations in the provider's console."""

from __future__ import annotations

from typing import Any

import pytest

from app.kernel import provisioning
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from pbx_provisioning import generations
from tests.db.factories import STAFF, a_domain
from tests.db.provisioning_help import add_user, apply_now, change
from tests.http.browser import Browser
from tests.http.people import a_staff_member, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def a_changed_domain() -> tuple[Actor, int, int]:
    """Two generations: made, and a user given another extension and password."""
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await add_user(tx, "ivanov", "201")
        await provisioning.want_new_generation(tx, "user_created ivanov")
    await apply_now(actor)
    async with domain_transaction(actor) as tx:
        first = (await generations.state_of(tx, tx.domain_id)).applied
    await change(actor, "UPDATE domain_user SET extension = '202', sip_ha1 = md5('x') WHERE domain_id = $1",
                 reason="user_changed ivanov")
    await apply_now(actor)
    return actor, first, first + 1


async def console(client: Browser, role: str) -> str:
    staff = await a_staff_member(role)
    await client.sign_in_at("/provider", staff.login)
    return await client.csrf("/provider")


async def post(client: Browser, path: str, token: str) -> Any:
    return await client.post(path, headers={"x-csrf-token": token, "hx-request": "true"})


async def test_generations_are_listed_and_compared(client: Browser) -> None:
    actor, first, second = await a_changed_domain()
    base = f"/provider/domains/{actor.domain_id}/generations"
    await console(client, "support")
    listed = await client.get(base)
    assert listed.status_code == 200, listed.text[:600]
    assert "User changed: ivanov" in listed.text
    assert f"{base}/{first}/{second}" in listed.text
    difference = await client.get(f"{base}/{second}/{first}")
    assert "exten =&gt; 202,1," in difference.text
    shown = await client.get(f"{base}/{second}")
    assert "exten =&gt; 202,1," in shown.text
    async with platform_transaction(STAFF) as tx:
        secret = await tx.fetchval("SELECT sip_ha1 FROM domain_user WHERE domain_id = $1", actor.domain_id)
    assert secret not in listed.text + difference.text + shown.text


async def test_going_back_and_release(client: Browser) -> None:
    actor, first, _second = await a_changed_domain()
    base = f"/provider/domains/{actor.domain_id}/generations"
    token = await console(client, "administrator")
    assert (await client.get(f"{base}/{first}/pin")).status_code == 200
    assert (await post(client, f"{base}/{first}/pin", token)).headers["hx-redirect"] == base
    await apply_now(actor)
    async with domain_transaction(actor) as tx:
        assert (await generations.state_of(tx, tx.domain_id)).pinned == first
    held = await client.get(base)
    assert f"{base}/release" in held.text
    assert (await post(client, f"{base}/release", token)).status_code == 200
    assert (await post(client, f"{base}/release", token)).status_code == 409
    assert (await client.get(f"{base}/9999")).status_code == 404
    assert (await client.get("/provider/domains/99999999/generations")).status_code == 404


async def test_support_changes_nothing(client: Browser) -> None:
    actor, first, _second = await a_changed_domain()
    token = await console(client, "support")
    for path in (f"/{first}/pin", "/release", "/retry"):
        answer = await post(client, f"/provider/domains/{actor.domain_id}/generations{path}", token)
        assert answer.status_code == 403


async def test_an_administrator_sees_the_state_of_the_own_domain(client: Browser) -> None:
    user = await a_user(is_admin=True)
    await client.sign_in(user.login, user.domain)
    for error, seen in (("", "sw-live"), ("line 3 <x>", "line 3 &lt;x&gt;")):
        await change(user.actor, "UPDATE provisioning_state SET error = '' WHERE domain_id = $1")
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE provisioning_state SET error = $2 WHERE domain_id = $1",
                             user.actor.domain_id, error)
        answer = await client.get("/provisioning/state", headers={"hx-request": "true"})
        assert answer.status_code == 200, answer.text[:600]
        assert seen in answer.text
    await apply_now(user.actor)
    answer = await client.get("/provisioning/state", headers={"hx-request": "true"})
    assert "sw-live-live" in answer.text


async def test_a_plain_user_does_not(client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    assert (await client.get("/provisioning/state")).status_code == 403
