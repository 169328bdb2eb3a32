"""A task at work: what the worker does with it, and what a call that ended means [ADL-37, ADL-41, ADL-52, ADL-D7]."""

from __future__ import annotations

from datetime import timedelta

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.modules.autodialler import queries, service
from app.modules.autodialler.queries import Task
from app.modules.autodialler.rules import Attempt, Result, Status, judge, room, works_at
from billing.accounts.blocks import is_blocked
from billing.services import channels
from tenants.calls import orders
from tenants.calls.orders import Order
from tenants.destinations.model import Destination, Kind

KIND = "autodial"
PREPARED_WITHIN = timedelta(minutes=3)
ORDER_WAIT = timedelta(seconds=30)  # an order that the node has not begun by then is given up and made anew
NO_CHANNEL, BUSY_PANEL = timedelta(seconds=5), timedelta(minutes=1)  # until the same number is tried again
MONEY = frozenset({"funds", "trial", "blocked", "guard_cap", "guard_stopped"})  # no number of the domain can be called
LATER = frozenset({"limit", "guard_rate", "guard_parallel", "trunk", "error"})
REASON_MONEY = lazy("there is not enough money for calls, or the domain is blocked")


async def advance(tx: DomainTx, task_id: int) -> None:
    """Whatever the task is due for now: another status, new calls. Repeating it is harmless."""
    task = await queries.task(tx, task_id, lock=True)
    if task.status is Status.PREPARING:
        task = await _prepared(tx, task)
    if task.status not in (Status.ACTIVE, Status.RUNNING):
        return
    if not task.caller:
        to = Status.STOPPED if task.status is Status.RUNNING else Status.INACTIVE
        await _stop(tx, task, to, service.REASON_STOPPED_NUMBER)
        return
    if task.ends_at is not None and task.ends_at <= tx.now:
        await _end(tx, task)
        return
    if task.status is Status.ACTIVE:
        if (task.starts_at is not None and task.starts_at > tx.now) or not _works(tx, task):
            return
        task = await _moved(tx, task, Status.RUNNING)
    if (await queries.counts(tx, task_id)).is_over:
        await service.move(tx, task, Status.COMPLETED)
    elif await is_blocked(tx):
        await _stop(tx, task, Status.STOPPED, REASON_MONEY)
    elif _works(tx, task):
        await _call(tx, task)


def _works(tx: DomainTx, task: Task) -> bool:
    return works_at(task.schedule, task.timezone, tx.now)


async def _prepared(tx: DomainTx, task: Task) -> Task:
    if await service.is_live(tx):
        return await _moved(tx, task, Status.ACTIVE)
    if tx.now - task.status_at > PREPARED_WITHIN:
        return await _moved(tx, task, Status.PREP_ERROR)
    return task


async def _moved(tx: DomainTx, task: Task, to: Status) -> Task:
    await service.move(tx, task, to)
    return await queries.task(tx, task.id, lock=True)


async def _stop(tx: DomainTx, task: Task, to: Status, reason: object) -> None:
    await service.cancel_unanswered(tx, task.id)
    await service.move(tx, task, to, reason=reason)


async def _end(tx: DomainTx, task: Task) -> None:
    """The end date has come: what is not finished is unsuccessful; calls that were answered are talked to their end."""
    await service.cancel_unanswered(tx, task.id)
    await tx.execute(
        "UPDATE dial_number SET result = 'failed', next_attempt_at = NULL WHERE domain_id = $1 AND task_id = $2 "
        "AND result IN ('not_started', 'in_progress') AND order_id IS NULL", tx.domain_id, task.id)
    if (await queries.counts(tx, task.id)).is_over:
        await service.move(tx, task, Status.COMPLETED)


