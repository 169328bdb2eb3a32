"""Server-sent events over Redis pub/sub: a snapshot first, then changes, a heartbeat in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

from litestar.response import ServerSentEvent, ServerSentEventMessage
from redis.asyncio import Redis

HEARTBEAT_SECONDS = 15.0
Event = ServerSentEventMessage


def event(name: str, data: object) -> Event:
    """`data` as text (an HTML fragment) or anything JSON can hold."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
    return ServerSentEventMessage(event=name, data=text)


async def events(redis: Redis, channels: list[str], *, snapshot: Callable[[], Awaitable[list[Event]]],
                 change: Callable[[str], Awaitable[list[Event]]],
                 heartbeat_seconds: float = HEARTBEAT_SECONDS) -> AsyncIterator[Event]:
    """Subscribes before the snapshot is taken, so nothing that happens in between is lost.

    `change(payload)` turns one published message into events (often: render a fragment).
    """
    async with redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(*channels)
        for first in await snapshot():
            yield first
        while True:
            message = await pubsub.get_message(timeout=heartbeat_seconds)
            if message is None:
                yield ServerSentEventMessage(comment="still here")
                continue
            payload = message["data"]
            for changed in await change(payload.decode() if isinstance(payload, bytes) else str(payload)):
                yield changed


def stream(source: AsyncIterator[Event]) -> ServerSentEvent:
    """The answer of a live endpoint; proxies are told not to buffer it."""
    return ServerSentEvent(_quiet(source), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _quiet(source: AsyncIterator[Event]) -> AsyncIterator[Event]:
    try:
        async for one in source:
            yield one
    except asyncio.CancelledError:
        raise
    except (ConnectionError, OSError):
        return  # the browser reconnects by itself and gets a new snapshot
