"""Voice scenarios: the list and the settings page: `/ivr` [IVR-01…26]. Windows of menus and keys: `window_pages.py`."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import is_htmx, page, saved
from tenants.destinations import registry
from tenants.ivr import queries, service
from tenants.ivr.present import drawing, listed
from tenants.ivr.rules import Scenario
from tenants.live import applying, form_of, row_id
from tenants.sounds import prompts

LIST = "/ivr"
COLUMNS = (Column("name", lazy("Name"), "lower(s.name)"), Column("menus", lazy("Menus"), "menus"),
           Column("numbers", lazy("Numbers")), Column("actions", ""))

menu.register("domain", MenuItem("numbers", lazy("Voice scenarios IVR"), LIST, "sitemap", Permission.NUMBERS_EDIT, "",
                                 120))


class NameForm(FormModel):
    name: str = ""


async def facts_of(tx: DomainTx, scenario: Scenario) -> dict[str, Any]:
    """What the page of a scenario is drawn from."""
    targets = [branch.target for one in scenario.menus for branch in one.branches if branch.target]
    names = await registry.names(tx, targets)
    audio = await prompts.find(tx, scenario.audio_ids)
    is_new = len(scenario.menus) == 1 and scenario.main.audio_id is None and len(scenario.main.branches) == 2
    return {"scenario": scenario, "drawings": drawing(scenario, names, audio), "menus": listed(scenario),
            "limits": await queries.limits(tx), "is_new": is_new, "base": f"{LIST}/{scenario.id}"}


class ScenarioPages(Controller):
    path = LIST
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.rows(tx, like=query.like(), order=query.order_by("s.id"), limit=query.limit,
                                             offset=query.offset)
        return await page(request, "ivr/list.html", found=Page(rows, total, query))

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            name = await service.suggested_name(tx)
        return await page(request, "ivr/new.html", name=name)

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, NameForm)
        async with domain_transaction(request.user.actor) as tx:
            scenario_id = await service.create(tx, form.name)
        return saved(request, f"{LIST}/{scenario_id}", _("The voice scenario is created."))

    @get("/{scenario_id:int}")
    async def show(self, request: Request, scenario_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            facts = await facts_of(tx, await queries.scenario(tx, row_id(scenario_id)))
        return await page(request, "ivr/scenario.html", **facts)

    @post("/{scenario_id:int}", status_code=200)
    async def rename(self, request: Request, scenario_id: FromPath[int]) -> Response:
        form = await form_of(request, NameForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.rename(tx, row_id(scenario_id), form.name)
        return saved(request, f"{LIST}/{scenario_id}", _("Saved."))

    @get("/{scenario_id:int}/delete")
    async def ask_delete(self, request: Request, scenario_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario = await queries.scenario(tx, row_id(scenario_id))
            affected = await registry.pointers(tx, "ivr", scenario.id)
        return await page(request, "ivr/delete.html", scenario=scenario, affected=affected)

    @post("/{scenario_id:int}/delete", status_code=200)
    async def delete(self, request: Request, scenario_id: FromPath[int]) -> Response | Template:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete(tx, row_id(scenario_id))
        message = _("The voice scenario is deleted.")
        if is_htmx(request) and request.headers.get("hx-current-url", "").rstrip("/").endswith(LIST):
            return applying(request, message, url=LIST, close_modal=True, refresh_list=True)
        return saved(request, LIST, message)


CONTROLLERS = [ScenarioPages]
