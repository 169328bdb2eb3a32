"""Walks every table: who owns it, what guards it, and that one domain's door shows nothing of another's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.kernel.actors import Actor
from app.kernel.db import DB, domain_transaction, public_transaction
from app.settings import settings
from tests.db.factories import a_domain
from tests.http.people import a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

RUNTIME_ROLES = ("switchroom_app", "switchroom_platform", "switchroom_pool", "switchroom_node")

TABLES = """
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       c.relispartition AS is_partition, c.relkind = 'v' AS is_view,
       pg_get_userbyid(c.relowner) AS owner,
       EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'domain_id'
               AND NOT a.attisdropped) AS has_domain,
       has_table_privilege('switchroom_app', c.oid, 'SELECT') AS app_reads,
       ARRAY(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 2, 3
"""


@pytest.fixture
async def owner() -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(settings().database_owner_url)
    yield connection
    await connection.close()


async def _tenant_tables(owner: asyncpg.Connection) -> list[asyncpg.Record]:
    """The domain table itself too; a partition is reachable through its parent only."""
    rows = await owner.fetch(TABLES)
    return [row for row in rows if row["schema"] == "public" and not row["is_partition"]
            and (row["has_domain"] or row["name"] == "domain")]


async def test_every_tenant_table_is_under_forced_row_level_security(owner: asyncpg.Connection) -> None:
    tables = await _tenant_tables(owner)
    assert len(tables) > 15
    open_ones = [row["name"] for row in tables if not row["is_view"]  # those have their readers' rights, see below
                 and not (row["enabled"] and row["forced"] and "own_domain" in row["policies"])]
    assert open_ones == []


async def test_partitions_cannot_be_read_past_their_parents_policy(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(TABLES)
    assert [row["name"] for row in rows if row["is_partition"] and row["app_reads"]] == []


async def test_views_use_the_readers_rights(owner: asyncpg.Connection) -> None:
    views = await owner.fetch("SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' "
                              "AND relnamespace = 'public'::regnamespace")
    assert [row["relname"] for row in views if "security_invoker=true" not in (row["reloptions"] or [])] == []


async def test_runtime_roles_own_nothing_and_bypass_nothing(owner: asyncpg.Connection) -> None:
    roles = await owner.fetch("SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit "
                              "FROM pg_roles WHERE rolname = ANY($1)", list(RUNTIME_ROLES))
    assert {row["rolname"] for row in roles} == set(RUNTIME_ROLES)
    assert not any(row[column] for row in roles for column in (
        "rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolinherit"))
    # what a session makes for itself is gone with it
    owned = await owner.fetch("SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = ANY($1) "
                              "AND relpersistence <> 't' UNION ALL "
                              "SELECT proname FROM pg_proc WHERE pg_get_userbyid(proowner) = ANY($1)",
                              list(RUNTIME_ROLES))
    assert owned == []
    async with public_transaction() as tx:
        assert await tx.fetchval("SELECT current_user") == "switchroom_app"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with public_transaction() as tx:
            await tx.execute("CREATE TABLE public.mine (id int)")


async def test_a_query_outside_the_door_fails_loudly(owner: asyncpg.Connection) -> None:
    """On a fresh connection and on one that a door has used before; whatever the table's rows are."""
    await a_user()
    quiet = []
    for table in await _tenant_tables(owner):
        has_rows = await owner.fetchval(f'SELECT EXISTS (SELECT 1 FROM public."{table["name"]}")')
        if not table["app_reads"] or not has_rows:
            continue
        for _attempt in range(2):
            try:
                async with public_transaction() as tx:
                    await tx.fetch(f'SELECT 1 FROM public."{table["name"]}"')
                quiet.append(table["name"])
            except (asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError):
                continue
    assert quiet == []
    assert DB.pool is not None
    async with DB.pool.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError):
            await connection.fetch("SELECT 1 FROM domain_user")


async def _rows_seen(actor: Actor, table: str, column: str, domain_id: int) -> int:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval(f'SELECT count(*) FROM public."{table}" WHERE {column} = $1', domain_id)


async def test_a_domains_door_shows_no_row_of_another(owner: asyncpg.Connection) -> None:
    mine, theirs = await a_domain(), await a_domain()
    await a_user(theirs, is_admin=True)
    walked, leaked = set(), []
    for table in await _tenant_tables(owner):
        name, column = table["name"], "id" if table["name"] == "domain" else "domain_id"
        if not table["app_reads"]:
            continue
        there = await owner.fetchval(f'SELECT count(*) FROM public."{name}" WHERE {column} = $1', theirs.domain_id)
        if there:
            walked.add(name)
        if await _rows_seen(mine, name, column, theirs.domain_id):
            leaked.append(name)
        assert await _rows_seen(theirs, name, column, theirs.domain_id) == there, name
    assert leaked == []
    assert {"domain", "domain_user", "account", "internal_number", "action_history"} <= walked


async def test_a_domains_door_neither_changes_nor_plants_rows_of_another(owner: asyncpg.Connection) -> None:
    mine, theirs = await a_domain(), await a_domain()
    user = await a_user(theirs)
    async with domain_transaction(mine) as tx:
        for sql, number in (("UPDATE domain_user SET display_name = 'x' WHERE id = $1", user.id),
                            ("DELETE FROM domain_user WHERE id = $1", user.id),
                            ("UPDATE domain SET display_name = 'x' WHERE id = $1", theirs.domain_id)):
            assert (await tx.execute(sql, number)).endswith(" 0")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with domain_transaction(mine) as tx:
            await tx.execute("INSERT INTO domain_block (domain_id, kind) VALUES ($1, 'administrative')",
                             theirs.domain_id)
    await a_user(mine)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with domain_transaction(mine) as tx:
            await tx.execute("UPDATE domain_user SET domain_id = $1", theirs.domain_id)
