"""Tasks of the auto-dialler: `/autodialler` [ADL-01…44]."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, language, lazy
from app.modules.autodialler import queries, service
from app.modules.autodialler.forms import NewForm, TaskForm
from app.modules.autodialler.queries import Task
from app.modules.autodialler.rules import AT_WORK, DELETABLE, EDITABLE, Action, Status, actions, after, names_of
from app.web import menu
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import page, saved
from tenants.live import form_of, row_id
from tenants.numbers.outgoing import outgoing_choices, shown_number
from tenants.services.section import section
from tenants.settings.rules import zone_choices
from tenants.sounds import prompts

URL = "/autodialler"
COLUMNS = (Column("name", lazy("Task name"), "lower(t.name)"), Column("status", lazy("Status")),
           Column("counts", lazy("Delivered / not delivered (total)")),
           Column("starts", lazy("Start date")), Column("ends", lazy("End date"), wide_only=True))
FILTERS = (Filter("status", lazy("Status"), {one.value: one.label for one in Status}),)
WORDS = {Action.START: lazy("Start task"), Action.STOP: lazy("Stop task"), Action.RESUME: lazy("Resume task"),
         Action.DELETE: lazy("Delete task")}
ICONS = {Action.START: "player-play", Action.STOP: "player-pause", Action.RESUME: "player-play",
         Action.DELETE: "trash"}
KINDS = {Status.ACTIVE: "info", Status.RUNNING: "success", Status.STOPPED: "warning", Status.PREPARING: "info",
         Status.PREP_ERROR: "danger"}
QUESTIONS = {
    Action.START: lazy("The task will call its numbers from the start date on, in the hours of its schedule."),
    Action.STOP: lazy("No further calls are made; calls that were answered are finished."),
    Action.RESUME: lazy("The task goes on calling the numbers that have no final result."),
    Action.DELETE: lazy("The task goes to the archive: it is shown with the filter «Task is deleted» only and cannot "
                        "be restored."),
}

menu.register("domain", MenuItem("services", lazy("Auto-dialler"), URL, "speakerphone", Permission.SERVICES_EDIT, "",
                                 40, service=service.CODE))


def tabs(task_id: int) -> list[tuple[str, str]]:
    return [(_("Task settings"), f"{URL}/{task_id}"), (_("Number list"), f"{URL}/{task_id}/numbers")]


async def facts(tx: DomainTx, task: Task) -> dict[str, Any]:
    """What the head of both tabs shows."""
    return {"task": task, "counts": await queries.counts(tx, task.id), "kinds": KINDS, "icons": ICONS, "words": WORDS,
            "actions": actions(task.status), "is_at_work": task.status in AT_WORK, "tabs": tabs(task.id)}


class DiallerPages(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="name")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.tasks(tx, like=query.like(), status=query.value("status"),
                                              order=query.order_by("t.id"), limit=query.limit, offset=query.offset)
        return await page(request, "autodialler/list.html", found=Page(rows, total, query), kinds=KINDS)

    @get("/new")
    async def new(self, request: Request, template: int | None = None) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            known = await queries.templates(tx)
        chosen = template if template in dict(known) else None
        return await page(request, "autodialler/new.html", templates=known, chosen=chosen)

    @post("/new", status_code=200)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, NewForm)
        async with domain_transaction(request.user.actor) as tx:
            task_id = await service.create(tx, form.name, form.template_id if form.is_copy else None)
        return saved(request, f"{URL}/{task_id}", _("The task is created."))

    @get("/{task_id:int}")
    async def show(self, request: Request, task_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            context = await facts(tx, task)
            audio = (await prompts.find(tx, [task.audio_id])).get(task.audio_id) if task.audio_id else None
            context |= {"callers": await outgoing_choices(tx), "audio": audio,
                        "most_calls": max(await service.most_calls(tx), task.concurrency)}
            zones = zone_choices(tx.now, language())
        zone = ZoneInfo(task.timezone)
        dates = {name: _typed(getattr(task, name), zone) for name in ("starts_at", "ends_at")}
        if task.timezone not in dict(zones):
            zones = [(task.timezone, task.timezone), *zones]
        return await page(request, "autodialler/task.html", zones=zones, dates=dates, is_open=task.status in EDITABLE,
                          shown_caller=shown_number(task.caller) if task.caller else "", **context)

    @post("/{task_id:int}", status_code=200)
    async def save(self, request: Request, task_id: FromPath[int]) -> Response:
        form = await form_of(request, TaskForm)
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            await service.save(tx, task.id, form.command(task.timezone))
        return saved(request, f"{URL}/{task_id}", _("Saved."))

    @get("/{task_id:int}/state")
    async def state(self, request: Request, task_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            context = await facts(tx, await queries.task(tx, row_id(task_id)))
        return await page(request, "autodialler/state.html", **context)

    @get("/{task_id:int}/status/{name:str}")
    async def ask(self, request: Request, task_id: FromPath[int], name: FromPath[str]) -> Template:
        """The confirmation of a button. Deletion is offered in every state, and refused with the reason [ADL-D8]."""
        action = _action(name)
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            problems = await service.not_ready(tx, task) if action in (Action.START, Action.RESUME) else []
        return await page(request, "autodialler/confirm.html", task=task, action=action, words=WORDS,
                          question=QUESTIONS[action], problems=problems, states=names_of(DELETABLE),
                          is_permitted=after(action, task.status) is not None)

    @post("/{task_id:int}/status/{name:str}", status_code=200)
    async def press(self, request: Request, task_id: FromPath[int], name: FromPath[str]) -> Response:
        action = _action(name)
        async with domain_transaction(request.user.actor) as tx:
            to = await service.change_status(tx, row_id(task_id), action)
        url = URL if action is Action.DELETE else f"{URL}/{task_id}"
        return saved(request, url, _("Status of the task: %(status)s.") % {"status": to.label})


def _typed(moment: Any, zone: ZoneInfo) -> str:
    """As a field for a date and a time has it."""
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}" if moment else ""


def _action(name: str) -> Action:
    try:
        return Action(name)
    except ValueError:
        raise NotFound("page", _("There is no such page.")) from None


CONTROLLERS: list[type[Controller]] = [DiallerPages]
