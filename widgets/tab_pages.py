"""Security, request log and statistics of a widget [WGT.6, WGT.8, WGT.9]. Security saves every change at once."""

from __future__ import annotations

from datetime import date

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy, zone_name
from app.web.lists import Column, Filter, ListQuery, Page, cursor_after
from app.web.shell import done, fragment, is_htmx, page, saved, with_toast
from tenants.live import form_of, row_id
from tenants.services.section import section
from widgets import queries, rules, service
from widgets.forms import CaptchaForm, DomainForm, NumberForm, ProcessedForm
from widgets.pages import URL, tab
from widgets.queries import Entry

LISTS = {"white": lazy("White list of numbers"), "black": lazy("Black list of numbers")}
LOG_COLUMNS = (Column("at", lazy("Date and time")), Column("client", lazy("Client")),
               Column("event", lazy("Event type")), Column("about", lazy("Description")), Column("do", lazy("Actions")))
LOG_FILTERS = (Filter("from", lazy("From the day"), kind="date"), Filter("to", lazy("To the day"), kind="date"),
               Filter("object", lazy("Number of the object"), kind="text"))
DAYS = (LOG_FILTERS[0], LOG_FILTERS[1])
EVENTS = {"call": lazy("Call"), "message": lazy("Message")}
RESULTS = {"waiting": lazy("Calling"), "connected": lazy("Connected"), "missed": lazy("Missed by the employees"),
           "client_missed": lazy("The client did not answer"), "not_placed": lazy("The client could not be called"),
           "message": lazy("Left outside working hours"), "refused": lazy("Refused")}
REASONS = {"black": lazy("the number is in the black list"), "not_white": lazy("the number is not in the white list"),
           "limit": lazy("too soon after another request"), "not_russian": lazy("not a number in Russia")}


def _list_of(which: str) -> str:
    if which not in LISTS:
        raise NotFound("not_found", _("There is no such page."))
    return which


def _digits(text: str) -> str:
    """Numbers are looked for by their digits; one that begins with 8 is written with 7."""
    found = rules.digits_of(text)
    return f"7{found[1:]}" if len(found) == 11 and found[0] == "8" else found


def _day(query: ListQuery, key: str) -> date | None:
    return date.fromisoformat(query.value(key)) if query.value(key) else None


