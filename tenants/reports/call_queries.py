"""Sums of group calls and offers, made by the database. A call belongs to the period of its arrival [RPT-10]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from app.kernel.db import DomainTx
from tenants.reports.measures import NOTHING, Sums
from tenants.reports.period import Period
from tenants.reports.states import Offered

MISSED = ("timeout", "rejected", "caller_left")  # what an operator did not pick up [RPT-15]; others never rang
_MEASURES = frozenset(Sums.__dataclass_fields__)
_ARRIVED = "c.domain_id = $1 AND c.t_line >= $2 AND c.t_line < $3"
# A call that still waits is neither answered nor lost. One that is talked has lasted until now ($4).
_OF_CALLS = """
    count(c.t_answer) AS answered, count(*) FILTER (WHERE c.t_answer IS NULL) AS lost,
    sum(coalesce(c.t_end, $4) - c.t_answer) AS talk, sum(c.t_answer - o.t_offer) AS reaction,
    sum(c.t_answer - c.t_line) AS wait_answer, sum(c.t_end - c.t_line) FILTER (WHERE c.t_answer IS NULL) AS wait_loss,
    max(c.t_end - c.t_line) FILTER (WHERE c.t_answer IS NULL) AS longest_loss,
    count(*) FILTER (WHERE c.t_answer - c.t_group <= $6) AS in_time
FROM group_call c LEFT JOIN call_offer o ON o.domain_id = c.domain_id AND o.group_call_id = c.id
    AND o.result = 'answered'
WHERE c.domain_id = $1 AND c.t_line >= $2 AND c.t_line < $3 AND c.group_id = ANY($5::bigint[])
    AND (c.t_answer IS NOT NULL OR c.t_end IS NOT NULL)
"""
_OF_OFFERS = f"""
    count(*) FILTER (WHERE o.result = 'answered') AS answered,
    count(*) FILTER (WHERE o.result = ANY('{{{",".join(MISSED)}}}')) AS lost,
    sum(coalesce(c.t_end, $4) - c.t_answer) FILTER (WHERE o.result = 'answered') AS talk,
    sum(c.t_answer - o.t_offer) FILTER (WHERE o.result = 'answered') AS reaction
FROM group_call c JOIN call_offer o ON o.domain_id = c.domain_id AND o.group_call_id = c.id
WHERE o.result = ANY('{{answered,{",".join(MISSED)}}}') AND
"""


def _sums(row: asyncpg.Record) -> Sums:
    """Sums of nothing are null."""
    return Sums(**{name: value for name, value in row.items() if value is not None and name in _MEASURES})


def _bounds(tx: DomainTx, period: Period) -> tuple[int, datetime, datetime, datetime]:
    return tx.domain_id, period.start, period.end, period.now


async def by_group(tx: DomainTx, period: Period, groups: Sequence[int], qos: int) -> dict[int, Sums]:
    """Group → sums; groups without calls are absent."""
    rows = await tx.fetch(f"SELECT c.group_id, {_OF_CALLS} GROUP BY 1", *_bounds(tx, period), list(groups),
                          timedelta(seconds=qos))
    return {row["group_id"]: _sums(row) for row in rows}


async def by_slot(tx: DomainTx, period: Period, groups: Sequence[int], qos: int,
                  minutes: int) -> dict[tuple[int, int], Sums]:
    """(slot of the day, group) → sums, all days of the period together [RPT-31]."""
    rows = await tx.fetch(
        f"SELECT extract(epoch FROM (c.t_line AT TIME ZONE $7)::time)::int / 60 / $8 AS slot, c.group_id, {_OF_CALLS} "
        "GROUP BY 1, 2", *_bounds(tx, period), list(groups), timedelta(seconds=qos), period.zone, minutes)
    return {(row["slot"], row["group_id"]): _sums(row) for row in rows}


async def of_operator(tx: DomainTx, period: Period, operator_id: int) -> dict[int, Sums]:
    """Group → what this operator had of its calls. Nothing is offered before it arrives."""
    rows = await tx.fetch(f"SELECT c.group_id AS id, {_OF_OFFERS} {_ARRIVED} AND o.domain_id = $1 AND "
                          "o.operator_id = $5 AND o.t_offer >= $2 GROUP BY 1", *_bounds(tx, period), operator_id)
    return {row["id"]: _sums(row) for row in rows}


async def by_operator(tx: DomainTx, period: Period, group_id: int) -> dict[int, Sums]:
    """Operator → what he had of the group's calls."""
    rows = await tx.fetch(f"SELECT o.operator_id AS id, {_OF_OFFERS} {_ARRIVED} AND c.group_id = $5 GROUP BY 1",
                          *_bounds(tx, period), group_id)
    return {row["id"]: _sums(row) for row in rows}