async def _call(tx: DomainTx, task: Task) -> None:
    """Order calls to the numbers that are due, as many as there is room for; repeats come before first attempts."""
    _incoming, most = await channels.in_force(tx, tx.domain_id)
    free = None if most is None else most - await queries.busy_channels(tx)
    places = room(task.concurrency, len(await queries.calling(tx, task.id)), free)
    if not places:
        return
    rows = await tx.fetch(
        "SELECT id, number FROM dial_number WHERE domain_id = $1 AND task_id = $2 AND order_id IS NULL "
        "AND result IN ('not_started', 'in_progress') AND (next_attempt_at IS NULL OR next_attempt_at <= $3) "
        "ORDER BY next_attempt_at NULLS LAST, id LIMIT $4 FOR UPDATE SKIP LOCKED",
        tx.domain_id, task.id, tx.now, places)
    if not rows:
        return
    prefix = "7" if await _dials_seven(tx) else "+7"
    for row in rows:
        order_id = await orders.order(
            tx, kind=KIND, ref=str(row["id"]), first=Destination(Kind.NUMBER, number=f"{prefix}{row['number']}"),
            then=task.audio_id or 0, caller_id=task.caller, ring_seconds=task.answer_seconds, wait=ORDER_WAIT)
        await tx.execute("UPDATE dial_number SET order_id = $3, result = 'in_progress' WHERE domain_id = $1 "
                         "AND id = $2", tx.domain_id, row["id"], order_id)


async def _dials_seven(tx: DomainTx) -> bool:
    """Where 7 and ten digits are understood as they stand; elsewhere a Russian number needs its plus."""
    return await tx.fetchval("SELECT country IN ('RU', 'KZ') FROM domain WHERE id = $1", tx.domain_id)


async def call_ended(tx: DomainTx, order: Order) -> None:
    """What came of one call, and the next one in its place."""
    task_id = await tx.fetchval("SELECT task_id FROM dial_number WHERE domain_id = $1 AND order_id = $2", tx.domain_id,
                                order.id)
    if task_id is None:
        return
    task = await queries.task(tx, task_id, lock=True)
    row = await tx.fetchrow("SELECT id, result, attempts FROM dial_number WHERE domain_id = $1 AND order_id = $2 "
                            "FOR UPDATE", tx.domain_id, order.id)
    if row is None:
        return
    await _note(tx, task, row["id"], Result(row["result"]), row["attempts"], order)
    if task.status is Status.RUNNING and order.result == "refused" and order.reason in MONEY:
        await _stop(tx, task, Status.STOPPED, REASON_MONEY)
    else:
        await advance(tx, task_id)


async def _note(tx: DomainTx, task: Task, number_id: int, before: Result, attempts: int, order: Order) -> None:
    attempt = attempt_of(order)
    last = order.begun_at or order.created_at
    if before is not Result.IN_PROGRESS:  # stopped by hand meanwhile: it stays what it is
        made = attempt.is_made or (order.result == "cancelled" and order.begun_at is not None)
        await tx.execute(
            "UPDATE dial_number SET order_id = NULL, attempts = attempts + $3, "
            "last_attempt_at = CASE WHEN $3 = 1 THEN $4 ELSE last_attempt_at END WHERE domain_id = $1 AND id = $2",
            tx.domain_id, number_id, int(made), last)
        return
    found = judge(attempt, before=attempts, limit=task.attempts, success_seconds=task.success_seconds,
                  retry=timedelta(minutes=task.retry_minutes) if attempt.is_made else _pause(order), now=tx.now)
    await tx.execute(
        "UPDATE dial_number SET order_id = NULL, result = $3, attempts = $4, next_attempt_at = $5, "
        "last_attempt_at = CASE WHEN $6 THEN $7 ELSE last_attempt_at END WHERE domain_id = $1 AND id = $2",
        tx.domain_id, number_id, found.result.value, found.attempts, found.at, attempt.is_made, last)


def attempt_of(order: Order) -> Attempt:
    """A call that the domain itself could not place is no attempt; one that was cut off by a fault is, if it rang."""
    if order.result in ("no_channel", "expired", "cancelled"):
        return Attempt(is_made=False)
    if order.result == "refused" and order.reason in MONEY | LATER:
        return Attempt(is_made=False)
    talked = order.first_seconds if order.result in ("played", "connected", "not_connected") else 0
    return Attempt(is_made=True, talk_seconds=talked)


def _pause(order: Order) -> timedelta:
    return BUSY_PANEL if order.result == "refused" else NO_CHANNEL