class WidgetTabs(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/{widget_id:int}/security")
    async def security_tab(self, request: Request, widget_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            lists = await queries.number_lists(tx, widget.id)
            domains = await queries.domains(tx, widget.id)
        counts = {which: len(lists[which]) for which in LISTS}
        return await tab(request, "security", widget, counts=counts, lists=LISTS, domains=_shown(domains))

    @post("/{widget_id:int}/captcha", status_code=200)
    async def set_captcha(self, request: Request, widget_id: FromPath[int]) -> Response:
        form = await form_of(request, CaptchaForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.switch_captcha(tx, row_id(widget_id), form.captcha)
        return done(_("Saved."), close_modal=False) if is_htmx(request) else saved(
            request, f"{URL}/{widget_id}/security", _("Saved."))

    @get("/{widget_id:int}/numbers/{which:str}")
    async def numbers(self, request: Request, widget_id: FromPath[int], which: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            entries = await queries.numbers(tx, widget.id, _list_of(which))
        return await page(request, "widgets/numbers.html", widget=widget, which=which, title=LISTS[which],
                          entries=entries, again=False)

    @post("/{widget_id:int}/numbers/{which:str}", status_code=200)
    async def add_number(self, request: Request, widget_id: FromPath[int], which: FromPath[str]) -> Response | Template:
        form = await form_of(request, NumberForm)
        async with domain_transaction(request.user.actor) as tx:
            value = await service.add_number(tx, row_id(widget_id), _list_of(which), form.number)
            entries = await queries.numbers(tx, widget_id, which)
        return _numbers(request, widget_id, which, entries, _("Added: %(value)s") % {"value": value})

    @post("/{widget_id:int}/numbers/{which:str}/{entry_id:int}/delete", status_code=200)
    async def remove_number(self, request: Request, widget_id: FromPath[int], which: FromPath[str],
                            entry_id: FromPath[int]) -> Response | Template:
        async with domain_transaction(request.user.actor) as tx:
            await service.remove_number(tx, row_id(widget_id), _list_of(which), entry_id)
            entries = await queries.numbers(tx, widget_id, which)
        return _numbers(request, widget_id, which, entries, _("Removed."))

    @post("/{widget_id:int}/domains", status_code=200)
    async def add_domain(self, request: Request, widget_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, DomainForm)
        async with domain_transaction(request.user.actor) as tx:
            value = await service.add_domain(tx, row_id(widget_id), form.domain)
            entries = await queries.domains(tx, widget_id)
        return _domains(request, widget_id, entries, _("Added: %(value)s") % {"value": rules.shown_domain(value)})

    @post("/{widget_id:int}/domains/{entry_id:int}/delete", status_code=200)
    async def remove_domain(self, request: Request, widget_id: FromPath[int],
                            entry_id: FromPath[int]) -> Response | Template:
        async with domain_transaction(request.user.actor) as tx:
            await service.remove_domain(tx, row_id(widget_id), entry_id)
            entries = await queries.domains(tx, widget_id)
        return _domains(request, widget_id, entries, _("Removed."))

    @get("/{widget_id:int}/log")
    async def log(self, request: Request, widget_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=LOG_COLUMNS, filters=LOG_FILTERS)
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            rows, total = await _log(tx, widget_id, query)
        cursor = cursor_after(rows[-1].at, rows[-1].id) if rows else ""
        return await tab(request, "log", widget, found=Page(rows, total, query, cursor), events=EVENTS, results=RESULTS,
                         reasons=REASONS)

    @post("/{widget_id:int}/log/{request_id:int}/black", status_code=200)
    async def black(self, request: Request, widget_id: FromPath[int], request_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            is_new = await service.black_list(tx, row_id(widget_id), row_id(request_id))
        return _logged(request, widget_id, _("The number is in the black list now.") if is_new else
                       _("The number is in the black list already."))

    @post("/{widget_id:int}/log/{request_id:int}/processed", status_code=200)
    async def processed(self, request: Request, widget_id: FromPath[int], request_id: FromPath[int]) -> Response:
        form = await form_of(request, ProcessedForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.tick_off(tx, row_id(widget_id), row_id(request_id), form.processed)
        return _logged(request, widget_id, _("Saved."))

    @get("/{widget_id:int}/statistics")
    async def statistics(self, request: Request, widget_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=(), filters=DAYS)
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            counters = await queries.statistics(tx, widget.id, _day(query, "from"), _day(query, "to"))
        return await tab(request, "statistics", widget, counters=counters, query=query)


async def _log(tx: DomainTx, widget_id: int, query: ListQuery) -> tuple[list[queries.LoggedRequest], int]:
    return await queries.log(
        tx, widget_id, phone=_digits(query.search) or ("-" if query.search else ""), number=query.value("object"),
        first=_day(query, "from"), last=_day(query, "to"), zone=zone_name(), limit=query.limit, after=query.after)


def _shown(entries: list[Entry]) -> list[Entry]:
    return [Entry(one.id, rules.shown_domain(one.value)) for one in entries]


def _numbers(request: Request, widget_id: int, which: str, entries: list[Entry], message: str) -> Response | Template:
    if not is_htmx(request):
        return saved(request, f"{URL}/{widget_id}/numbers/{which}", message)
    return with_toast(fragment("widgets/entries.html", "#widget-entries", widget_id=widget_id, which=which,
                               entries=entries, again=True), message)


def _domains(request: Request, widget_id: int, entries: list[Entry], message: str) -> Response | Template:
    if not is_htmx(request):
        return saved(request, f"{URL}/{widget_id}/security", message)
    return with_toast(fragment("widgets/domains.html", "#widget-domains", widget_id=widget_id,
                               domains=_shown(entries)), message)


def _logged(request: Request, widget_id: int, message: str) -> Response:
    return done(message, refresh_list=True) if is_htmx(request) else saved(request, f"{URL}/{widget_id}/log", message)


CONTROLLERS = [WidgetTabs]
