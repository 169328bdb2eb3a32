"""Turns at long files: they wait before a transaction is opened, so that nobody's wait holds a database connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from app.kernel.actors import Actor
from app.kernel.errors import TooManyRequests
from app.kernel.i18n import _

AT_ONCE = 2  # files in the making in this process
MOST_WAITING = 3  # of one company or person, with the one in the making

_room = asyncio.Semaphore(AT_ONCE)
_locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
_asked: Counter[tuple[str, int]] = Counter()


@asynccontextmanager
async def turn(actor: Actor) -> AsyncIterator[None]:
    """One file at a time for a company (in the consoles: for a person), so that no one takes every place.

    Raises:
        TooManyRequests: several of its files are waiting already.
    """
    owner = ("domain", actor.domain_id) if actor.domain_id else (actor.kind.value, actor.id)
    if _asked[owner] >= MOST_WAITING:
        raise TooManyRequests("files_waiting",
                              _("Several files are already being prepared for you. Please wait for them."))
    lock = _locks.setdefault(owner, asyncio.Lock())
    _asked[owner] += 1
    try:
        async with lock, _room:
            yield
    finally:
        _asked[owner] -= 1
        if not _asked[owner]:
            del _asked[owner]
