"""Pools as the provider makes them, groups of domains and bulk moves [POOL-27…35, POOL-D5…D8]."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from app.kernel.db import platform_transaction, pool_transaction
from app.kernel.errors import InvalidFields, NotFound, Refused
from tenants.pools import administrators, domains, service, subgroups
from tenants.pools.rules import NewAdministrator, PoolSettings
from tests.db.factories import STAFF, a_domain
from tests.db.pool_factories import Pool, a_pool

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


def _chief(login: str) -> NewAdministrator:
    return NewAdministrator(login, "Chief", "chief@pool.example", "abc123", role="subgroup_admin")


async def _platform(call: Any, *args: Any, **named: Any) -> Any:
    async with platform_transaction(STAFF) as tx:
        return await call(tx, *args, **named)


async def _pool(pool: Pool, call: Any, *args: Any, who: str = "chief") -> Any:
    async with pool_transaction(pool.actor(who)) as tx:
        return await call(tx, *args)


async def _group_of(pool: Pool, domain_id: int) -> int | None:
    return (await pool.row(domain_id))["subgroup_id"]


@pytest.mark.req("POOL-D5", "POOL-D4", "POOL-D1")
async def test_a_pool_is_made_with_its_first_supervisor_or_not_at_all() -> None:
    other = await a_pool()
    name = f"Группа компаний {other.id}"
    wrong: list[tuple[PoolSettings, NewAdministrator, str]] = [
        (PoolSettings(other.name), _chief("someone1"), "name"),
        (PoolSettings(name, 11), _chief("someone1"), "route_number_length"),
        (PoolSettings(name, 4, "{route}"), _chief("someone1"), "dial_expression"),
        (PoolSettings(name, 4, "{route}{ext}{ext}"), _chief("someone1"), "dial_expression"),
        (PoolSettings(name, 4, "a{route}{ext}"), _chief("someone1"), "dial_expression"),
        (PoolSettings(name), _chief(other.people["chief"].login), "login")]
    for settings, chief, field in wrong:
        with pytest.raises(InvalidFields) as refused:
            await _platform(service.create_pool, settings, chief)
        assert field in refused.value.fields
    async with platform_transaction(STAFF) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM pool WHERE name = $1", name)
    pool_id = await _platform(service.create_pool, PoolSettings(name, 5, "*{route}#{ext}"), _chief(f"first{other.id}"))
    async with platform_transaction(STAFF) as tx:
        row = await tx.fetchrow("SELECT role, is_active, id FROM pool_admin WHERE pool_id = $1", pool_id)
    assert row is not None
    assert (row["role"], row["is_active"]) == ("supervisor", True)
    with pytest.raises(NotFound):
        await _platform(service.reset_supervisor_password, other.id, row["id"], "new1pass")
    await _platform(service.reset_supervisor_password, pool_id, row["id"], "new1pass")


@pytest.mark.req("POOL-D5", "POOL-D6")
async def test_a_domain_is_in_one_pool_and_leaves_without_number_and_group() -> None:
    pool, other = await a_pool(), await a_pool()
    domain_id = (await a_domain()).domain_id
    await _platform(service.add_domain, pool.id, domain_id, "4455")
    with pytest.raises(Refused):
        await _platform(service.add_domain, other.id, domain_id)
    second = (await a_domain()).domain_id
    for taken in ("4455", "44556", "445", "44a5"):
        with pytest.raises(InvalidFields):
            await _platform(service.add_domain, pool.id, second, taken)
    await _pool(pool, subgroups.move, [domain_id], await pool.group("Филиалы"))
    with pytest.raises(Refused):
        await _platform(service.delete_pool, pool.id)
    with pytest.raises(NotFound):
        await _platform(service.remove_domain, other.id, domain_id)
    before = await pool.desired(domain_id)
    await _platform(service.remove_domain, pool.id, domain_id)
    row = await pool.row(domain_id)
    assert (row["pool_id"], row["route_number"], row["subgroup_id"]) == (None, None, None)
    assert await pool.desired(domain_id) == before + 1
    gone = await _platform(service.delete_pool, pool.id)
    assert gone == [pool.people["chief"].id]
    async with platform_transaction(STAFF) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM pool_admin WHERE pool_id = $1", pool.id)


@pytest.mark.req("POOL-D6")
async def test_another_length_leaves_numbers_and_another_expression_configures_every_domain() -> None:
    pool = await a_pool(route_number_length=4)
    first, second = await pool.domain("4455"), await pool.domain(None)
    before = [await pool.desired(first), await pool.desired(second)]
    await _platform(service.change_pool, pool.id, PoolSettings(pool.name, 5))
    assert (await pool.row(first))["route_number"] == "4455"
    assert [await pool.desired(first), await pool.desired(second)] == before
    with pytest.raises(InvalidFields):
        await _pool(pool, domains.change_route_number, second, "4466")
    await _pool(pool, domains.change_route_number, second, "44660")
    await _platform(service.change_pool, pool.id, PoolSettings(pool.name, 5, "*{route}{ext}"))
    assert [await pool.desired(first), await pool.desired(second)] == [before[0] + 1, before[1] + 2]


@pytest.mark.req("POOL-D6")
async def test_two_route_numbers_taken_at_one_moment_cannot_both_win() -> None:
    pool = await a_pool(route_number_length=4)
    first, second = await pool.domain(None), await pool.domain(None)
    results = await asyncio.gather(*(
        _pool(pool, domains.change_route_number, one, "4455") for one in (first, second)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["InvalidFields", "NoneType"]


@pytest.mark.req("POOL-27", "POOL-33", "POOL-D8")
async def test_names_of_groups_are_unique_without_case_and_the_built_in_one_is_reserved() -> None:
    pool, other = await a_pool(), await a_pool()
    group = await pool.group("  Филиалы   юга ")
    async with pool_transaction(pool.actor()) as tx:
        assert (await subgroups.known(tx, group))["name"] == "Филиалы юга"
    for wrong in ("филиалы ЮГА", "Без группы", "без  ГРУППЫ", "No group", "", " ", "x" * 101, "a\nb"):
        with pytest.raises(InvalidFields):
            await _pool(pool, subgroups.create, wrong)
    assert await other.group("Филиалы юга")  # each pool has its own names
    second = await pool.group("x" * 100)
    with pytest.raises(InvalidFields):
        await _pool(pool, subgroups.rename, second, "ФИЛИАЛЫ юга")
    await _pool(pool, subgroups.rename, second, "Север")
    for unknown in (0, await other.group("Чужая")):  # "No group" is no group to rename or delete
        with pytest.raises(NotFound):
            await _pool(pool, subgroups.rename, unknown, "Новая")
        with pytest.raises(NotFound):
            await _pool(pool, subgroups.delete, unknown)


@pytest.mark.req("POOL-34", "POOL-35", "POOL-D8")
async def test_t11_a_deleted_group_leaves_its_domain_without_a_group() -> None:
    pool = await a_pool()
    group, kept = await pool.group("Новая группа 2"), await pool.group("Остаётся")
    domain_id = await pool.domain("4455", group)
    sub = await pool.administrator("sub", [group, kept])
    moved = await _pool(pool, subgroups.delete, group)
    assert [(one.admin_id, one.domain_id) for one in moved.lost] == [(sub.id, domain_id)]
    assert await _group_of(pool, domain_id) is None
    async with platform_transaction(STAFF) as tx:
        assert [row[0] for row in await tx.fetch("SELECT subgroup_id FROM pool_admin_subgroup WHERE admin_id = $1",
                                                 sub.id)] == [kept]


@pytest.mark.req("POOL-29", "POOL-30", "POOL-31", "POOL-32", "POOL-D8", "POOL-D10")
async def test_t12_bulk_moves_are_all_or_nothing_and_skip_what_is_in_no_group() -> None:
    pool, other = await a_pool(), await a_pool()
    ids = [await pool.domain(str(4455 + number)) for number in range(3)]
    foreign = await other.domain("4455")
    with pytest.raises(Refused):  # T12
        await _pool(pool, subgroups.remove_from_group, ids)
    group = await pool.group("Филиалы")
    for wrong in ([ids[0], foreign], [ids[0], 2**62]):
        with pytest.raises(NotFound):
            await _pool(pool, subgroups.move, wrong, group)
        with pytest.raises(NotFound):
            await _pool(pool, subgroups.move_to_new, wrong, "Другая")
    assert await _group_of(pool, ids[0]) is None
    with pytest.raises(NotFound):
        await _pool(pool, subgroups.move, ids, await other.group("Чужая"))
    with pytest.raises(InvalidFields):
        await _pool(pool, subgroups.move_to_new, ids, "филиалы")
    assert (await _pool(pool, subgroups.move_to_new, ids[:2], "Созданная")).domains == 2
    assert (await _pool(pool, subgroups.move, ids[1:], group)).domains == 2
    assert (await _pool(pool, subgroups.move, ids[1:], group)).domains == 0  # they are there already
    created = await _group_of(pool, ids[0])
    assert created not in (None, group)
    assert (await _pool(pool, subgroups.remove_from_group, [ids[0], ids[1]])).domains == 2
    mixed = await _pool(pool, subgroups.remove_from_group, ids)  # two are without a group by now
    assert mixed.domains == 1
    assert [await _group_of(pool, one) for one in ids] == [None, None, None]
    lines = [line for line in await pool.history() if line["action"] == "domain_moved"]
    assert [(line["object_id"], line["changes"]["subgroup"]) for line in lines if line["object_id"] == ids[1]] == [
        (ids[1], [None, "Созданная"]), (ids[1], ["Созданная", "Филиалы"]), (ids[1], ["Филиалы", None])]
    assert all(line["domain_id"] is None for line in lines)  # the groups are the pool's own affair


@pytest.mark.req("POOL-13", "POOL-40", "POOL-D8", "POOL-D9")
async def test_rights_follow_the_groups_and_none_is_allowed() -> None:
    pool, other = await a_pool(), await a_pool()
    group = await pool.group("Филиалы")
    inside, outside = await pool.domain("4455", group), await pool.domain("4456")
    await pool.administrator("sub", [group])
    await pool.administrator("viewer", [])
    await _pool(pool, domains.rename, inside, "Юг", who="sub")
    for who, domain_id in (("sub", outside), ("viewer", inside), ("viewer", outside)):
        with pytest.raises(Exception, match="groups") as refused:
            await _pool(pool, domains.rename, domain_id, "x", who=who)
        assert refused.value.status_code == 403  # type: ignore[attr-defined]
    with pytest.raises(InvalidFields):
        await other.administrator("stranger", [group])
    async with pool_transaction(pool.actor()) as tx:
        await tx.execute("UPDATE pool_admin SET is_active = false WHERE id = $1", pool.people["sub"].id)
    with pytest.raises(Exception, match="may not"):  # locked while the session was still open
        await _pool(pool, domains.rename, inside, "y", who="sub")


@pytest.mark.req("POOL-D9")
async def test_two_supervisors_cannot_lock_each_other_at_one_moment() -> None:
    pool = await a_pool()
    second = await pool.administrator("second", role="supervisor")
    change = administrators.Change(administrators.Person("X", "x@pool.example"), is_active=False)
    results = await asyncio.gather(
        _pool(pool, administrators.change, second.id, change),
        _pool(pool, administrators.change, pool.people["chief"].id, change, who="second"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["Forbidden", "list"]
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM pool_admin WHERE pool_id = $1 AND is_active", pool.id) == 1


@pytest.mark.req("POOL-14", "POOL-24")
@pytest.mark.parametrize("order", [
    "UPDATE domain SET company_name = 'x' WHERE id = $1", "UPDATE domain SET name = 'x.example' WHERE id = $1",
    "UPDATE domain SET pool_id = NULL WHERE id = $1", "UPDATE domain SET notification_email = 'x' WHERE id = $1",
    "DELETE FROM domain WHERE id = $1", "UPDATE account SET balance = 1 WHERE domain_id = $1",
    "UPDATE domain_user SET is_admin = true WHERE domain_id = $1",
    "UPDATE provisioning_state SET pinned = 1 WHERE domain_id = $1",
    "INSERT INTO outbox_event (domain_id, kind, payload) VALUES ($1, 'x', '{}')",
    "INSERT INTO mail_message (domain_id, recipient, subject, body) VALUES ($1, 'a@b.example', 'x', 'x')"])
async def test_the_pools_door_writes_nothing_else_of_a_domain(order: str) -> None:
    pool = await a_pool()
    domain_id = await pool.domain("4455", users=1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with pool_transaction(pool.actor()) as tx:
            await tx.execute(order, domain_id)


@pytest.mark.req("POOL-14")
async def test_the_pools_door_neither_sees_nor_touches_another_pools_things() -> None:
    pool, other = await a_pool(), await a_pool()
    foreign = await other.domain("4455", await other.group("Чужая"))
    async with pool_transaction(pool.actor()) as tx:
        for order in ("UPDATE domain SET display_name = 'x' WHERE id = $1",
                      "UPDATE provisioning_state SET desired = 9 WHERE domain_id = $1"):
            assert (await tx.execute(order, foreign)).endswith(" 0")
        for table in ("pool_subgroup", "pool_admin", "pool_admin_subgroup"):
            assert not await tx.fetchval(f"SELECT count(*) FROM {table} WHERE pool_id <> $1", pool.id)
    mine = await pool.domain("4455")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with pool_transaction(pool.actor()) as tx:
            await tx.execute("UPDATE domain SET subgroup_id = $2 WHERE id = $1", mine, other.groups["Чужая"])
