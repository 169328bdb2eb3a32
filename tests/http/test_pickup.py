"""Pages of pickup groups."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from tests.db.factories import a_domain
from tests.http.browser import Browser
from tests.http.people import Someone, a_user
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    await client.sign_in(user.login, user.domain)
    client.cookies["lang"] = "en"
    return user


async def groups_of(admin: Someone) -> dict[str, set[str]]:
    """Name of each group → logins; "" for those in none."""
    async with domain_transaction(admin.actor) as tx:
        found: dict[str, set[str]] = {row["name"]: set() for row in await tx.fetch(
            "SELECT name FROM pickup_group WHERE domain_id = $1", tx.domain_id)}
        for row in await tx.fetch(
                "SELECT u.login, coalesce(g.name, '') AS name FROM domain_user u LEFT JOIN pickup_group g "
                "ON g.domain_id = u.domain_id AND g.id = u.pickup_group_id WHERE u.domain_id = $1", tx.domain_id):
            found.setdefault(row["name"], set()).add(row["login"])
        return found


async def ids(admin: Someone) -> dict[str, int]:
    async with domain_transaction(admin.actor) as tx:
        return {row["name"]: row["id"] for row in await tx.fetch(
            "SELECT id, name FROM pickup_group WHERE domain_id = $1", tx.domain_id)}


@pytest.mark.req("PICK-02", "PICK-04", "PICK-05", "PICK-06", "PICK-07", "PICK-12", "PICK-13")
async def test_life_of_a_group(client: Browser, admin: Someone) -> None:
    anna, boris = await a_user(admin.actor, "anna"), await a_user(admin.actor, "boris")
    shown = (await client.get("/pickup-groups/new")).text
    assert "Pickup number: *8" in shown
    assert 'href="/settings"' in shown
    assert f"anna@{admin.domain}" in shown
    assert (await post(client, "/pickup-groups", name=" Room 1 ", members=str(anna.id))).status_code == 200
    assert (await post(client, "/pickup-groups", name="Empty")).status_code == 200
    assert await groups_of(admin) == {"Room 1": {"anna"}, "Empty": set(), "": {"admin", "boris"}}
    for name in ("", "x" * 65, "room 1", "a\nb"):
        assert errors(await post(client, "/pickup-groups", name=name)).keys() == {"name"}, name
    group = await ids(admin)
    assert "now in Room 1" in (await client.get(f"/pickup-groups/{group['Empty']}")).text
    answer = await post(client, f"/pickup-groups/{group['Empty']}", members=[str(anna.id), str(boris.id)])
    assert answer.status_code == 200
    assert await groups_of(admin) == {"Room 1": set(), "Empty": {"anna", "boris"}, "": {"admin"}}
    assert errors(await post(client, f"/pickup-groups/{group['Empty']}/name", name="ROOM 1")).keys() == {"name"}
    assert (await post(client, f"/pickup-groups/{group['Empty']}/name", name="Full <b>")).status_code == 200
    listed = (await client.get("/pickup-groups")).text
    assert "Full &lt;b&gt;" in listed
    assert "Room 1" in listed
    assert (await post(client, f"/pickup-groups/{group['Empty']}/delete")).status_code == 200
    assert await groups_of(admin) == {"Room 1": set(), "": {"admin", "anna", "boris"}}
    async with domain_transaction(admin.actor) as tx:
        told = [row["action"] for row in await tx.fetch(
            "SELECT action FROM action_history WHERE domain_id = $1 AND object_type = 'pickup_group' ORDER BY id",
            tx.domain_id)]
    assert told == ["pickup_group_created", "pickup_group_created", "pickup_group_changed", "pickup_group_changed",
                    "pickup_group_deleted"]


@pytest.mark.req("PICK-09", "PICK-10", "PICK-11")
async def test_bulk_move_from_several_groups_and_from_none(client: Browser, admin: Someone) -> None:
    people = [await a_user(admin.actor, login) for login in ("anna", "boris", "clara")]
    await post(client, "/pickup-groups", name="One", members=str(people[0].id))
    await post(client, "/pickup-groups", name="Two", members=str(people[1].id))
    chosen = [str(one.id) for one in people]
    asked = (await client.get("/pickup-groups/move", params={"ids": chosen})).text
    assert "No group" in asked
    assert "Clara" in asked
    everybody = (await client.get("/pickup-groups/move", params={"all": "/users?role=admin"})).text
    assert "Admin" in everybody
    assert "Clara" not in everybody
    assert errors(await post(client, "/pickup-groups/move", ids=chosen, group="")).keys() == {"group"}
    two = (await ids(admin))["Two"]
    assert (await post(client, "/pickup-groups/move", ids=chosen, group=str(two))).status_code == 200
    assert await groups_of(admin) == {"One": set(), "Two": {"anna", "boris", "clara"}, "": {"admin"}}
    assert (await post(client, "/pickup-groups/move", ids=chosen[:2], group="none")).status_code == 200
    assert await groups_of(admin) == {"One": set(), "Two": {"clara"}, "": {"admin", "anna", "boris"}}


@pytest.mark.req("PICK-14")
async def test_nothing_of_another_domain(client: Browser, admin: Someone) -> None:
    stranger = await a_user(await a_domain(), login="stranger")
    async with domain_transaction(stranger.actor) as tx:
        foreign = await tx.fetchval("INSERT INTO pickup_group (domain_id, name) VALUES ($1, 'Theirs') RETURNING id",
                                    tx.domain_id)
    for path in ("", "/name", "/delete"):
        for group in (foreign, 2**62, 2**70):
            assert (await client.get(f"/pickup-groups/{group}{path}")).status_code == 404
            typed = {"name": "x"} if path == "/name" else {}
            assert (await post(client, f"/pickup-groups/{group}{path}", **typed)).status_code == 404
    assert (await post(client, "/pickup-groups/move", ids=str(admin.id), group=str(foreign))).status_code == 404
    assert errors(await post(client, "/pickup-groups", name="Ours", members=str(stranger.id))).keys() == {"members"}
    assert await groups_of(admin) == {"": {"admin"}}
    assert "Theirs" not in (await client.get("/pickup-groups")).text
