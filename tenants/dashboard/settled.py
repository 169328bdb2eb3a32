"""Sums over the calls of the current month, without reading the month's calls again and again: who talks most
[DASH-10, DASH-D2], and how much talk no minute package paid for [DASH-D1].

What is some hours old is summed up once; the hours since are read. Whoever asks takes in what has become old; records
that come or change later than that are added by the transaction that brings them (migration 0081), which is why
nothing is taken in before SETTLED has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from app.kernel.db import DomainTx, PlatformTx

SETTLED = timedelta(hours=3)
STEP = timedelta(hours=1)  # taken in at most so often
MUCH = timedelta(days=2)
SHOWN = 5


class What(Enum):
    """Statements by which a sum begins anew and takes in a span: domain, from, until."""

    TALK = "talk"
    BEYOND = "beyond"


_BEGIN: dict[What, Sequence[str]] = {
    What.TALK: ("DELETE FROM month_talk WHERE domain_id = $1",), What.BEYOND: ()}
_TAKE_IN = {
    What.TALK: """
INSERT INTO month_talk AS known (domain_id, user_id, talk_seconds)
SELECT u.domain_id, u.id, j.talk FROM domain_user u CROSS JOIN LATERAL (
    SELECT sum(own_talk(c.part, c.is_answered, c.talk_seconds)) AS talk FROM user_call c
    WHERE c.domain_id = $1 AND c.user_id = u.id AND c.started_at >= $2 AND c.started_at < $3 OFFSET 0) j
WHERE u.domain_id = $1 AND j.talk > 0
ON CONFLICT (domain_id, user_id) DO UPDATE SET talk_seconds = known.talk_seconds + EXCLUDED.talk_seconds""",
    What.BEYOND: """
UPDATE month_mark SET seconds = seconds + (
    SELECT coalesce(sum(beyond_package(c.rating, c.cost, c.charge)), 0) FROM call c
    WHERE c.domain_id = $1 AND c.started_at >= $2 AND c.started_at < $3 AND c.rating = 'rated')
WHERE domain_id = $1 AND what = 'beyond'""",
}
# The same of many days at once: reading the journals one after the other would be slower than all of them together
_TAKE_IN_MUCH = """
INSERT INTO month_talk AS known (domain_id, user_id, talk_seconds)
SELECT c.domain_id, c.user_id, sum(own_talk(c.part, c.is_answered, c.talk_seconds)) FROM user_call c
WHERE c.domain_id = $1 AND c.started_at >= $2 AND c.started_at < $3 GROUP BY c.domain_id, c.user_id
ON CONFLICT (domain_id, user_id) DO UPDATE SET talk_seconds = known.talk_seconds + EXCLUDED.talk_seconds"""
_MARK = "SELECT since, through FROM month_mark WHERE domain_id = $1 AND what = $2"
_BEGIN_MARK = """
INSERT INTO month_mark (domain_id, what, since, through) VALUES ($1, $2, $3, $3)
ON CONFLICT (domain_id, what) DO UPDATE SET since = EXCLUDED.since, through = EXCLUDED.through, seconds = 0
"""
_TOP = """
SELECT u.id, u.display_name AS name, u.login, u.extension, t.talk::bigint AS talk_seconds FROM (
    SELECT user_id, sum(seconds) AS talk FROM (
        SELECT user_id, talk_seconds AS seconds FROM month_talk WHERE domain_id = $1 AND $4
        UNION ALL
        SELECT w.id, j.seconds FROM domain_user w CROSS JOIN LATERAL (
            SELECT sum(own_talk(c.part, c.is_answered, c.talk_seconds)) AS seconds FROM user_call c
            WHERE c.domain_id = $1 AND c.user_id = w.id AND c.started_at >= $2 AND c.started_at < $3 OFFSET 0) j
        WHERE w.domain_id = $1 AND j.seconds > 0) part
    GROUP BY user_id) t
JOIN domain_user u ON u.domain_id = $1 AND u.id = t.user_id
WHERE t.talk > 0 ORDER BY t.talk DESC, lower(u.display_name), u.id LIMIT $5
"""
_BEYOND = """
SELECT coalesce((SELECT m.seconds FROM month_mark m WHERE m.domain_id = $1 AND m.what = 'beyond' AND $3), 0)::bigint
     + coalesce((SELECT sum(beyond_package(c.rating, c.cost, c.charge)) FROM call c
                 WHERE c.domain_id = $1 AND c.started_at >= $2 AND c.rating = 'rated'), 0)::bigint
"""


@dataclass(frozen=True, slots=True)
class Talker:
    """A user and the talk time of the month."""

    id: int
    name: str
    login: str
    extension: str
    talk_seconds: int


async def most_active(tx: DomainTx, since: datetime, until: datetime) -> list[Talker]:
    """Five at most; those who did not talk are left out.

    Args:
        since: the month's first instant in the domain's zone; `until` the next month's.
    """
    through = await bring_up(tx, What.TALK, since)
    rows = await tx.fetch(_TOP, tx.domain_id, through or since, until, through is not None, SHOWN)
    return [Talker(**row) for row in rows]


async def beyond_package(tx: DomainTx, since: datetime) -> int:
    """Billed seconds of outgoing calls since the month's first instant that no package paid for."""
    through = await bring_up(tx, What.BEYOND, since)
    return await tx.fetchval(_BEYOND, tx.domain_id, through or since, through is not None)


async def bring_up(tx: DomainTx, what: What, since: datetime) -> datetime | None:
    """Take in what is old enough; until when everything is summed up, None: nothing of this month is."""
    settled = tx.now - SETTLED
    known = await _through(tx, what, since)
    if settled - (known or since) < STEP:
        return known
    await tx.execute("SELECT lock_month($1)", tx.domain_id)
    known = await _through(tx, what, since)  # somebody else may have been faster
    if known and settled - known < STEP:
        return known
    if known is None:
        for statement in _BEGIN[what]:
            await tx.execute(statement, tx.domain_id)
        await tx.execute(_BEGIN_MARK, tx.domain_id, what.value, since)
    is_much = what is What.TALK and settled - (known or since) > MUCH
    await tx.execute(_TAKE_IN_MUCH if is_much else _TAKE_IN[what], tx.domain_id, known or since, settled)
    await tx.execute("UPDATE month_mark SET through = $3 WHERE domain_id = $1 AND what = $2", tx.domain_id, what.value,
                     settled)
    return settled


async def _through(tx: DomainTx, what: What, since: datetime) -> datetime | None:
    mark = await tx.fetchrow(_MARK, tx.domain_id, what.value)
    return mark["through"] if mark and mark["since"] == since else None


async def behind(tx: PlatformTx) -> list[tuple[int, What]]:
    """Sums that somebody has looked at in the last two months and that have more than a step to take in."""
    rows = await tx.fetch("SELECT domain_id, what FROM month_mark WHERE through < $1 AND through > $2 "
                          "ORDER BY domain_id, what", tx.now - SETTLED - STEP, tx.now - timedelta(days=62))
    return [(row["domain_id"], What(row["what"])) for row in rows]
