"""Whose calls are recorded and analysed, and for how long recordings are kept: `/recording` [REC, SPA-03…06]."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _, lazy, ngettext
from app.modules.recording import queries, service
from app.modules.recording.forms import SwitchForm, TermForm
from app.modules.recording.present import ANALYSED, CALLS, ON, STATES, USER, narrowed, term_words
from app.modules.recording.service import Operation
from app.web import menu
from app.web.lists import Column, Filter, ListQuery, Page, Params, ticked
from app.web.menu import MenuItem
from app.web.shell import listed, page, saved
from billing.services import service as services
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.live import form_of
from tenants.services.present import new_amounts
from tenants.services.section import section

URL = "/recording"
PAGE_SIZE = 100
SPEECH_URL = "/speech"
@dataclass(frozen=True, slots=True)
class Layout:
    """The list as one domain has it: without the analysis where the plan has none [REC-D7]."""

    columns: tuple[Column, ...]
    filters: tuple[Filter, ...]

    def query(self, request: Request) -> ListQuery:
        return ListQuery.of(request, columns=self.columns, filters=self.filters, default_sort="name", limit=PAGE_SIZE)

    def parse(self, params: Params) -> ListQuery:
        return ListQuery.parse(params, columns=self.columns, filters=self.filters, default_sort="name")


PLAIN = Layout((USER, ON, CALLS), (Filter("state", lazy("Users"), {"on": STATES["on"]}),))
WORDS = {  # heading, who, nothing to do
    Operation.RECORD: (lazy("Call recording"), lazy("Calls of these users will be recorded:"),
                       lazy("Recording is on for all of them already.")),
    Operation.ANALYSE: (lazy("Speech analytics"), lazy("Calls of these users will be recorded and analysed:"),
                        lazy("Speech analytics is on for all of them already.")),
    Operation.STOP: (lazy("Switch recording off"), lazy("Calls of these users will no longer be recorded or analysed:"),
                     lazy("Recording is off for all of them already.")),
    Operation.STOP_ANALYSIS: (lazy("Switch speech analytics off"),
                              lazy("Calls of these users will no longer be analysed:"),
                              lazy("Speech analytics is off for all of them already.")),
}
WITH_SPEECH = Layout((USER, ON, ANALYSED, CALLS), (Filter("state", lazy("Users"), STATES),))

menu.register("domain", MenuItem("services", lazy("Call recording"), URL, "microphone", Permission.SERVICES_EDIT, "",
                                 20, service=service.CODE))


async def layout_of(tx: DomainTx) -> Layout:
    return WITH_SPEECH if await services.in_plan(tx, service.SPEECH) else PLAIN


async def _chosen(tx: DomainTx, request: Request) -> list[int] | None:
    """Ticked ids; None for everyone; with "select all", everybody who matches the list's search and filter."""
    if "everyone" in request.query_params:
        return None
    ids, found = ticked(request.query_params)
    if found is None:
        if await queries.unknown(tx, ids):
            raise NotFound("user", _("There is no such user"))
        return ids
    query = (await layout_of(tx)).parse(found)
    like, state = narrowed(query)
    rows = await queries.users(tx, like=like, state=state, order="u.id", limit=None)
    return [row.id for row in rows]


