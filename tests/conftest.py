"""One database and one cache for the whole run; tests isolate themselves by making a domain of their own.

`TEST_DATABASE_URL` (an owner's address of any database of the server) and `TEST_REDIS_URL` use servers that
run already; otherwise embedded ones are started and stopped. The environment is set before the application
is imported.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("SWITCHROOM_TEST_STATE", ROOT / ".local" / "test")).resolve()
os.environ["SWITCHROOM_STATE"] = str(STATE)
os.environ["SWITCHROOM_ENV"] = "test"
os.environ["LOG_FORMAT"] = "console"
REDIS_DATABASE = os.environ.get("TEST_REDIS_DATABASE") or 1 + os.getpid() % (
    int(os.environ.get("TEST_REDIS_DATABASES", "16")) - 1)
os.environ.setdefault("DATABASE_POOL", "12")
# the machine's load decides how long an example takes to make, not the strategy
hypothesis.settings.register_profile("shared", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.load_profile("shared")


class TestServers:
    """The run's own database on whichever server is at hand."""

    __test__ = False

    def __init__(self) -> None:
        from app.runner import embedded

        STATE.mkdir(parents=True, exist_ok=True)
        self.postgres, self.redis = embedded.servers(STATE)
        self.own_database = "TEST_DATABASE_URL" not in os.environ
        self.own_redis = "TEST_REDIS_URL" not in os.environ
        self.name = f"test_{os.getpid()}"

    def start(self) -> None:
        import redis

        from app.runner import embedded
        from app.settings import load_secrets, settings
        from migrations.runner import migrate

        secrets = load_secrets(STATE)
        if self.own_database:
            self.postgres.start("-c fsync=off")
            base = self.postgres.owner_url
        else:
            base = os.environ["TEST_DATABASE_URL"]
        self.admin_url = base.rsplit("/", 1)[0] + "/postgres"
        self.owner_url = base.rsplit("/", 1)[0] + f"/{self.name}"
        asyncio.run(self._sql(f'DROP DATABASE IF EXISTS "{self.name}"', f'CREATE DATABASE "{self.name}"'))
        if self.own_redis:
            self.redis.start()
        base_redis = self.redis.url if self.own_redis else os.environ["TEST_REDIS_URL"]
        os.environ["REDIS_URL"] = base_redis.rsplit("/", 1)[0] + f"/{REDIS_DATABASE}"
        redis.Redis.from_url(os.environ["REDIS_URL"]).flushdb()  # an earlier run may have left its own there
        os.environ["DATABASE_URL"] = self.owner_url
        os.environ["DATABASE_APP_URL"] = embedded.app_url(self.owner_url, secrets["database_app_password"])
        settings.cache_clear()  # a test without a database may have asked before the addresses were known
        asyncio.run(migrate(self.owner_url, app_password=secrets["database_app_password"],
                            node_password=secrets["database_node_password"]))

    async def _sql(self, *statements: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.admin_url)
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    def stop(self) -> None:
        asyncio.run(self._sql(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)'))
        if self.own_redis:
            self.redis.stop()
        if self.own_database:
            self.postgres.stop()


@pytest.fixture(scope="session")
def servers() -> object:
    """Servers of this run; pure tests that do not ask for it start nothing."""
    found = TestServers()
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def database(servers: TestServers, anyio_backend: str) -> AsyncIterator[None]:
    """The application's connection pool, as a process of ours opens it."""
    from app.kernel.db import DB

    await DB.open()
    yield
    await DB.close()
