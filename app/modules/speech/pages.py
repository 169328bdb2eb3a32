"""Speech analytics: users, analysed conversations, criteria: `/speech` [SPA-02…09, SPA-D2]."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel import files
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.modules.recording import queries as recorded
from app.modules.recording import service as recording
from app.modules.recording.present import ANALYSED, ON, STATES, USER, narrowed, term_words
from app.modules.speech import queries, service
from app.modules.speech.queries import Narrowed, Sum
from app.modules.speech.recogniser import recogniser
from app.web import menu
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import listed, page
from tenants.calls.personal.audio_page import mp3_answer
from tenants.calls.present import shown_number
from tenants.live import form_of, row_id
from tenants.services.section import section

URL = "/speech"
PAGE_SIZE = 100
TABS = ((lazy("Users"), URL), (lazy("Results"), f"{URL}/results"), (lazy("Criteria"), f"{URL}/criteria"))
USER_COLUMNS = (USER, ANALYSED, ON)
USER_FILTERS = (Filter("state", lazy("Users"), {"analysed": STATES["analysed"]}),)
COLUMNS = (
    Column("at", lazy("Date and time"), "j.started_at"), Column("user", lazy("User"), "lower(j.user_name)"),
    Column("number", lazy("Other party"), "j.number", wide_only=True),
    Column("seconds", lazy("Duration"), "j.seconds", numeric=True, wide_only=True),
    Column("silence", lazy("Silence"), "j.talk_share", numeric=True, wide_only=True),
    Column("interruptions", lazy("Interruptions"), "j.interruptions", numeric=True, wide_only=True),
    Column("pace", lazy("Words per minute"), "j.words_per_minute", numeric=True, wide_only=True),
    Column("score", lazy("Score"), "j.score", numeric=True))
CRITERION_COLUMNS = (Column("name", lazy("Name")), Column("weight", lazy("Weight"), numeric=True),
                     Column("wanted", lazy("Must occur")), Column("unwanted", lazy("Must not occur")))
DIRECTIONS = {"in": lazy("Incoming"), "out": lazy("Outgoing")}
JOB_STATES = {"queued": lazy("waiting"), "processing": lazy("being recognised"), "done": lazy("analysed"),
              "failed": lazy("not recognised"), "cancelled": lazy("cancelled")}

menu.register("domain", MenuItem("services", lazy("Speech analytics"), URL, "message", Permission.SERVICES_EDIT, "",
                                 60, service=recording.SPEECH))


class CriterionForm(FormModel):
    """A phrase in each line."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    weight: Annotated[int, Field(ge=1, le=100)]
    wanted: Annotated[str, Field(max_length=5000)] = ""
    unwanted: Annotated[str, Field(max_length=5000)] = ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


async def _filters(tx: DomainTx) -> tuple[Filter, ...]:
    people = await tx.fetch("SELECT user_id, max(user_name) AS name FROM speech_job WHERE domain_id = $1 "
                            "GROUP BY user_id ORDER BY 2, 1 LIMIT 500", tx.domain_id)
    return (Filter("from", lazy("From date"), kind="date"), Filter("to", lazy("To date"), kind="date"),
            Filter("user", lazy("User"), {str(one["user_id"]): one["name"] for one in people}),
            Filter("direction", lazy("Type"), DIRECTIONS), Filter("state", lazy("State"), JOB_STATES))


def _wanted(query: ListQuery) -> Narrowed:
    user = query.value("user")
    return Narrowed(_day(query.value("from")), _day(query.value("to")), int(user) if user.isdigit() else None,
                    query.value("direction"), query.search, query.value("state"))


