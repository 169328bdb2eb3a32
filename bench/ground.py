"""The ground a benchmark stands on: a PostgreSQL (fsync on), a Redis and processes of its own, removed at the end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from tests.stack import OwnServers, Stack

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local" / "bench"


@dataclass(frozen=True, slots=True)
class Ground:
    """`owner` is a connection that row-level security does not bind: thousands of rows in a statement."""

    folder: Path
    servers: OwnServers
    owner: asyncpg.Connection
    stacks: list[Stack]  # stopped at the end, whatever happened

    def stack(self, name: str, node_name: str = "pbx1") -> Stack:
        """Web, worker, agent and Asterisk of one node, not started."""
        from tests.stack import make_stack

        made = make_stack(self.folder, self.servers.postgres.owner_url, name=name, node_name=node_name,
                          environment=self.servers.environment)
        self.stacks.append(made)
        return made


@asynccontextmanager
async def own_ground(name: str) -> AsyncIterator[Ground]:
    """Servers started, migrated, and this process connected to them as the application is."""
    folder = STATE / f"{name}-{os.getpid()}"
    for variable in ("DATABASE_URL", "ASTERISK_AMI_HOST", "SWITCHROOM_TELEPHONY", "WEB_PORT"):
        os.environ.pop(variable, None)
    os.environ |= {"SWITCHROOM_STATE": str(folder), "SWITCHROOM_ENV": "production", "LOG_FORMAT": "json"}
    from app.kernel import logging
    from app.kernel.db import DB
    from app.settings import settings
    from tests.stack import OwnServers

    servers = OwnServers(folder)
    stacks: list[Stack] = []
    try:
        await servers.start()
        os.environ.update(servers.environment)
        settings.cache_clear()
        logging.configure(json_lines=True)
        await DB.open()
        owner = await asyncpg.connect(servers.postgres.owner_url)
        try:
            yield Ground(folder, servers, owner, stacks)
        finally:
            for stack in stacks:
                await stack.stop()
            await owner.close()
            await DB.close()
    finally:
        await servers.stop()


async def with_old_log(owner: asyncpg.Connection, megabytes: int) -> None:
    """As on a server that has run for a while: segments of the write-ahead log are there to be written over. A fresh
    one fills each new segment with zeros first, which takes a commit 70 ms."""
    for _ in range(megabytes // 16):
        await owner.execute("SELECT pg_logical_emit_message(false, 'bench', repeat('x', 16 * 1024 * 1024))")
    await owner.execute("CHECKPOINT", timeout=120)
    ready = await owner.fetchval(
        "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())")
    if ready < megabytes // 32:
        raise RuntimeError(f"{ready} segments to write over")


async def until(check, seconds: float, what: str, every: float = 0.05) -> None:
    """Raises RuntimeError when `check()` does not become true in time."""
    for _ in range(int(seconds / every)):
        if await check():
            return
        await asyncio.sleep(every)
    raise RuntimeError(f"not within {seconds:.0f} s: {what}")
