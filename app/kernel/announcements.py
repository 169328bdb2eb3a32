"""What the provider announces on every page (maintenance): read once in KEEP_SECONDS, not once per request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.kernel import clock
from app.kernel.db import DB, public_transaction
from app.kernel.i18n import language

log = structlog.get_logger()

KEEP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """In force from `starts_at` until before `ends_at`."""

    id: int
    kind: str  # info | warning
    text_ru: str
    text_en: str
    starts_at: datetime
    ends_at: datetime

    @property
    def text(self) -> str:
        """In the reader's language."""
        return self.text_ru if language() == "ru" else self.text_en

    def is_due(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at


_cached: tuple[float, tuple[Announcement, ...]] | None = None


def forget() -> None:
    """Read anew at the next page (after a change in this process)."""
    global _cached
    _cached = None


async def current() -> Announcement | None:
    """The newest one in force. Open no transaction around it.

    An announcement is never a reason for a page to fail: what was known stays in force while the database is away.
    """
    now = clock.now()
    return next((one for one in await _known() if one.is_due(now)), None)


async def _known() -> tuple[Announcement, ...]:
    global _cached
    if _cached is not None and time.monotonic() - _cached[0] <= KEEP_SECONDS:
        return _cached[1]
    if DB.pool is None:
        return ()
    try:
        async with public_transaction() as tx:
            rows = await tx.fetch("SELECT id, kind, text_ru, text_en, starts_at, ends_at FROM announcement "
                                  "WHERE ends_at > $1 ORDER BY id DESC LIMIT 100", tx.now)
    except Exception as error:  # the database is away
        log.warning("announcements_unread", error=repr(error)[:200])
        return _cached[1] if _cached else ()
    _cached = (time.monotonic(), tuple(Announcement(**row) for row in rows))
    return _cached[1]
