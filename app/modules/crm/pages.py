"""CRM integration in the panel: `/crm` [CRM-05…19, CRM-31…34, CRM-38]. Connecting begins in the CRM."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.modules.crm import accounts, rules, setup
from app.modules.crm.clients import CrmError
from app.modules.crm.forms import BitrixForm, ConfirmForm, NameForm, SwitchForm, events_of
from app.modules.integration_api import service as api
from app.web import menu
from app.web.menu import MenuItem
from app.web.shell import page, saved
from billing.services import queries as plan
from billing.services import service as services
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.live import form_of, row_id
from tenants.services.present import new_amounts
from tenants.settings.tabs import Tab, register_tab

URL, SETTINGS_URL = "/crm", "/settings/crm"
OPT = {"permission": Permission.SERVICES_EDIT}
KINDS = (rules.AMO, rules.BITRIX)

menu.register("domain", MenuItem("services", lazy("Integration with CRM"), URL, "link", Permission.SERVICES_EDIT, "",
                                 80,
                                 service=accounts.CODE),
              MenuItem("settings", lazy("Integration with CRM"), SETTINGS_URL, "link", Permission.SERVICES_EDIT, "", 40,
                       service=accounts.CODE))
register_tab(Tab(lazy("Integration with CRM"), SETTINGS_URL, 40))


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise NotFound("crm", _("There is no such page."))
    return kind


async def _in_plan(request: Request) -> Template | None:
    """Without the package in the plan there is no section [CRM-01]."""
    async with domain_transaction(request.user.actor) as tx:
        if await plan.in_plan(tx, accounts.CODE):
            return None
    raise plan.not_in_plan(_("The service “%(name)s” is not part of your tariff.") % {"name": _("CRM integration")})


async def _connections(request: Request) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        found = await accounts.all_of(tx)
    return await page(request, "crm/list.html", found=found, kinds=KINDS, names=accounts.NAMES)


class CrmPages(Controller):
    path = URL
    opt = OPT
    before_request = _in_plan

    @get("/")
    async def show(self, request: Request) -> Template:
        return await _connections(request)

    @get("/confirm")
    async def ask(self, request: Request) -> Template:
        """The window that the widget of a CRM has led to [CRM-05, CRM-06, CRM-09]."""
        asked = await accounts.waiting(request.user.actor, request.query_params.get("token", ""))
        async with domain_transaction(request.user.actor) as tx:
            quote = await services.quote(tx, accounts.CODE, 1)
            excluded = asked.kind == rules.AMO and await api.asks_about_numbers(tx)
        return await page(request, "crm/confirm.html", asked=asked, name=accounts.NAMES[asked.kind], quote=quote,
                          cost=cost_of(quote), excluded=excluded)

    @post("/confirm", status_code=200)
    async def confirm(self, request: Request) -> Response | Template:
        form = await form_of(request, ConfirmForm)
        try:
            found = await accounts.confirm(request.user.actor, form.token, mark=form.quoted or None,
                                           switch_method_off=form.switch_method_off)
        except CostChanged as changed:
            return new_amounts(request, changed)
        try:
            await setup.read_people(request.user.actor, found.kind)
        except CrmError:  # the page has a button for it
            return saved(request, f"{URL}/{found.kind}", _("%(crm)s is connected.") % {"crm": found.name})
        return saved(request, f"{URL}/{found.kind}", _("%(crm)s is connected.") % {"crm": found.name})

    @get("/{kind:str}/disconnect")
    async def ask_disconnect(self, request: Request, kind: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await accounts.require(tx, _kind(kind))
            saving = await services.saving(tx, accounts.CODE, 1)
        return await page(request, "crm/disconnect.html", one=found, saving=saving,
                          token=request.query_params.get("token", ""))

    @post("/{kind:str}/disconnect", status_code=200)
    async def disconnect(self, request: Request, kind: FromPath[str]) -> Response:
        token = str((await request.form()).get("token", ""))
        async with domain_transaction(request.user.actor) as tx:
            await accounts.disconnect(tx, _kind(kind))
        text = _("%(crm)s is disconnected.") % {"crm": accounts.NAMES[kind]}
        return saved(request, f"{URL}/confirm?token={token}" if token.isascii() and token.replace("-", "").replace(
            "_", "").isalnum() else URL, text)

    @get("/{kind:str}")
    async def settings(self, request: Request, kind: FromPath[str]) -> Template:
        """"Main" of amoCRM's widget, the settings of Bitrix24's [CRM-11, CRM-31]."""
        async with domain_transaction(request.user.actor) as tx:
            found = await accounts.require(tx, _kind(kind))
            managers = await setup.managers(tx, found.id)
            numbers = {row["id"]: row["extension"] for row in await tx.fetch(
                "SELECT id, extension FROM domain_user WHERE domain_id = $1", tx.domain_id)}
            domain = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
            scenarios = await setup.scenarios(tx, found) if kind == rules.AMO else []
            lines = await setup.bitrix_lines(tx, found) if kind == rules.BITRIX else []
            secret = await accounts.secret_of(tx, found)
        return await page(request, "crm/settings.html", one=found, managers=managers, numbers=numbers, domain=domain,
                          scenarios=scenarios, lines=lines, secret=secret, tabs=_tabs(scenarios),
                          path=f"{URL}/{kind}")

    @post("/{kind:str}/people", status_code=200)
    async def people(self, request: Request, kind: FromPath[str]) -> Response:
        try:
            await setup.read_people(request.user.actor, _kind(kind))
        except CrmError:
            return saved(request, f"{URL}/{kind}", _("The CRM does not answer. Try again later."))
        return saved(request, f"{URL}/{kind}", _("The list is up to date."))

    @post("/{kind:str}/managers", status_code=200)
    async def managers(self, request: Request, kind: FromPath[str]) -> Response:
        """"Save mapping" [CRM-13]."""
        data = await request.form()
        numbers = {int(name[7:]): str(value)[:10] for name, value in data.items()
                   if name.startswith("number_") and name[7:].isascii() and name[7:].isdigit()}
        marked = str(data.get("marked", ""))
        async with domain_transaction(request.user.actor) as tx:
            found = await accounts.require(tx, _kind(kind))
            await setup.save_managers(tx, found, numbers, int(marked) if marked.isascii() and marked.isdigit() else 0)
        return saved(request, f"{URL}/{kind}", _("The mapping is saved."))

    @post("/leads", status_code=200)
    async def bitrix(self, request: Request) -> Response:
        form = await form_of(request, BitrixForm)
        async with domain_transaction(request.user.actor) as tx:
            await setup.save_bitrix(tx, await accounts.require(tx, rules.BITRIX), auto_leads=form.auto_leads,
                                    lines=form.lines)
        return saved(request, f"{URL}/bitrix24", _("The changes are saved."))


def _tabs(scenarios: list[setup.Scenario]) -> list[tuple[Any, str]]:
    return [(lazy("Main"), f"{URL}/amocrm"), *((one.name, f"{URL}/scenarios/{one.id}") for one in scenarios)]


class ScenarioPages(Controller):
    """Scenarios of amoCRM [CRM-12, CRM-14…16]."""

    path = f"{URL}/scenarios"
    opt = OPT
    before_request = _in_plan

    @post("/", status_code=200)
    async def add(self, request: Request) -> Response:
        source = str(request.query_params.get("copy", ""))
        async with domain_transaction(request.user.actor) as tx:
            made = await setup.add_scenario(tx, await accounts.require(tx, rules.AMO),
                                            row_id(int(source)) if source.isascii() and source.isdigit() else 0)
        return saved(request, f"{self.path}/{made}", _("The scenario is added."))

    @get("/{scenario_id:int}")
    async def show(self, request: Request, scenario_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await accounts.require(tx, rules.AMO)
            one = await setup.scenario(tx, found, row_id(scenario_id))
            lines, events = await setup.lines_of(tx, one.id), await setup.events_of(tx, one.id)
            exceptions, managers = await setup.exceptions_of(tx, one.id), await setup.managers(tx, found.id)
            scenarios = await setup.scenarios(tx, found)
        return await page(request, "crm/scenario.html", one=one, lines=lines, events=events, exceptions=exceptions,
                          managers=managers, tabs=_tabs(scenarios), path=f"{self.path}/{one.id}", crm=found)

    @post("/{scenario_id:int}", status_code=200)
    async def save(self, request: Request, scenario_id: FromPath[int]) -> Response:
        data = await request.form()
        async with domain_transaction(request.user.actor) as tx:
            await setup.save_scenario(
                tx, await accounts.require(tx, rules.AMO), row_id(scenario_id), lines=_ids(data, "lines"),
                smart="smart" in data, exceptions=_ids(data, "exceptions"),
                events=events_of({name: str(value) for name, value in data.items()}))
        return saved(request, f"{self.path}/{scenario_id}", _("The settings are saved."))

    @post("/{scenario_id:int}/name", status_code=200)
    async def rename(self, request: Request, scenario_id: FromPath[int]) -> Response:
        form = await form_of(request, NameForm)
        async with domain_transaction(request.user.actor) as tx:
            await setup.rename(tx, await accounts.require(tx, rules.AMO), row_id(scenario_id), form.name)
        return saved(request, f"{self.path}/{scenario_id}", _("The changes are saved."))

    @post("/{scenario_id:int}/{action:str}", status_code=200)
    async def act(self, request: Request, scenario_id: FromPath[int], action: FromPath[str]) -> Response:
        """enable, disable, delete."""
        form = await form_of(request, SwitchForm)
        async with domain_transaction(request.user.actor) as tx:
            found = await accounts.require(tx, rules.AMO)
            if action in ("enable", "disable"):
                await setup.switch(tx, found, row_id(scenario_id), action == "enable", remove_common=form.remove_common)
            elif action == "delete":
                await setup.delete_scenario(tx, found, row_id(scenario_id))
            else:
                raise NotFound("action", _("There is no such page."))
        return saved(request, f"{URL}/amocrm", _("The changes are saved."))


def _ids(data: Any, name: str) -> list[int]:
    return [int(one) for one in data.getall(name, []) if str(one).isascii() and str(one).isdigit() and len(one) < 19]


class SettingsTab(Controller):
    """The same page from the settings [CRM-10]."""

    path = SETTINGS_URL
    opt = OPT
    before_request = _in_plan

    @get("/")
    async def show(self, request: Request) -> Template:
        return await _connections(request)


CONTROLLERS = [CrmPages, ScenarioPages, SettingsTab]
