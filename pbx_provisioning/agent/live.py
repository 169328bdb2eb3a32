"""Live state to Redis: messages for open pages, presence of phones. Redis may be away at any time."""

from __future__ import annotations

import json

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger()


class Live:
    """Losing a message costs nothing: pages ask again, presence is rewritten."""

    def __init__(self, url: str) -> None:
        self.redis: Redis | None = Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=2, max_connections=4) if url else None

    async def publish(self, domain_id: int, message: dict) -> None:
        """One message on `domain:<id>`."""
        if self.redis is None:
            return
        try:
            await self.redis.publish(f"domain:{int(domain_id)}", json.dumps(message, separators=(",", ":")))
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("redis_away", error=repr(error))

    async def set_presence(self, changes: dict[tuple[int, int], int]) -> bool:
        """(domain, user) → contacts, written and told at once. False: Redis is away, try again."""
        if self.redis is None or not changes:
            return True
        try:
            async with self.redis.pipeline(transaction=False) as pipe:
                for (domain_id, user_id), contacts in changes.items():
                    if contacts:
                        pipe.hset(f"presence:{domain_id}", str(user_id), str(contacts))
                    else:
                        pipe.hdel(f"presence:{domain_id}", str(user_id))
                    pipe.publish(f"domain:{domain_id}", json.dumps(
                        {"kind": "presence", "user_id": user_id, "contacts": contacts}, separators=(",", ":")))
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("redis_away", error=repr(error))
            return False
        return True

    async def replace_presence(self, domains: dict[int, dict[int, int]]) -> bool:
        """Whole hashes, after a start: what is not there is gone."""
        if self.redis is None:
            return True
        try:
            async with self.redis.pipeline(transaction=True) as pipe:
                for domain_id, users in domains.items():
                    pipe.delete(f"presence:{domain_id}")
                    if users:
                        pipe.hset(f"presence:{domain_id}", mapping={str(k): str(v) for k, v in users.items()})
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("redis_away", error=repr(error))
            return False
        return True

    async def close(self) -> None:
        if self.redis is not None:
            await self.redis.aclose()
