"""Messages to the open pages of a domain, from the web process. Losing one costs nothing: pages also ask."""

from __future__ import annotations

import json

import structlog
from redis.exceptions import RedisError

from app.auth import store

log = structlog.get_logger()


async def tell(domain_id: int, kind: str, **facts: object) -> None:
    """On channel `domain:<id>`, after the transaction; silence when Redis is away."""
    try:
        await store.client().publish(f"domain:{domain_id}", json.dumps({"kind": kind, **facts}))
    except (RedisError, OSError, TimeoutError) as error:
        log.debug("open_pages_not_told", error=repr(error)[:200])
