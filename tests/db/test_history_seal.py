"""The history is append-only, sealed without waiting, and tells what was done to it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.audit import history, jobs, queries, seals, words_met
from app.audit.secrets import SECRET_FIELDS
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx, domain_transaction, platform_transaction, pool_transaction
from app.settings import settings
from tests.db.factories import STAFF, a_domain
from tests.db.pool_factories import a_pool

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.fixture
async def owner() -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(settings().database_owner_url)
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
    yield connection
    await connection.close()


async def _write(actor: Actor, how_many: int = 1, name: str = "Anna") -> list[int]:
    async with domain_transaction(actor) as tx:
        for _ in range(how_many):
            await history.record(tx, "user_changed", "user", object_id=1, object_name=name,
                                 changes={"display_name": ("A", "Б")})
        rows = await tx.fetch("SELECT id FROM action_history WHERE domain_id = $1 ORDER BY id DESC LIMIT $2",
                              tx.domain_id, how_many)
    return sorted(row["id"] for row in rows)


async def _verified() -> str:
    """"" or the problem with its line, as a check finds it."""
    async with platform_transaction(STAFF) as tx:
        found = (await seals.verify(tx)).broken
    return f"{found.problem} {found.history_id}" if found else ""


@pytest.mark.req("AUD-02", "POOL-D10")
async def test_nobody_changes_or_deletes_a_line_not_even_the_tables_owner(owner: asyncpg.Connection) -> None:
    actor = await a_domain()
    (line,) = await _write(actor)
    orders = ("UPDATE action_history SET object_name = 'x' WHERE id = $1", "DELETE FROM action_history WHERE id = $1")
    for order in orders:
        for door in (domain_transaction(actor), platform_transaction(STAFF)):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with door as tx:
                    await tx.execute(order, line)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(order, line)
    for table in ("action_history", "history_seal", "history_check"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(f"TRUNCATE {table}")
    await owner.execute("SET session_replication_role = replica")  # ordinary triggers are off
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(orders[1], line)


@pytest.mark.req("AUD-02")
async def test_a_changed_deleted_or_inserted_line_is_found(owner: asyncpg.Connection) -> None:
    actor = await a_domain()
    lines = await _write(actor, 5)
    await jobs.seal_history({})
    assert await _verified() == ""
    try:
        await _tampered(owner, lines)
    finally:  # the chain of the run is whole again
        await owner.execute("ALTER TABLE action_history ENABLE ALWAYS TRIGGER action_history_append_only")
        await owner.execute("ALTER TABLE action_history ENABLE ALWAYS TRIGGER action_history_unsealed")
        await owner.execute("ALTER TABLE history_seal ENABLE ALWAYS TRIGGER history_seal_append_only")
    assert await _verified() == ""


async def _tampered(owner: asyncpg.Connection, lines: list[int]) -> None:
    await owner.execute("ALTER TABLE action_history DISABLE TRIGGER action_history_append_only")
    await owner.execute("ALTER TABLE action_history DISABLE TRIGGER action_history_unsealed")
    await owner.execute("UPDATE action_history SET actor_name = 'Nobody' WHERE id = $1", lines[2])
    assert await _verified() == f"changed {lines[2]}"
    await owner.execute("UPDATE action_history SET actor_name = 'Administrator' WHERE id = $1", lines[2])
    assert await _verified() == ""
    columns = ", ".join(("id", "domain_id", "pool_id", "at", "actor_kind", "actor_id", "actor_login", "actor_name", "ip",
                         "request_id", "action", "object_type", "object_id", "object_name", "changes"))
    await owner.execute(f"CREATE TEMP TABLE kept AS SELECT {columns} FROM action_history WHERE id = $1::bigint"
                        .replace("$1", str(lines[3])))
    await owner.execute("DELETE FROM action_history WHERE id = $1", lines[3])
    assert await _verified() == f"deleted {lines[3]}"
    await owner.execute(f"INSERT INTO action_history ({columns}) SELECT {columns} FROM kept")
    assert await _verified() == ""
    forged = lines[-1] + 1_000_000_000
    await owner.execute(f"INSERT INTO action_history ({columns}) SELECT {forged}, {columns.removeprefix('id, ')} FROM kept")
    assert await _verified() == f"inserted {forged}"
    await owner.execute("DELETE FROM action_history WHERE id = $1", forged)
    await owner.execute("ALTER TABLE history_seal DISABLE TRIGGER history_seal_append_only")
    await owner.execute("CREATE TEMP TABLE cut AS SELECT * FROM history_seal ORDER BY number DESC LIMIT 1")
    await owner.execute("DELETE FROM history_seal WHERE number IN (SELECT number FROM cut)")
    assert (await _verified()).startswith("cut")
    await owner.execute("INSERT INTO history_seal SELECT * FROM cut")


@pytest.mark.req("AUD-02")
async def test_a_line_that_commits_late_is_sealed_late_and_writers_do_not_wait(owner: asyncpg.Connection) -> None:
    slow, quick = await a_domain(), await a_domain()
    await jobs.seal_history({})
    late = await asyncpg.connect(settings().database_owner_url)
    try:
        transaction = late.transaction()
        await transaction.start()
        number = await late.fetchval(
            "INSERT INTO action_history (domain_id, actor_kind, actor_id, actor_login, actor_name, action, object_type) "
            "VALUES ($1, 'user', 1, 'late', 'Late', 'user_changed', 'user') RETURNING id", slow.domain_id)
        (later,) = await _write(quick)  # the writer is not held up by the open one
        assert later > number
        await jobs.seal_history({})
        assert await owner.fetchval("SELECT count(*) FROM history_seal WHERE history_id = $1", later) == 1
        await transaction.commit()
    finally:
        await late.close()
    assert await _verified() == ""  # committed, waiting for its seal
    await jobs.seal_history({})
    assert await owner.fetchval("SELECT count(*) FROM history_seal WHERE history_id = $1", number) == 1
    assert await _verified() == ""


async def test_one_sealer_at_a_time() -> None:
    await _write(await a_domain())
    holder = await asyncpg.connect(settings().database_owner_url)
    try:
        await holder.execute("SELECT pg_advisory_lock($1)", seals.LOCK)
        async with platform_transaction(STAFF) as tx:
            assert await seals.seal(tx) == 0
    finally:
        await holder.close()
    await jobs.seal_history({})
    async with platform_transaction(STAFF) as tx:
        assert await seals.waiting(tx) == 0
    checked = await jobs.checked()
    assert checked.broken is None
    assert checked.seals > 0


@pytest.mark.req("AUD-05")
async def test_no_secret_reaches_the_table_by_any_of_its_names(owner: asyncpg.Connection) -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await history.record(tx, "user_changed", "user", changes={
            **{name: (f"old-hunter2-{name}", f"new-hunter2-{name}") for name in SECRET_FIELDS},
            "settings": ({"api_key": "hunter2"}, {"deep": [{"client_secret": "hunter2"}]})})
        text = await tx.fetchval("SELECT changes::text FROM action_history WHERE domain_id = $1 ORDER BY id DESC LIMIT 1",
                                 tx.domain_id)
    assert "hunter2" not in text
    assert '"password"' in text
    # every column of the schema that holds a secret by its name is known as one
    rows = await owner.fetch("SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = 'public' "
                             "AND column_name ~ '(password|secret|token|ha1|totp|_key$|recovery_code)'")
    from app.audit.secrets import is_secret

    harmless = {"actor_key"}
    assert [row[0] for row in rows if not is_secret(row[0]) and row[0] not in harmless
            and not row[0].endswith(("_at", "_on", "_id", "_count"))] == []


@pytest.mark.req("AUD-06")
async def test_the_filters_values_hold_people_that_are_gone_sealed_or_not() -> None:
    domain = await a_domain()
    anna = Actor(ActorKind.DOMAIN_USER, 990_001, "anna", "Anna Old", domain.domain_id)
    await _write(anna)
    for sealed in (False, True):
        if sealed:
            await jobs.seal_history({})
        async with domain_transaction(domain) as tx:
            met = await words_met.met(tx)
        people = {one.value: (one.login, one.name) for one in met if one.kind == "actor"}
        assert people["user:990001"] == ("anna", "Anna Old")
        assert people[words_met.PROVIDER] == ("", "")  # who made the domain is not told
        assert "user_changed" in {one.value for one in met if one.kind == "action"}
    await _write(Actor(ActorKind.DOMAIN_USER, 990_001, "anna", "Anna New", domain.domain_id))
    await jobs.seal_history({})
    async with domain_transaction(domain) as tx:
        assert ("anna", "Anna New") in {(one.login, one.name) for one in await words_met.met(tx)}


@pytest.mark.req("AUD-01", "POOL-D10")
async def test_a_pool_can_write_into_its_own_history_and_about_its_own_domains_only() -> None:
    pool, other = await a_pool(), await a_pool()
    foreign = await other.domain("4455")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with pool_transaction(pool.actor()) as tx:
            await history.record(tx, "domain_renamed", "domain", domain_id=foreign)
    async with pool_transaction(pool.actor()) as tx:
        assert await tx.fetchval("SELECT count(*) FROM action_history WHERE pool_id <> $1", pool.id) == 0


@pytest.mark.req("AUD-01")
async def test_both_names_of_somebody_who_acts_in_anothers_place_are_kept() -> None:
    domain = await a_domain()
    inside = Actor(ActorKind.STAFF, 4, "engineer", "Engineer", domain.domain_id, ip="10.9.9.9", behalf_id=7,
                   behalf_login="ivanov", behalf_name="Ivanov")
    await _write(inside)
    async with domain_transaction(domain) as tx:
        row = await tx.fetchrow("SELECT actor_kind, actor_login, behalf_login, behalf_name, jumped, ip FROM action_history "
                                "WHERE domain_id = $1 ORDER BY id DESC LIMIT 1", tx.domain_id)
    assert tuple(row or ()) == ("staff", "engineer", "ivanov", "Ivanov", True, "10.9.9.9")


@pytest.mark.req("AUD-02")
async def test_the_command_seals_checks_and_says_so() -> None:
    await _write(await a_domain(), 3)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "history-check", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _none = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    assert b"sealed and unbroken" in said


@pytest.mark.req("POOL-48", "AUD-06")
async def test_totals_are_exact_whatever_is_sealed() -> None:
    """Each filter's total against a plain count of the table, with lines around midnights of zone and UTC."""
    domain = await a_domain()
    people = [Actor(ActorKind.DOMAIN_USER, 770_000 + one, f"p{one}", f"P{one}", domain.domain_id) for one in range(3)]
    start = datetime(2026, 3, 1, 20, tzinfo=UTC)
    for half in range(2):
        for number in range(90):
            async with domain_transaction(people[number % 3]) as tx:
                moved = DomainTx(tx.connection, tx.actor, start + timedelta(hours=number), tx.domain_id)
                await history.record(moved, f"user_{('changed', 'created')[number % 2]}", "user",
                                     object_name=f"Имя {number % 7}")
        if half == 0:
            await jobs.seal_history({})
    periods: list[tuple[datetime | None, datetime | None]] = [
        (None, None), (start + timedelta(hours=1), None), (None, start + timedelta(hours=50)),
        (start + timedelta(hours=1), start + timedelta(hours=73)),
        (start + timedelta(hours=5), start + timedelta(hours=8)),
        (start + timedelta(hours=4), start + timedelta(hours=28))]
    async with domain_transaction(domain) as tx:
        for since, until in periods:
            for actions in ((), ("user_changed",), ("user_changed", "user_created")):
                for actor in ("", "user:770001", words_met.PROVIDER):
                    for text in ("", "имя 3", "ИМЯ", "nothing"):
                        wanted = queries.Wanted(text, actions, actor, since, until)
                        _rows, total = await queries.page(tx, wanted, limit=5, offset=0)
                        assert total == await _plain_count(tx, wanted), wanted
    async with platform_transaction(STAFF) as tx:
        for wanted in (queries.Wanted(), queries.Wanted("имя 3"), queries.Wanted(actor="user:770001")):
            _rows, total = await queries.page(tx, wanted, limit=5, offset=0)
            assert total == await _plain_count(tx, wanted), wanted


async def _plain_count(tx: DomainTx | PlatformTx, wanted: queries.Wanted) -> int:
    number = wanted.actor.partition(":")[2]
    return await tx.fetchval(
        "SELECT count(*) FROM action_history WHERE ($1::bigint IS NULL OR domain_id = $1) "
        "AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3) "
        "AND (cardinality($4::text[]) = 0 OR action = ANY($4)) AND ($5::bigint IS NULL OR actor_id = $5) "
        "AND ($6 = '' OR lower(object_name) LIKE '%' || $6 || '%') "
        "AND (NOT $7 OR actor_kind IN ('staff', 'system') AND NOT jumped)",
        tx.domain_id if isinstance(tx, DomainTx) else None, wanted.since, wanted.until, list(wanted.actions),
        int(number) if number else None, wanted.text.lower(), wanted.actor == words_met.PROVIDER)
