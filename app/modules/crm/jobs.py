"""What CRMs are told of calls: when they ring and when they have ended, in order, repeated while a CRM is away
[CRM-16, CRM-23, CRM-32, CRM-36].
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from app.kernel import outbox
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, domain_transaction, platform_transaction
from app.kernel.errors import AppError
from app.kernel.jobs import LOOPS, every
from app.modules.crm import accounts, objects, rules
from app.modules.crm.clients import CrmError
from app.modules.crm.objects import Ended
from tenants.calls import sessions

log = structlog.get_logger()

ACTOR = Actor.system(name="crm")
HOLD, AT_ONCE = timedelta(seconds=90), 20
RECORDS_COME = timedelta(seconds=3)  # the records of a call that has ended are in the database by then, mostly
RECORDING_WAIT = timedelta(seconds=90)
PAUSES = (5, 15, 60, 300, 1800)
_CALLS = ("SELECT direction, user_id, peer_user_id, a_number, b_number, started_at, answered_at, ended_at, "
          "talk_seconds, "
          "result FROM call WHERE domain_id = $1 AND node_id = $2 AND linkedid = $3 ORDER BY started_at, id")


@dataclass(frozen=True, slots=True)
class Task:
    id: int
    domain_id: int
    kind: str
    session: str
    what: str
    payload: dict[str, Any]
    tries: int
    due_at: datetime


class NotYet(Exception):
    """Something of the call is still under way: later, without counting a try."""


@outbox.on("call_event")
async def _note(tx: PlatformTx, domain_id: int | None, event: dict[str, Any]) -> None:
    """Queue work for the domain's CRMs; internal calls make nothing."""
    assert domain_id is not None
    if event["type"] == "internal":
        return
    rings = (event["type"] == "incoming" and event["state"] == "calling" and event["user"]) or (
        event["type"] == "outbound" and event["state"] == "new" and event["from_user"])
    if not rings and event["state"] != "end":
        return
    bound = await tx.enter_domain(domain_id)
    for found in (await accounts.all_of(bound)).values():
        if found.status != "connected" or (rings and found.kind != rules.BITRIX):
            continue
        payload = _ringing(event) if rings else {"is_record": event["is_record"]}
        await bound.execute(
            "INSERT INTO crm_task (domain_id, integration_id, session_id, what, payload, due_at) VALUES ($1, $2, $3, "
            "$4, "
            "$5, $6)", domain_id, found.id, UUID(event["session_id"]), "ring" if rings else "end", payload,
            tx.now if rings else tx.now + RECORDS_COME)


def _ringing(event: dict[str, Any]) -> dict[str, Any]:
    is_in = event["type"] == "incoming"
    return {"direction": "in" if is_in else "out", "phone": event["from_number"] if is_in else event["to_number"],
            "line": event["to_number"] if is_in else "", "user": event["user"] if is_in else event["from_user"],
            "at": event["at"]}


# ---------------------------------------------------------------- doing it

_CLAIM = """
UPDATE crm_task t SET taken_until = $1::timestamptz + $2::interval FROM (
    SELECT q.id FROM crm_task q WHERE q.due_at <= $1 AND (q.taken_until IS NULL OR q.taken_until < $1)
    AND NOT EXISTS (SELECT FROM crm_task e WHERE e.domain_id = q.domain_id AND e.integration_id = q.integration_id
                    AND e.session_id = q.session_id AND e.id < q.id)
    ORDER BY q.due_at, q.id LIMIT $3
) due, crm_integration i WHERE t.id = due.id AND i.id = t.integration_id
AND (t.taken_until IS NULL OR t.taken_until < $1)
RETURNING t.id, t.domain_id, i.kind, t.session_id::text, t.what, t.payload, t.tries, t.due_at
"""


async def work_due() -> int:
    """Do what is due, calls side by side; how many tasks were taken."""
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch(_CLAIM, tx.now, HOLD, AT_ONCE)
    await asyncio.gather(*(_do(Task(*row)) for row in rows))
    return len(rows)


