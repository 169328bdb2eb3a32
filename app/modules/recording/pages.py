"""Whose calls are recorded and for how long recordings are kept: `/recording` [REC]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _, lazy, ngettext
from app.modules.recording import queries, service
from app.modules.recording.forms import SwitchForm, TermForm
from app.web import menu
from app.web.lists import Column, Filter, ListQuery, Page, ticked
from app.web.menu import MenuItem
from app.web.shell import listed, page, saved
from billing.services import service as services
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.live import form_of
from tenants.services.present import new_amounts
from tenants.services.section import section
from tenants.users.queries import BY_NAME, search_pattern

URL = "/recording"
PAGE_SIZE = 100
COLUMNS = (Column("name", lazy("User"), BY_NAME), Column("on", lazy("Call recording"), "u.recording_on"),
           Column("calls", lazy("Call records"), wide_only=True))
FILTERS = (Filter("state", lazy("Users"), {"on": lazy("Recording is on")}),)

menu.register("domain", MenuItem("services", lazy("Call recording"), URL, "microphone", Permission.SERVICES_EDIT, "",
                                 20, service=service.CODE))


def _query_of(request: Request) -> ListQuery:
    return ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="name", limit=PAGE_SIZE)


def _narrowed(query: ListQuery) -> tuple[str | None, bool]:
    return search_pattern(query.like(), query.search), query.value("state") == "on"


def term_words(months: int) -> str:
    """"1 month", "half a year", "3 years" [REC-30]."""
    if months == 6:
        return _("half a year")
    if months % 12:
        return ngettext("%(n)s month", "%(n)s months", months) % {"n": months}
    return ngettext("%(n)s year", "%(n)s years", months // 12) % {"n": months // 12}


async def _chosen(tx: DomainTx, request: Request) -> list[int] | None:
    """Ticked ids; None for everyone; with "select all", everybody who matches the list's search and filter."""
    if "everyone" in request.query_params:
        return None
    ids, found = ticked(request.query_params)
    if found is None:
        if await queries.unknown(tx, ids):
            raise NotFound("user", _("There is no such user"))
        return ids
    query = ListQuery.parse(found, columns=COLUMNS, filters=FILTERS, default_sort="name")
    like, only_on = _narrowed(query)
    rows = await queries.users(tx, like=like, only_on=only_on, order="u.id", limit=None)
    return [row.id for row in rows]


class RecordingPages(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/")
    async def list(self, request: Request) -> Template:
        query = _query_of(request)
        like, only_on = _narrowed(query)
        async with domain_transaction(request.user.actor) as tx:
            counter = await queries.counter(tx, like=like, only_on=only_on)
            rows = await queries.users(tx, like=like, only_on=only_on, order=query.order_by("u.id"),
                                       limit=query.limit, offset=query.offset)
            tiers, months = await queries.tiers(tx), await queries.months(tx)
        return await page(request, "recording/list.html", found=Page(rows, counter.found, query), counter=counter,
                          tiers=tiers, months=months, term_words=term_words)

    @get("/enable")
    async def ask_enable(self, request: Request) -> Template:
        return await _ask(request, True)

    @post("/enable", status_code=200)
    async def enable(self, request: Request) -> Response | Template:
        try:
            return await _switch(request, True)
        except CostChanged as changed:
            return new_amounts(request, changed)

    @get("/disable")
    async def ask_disable(self, request: Request) -> Template:
        return await _ask(request, False)

    @post("/disable", status_code=200)
    async def disable(self, request: Request) -> Response | Template:
        return await _switch(request, False)

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


async def _ask(request: Request, to: bool) -> Template:
    """The dialog of one user, of those ticked or of everyone; only who would really change is named and paid for."""
    everyone = "everyone" in request.query_params
    async with domain_transaction(request.user.actor) as tx:
        people = await queries.changing(tx, await _chosen(tx, request), to)
        context = {"people": people, "everyone": everyone, "user_page": "user_page" in request.query_params}
        if to:
            quote = await services.quote(tx, service.CODE, len(people))
            context |= {"quote": quote, "cost": cost_of(quote)}
        else:
            context["saving"] = await services.saving(tx, service.CODE, len(people))
    return await page(request, "recording/enable.html" if to else "recording/disable.html", **context)


async def _switch(request: Request, to: bool) -> Response:
    form = await form_of(request, SwitchForm)
    if not form.ids and not form.everyone:
        raise InvalidFields("nothing_chosen", _("Choose at least one."))
    async with domain_transaction(request.user.actor) as tx:
        count = await service.switch(tx, None if form.everyone else form.ids, to, mark=form.quoted or None)
    if to:
        message = ngettext("Recording is on for %(n)s user more.", "Recording is on for %(n)s users more.", count)
    else:
        message = ngettext("Recording is off for %(n)s user.", "Recording is off for %(n)s users.", count)
    message %= {"n": count}
    if form.user_page and len(form.ids) == 1:
        return saved(request, f"/users/{form.ids[0]}", message)
    return listed(request, URL, message)


CONTROLLERS = [RecordingPages]
