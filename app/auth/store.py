"""This process's connection to Redis: sessions, limits and the queue of jobs share one pool."""

from __future__ import annotations

from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from app.settings import settings

POOL_SIZE = 32
TIMEOUT_SECONDS = 2.0

_client: ArqRedis | None = None


def client() -> ArqRedis:
    """Connects when it is first used; also enqueues jobs (`await client().enqueue_job(...)`).

    A connection that the server closed while it lay in the pool is replaced once, silently.
    """
    global _client
    if _client is None:
        pool = BlockingConnectionPool.from_url(
            settings().redis_url, max_connections=POOL_SIZE, timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 1), retry_on_error=[RedisConnectionError])
        _client = ArqRedis(pool)
    return _client


async def close() -> None:
    """At the end of the process."""
    global _client
    if _client is not None:
        leaving, _client = _client, None
        await leaving.aclose(close_connection_pool=True)
