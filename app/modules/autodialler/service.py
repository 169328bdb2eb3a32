"""Tasks of the auto-dialler: made, changed, started, stopped, archived [ADL-10…44]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import LazyText, _, lazy
from app.modules.autodialler import letters, queries
from app.modules.autodialler.queries import Task
from app.modules.autodialler.rules import (
    DELETABLE,
    EDITABLE,
    Action,
    Readiness,
    Status,
    after,
    audio_problem,
    is_schedule,
    name_problem,
    names_of,
    unready,
)
from billing.accounts.blocks import is_blocked
from billing.services import channels
from billing.services import service as services
from tenants.calls import orders
from tenants.numbers.outgoing import may_be_outgoing, outgoing_choices
from tenants.settings.rules import zones
from tenants.sounds import prompts
from tenants.sounds.convert import Converted
from tenants.sounds.service import Original

CODE = "auto_informer"
OBJECT = "dial_task"
WITHOUT_LIMIT = channels.MOST  # simultaneous calls of a task where the plan does not limit channels
REASON_STOPPED_NUMBER: LazyText = lazy("the caller ID was disconnected from the domain")


@dataclass(frozen=True, slots=True)
class Changes:
    """The settings page as it is saved [ADL-22, ADL-30…35]."""

    name: str
    caller_number_id: int | None
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


async def create(tx: DomainTx, name: str, template_id: int | None = None) -> int:
    """A new inactive task, alone or by the settings of another [ADL-10…13, ADL-D1].

    Raises:
        InvalidFields: the name.
        NotFound: no such template.
        Forbidden: the service is not there.
    """
    await services.require(tx, CODE)
    checked = _named(name)
    domain = await tx.fetchrow(
        "SELECT d.timezone, n.id, n.e164, n.category FROM domain d LEFT JOIN phone_number n ON n.domain_id = d.id "
        "AND n.id = d.default_number_id WHERE d.id = $1", tx.domain_id)
    assert domain is not None
    caller = domain["id"] if domain["id"] and may_be_outgoing(domain["e164"], domain["category"]) else None
    task_id = await tx.fetchval(
        "INSERT INTO dial_task (domain_id, name, caller_number_id, timezone, status_at, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $5) RETURNING id", tx.domain_id, checked, caller, domain["timezone"], tx.now)
    if template_id is not None:
        await _copy(tx, await queries.task(tx, template_id, lock=True), task_id)
    await history.record(tx, "dial_task_created", OBJECT, object_id=task_id, object_name=checked)
    return task_id


async def _copy(tx: DomainTx, template: Task, task_id: int) -> None:
    """Schedule with its zone, address and scenario; the voice message as a file of its own."""
    if template.status is Status.DELETED:
        raise NotFound("dial_task", _("There is no such task."))
    await tx.execute(
        "UPDATE dial_task SET timezone = $3, schedule = $4, email = $5, attempts = $6, answer_seconds = $7, "
        "retry_minutes = $8, success_seconds = $9, concurrency = $10, audio_id = $11 WHERE domain_id = $1 AND id = $2",
        tx.domain_id, task_id, template.timezone, template.schedule, template.email, template.attempts,
        template.answer_seconds, template.retry_minutes, template.success_seconds, template.concurrency,
        await _copied_audio(tx, template.audio_id) if template.audio_id else None)
    if template.audio_id:
        await provisioning.want_new_generation(tx, "dial_task_audio")


async def _copied_audio(tx: DomainTx, prompt_id: int) -> int:
    stored = await prompts.original(tx, prompt_id)
    row = await tx.fetchrow("SELECT content, seconds, source FROM prompt WHERE domain_id = $1 AND id = $2",
                            tx.domain_id, prompt_id)
    assert row is not None
    copy_id = await prompts.keep(tx, Original(stored.name, "wav", stored.content),
                                 Converted(row["content"], row["seconds"]), is_recorded=row["source"] == "recorded")
    return (await prompts.use(tx, copy_id)).id


async def save(tx: DomainTx, task_id: int, wanted: Changes) -> None:
    """All settings at once; the whole form is refused with every reason.

    Raises:
        Refused: the task's status does not permit it [ADL-44].
        InvalidFields, NotFound, Forbidden.
    """
    await services.require(tx, CODE)
    before = await queries.task(tx, task_id, lock=True)
    if before.status not in EDITABLE:
        raise Refused("status", _("A task can be changed while it is inactive or stopped; now: «%(status)s».") % {
            "status": before.status.label})
    problems = await _problems(tx, before, wanted)
    if problems:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=problems)
    if wanted.audio_id != before.audio_id:
        await _replace_audio(tx, before, wanted.audio_id)
    values = {name: getattr(wanted, name) for name in Changes.__dataclass_fields__}
    places = ", ".join(f"{name} = ${position}" for position, name in enumerate(values, 3))
    await tx.execute(f"UPDATE dial_task SET {places} WHERE domain_id = $1 AND id = $2", tx.domain_id, task_id,
                     *values.values())
    changes = {f"dial_{name}" if name != "name" else name: (getattr(before, name), value)
               for name, value in values.items()}
    if any(old != new for old, new in changes.values()):
        await history.record(tx, "dial_task_changed", OBJECT, object_id=task_id, object_name=wanted.name,
                             changes=changes)


async def _problems(tx: DomainTx, before: Task, wanted: Changes) -> dict[str, str]:
    """Field → what is wrong with it."""
    found = {"name": name_problem(wanted.name)}
    if wanted.caller_number_id is not None and wanted.caller_number_id not in dict(await outgoing_choices(tx)):
        found["caller_number_id"] = _("Choose one of the domain's numbers.")
    if wanted.timezone != before.timezone and wanted.timezone not in zones():
        found["timezone"] = _("Choose one of the listed values.")
    if not is_schedule(wanted.schedule):
        found["schedule"] = _("Choose at least one hour of the week.")
    if wanted.starts_at and wanted.ends_at and wanted.ends_at <= wanted.starts_at:
        found["ends_at"] = _("The end must be later than the start.")
    most = await most_calls(tx)
    if wanted.concurrency > max(most, before.concurrency):
        found["concurrency"] = _("The domain has %(n)s outgoing channels.") % {"n": most}
    return {field: text for field, text in found.items() if text}


async def _replace_audio(tx: DomainTx, task: Task, audio_id: int | None) -> None:
    """Raises InvalidFields: not what a voice message may be [ADL-36]."""
    if audio_id is not None:
        try:
            problem = audio_problem((await prompts.original(tx, audio_id)).content)
            await prompts.use(tx, audio_id)
        except NotFound:
            problem = _("There is no such file.")
        if problem:
            raise InvalidFields("audio", problem, fields={"audio_id": problem})
    await tx.execute("UPDATE dial_task SET audio_id = NULL WHERE domain_id = $1 AND id = $2", tx.domain_id, task.id)
    if task.audio_id is not None:
        await prompts.drop(tx, task.audio_id)
    await provisioning.want_new_generation(tx, "dial_task_audio")


async def most_calls(tx: DomainTx) -> int:
    """The largest number of simultaneous calls that a task may ask for [ADL-D3]."""
    return (await channels.limits(tx))[channels.OUTGOING] or WITHOUT_LIMIT


# --- life cycle -----------------------------------------------------------------------------------------


async def change_status(tx: DomainTx, task_id: int, action: Action) -> Status:
    """Press a button of the task [ADL-40]; the new status.

    Raises:
        Refused: not permitted from here [ADL-42], or the task is not ready [ADL-D6].
        NotFound, Forbidden.
    """
    await services.require(tx, CODE)
    task = await queries.task(tx, task_id, lock=True)
    to = after(action, task.status)
    if to is None:
        raise _not_permitted(action, task.status)
    if action in (Action.START, Action.RESUME):
        problems = await not_ready(tx, task)
        if problems:
            raise Refused("not_ready", " ".join(problems))
    if action is Action.START:
        await tx.execute("UPDATE dial_task SET starts_at = coalesce(starts_at, $3) WHERE domain_id = $1 AND id = $2",
                         tx.domain_id, task_id, tx.now)
        to = Status.ACTIVE if await is_live(tx) else Status.PREPARING
    if action is Action.STOP:
        await cancel_unanswered(tx, task_id)
    await move(tx, task, to)
    return to


def _not_permitted(action: Action, status: Status) -> Refused:
    if action is Action.DELETE:
        return Refused("status", _("The task cannot be deleted now («%(status)s»). It can be deleted in these states: "
                                   "%(states)s.") % {"status": status.label, "states": names_of(DELETABLE)})
    return Refused("status", _("This is not possible now: the status of the task is «%(status)s».") % {
        "status": status.label})


async def not_ready(tx: DomainTx, task: Task) -> list[str]:
    """What keeps it from being started or resumed, in words."""
    audio = (await prompts.find(tx, [task.audio_id])).get(task.audio_id) if task.audio_id else None
    problems = unready(Readiness(
        has_caller=bool(task.caller), has_audio=audio is not None,
        numbers=(await queries.counts(tx, task.id)).total, ends_at=task.ends_at, now=tx.now,
        money=_("The domain is blocked: calls are not possible.") if await is_blocked(tx) else ""))
    if audio is not None and audio.milliseconds < task.success_seconds * 1000:
        problems.append(_("The voice message lasts %(message)s s, less than a successful connection (%(success)s s): "
                          "nobody would count as informed.") % {
            "message": audio.milliseconds // 1000, "success": task.success_seconds})
    return problems


async def move(tx: DomainTx, task: Task, to: Status, *, reason: object = "") -> None:
    """Into another status, which is told in the history and by letter; the task is locked."""
    await tx.execute("UPDATE dial_task SET status = $3, status_at = $4 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                     task.id, to.value, tx.now)
    changes: dict[str, history.Change] = {"dial_status": (task.status.value, to.value)}
    if reason:
        changes["reason"] = ("", str(reason))
    await history.record(tx, "dial_task_status", OBJECT, object_id=task.id, object_name=task.name, changes=changes)
    await letters.tell(tx, task, to, await queries.counts(tx, task.id), reason)


async def cancel_unanswered(tx: DomainTx, task_id: int) -> None:
    """Calls that nobody has answered yet are ended; who talks is not cut off [ADL-D7]."""
    rows = await tx.fetch(
        "SELECT o.id FROM dial_number n JOIN call_order o ON o.domain_id = n.domain_id AND o.id = n.order_id "
        "WHERE n.domain_id = $1 AND n.task_id = $2 AND n.order_id IS NOT NULL AND o.state IN ('wanted', 'calling')",
        tx.domain_id, task_id)
    for row in rows:
        await orders.cancel(tx, row["id"])


async def is_live(tx: DomainTx) -> bool:
    """The PBX has what the domain wants, the voice message too."""
    return bool(await tx.fetchval("SELECT applied >= desired FROM provisioning_state WHERE domain_id = $1",
                                  tx.domain_id))


async def archive_all(tx: DomainTx) -> None:
    """The service is disconnected: tasks are stopped and archived, their audio removed [SVC-D5]."""
    rows = await tx.fetch("SELECT id, name, status, audio_id FROM dial_task WHERE domain_id = $1 "
                          "AND (status <> 'deleted' OR audio_id IS NOT NULL) ORDER BY id FOR NO KEY UPDATE",
                          tx.domain_id)
    for row in rows:
        for order_id in await queries.calling(tx, row["id"]):
            await orders.cancel(tx, order_id)
    await tx.execute("UPDATE dial_task SET status = 'deleted', status_at = $2, audio_id = NULL WHERE domain_id = $1 "
                     "AND (status <> 'deleted' OR audio_id IS NOT NULL)", tx.domain_id, tx.now)
    for row in rows:
        if row["audio_id"] is not None:
            await prompts.drop(tx, row["audio_id"])
    ended = [row for row in rows if row["status"] != "deleted"]
    if ended:
        await history.record_many(tx, "dial_task_status", OBJECT, [
            history.Item(row["id"], row["name"], {"dial_status": (row["status"], "deleted")}) for row in ended])


async def forgive(tx: DomainTx, task_id: int) -> None:
    """The provider's staff return a task whose preparation failed [ADL-D6]. Raises Refused, NotFound."""
    task = await queries.task(tx, task_id, lock=True)
    if task.status is not Status.PREP_ERROR:
        raise _not_permitted(Action.START, task.status)
    await move(tx, task, Status.INACTIVE)


def _named(name: str) -> str:
    problem = name_problem(name)
    if problem:
        raise InvalidFields("name", problem, fields={"name": problem})
    return name