async def offered(tx: DomainTx, period: Period, operator_id: int) -> list[Offered]:
    """The operator's offers by their own time, for shifts."""
    rows = await tx.fetch(
        f"SELECT o.t_offer, {_OF_OFFERS} o.domain_id = $1 AND o.operator_id = $5 AND o.t_offer >= $2 "
        "AND o.t_offer < $3 GROUP BY o.id ORDER BY o.t_offer", *_bounds(tx, period), operator_id)
    return [Offered(row["t_offer"], _sums(row)) for row in rows]


async def memberships(tx: DomainTx, *, operator_id: int | None = None, group_id: int | None = None) -> list[int]:
    """Groups of an operator, or operators of a group."""
    rows = await tx.fetch(
        "SELECT m.group_id, m.user_id FROM group_member m JOIN domain_user u ON u.domain_id = m.domain_id "
        "AND u.id = m.user_id WHERE m.domain_id = $1 AND u.is_operator AND m.user_id = coalesce($2, m.user_id) "
        "AND m.group_id = coalesce($3, m.group_id)", tx.domain_id, operator_id, group_id)
    return [row["group_id" if operator_id is not None else "user_id"] for row in rows]


async def longest_queues(tx: DomainTx, period: Period, groups: Sequence[int]) -> dict[int, int]:
    """Group → most callers waiting at once with nobody being rung for them [RPT-23].

    A queue that stood when the period began counts, as far as there still were callers.
    """
    rows = await tx.fetch(
        "SELECT g.id, greatest((SELECT max(length) FROM queue_length_sample q WHERE q.domain_id = $1 "
        "AND q.group_id = g.id AND q.at >= $2 AND q.at < $3), least("
        "coalesce((SELECT length FROM queue_length_sample q WHERE q.domain_id = $1 AND q.group_id = g.id AND q.at < $2 "
        "ORDER BY q.at DESC LIMIT 1), 0), "
        "(SELECT count(*) FROM group_call c WHERE c.domain_id = $1 AND c.group_id = g.id "
        "AND c.t_group < $2 AND c.t_group > $2 - interval '1 day' AND coalesce(c.t_answer, c.t_end, $2) >= $2)), 0) "
        "::int AS longest FROM unnest($4::bigint[]) g(id)", tx.domain_id, period.start, period.end, list(groups))
    return {row["id"]: row["longest"] for row in rows}


async def topics(tx: DomainTx, period: Period, group_id: int) -> tuple[list[tuple[str, int]], int]:
    """Every topic of the group with its calls, and calls without one; archived topics while they have calls."""
    rows = await tx.fetch(
        "WITH counted AS (SELECT topic_id, max(topic_name) AS name, count(*) AS calls FROM group_call c "
        f"WHERE {_ARRIVED} AND c.group_id = $4 GROUP BY topic_id) "
        "SELECT n.topic_id, coalesce(t.name, n.name) AS name, coalesce(n.calls, 0) AS calls FROM counted n "
        "FULL JOIN (SELECT id, name, is_archived FROM group_topic WHERE domain_id = $1 AND group_id = $4) t "
        "ON t.id = n.topic_id WHERE n.calls > 0 OR NOT t.is_archived ORDER BY lower(coalesce(t.name, n.name)), t.id",
        tx.domain_id, period.start, period.end, group_id)
    without = sum(row["calls"] for row in rows if row["name"] is None or row["name"] == "")
    return [(row["name"], row["calls"]) for row in rows if row["name"]], without


@dataclass(frozen=True, slots=True)
class Load:
    """`calls_per_hour`: in the busiest clock hour; `handling`: average talk and post-call processing."""

    calls_per_hour: int
    handling: timedelta


async def load(tx: DomainTx, period: Period, groups: Sequence[int]) -> Load:
    """What a forecast is made of; the groups together [RPT-49, RPT-50]."""
    row = await tx.fetchrow(
        "SELECT max(calls) AS busiest, sum(answered) AS answered, sum(talk) AS talk FROM (SELECT count(*) AS calls, "
        "count(c.t_answer) AS answered, sum(c.t_end - c.t_answer) AS talk FROM group_call c "
        f"WHERE {_ARRIVED} AND c.group_id = ANY($4::bigint[]) AND c.t_end IS NOT NULL "
        "GROUP BY date_trunc('hour', c.t_line, $5)) hours", tx.domain_id, period.start, period.end, list(groups),
        period.zone)
    assert row is not None
    processing = await tx.fetchval(
        "SELECT sum(ended_at - started_at) FROM operator_state_interval WHERE domain_id = $1 "
        "AND group_id = ANY($4::bigint[]) AND state = 'wrap_up' AND started_at >= $2 AND started_at < $3",
        tx.domain_id, period.start, period.end, list(groups))
    answered = int(row["answered"] or 0)
    spent = (row["talk"] or NOTHING) + (processing or NOTHING)
    return Load(row["busiest"] or 0, spent / answered if answered else NOTHING)
