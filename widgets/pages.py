"""Widgets in the panel: list, creation, settings and looks: `/widgets` [WGT.1–WGT.5]."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import parameters
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.settings import settings
from app.web import menu
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import listed, page, saved
from billing.services import service as services
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.destinations import registry
from tenants.live import form_of, row_id
from tenants.services.present import new_amounts
from tenants.services.section import section
from widgets import queries, rules, service
from widgets.appearance import POSITIONS
from widgets.forms import CreateForm, DisplayForm, SettingsForm
from widgets.public import SCRIPT
from widgets.queries import Widget
from widgets.requests import texts_of

URL = "/widgets"
SHOWN_OBJECTS = 2000  # groups, and users, in the lists to choose from
COLUMNS = (Column("state", lazy("Status"), "w.is_on"), Column("name", lazy("Name of the widget"), "lower(w.name)"),
           Column("type", lazy("Type"), wide_only=True), Column("created", lazy("Date added"), "w.created_at"),
           Column("object", lazy("Description")), Column("delete", ""))
FILTERS = (Filter("state", lazy("Status"), {"on": lazy("Working"), "off": lazy("Disabled")}),)
TYPES = {"group": lazy("Group"), "user": lazy("User")}
OF_TYPE = {"group": lazy("Distribution type: group. Object: %(name)s"),
           "user": lazy("Distribution type: user. Object: %(name)s")}
INTENSITY = {0: lazy("No limit"), 30: lazy("At most one call per 30 seconds"),
             60: lazy("At most one call per minute"), 120: lazy("At most one call per two minutes"),
             300: lazy("At most one call per five minutes")}
POSITION = dict(zip(POSITIONS, (lazy("Top left"), lazy("Top right"), lazy("Bottom left"), lazy("Bottom right")),
                    strict=True))

menu.register("domain", MenuItem("services", lazy("Site widgets"), URL, "phone-call", Permission.SERVICES_EDIT, "", 50,
                                 service=service.CODE))


def tabs_of(widget: Widget) -> list[tuple[object, str]]:
    base = f"{URL}/{widget.id}"
    return [(lazy("Settings"), base), (lazy("Display"), f"{base}/display"), (lazy("Security"), f"{base}/security"),
            (lazy("Request log"), f"{base}/log"), (lazy("Statistics"), f"{base}/statistics")]


def site_code(widget: Widget) -> str:
    """What is copied to the site; it stays as it is whatever changes [WGT-44, WGT-D5]."""
    return f'<script async src="{settings().public_url}/widget/v1/{widget.public_id}.js"></script>'


async def tab(request: Request, template: str, widget: Widget, **context: Any) -> Template:
    """One tab of a widget's page."""
    return await page(request, f"widgets/{template}.html", widget=widget, tabs=tabs_of(widget), **context)


async def objects(tx: DomainTx) -> dict[str, list[tuple[int, str]]]:
    """Groups and users to choose from [WGT-33]."""
    found = {}
    for code in TYPES:
        kind = registry.objects(code)
        rows = await kind.choices(tx, "", SHOWN_OBJECTS) if kind else []
        found[code] = [(one.id, f"{one.name} · {one.detail}" if one.detail else one.name) for one in rows]
    return found


def described(widget: Widget, who: registry.Choice | None) -> str:
    """Distribution type and object [WGT-03]."""
    return str(OF_TYPE[widget.dist_type]) % {"name": who.name if who else _("no object is chosen")}


class WidgetPages(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="name")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.widgets(tx, like=query.like(), state=query.value("state"),
                                                order=query.order_by("w.created_at, w.id"), limit=query.limit,
                                                offset=query.offset)
            names = await registry.names(tx, [one.target for one in rows if one.target])
        texts = {one.id: described(one, names.get(one.target) if one.target else None) for one in rows}
        return await page(request, "widgets/list.html", found=Page(rows, total, query), texts=texts)

    @get("/new")
    async def ask_new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            quote = await services.quote(tx, service.CODE)
        return await page(request, "widgets/new.html", quote=quote, cost=cost_of(quote))

    @post("/new", status_code=200)
    async def create(self, request: Request) -> Response | Template:
        form = await form_of(request, CreateForm)
        try:
            async with domain_transaction(request.user.actor) as tx:
                widget_id = await service.create(tx, mark=form.quoted or None)
        except CostChanged as changed:
            return new_amounts(request, changed)
        return saved(request, f"{URL}/{widget_id}", _("The widget is added."))

    @get("/{widget_id:int}")
    async def show(self, request: Request, widget_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            choices = await objects(tx)
            domains = await queries.domains(tx, widget.id)
        return await tab(request, "settings", widget, choices=choices, types=TYPES, intensity=INTENSITY,
                         code=site_code(widget), domains=len(domains))

    @post("/{widget_id:int}", status_code=200)
    async def configure(self, request: Request, widget_id: FromPath[int]) -> Response:
        form = await form_of(request, SettingsForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.configure(tx, row_id(widget_id), is_on=form.is_on, name=form.name, dist_type=form.dist_type,
                                    object_id=form.object_id, schedule=form.schedule, intensity_seconds=form.intensity)
        return saved(request, f"{URL}/{widget_id}", _("Saved."))

    @get("/{widget_id:int}/display")
    async def display(self, request: Request, widget_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            terms = await parameters.get(tx, "widget.terms_url")
        looks = widget.appearance
        return await tab(request, "display", widget, looks=looks, positions=POSITION, code=site_code(widget),
                         terms=terms, wrong_hours=rules.contradicts(looks.greeting_closed, widget.schedule),
                         script=f"/widget/v1/preview.js?{SCRIPT.stat().st_mtime_ns}", words=texts_of())

    @post("/{widget_id:int}/display", status_code=200)
    async def draw(self, request: Request, widget_id: FromPath[int]) -> Response:
        form = await form_of(request, DisplayForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.draw(tx, row_id(widget_id), form.looks())
        return saved(request, f"{URL}/{widget_id}/display", _("Saved. The site shows it without a new code."))

    @get("/{widget_id:int}/delete")
    async def ask_delete(self, request: Request, widget_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            widget = await queries.widget(tx, row_id(widget_id))
            saving = await services.saving(tx, service.CODE, 1)
        return await page(request, "widgets/delete.html", widget=widget, saving=saving)

    @post("/{widget_id:int}/delete", status_code=200)
    async def delete(self, request: Request, widget_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete(tx, row_id(widget_id))
        if request.headers.get("hx-current-url", "").rstrip("/").endswith(URL):
            return listed(request, URL, _("The widget is deleted."))
        return saved(request, URL, _("The widget is deleted."))


CONTROLLERS = [WidgetPages]
