"""Tasks of the auto-dialler and their numbers, read [ADL-02…05, ADL-50…53]."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.modules.autodialler.rules import AT_WORK, Counts, Result, Status

PORTION = 2000  # rows of an export read at a time


@dataclass(frozen=True, slots=True)
class Task:
    """`caller`: E.164 digits of the number shown, "" when it is not set."""

    id: int
    name: str
    status: Status
    status_at: datetime
    caller_number_id: int | None
    caller: str
    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str
    schedule: str
    email: str
    attempts: int
    answer_seconds: int
    retry_minutes: int
    success_seconds: int
    concurrency: int
    audio_id: int | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A line of the list."""

    id: int
    name: str
    status: Status
    starts_at: datetime | None
    ends_at: datetime | None
    counts: Counts


@dataclass(frozen=True, slots=True)
class Number:
    """`is_calling`: a call to it is ordered or going on."""

    id: int
    number: str
    comment: str
    extra: str
    result: Result
    attempts: int
    last_attempt_at: datetime | None
    is_calling: bool

    @property
    def has_begun(self) -> bool:
        """Its scenario goes on: the row cannot be deleted, only stopped [ADL-55]."""
        return self.result is Result.IN_PROGRESS or self.is_calling


_TASK = ("SELECT t.id, t.name, t.status, t.status_at, t.caller_number_id, coalesce(n.e164, '') AS caller, t.starts_at, "
         "t.ends_at, t.timezone, t.schedule, t.email, t.attempts, t.answer_seconds, t.retry_minutes, "
         "t.success_seconds, t.concurrency, t.audio_id FROM dial_task t LEFT JOIN phone_number n "
         "ON n.domain_id = t.domain_id AND n.id = t.caller_number_id WHERE t.domain_id = $1 AND t.id = $2")
_COUNTS = ("count(*) FILTER (WHERE n.result = 'success') AS delivered, "
           "count(*) FILTER (WHERE n.result = 'failed') AS failed, count(*) AS total")
_NUMBERS = ("SELECT id, number, comment, extra, result, attempts, last_attempt_at, order_id IS NOT NULL "
            "FROM dial_number ")


async def task(tx: DomainTx, task_id: int, *, lock: bool = False) -> Task:
    """Raises NotFound. `lock`: changes of one task, and what its calls bring, wait for each other."""
    row = await tx.fetchrow(_TASK + (" FOR NO KEY UPDATE OF t" if lock else ""), tx.domain_id, task_id)
    if row is None:
        raise NotFound("dial_task", _("There is no such task."))
    return Task(**{**row, "status": Status(row["status"])})


async def counts(tx: DomainTx, task_id: int) -> Counts:
    row = await tx.fetchrow(f"SELECT {_COUNTS} FROM dial_number n WHERE n.domain_id = $1 AND n.task_id = $2",
                            tx.domain_id, task_id)
    assert row is not None
    return Counts(*row)


async def tasks(tx: DomainTx, *, like: str | None, status: str, order: str, limit: int,
                offset: int) -> tuple[list[TaskRow], int]:
    """Archived ones only where that status is asked for [ADL-D8]."""
    where = ("t.domain_id = $1 AND ($2::text IS NULL OR t.name ILIKE $2) "
             "AND CASE WHEN $3 = '' THEN t.status <> 'deleted' ELSE t.status = $3 END")
    rows = await tx.fetch(
        f"SELECT t.*, c.* FROM (SELECT t.id, t.name, t.status, t.starts_at, t.ends_at FROM dial_task t WHERE {where} "
        f"ORDER BY {order} LIMIT $4 OFFSET $5) t CROSS JOIN LATERAL (SELECT {_COUNTS} FROM dial_number n "
        f"WHERE n.domain_id = $1 AND n.task_id = t.id) c ORDER BY {order}", tx.domain_id, like, status, limit, offset)
    total = await tx.fetchval(f"SELECT count(*) FROM dial_task t WHERE {where}", tx.domain_id, like, status)
    return [TaskRow(row["id"], row["name"], Status(row["status"]), row["starts_at"], row["ends_at"],
                    Counts(row["delivered"], row["failed"], row["total"])) for row in rows], total


