"""Telling open pages that a call ended and what it cost. Best effort: the database has it already."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.settings import settings

log = structlog.get_logger()

TIMEOUT_SECONDS = 0.5
REST_SECONDS = 2.0  # after a failure nothing is tried for so long: records must not queue up behind it

# One command for a whole batch: as many PUBLISH commands cost the intake a tenth of its speed.
_PUBLISH = "for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end"
_AT_ONCE = 1_000
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode

_client: tuple[asyncio.AbstractEventLoop, Redis] | None = None
_not_before = 0.0

Message = tuple[int, dict[str, object]]  # domain, what happened


async def publish(messages: Sequence[Message]) -> None:
    """On channel `domain:<id>`; silence when Redis is away."""
    global _not_before
    if not messages or time.monotonic() < _not_before or not settings().redis_url:
        return
    try:
        async with asyncio.timeout(2 * TIMEOUT_SECONDS):
            redis = _redis()
            for start in range(0, len(messages), _AT_ONCE):
                words = [word for domain_id, message in messages[start:start + _AT_ONCE]
                         for word in (f"domain:{domain_id}", _ENCODE(message))]
                await redis.execute_command("EVAL", _PUBLISH, 0, *words)
    except (RedisError, OSError, TimeoutError) as error:
        _not_before = time.monotonic() + REST_SECONDS
        log.warning("live_view_not_told", error=repr(error)[:200])


def _redis() -> Redis:
    global _client
    loop = asyncio.get_running_loop()
    if _client is None or _client[0] is not loop:
        _client = loop, Redis.from_url(settings().redis_url, socket_timeout=TIMEOUT_SECONDS,
                                       socket_connect_timeout=TIMEOUT_SECONDS)
    return _client[1]


async def close() -> None:
    """At the end of the process."""
    global _client
    if _client is not None:
        leaving, _client = _client, None
        await leaving[1].aclose()
