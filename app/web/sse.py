"""Server-sent events over Redis pub/sub: a snapshot first, then changes, a heartbeat in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias
from weakref import WeakKeyDictionary

from litestar.response import ServerSentEvent, ServerSentEventMessage
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

HEARTBEAT_SECONDS = 15.0
SWEEP_SECONDS = 5.0  # how soon a channel that nobody listens to is given up
QUEUE_SIZE = 100
Event = ServerSentEventMessage
Queue: TypeAlias = "asyncio.Queue[str | None]"


def event(name: str, data: object) -> Event:
    """`data` as text (an HTML fragment) or anything JSON can hold."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, default=str)
    return ServerSentEventMessage(event=name, data=text)


class _Hub:
    """This process's one subscription: an open page costs a queue, not a connection of the pool that
    sessions need.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._queues: dict[str, set[Queue]] = {}
        self._changing = asyncio.Lock()
        self._pubsub: PubSub | None = None
        self._reader: asyncio.Task[None] | None = None

    async def join(self, channels: list[str], queue: Queue) -> None:
        async with self._changing:
            fresh = [channel for channel in channels if channel not in self._queues]
            if self._pubsub is None:
                self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
            if fresh:
                await self._pubsub.subscribe(*fresh)
            for channel in channels:
                self._queues.setdefault(channel, set()).add(queue)
            if self._reader is None:
                self._reader = asyncio.create_task(self._read(self._pubsub))

    def leave(self, channels: list[str], queue: Queue) -> None:
        """Never waits, as it is called while a request is being cancelled; the reader unsubscribes later."""
        for channel in channels:
            self._queues.get(channel, set()).discard(queue)

    async def _read(self, pubsub: PubSub) -> None:
        try:
            while await self._is_wanted(pubsub):
                message = await pubsub.get_message(timeout=SWEEP_SECONDS)
                if message is not None:
                    for queue in self._queues.get(_text(message["channel"]), ()):
                        _offer(queue, _text(message["data"]))
        except (RedisError, OSError):
            pass  # the streams end; the browsers come again and with them a new subscription
        finally:
            self._reader, self._pubsub = None, None
            lost, self._queues = self._queues, {}
            for queue in {one for queues in lost.values() for one in queues}:
                _offer(queue, None)
            await pubsub.aclose()

    async def _is_wanted(self, pubsub: PubSub) -> bool:
        async with self._changing:
            empty = [channel for channel, queues in self._queues.items() if not queues]
            for channel in empty:
                del self._queues[channel]
            if empty and self._queues:
                await pubsub.unsubscribe(*empty)
            return bool(self._queues)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _offer(queue: Queue, payload: str | None) -> None:
    """A reader too slow to follow loses the oldest change; each change makes it look at the whole again."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(payload)


_hubs: WeakKeyDictionary[Redis, _Hub] = WeakKeyDictionary()


async def events(redis: Redis, channels: list[str], *, snapshot: Callable[[], Awaitable[list[Event]]],
                 change: Callable[[str], Awaitable[list[Event]]],
                 heartbeat_seconds: float = HEARTBEAT_SECONDS) -> AsyncIterator[Event]:
    """Subscribes before the snapshot is taken, so nothing that happens in between is lost.

    `change(payload)` turns one published message into events (often: render a fragment). Ends when the
    connection to Redis is lost.
    """
    hub = _hubs.setdefault(redis, _Hub(redis))
    queue: Queue = asyncio.Queue(QUEUE_SIZE)
    await hub.join(channels, queue)
    try:
        for first in await snapshot():
            yield first
        while True:
            try:
                payload = await asyncio.wait_for(queue.get(), heartbeat_seconds)
            except TimeoutError:
                yield ServerSentEventMessage(comment="still here")
                continue
            if payload is None:
                return
            for changed in await change(payload):
                yield changed
    finally:
        hub.leave(channels, queue)


def stream(source: AsyncIterator[Event]) -> ServerSentEvent:
    """The answer of a live endpoint; proxies are told not to buffer it."""
    return ServerSentEvent(_quiet(source), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _quiet(source: AsyncIterator[Event]) -> AsyncIterator[Event]:
    try:
        async for one in source:
            yield one
    except asyncio.CancelledError:
        raise
    except (RedisError, OSError):
        return  # the browser reconnects by itself and gets a new snapshot