async def templates(tx: DomainTx) -> list[tuple[int, str]]:
    """What a new task may be based on [ADL-12]."""
    rows = await tx.fetch("SELECT id, name FROM dial_task WHERE domain_id = $1 AND status <> 'deleted' "
                          "ORDER BY lower(name), id LIMIT 1000", tx.domain_id)
    return [(row["id"], row["name"]) for row in rows]


async def numbers(tx: DomainTx, task_id: int, *, digits: str, result: str, order: str, limit: int,
                  offset: int) -> tuple[list[Number], int]:
    """`digits`: how the number begins [ADL-53]."""
    where = ("WHERE domain_id = $1 AND task_id = $2 AND number LIKE $3 || '%' AND ($4 = '' OR result = $4)")
    rows = await tx.fetch(f"{_NUMBERS} {where} ORDER BY {order} LIMIT $5 OFFSET $6", tx.domain_id, task_id, digits,
                          result, limit, offset)
    total = await tx.fetchval(f"SELECT count(*) FROM dial_number {where}", tx.domain_id, task_id, digits, result)
    return [_number(row) for row in rows], total


async def every_number(tx: DomainTx, task_id: int) -> AsyncIterator[Number]:
    """In the order of the list, for an export."""
    last = 0
    while True:
        rows = await tx.fetch(f"{_NUMBERS} WHERE domain_id = $1 AND task_id = $2 AND id > $3 ORDER BY id LIMIT $4",
                              tx.domain_id, task_id, last, PORTION)
        for row in rows:
            yield _number(row)
        if len(rows) < PORTION:
            return
        last = rows[-1]["id"]


async def number(tx: DomainTx, task_id: int, number_id: int, *, lock: bool = False) -> Number:
    """Raises NotFound."""
    row = await tx.fetchrow(f"{_NUMBERS} WHERE domain_id = $1 AND task_id = $2 AND id = $3"
                            + (" FOR UPDATE" if lock else ""), tx.domain_id, task_id, number_id)
    if row is None:
        raise NotFound("dial_number", _("There is no such number in the list."))
    return _number(row)


async def calling(tx: DomainTx, task_id: int) -> list[int]:
    """Orders of the task that have not ended."""
    rows = await tx.fetch("SELECT order_id FROM dial_number WHERE domain_id = $1 AND task_id = $2 "
                          "AND order_id IS NOT NULL", tx.domain_id, task_id)
    return [row["order_id"] for row in rows]


async def busy_channels(tx: DomainTx) -> int:
    """Outgoing channels of the domain in use: calls with a hold, and ordered calls whether they have one yet or not."""
    return await tx.fetchval(
        "SELECT (SELECT count(*) FROM open_hold WHERE domain_id = $1 AND uniqueid NOT LIKE 'order-%') "
        "+ (SELECT count(*) FROM call_order WHERE domain_id = $1 AND state <> 'ended' "
        "AND due_at <= $2 AND 'n' IN (left(first_code, 1), left(then_code, 1)))", tx.domain_id, tx.now)


def at_work_sql() -> str:
    """(domain, task) that the worker looks after."""
    wanted = ", ".join(f"'{one.value}'" for one in sorted(AT_WORK, key=lambda one: one.value))
    return f"SELECT domain_id, id FROM dial_task WHERE status IN ({wanted}) ORDER BY id"


def _number(row: Record) -> Number:
    number_id, number, comment, extra, result, *rest = row
    attempts, last_attempt_at, is_calling = rest
    return Number(number_id, number, comment, extra, Result(result), attempts, last_attempt_at, is_calling)