class SpeechPages(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(recording.SPEECH)

    @get("/")
    async def users(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=USER_COLUMNS, filters=USER_FILTERS, default_sort="name", limit=PAGE_SIZE)
        like, state = narrowed(query)
        async with domain_transaction(request.user.actor) as tx:
            counter = await recorded.counter(tx, like=like, state=state)
            rows = await recorded.users(tx, like=like, state=state, order=query.order_by("u.id"), limit=query.limit,
                                        offset=query.offset)
            months = await recorded.months(tx)
        total = counter.found
        return await page(request, "speech/users.html", found=Page(rows, total, query), counter=counter, tabs=TABS,
                          term=term_words(months), has_recogniser=recogniser() is not None)

    @get("/results")
    async def results(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            query = ListQuery.of(request, columns=COLUMNS, filters=await _filters(tx), default_sort="-at")
            wanted, zone = _wanted(query), request.user.timezone
            rows, total = await queries.conversations(tx, zone, wanted, order=query.order_by("j.recording_id DESC"),
                                                      limit=query.limit, offset=query.offset)
            full = query.part != "rows"
            days = await queries.by_day(tx, zone, wanted) if full else []
            people = await queries.by_user(tx, zone, wanted) if full else []
            waiting = await queries.waiting(tx)
        return await page(request, "speech/results.html", found=Page(rows, total, query), tabs=TABS, waiting=waiting,
                          charts=[(_("By day"), days, _bars(days, lying=False)),
                                  (_("By user"), people, _bars(people, lying=True))],
                          states=JOB_STATES, shown=shown_number, has_recogniser=recogniser() is not None)

    @get("/results/{recording_id:int}")
    async def conversation(self, request: Request, recording_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await _transcript(tx, recording_id)
            criteria = await service.criteria(tx)
        return await page(request, "speech/conversation.html", found=found, call=found.conversation,
                          criteria=criteria, states=JOB_STATES, shown=shown_number, directions=DIRECTIONS)

    @get("/results/{recording_id:int}/audio")
    async def audio(self, request: Request, recording_id: FromPath[int]) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            found = await _transcript(tx, recording_id)
            stored = await files.load(tx, found.file_id)
        return await mp3_answer(request, stored, found.conversation.started_at, found.conversation.number)


class CriterionPages(Controller):
    path = f"{URL}/criteria"
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(recording.SPEECH)

    @get("/")
    async def all(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=CRITERION_COLUMNS, default_sort="name")
        async with domain_transaction(request.user.actor) as tx:
            rows = await service.criteria(tx)
        return await page(request, "speech/criteria.html", found=Page(rows, len(rows), query), tabs=TABS)

    @get("/new")
    async def ask_new(self, request: Request) -> Template:
        return await page(request, "speech/criterion.html", criterion=None)

    @post("/new", status_code=200)
    async def create(self, request: Request) -> Response:
        return await _save(request, None)

    @get("/{criterion_id:int}")
    async def ask(self, request: Request, criterion_id: FromPath[int]) -> Template:
        return await page(request, "speech/criterion.html", criterion=await _criterion(request, criterion_id))

    @post("/{criterion_id:int}", status_code=200)
    async def save(self, request: Request, criterion_id: FromPath[int]) -> Response:
        return await _save(request, row_id(criterion_id))

    @get("/{criterion_id:int}/delete")
    async def ask_delete(self, request: Request, criterion_id: FromPath[int]) -> Template:
        return await page(request, "speech/delete.html", criterion=await _criterion(request, criterion_id))

    @post("/{criterion_id:int}/delete", status_code=200)
    async def delete(self, request: Request, criterion_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete_criterion(tx, row_id(criterion_id))
        return listed(request, CriterionPages.path, _("The criterion is deleted."))


async def _save(request: Request, criterion_id: int | None) -> Response:
    form = await form_of(request, CriterionForm)
    async with domain_transaction(request.user.actor) as tx:
        await service.save_criterion(tx, criterion_id, name=form.name, weight=form.weight,
                                     wanted=service.phrases(form.wanted), unwanted=service.phrases(form.unwanted))
    return listed(request, CriterionPages.path, _("The criterion is saved."))


async def _criterion(request: Request, criterion_id: int):
    async with domain_transaction(request.user.actor) as tx:
        found = next((one for one in await service.criteria(tx) if one.id == criterion_id), None)
    if found is None:
        raise NotFound("criterion", _("There is no such criterion."))
    return found


async def _transcript(tx: DomainTx, recording_id: int) -> queries.Transcript:
    found = await queries.transcript(tx, row_id(recording_id))
    if found is None:
        raise NotFound("recording", _("There is no such recording."))
    return found


def _bars(sums: list[Sum], *, lying: bool) -> dict[str, Any]:
    """Conversations as bars and the mean score as a line, where there is one."""
    labels = {"type": "category", "data": [one.label for one in sums], "inverse": lying}
    values = {"type": "value", "minInterval": 1}
    series = [{"type": "bar", "name": _("Conversations"), "data": [one.count for one in sums], "barMaxWidth": 24,
               "itemStyle": {"color": "#206bc4"}}]
    return {"grid": {"left": 8, "right": 16, "top": 16, "bottom": 8, "containLabel": True},
            "tooltip": {"trigger": "axis"}, "xAxis": values if lying else labels, "yAxis": labels if lying else values,
            "series": series}


CONTROLLERS = [SpeechPages, CriterionPages]