async def _do(task: Task) -> None:
    error, later = "", 0
    actor = Actor.system(task.domain_id, "crm")
    try:
        await _carry_out(actor, task)
    except NotYet:
        later = 5
    except CrmError as refused:
        error = str(refused)[:300]
    except AppError:
        return  # it was disconnected meanwhile; the task went with it
    except Exception as defect:
        log.exception("crm_task_failed", task=task.id, what=task.what)
        error = repr(defect)[:300]
    async with platform_transaction(ACTOR) as tx:
        if not error and not later:
            await tx.execute("DELETE FROM crm_task WHERE domain_id = $1 AND id = $2", task.domain_id, task.id)
            return
        is_over = error and (task.what == "ring" or task.tries >= len(PAUSES))
        if is_over:
            log.warning("crm_task_dropped", domain_id=task.domain_id, what=task.what, error=error)
            await tx.execute("DELETE FROM crm_task WHERE domain_id = $1 AND id = $2", task.domain_id, task.id)
            return
        wait = later or PAUSES[task.tries]
        await tx.execute("UPDATE crm_task SET tries = tries + $3, due_at = $4, taken_until = NULL, error = $5 "
                         "WHERE domain_id = $1 AND id = $2", task.domain_id, task.id, 0 if later else 1,
                         tx.now + timedelta(seconds=wait), error)


async def _carry_out(actor: Actor, task: Task) -> None:
    async with domain_transaction(actor) as tx:
        found = await accounts.require(tx, task.kind)
        call = None if task.what == "ring" else await _ended(tx, task)
        now = tx.now
    if task.what == "ring":
        told = task.payload
        is_in = told["direction"] == "in"
        await objects.ring(actor, found, Ended(
            task.session, told["direction"], False, told["phone"], told["line"], told["user"] if is_in else None,
            None if is_in else told["user"], datetime.fromtimestamp(told["at"], UTC), 0))
        return
    if call is None:
        return
    link = await objects.recording_link(actor, task.session, now) if call.answered else ""
    if not link and call.answered and task.payload.get("is_record") and now - call.ended_at < RECORDING_WAIT:
        raise NotYet
    await objects.end_of_call(actor, found, Ended(
        call.session, call.direction, call.answered, call.phone, call.line, call.talked, call.caller, call.ended_at,
        call.seconds, link))


async def _ended(tx: DomainTx, task: Task) -> Ended | None:
    """Of the call's records; None: it is not one with the outside. Raises NotYet: they are not there."""
    wanted = sessions.parse(task.session)
    key = await sessions.find(tx, wanted) if wanted else None
    rows = await tx.fetch(_CALLS, tx.domain_id, key.node_id, key.linkedid) if key else []
    if not rows:
        if tx.now - task.due_at > timedelta(minutes=2):
            return None
        raise NotYet
    head = next((row for row in rows if row["direction"] in ("in", "out")), None)
    if head is None:
        return None
    is_in = head["direction"] == "in"
    answered = [row for row in rows if row["result"] == "answered"]
    last = answered[-1] if answered else None
    talked = (last["peer_user_id"] or last["user_id"]) if last and is_in else None
    return Ended(task.session, head["direction"], bool(answered), head["a_number"] if is_in else head["b_number"],
                 head["b_number"] if is_in else head["a_number"], talked, None if is_in else head["user_id"],
                 max(row["ended_at"] for row in rows), sum(row["talk_seconds"] for row in answered))


async def pump(stop: asyncio.Event) -> None:
    """Until told to stop; the database may be away."""
    while not stop.is_set():
        try:
            busy = await work_due()
        except Exception as error:
            log.warning("crm_work_waits", error=repr(error)[:200])
            busy = 0
            await asyncio.sleep(2)
        if not busy:
            try:
                await asyncio.wait_for(stop.wait(), 0.5)
            except TimeoutError:
                continue


async def keep_tokens(_ctx: dict[str, Any]) -> None:
    """Tokens are renewed in time also where nobody calls: unused ones die after months. Old marks go."""
    async with platform_transaction(ACTOR) as tx:
        rows = await tx.fetch("SELECT domain_id, kind FROM crm_integration WHERE status = 'connected' AND expires_at "
                              "< $1",
                              tx.now + timedelta(hours=2))
        await tx.execute("DELETE FROM crm_object WHERE at < $1", tx.now - timedelta(days=90))
    for row in rows:
        try:
            await accounts.client(Actor.system(row["domain_id"], "crm"), row["kind"])
        except (CrmError, AppError) as error:
            log.info("crm_token_not_renewed", domain_id=row["domain_id"], error=str(error)[:200])


LOOPS.append(pump)
every("keep_crm_tokens", keep_tokens, minute=50)