class RecordingPages(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/")
    async def list(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            layout = await layout_of(tx)
            query = layout.query(request)
            like, state = narrowed(query)
            counter = await queries.counter(tx, like=like, state=state)
            rows = await queries.users(tx, like=like, state=state, order=query.order_by("u.id"),
                                       limit=query.limit, offset=query.offset)
            tiers, months = await queries.tiers(tx), await queries.months(tx)
        return await page(request, "recording/list.html", found=Page(rows, counter.found, query), counter=counter,
                          tiers=tiers, months=months, term_words=term_words, has_speech=layout is WITH_SPEECH)

    @get("/term")
    async def ask_term(self, request: Request) -> Template:
        """The new monthly fee, and what a shorter term will delete [REC-D4, REC-D5]."""
        typed = request.query_params.get("months", "")
        async with domain_transaction(request.user.actor) as tx:
            before = await queries.months(tx)
            by_months = {tier.months: tier for tier in await queries.tiers(tx)}
            wanted = by_months.get(int(typed)) if typed.isascii() and typed.isdigit() and len(typed) < 5 else None
            if wanted is None:
                raise NotFound("months", _("There is no such term of storage."))
            fees = (await service.fee(tx, by_months[before].percent), await service.fee(tx, wanted.percent))
            going = await queries.going(tx, wanted.months) if wanted.months < before else 0
        return await page(request, "recording/term.html", months=wanted.months, fees=fees, going=going,
                          words=term_words(wanted.months), is_same=wanted.months == before)

    @post("/term", status_code=200)
    async def set_term(self, request: Request) -> Response:
        form = await form_of(request, TermForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.keep_for(tx, form.months)
        return listed(request, URL, _("Recordings are kept: %(term)s.") % {"term": term_words(form.months)})


class SwitchPages(Controller):
    """One dialog and one action for each operation; the page of users, a user's card and the page of speech analytics
    lead here."""

    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/{operation:str}")
    async def ask(self, request: Request, operation: FromPath[str]) -> Template:
        return await _ask(request, _operation(operation))

    @post("/{operation:str}", status_code=200)
    async def switch(self, request: Request, operation: FromPath[str]) -> Response | Template:
        try:
            return await _switch(request, _operation(operation))
        except CostChanged as changed:
            return new_amounts(request, changed)


def _operation(text: str) -> Operation:
    try:
        return Operation(text)
    except ValueError:
        raise NotFound("operation", _("There is no such page.")) from None


async def _ask(request: Request, operation: Operation) -> Template:
    """The dialog of one user, of those ticked or of everyone; only who would really change is named and paid for."""
    everyone, origin = "everyone" in request.query_params, request.query_params.get("origin", "")
    async with domain_transaction(request.user.actor) as tx:
        people = [one for one in await queries.people(tx, await _chosen(tx, request))
                  if operation.after(one.is_recorded, one.is_analysed) != (one.is_recorded, one.is_analysed)]
        context = {"people": people, "everyone": everyone, "operation": operation.value,
                   "origin": origin if origin in ("user", "speech") else "", "words": WORDS[operation]}
        if operation.is_more and people:
            quote = await service.quote(tx, people, operation)
            context |= {"quote": quote, "cost": cost_of(quote)}
        elif people:
            context["saving"] = await service.saving(tx, people, operation)
    return await page(request, "recording/enable.html" if operation.is_more else "recording/disable.html", **context)


async def _switch(request: Request, operation: Operation) -> Response:
    form = await form_of(request, SwitchForm)
    if not form.ids and not form.everyone:
        raise InvalidFields("nothing_chosen", _("Choose at least one."))
    async with domain_transaction(request.user.actor) as tx:
        count = await service.apply(tx, None if form.everyone else form.ids, operation, mark=form.quoted or None)
    message = {
        Operation.RECORD: ngettext("Recording is on for %(n)s user more.", "Recording is on for %(n)s users more.",
                                   count),
        Operation.ANALYSE: ngettext("Speech analytics is on for %(n)s user more.",
                                    "Speech analytics is on for %(n)s users more.", count),
        Operation.STOP: ngettext("Recording is off for %(n)s user.", "Recording is off for %(n)s users.", count),
        Operation.STOP_ANALYSIS: ngettext("Speech analytics is off for %(n)s user.",
                                          "Speech analytics is off for %(n)s users.", count),
    }[operation] % {"n": count}
    if form.origin == "user" and len(form.ids) == 1:
        return saved(request, f"/users/{form.ids[0]}", message)
    return listed(request, SPEECH_URL if form.origin == "speech" else URL, message)


CONTROLLERS = [RecordingPages, SwitchPages]
