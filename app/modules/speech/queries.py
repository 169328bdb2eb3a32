"""Conversations that were analysed: list, one, and sums by day and by user [SPA-D2]."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from app.kernel.db import DomainTx
from app.modules.speech.rules import Segment, words_of


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Filters of the results: days of the domain's zone, both included; `phrase`: whole words in order."""

    since: date | None = None
    until: date | None = None
    user_id: int | None = None
    direction: str = ""  # in, out
    phrase: str = ""
    state: str = ""

    def arguments(self, zone: str) -> list[Any]:
        words = " ".join(words_of(self.phrase))
        return [self.since, self.until, zone, self.user_id, self.direction, f"% {_escaped(words)} %" if words else None,
                self.state]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row. Shares from 0 to 1, None while nothing is recognised."""

    recording_id: int
    user_id: int
    user_name: str
    is_incoming: bool
    number: str
    started_at: datetime
    seconds: int
    state: str
    error: str
    talk_share: float | None
    user_share: float | None
    interruptions: int | None
    words_per_minute: int | None
    score: int | None


@dataclass(frozen=True, slots=True)
class Transcript:
    conversation: Conversation
    file_id: int
    fulfilled: frozenset[int]
    segments: list[Segment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sum:
    """Of a day or a user."""

    label: str
    count: int
    talk_share: float
    score: float | None


_COLUMNS = ("j.recording_id, j.user_id, j.user_name, j.is_incoming, j.number, j.started_at, j.seconds, j.state, "
            "j.error, j.talk_share, j.user_share, j.interruptions, j.words_per_minute, j.score")
_WHERE = ("j.domain_id = $1 AND ($2::date IS NULL OR j.started_at >= $2::date::timestamp AT TIME ZONE $4) "
          "AND ($3::date IS NULL OR j.started_at < ($3::date + 1)::timestamp AT TIME ZONE $4) "
          "AND ($5::bigint IS NULL OR j.user_id = $5) AND ($6 = '' OR j.is_incoming = ($6 = 'in')) "
          "AND ($7::text IS NULL OR j.words LIKE $7) AND ($8 = '' OR j.state = $8)")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def conversations(tx: DomainTx, zone: str, wanted: Narrowed, *, order: str, limit: int,
                        offset: int = 0) -> tuple[list[Conversation], int]:
    arguments = wanted.arguments(zone)
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM speech_job j WHERE {_WHERE} ORDER BY {order} LIMIT $9 OFFSET $10",
                          tx.domain_id, *arguments, limit, offset)
    total = await tx.fetchval(f"SELECT count(*) FROM speech_job j WHERE {_WHERE}", tx.domain_id, *arguments)
    return [Conversation(*row) for row in rows], total


async def transcript(tx: DomainTx, recording_id: int) -> Transcript | None:
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS}, j.segments, j.fulfilled, r.file_id FROM speech_job j JOIN call_recording r "
        "ON r.domain_id = j.domain_id AND r.id = j.recording_id WHERE j.domain_id = $1 AND j.recording_id = $2",
        tx.domain_id, recording_id)
    if row is None:
        return None
    *facts, segments, fulfilled, file_id = row
    return Transcript(Conversation(*facts), file_id, frozenset(fulfilled), [Segment(**one) for one in segments or []])


async def by_day(tx: DomainTx, zone: str, wanted: Narrowed) -> list[Sum]:
    return await _sums(tx, zone, wanted, "to_char(j.started_at AT TIME ZONE $4, 'YYYY-MM-DD')", "1")


async def by_user(tx: DomainTx, zone: str, wanted: Narrowed) -> list[Sum]:
    return await _sums(tx, zone, wanted, "j.user_name", "2 DESC, 1")


async def _sums(tx: DomainTx, zone: str, wanted: Narrowed, label: str, order: str) -> list[Sum]:
    rows = await tx.fetch(
        f"SELECT {label}, count(*)::int, coalesce(avg(j.talk_share), 0)::float, avg(j.score)::float FROM speech_job j "
        f"WHERE {_WHERE} AND j.state = 'done' GROUP BY 1 ORDER BY {order} LIMIT 100",
        tx.domain_id, *wanted.arguments(zone))
    return [Sum(*row) for row in rows]


async def waiting(tx: DomainTx) -> int:
    return await tx.fetchval("SELECT count(*) FROM speech_job WHERE domain_id = $1 "
                             "AND state IN ('queued', 'processing')", tx.domain_id)
