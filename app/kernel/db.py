"""The three doors to PostgreSQL. There is no other way to a tenant's rows.

A door opens one transaction, binds the scope to it (`app.domain_id`, or a role that wider policies are
written for) and hands out a proof of it. Scope settings are transaction-local, so a pooled connection
cannot carry them to the next request [ARCHITECTURE 4].
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import asyncpg
from piccolo.engine.exceptions import TransactionError
from piccolo.engine.postgres import PostgresEngine

from app.kernel import clock
from app.kernel.actors import Actor
from app.settings import settings


class _Connection(asyncpg.Connection):
    """All our session state is transaction-local, so a returned connection needs no clean-up query."""

    def get_reset_query(self) -> str:
        return ""


class Engine(PostgresEngine):
    """Piccolo's engine whose pool speaks jsonb as Python objects."""

    @staticmethod
    async def _prepare(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)

    async def check_version(self) -> None:
        """Piccolo would connect while the engine is made, before an address is known."""

    async def open(self, size: int | None = None) -> None:
        """Open the pool; every process does this once at its start."""
        self.config = {"dsn": settings().database_url}
        await self.start_connection_pool(
            min_size=1, max_size=size or settings().database_pool_size, init=self._prepare,
            connection_class=_Connection, command_timeout=60, timeout=5,
            max_inactive_connection_lifetime=300)

    async def close(self) -> None:
        await self.close_connection_pool()


DB = Engine(config={})


@dataclass(slots=True)
class _Current:
    """What Piccolo's queries look for to join the open transaction."""

    connection: asyncpg.Connection


class _Tx:
    """SQL inside the open transaction ($1 placeholders, asyncpg values)."""

    __slots__ = ("actor", "connection", "now")

    def __init__(self, connection: asyncpg.Connection, actor: Actor, now: datetime) -> None:
        self.connection, self.actor, self.now = connection, actor, now

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        return await self.connection.execute(sql, *args)

    async def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        await self.connection.executemany(sql, rows)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part that may fail without ending the whole: `async with tx.savepoint(): ...`"""
        await self.connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            await self.connection.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            raise
        await self.connection.execute("RELEASE SAVEPOINT part")


class DomainTx(_Tx):
    """Proof that a transaction bound to one domain is open. Made only here."""

    __slots__ = ("_is_renewed", "domain_id")

    def __init__(self, connection: asyncpg.Connection, actor: Actor, now: datetime, domain_id: int) -> None:
        super().__init__(connection, actor, now)
        self.domain_id, self._is_renewed = domain_id, False

    def renew_now(self) -> None:
        """Once, when the lock is there that puts the changes of the domain in order: an instant from before the wait
        would lie before what others did meanwhile, at midnight on the day before."""
        if not self._is_renewed:
            self._is_renewed, self.now = True, max(self.now, clock.now())


class PoolTx(_Tx):
    """Proof of a transaction that sees the domains of one pool."""

    __slots__ = ("pool_id",)

    def __init__(self, connection: asyncpg.Connection, actor: Actor, now: datetime, pool_id: int) -> None:
        super().__init__(connection, actor, now)
        self.pool_id = pool_id

    async def enter_domain(self, domain_id: int) -> DomainTx:
        """The same transaction as seen by code that takes a DomainTx; the pool's role stays in force."""
        await self.connection.execute(f"SELECT set_config('app.domain_id','{int(domain_id)}',true)")
        return DomainTx(self.connection, self.actor, self.now, domain_id)


class PlatformTx(_Tx):
    """Proof of a transaction that sees every domain."""

    __slots__ = ()

    async def enter_domain(self, domain_id: int) -> DomainTx:
        """The same transaction as seen by code that takes a DomainTx.

        The wide role stays in force: callers must name `domain_id` in their queries, as they always do.
        """
        await self.connection.execute(f"SELECT set_config('app.domain_id','{int(domain_id)}',true)")
        return DomainTx(self.connection, self.actor, self.now, domain_id)


class PublicTx(_Tx):
    """Proof of a transaction bound to nothing: a tenant's table fails in it."""

    __slots__ = ()


async def _roll_back(connection: asyncpg.Connection) -> None:
    """A connection that cannot (cut off in the middle of an answer, say) is given to nobody else."""
    try:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
    except Exception:  # what broke it is being raised
        with suppress(asyncpg.InterfaceError):  # the pool has it back already
            connection.terminate()


@asynccontextmanager
async def _transaction(scope: str) -> AsyncIterator[asyncpg.Connection]:
    """Commit at the end, roll back on any exception; the connection always goes back to the pool.

    `scope` holds integers only, so that BEGIN and it travel in one round trip.

    Raises:
        TransactionError: this task already has a transaction open.
    """
    if DB.current_transaction.get() is not None:
        raise TransactionError("a transaction is already open in this task")
    if DB.pool is None:
        raise RuntimeError("DB.open() was not called")
    async with DB.pool.acquire(timeout=10) as borrowed:
        connection = cast("asyncpg.Connection", borrowed)  # a proxy with the same methods
        token = DB.current_transaction.set(_Current(connection))  # type: ignore[arg-type]
        try:
            await connection.execute(f"BEGIN; {scope}")
            yield connection
            # Deferred checks fail here and not in COMMIT, whose failure would be mistaken for a lost reply.
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE; COMMIT")
        except BaseException:
            await _roll_back(connection)
            raise
        finally:
            DB.current_transaction.reset(token)


@asynccontextmanager
async def public_transaction() -> AsyncIterator[PublicTx]:
    """A transaction before anybody is signed in: provider parameters and the look-ups of sign-in names."""
    async with _transaction("") as connection:
        yield PublicTx(connection, Actor.system(name="visitor"), clock.now())


@asynccontextmanager
async def domain_transaction(actor: Actor) -> AsyncIterator[DomainTx]:
    """A transaction that sees the rows of `actor.domain_id` and no others."""
    if actor.domain_id <= 0:
        raise ValueError("the actor is in no domain")
    scope = f"SELECT set_config('app.domain_id','{int(actor.domain_id)}',true)"
    async with _transaction(scope) as connection:
        yield DomainTx(connection, actor, clock.now(), actor.domain_id)


@asynccontextmanager
async def pool_transaction(actor: Actor) -> AsyncIterator[PoolTx]:
    """A transaction that sees what the administrators of `actor.pool_id` may see."""
    if actor.pool_id <= 0:
        raise ValueError("the actor is in no pool")
    scope = ("SET LOCAL ROLE switchroom_pool; "
             f"SELECT set_config('app.pool_id','{int(actor.pool_id)}',true)")
    async with _transaction(scope) as connection:
        yield PoolTx(connection, actor, clock.now(), actor.pool_id)


@asynccontextmanager
async def platform_transaction(actor: Actor) -> AsyncIterator[PlatformTx]:
    """A transaction over all domains: provider console, billing runs, the agent [ARCHITECTURE 4]."""
    async with _transaction("SET LOCAL ROLE switchroom_platform") as connection:
        yield PlatformTx(connection, actor, clock.now())
