"""Windows over a scenario's page: menus, the keypad, types of actions and their parameters [IVR-11, IVR-30…55]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.forms import FormModel
from app.web.shell import fragment, is_htmx, page, saved
from tenants.destinations.picker import DestinationForm, offered
from tenants.ivr import queries, service
from tenants.ivr.pages import LIST, facts_of
from tenants.ivr.present import ACTIONS, WITH_PARAMETER, keypad, listed, menu_name, trigger_label
from tenants.ivr.rules import KEYS, REDIRECTS, TRIGGERS, Action, Menu, Scenario
from tenants.ivr.service import Reaction, key_of, menu_of
from tenants.live import form_of, row_id
from tenants.sounds import prompts
from tenants.sounds.prompts import Prompt

RowId = Annotated[int, Field(ge=1, lt=2**63)] | None
SLUGS = {"*": "star", "#": "hash"}
_TRIGGERS = {SLUGS.get(one, one): one for one in TRIGGERS}


class MenuForm(FormModel):
    """`back`: "list", or "<menu>.<trigger>" when the window of choosing a menu led here."""

    name: str = ""
    audio_id: RowId = None
    back: str = ""


class KeyForm(FormModel):
    key: str


class ReactionForm(DestinationForm):
    action: Action
    audio_id: RowId = None
    menu_id: RowId = None


def _trigger(slug: str) -> str:
    """Raises NotFound."""
    if slug not in _TRIGGERS:
        raise NotFound("ivr_branch", _("There is no such branch."))
    return _TRIGGERS[slug]


async def _menu(tx: DomainTx, scenario_id: int, menu_id: int) -> tuple[Scenario, Menu]:
    scenario = await queries.scenario(tx, row_id(scenario_id))
    return scenario, menu_of(scenario, row_id(menu_id))


async def _audio(tx: DomainTx, audio_id: int | None) -> Prompt | None:
    return (await prompts.find(tx, [audio_id])).get(audio_id) if audio_id is not None else None


def _about(scenario: Scenario, menu: Menu, trigger: str = "") -> dict[str, Any]:
    """Of every window over a menu."""
    return {"scenario": scenario, "ivr_menu": menu, "menu_title": menu_name(menu), "base": f"{LIST}/{scenario.id}",
            "slugs": SLUGS, "trigger": trigger, "slug": SLUGS.get(trigger, trigger),
            "trigger_title": trigger_label(trigger)}


async def _done(request: Request, scenario_id: int, change: Callable[[DomainTx], Awaitable[object]],
                message: str) -> Response | Template:
    """The page behind the window as it is now. What `change` returns as a text is a warning."""
    async with domain_transaction(request.user.actor) as tx:
        warning = await change(tx)
        facts = await facts_of(tx, await queries.scenario(tx, scenario_id))
    if not is_htmx(request):
        return saved(request, f"{LIST}/{scenario_id}", message)
    toast = {"text": warning, "kind": "warning"} if isinstance(warning, str) and warning else {
        "text": message, "kind": "success"}
    return fragment("ivr/changed.html", "#ivr", after={"toast": toast, "modal-close": True}, window="", **facts)


async def _next_window(request: Request, tx: DomainTx, window: str, scenario: Scenario,
                       context: dict[str, Any]) -> Template | Response:
    """Another window instead of the one that was saved, and the page behind it as it is now."""
    if not is_htmx(request):
        return saved(request, f"{LIST}/{scenario.id}", _("Saved."))
    return Template("ivr/changed.html", media_type="text/html; charset=utf-8",
                    headers={"HX-Retarget": "#modal-body", "HX-Reswap": "innerHTML"},
                    context={**(await facts_of(tx, scenario)), **context, "window": window,
                             "layout": "layouts/modal.html"})


class MenuWindows(Controller):
    path = "/ivr/{scenario_id:int}/menus"
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def list(self, request: Request, scenario_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario = await queries.scenario(tx, row_id(scenario_id))
        return await page(request, "ivr/menus.html", base=f"{LIST}/{scenario.id}", menus=listed(scenario))

    @get("/new")
    async def new(self, request: Request, scenario_id: FromPath[int], back: str = "list") -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario = await queries.scenario(tx, row_id(scenario_id))
        return await page(request, "ivr/menu.html", base=f"{LIST}/{scenario.id}", ivr_menu=None, audio=None,
                          back=back[:60], title=_("New menu"))

    @post("/", status_code=200)
    async def add(self, request: Request, scenario_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, MenuForm)
        async with domain_transaction(request.user.actor) as tx:
            menu_id = await service.add_menu(tx, row_id(scenario_id), form.name, form.audio_id)
            scenario = await queries.scenario(tx, scenario_id)
            above, _dot, slug = form.back.partition(".")
            menu = scenario.menu(int(above)) if above.isascii() and above.isdigit() and len(above) < 19 else None
            if menu is not None and slug in _TRIGGERS:
                return await _next_window(request, tx, "ivr/choose_menu.html", scenario,
                                          {**_about(scenario, menu, _TRIGGERS[slug]), "chosen": menu_id})
            return await _next_window(request, tx, "ivr/menus.html", scenario, {})

    @get("/{menu_id:int}")
    async def show(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
            audio = await _audio(tx, menu.audio_id)
        return await page(request, "ivr/menu.html", base=f"{LIST}/{scenario.id}", ivr_menu=menu, audio=audio, back="",
                          title=menu_name(menu))

    @post("/{menu_id:int}", status_code=200)
    async def change(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, MenuForm)
        return await _done(request, row_id(scenario_id), lambda tx: service.change_menu(
            tx, scenario_id, row_id(menu_id), form.name, form.audio_id), _("Saved; it holds from the next call."))

    @get("/{menu_id:int}/delete")
    async def ask_delete(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        count = sum(1 for _ in scenario.branches_to(menu.id))
        return await page(request, "ivr/delete_menu.html", count=count, **_about(scenario, menu))

    @post("/{menu_id:int}/delete", status_code=200)
    async def delete(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int]) -> Response | Template:
        return await _done(request, row_id(scenario_id), lambda tx: service.delete_menu(
            tx, scenario_id, row_id(menu_id)), _("The menu is deleted."))


class KeyWindows(Controller):
    """The keypad: of a new branch, and of one that is there [IVR-42…45]."""

    path = "/ivr/{scenario_id:int}/menus/{menu_id:int}/keys"
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def free(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        return await page(request, "ivr/keypad.html", keys=keypad(menu), **_about(scenario, menu))

    @get("/{slug:str}")
    async def show(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                   slug: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        key = key_of(menu, _trigger(slug)).trigger
        return await page(request, "ivr/keypad.html", keys=keypad(menu), **_about(scenario, menu, key))

    @post("/{slug:str}", status_code=200)
    async def change(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                     slug: FromPath[str]) -> Response | Template:
        trigger = _trigger(slug)
        form = await form_of(request, KeyForm)
        return await _done(request, row_id(scenario_id), lambda tx: service.change_key(
            tx, scenario_id, row_id(menu_id), trigger, form.key), _("Saved; it holds from the next call."))

    @get("/{slug:str}/delete")
    async def ask_delete(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                         slug: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        key = key_of(menu, _trigger(slug)).trigger
        return await page(request, "ivr/delete_key.html", **_about(scenario, menu, key))

    @post("/{slug:str}/delete", status_code=200)
    async def delete(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                     slug: FromPath[str]) -> Response | Template:
        trigger = _trigger(slug)
        return await _done(request, row_id(scenario_id), lambda tx: service.delete_key(
            tx, scenario_id, row_id(menu_id), trigger), _("The branch is deleted."))


class ReactionWindows(Controller):
    """Types of actions, and the parameter of those that have one [IVR-46, IVR-50…55]."""

    path = "/ivr/{scenario_id:int}/menus/{menu_id:int}/reactions/{slug:str}"
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def show(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                   slug: FromPath[str]) -> Template:
        """A redirect, a message and another menu open their own window."""
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        branch = menu.branch(_trigger(slug))
        if branch is not None and branch.action in WITH_PARAMETER:
            return await self._parameter(request, scenario, menu, branch.trigger, branch.action)
        return await self._types(request, scenario, menu, _trigger(slug))

    @get("/types")
    async def types(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                    slug: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        return await self._types(request, scenario, menu, _trigger(slug))

    @get("/redirect")
    async def redirect(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                       slug: FromPath[str]) -> Template:
        return await self._window(request, scenario_id, menu_id, slug, Action.REDIRECT)

    @get("/audio")
    async def audio(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                    slug: FromPath[str]) -> Template:
        return await self._window(request, scenario_id, menu_id, slug, Action.AUDIO)

    @get("/menu")
    async def menu(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                   slug: FromPath[str]) -> Template:
        return await self._window(request, scenario_id, menu_id, slug, Action.MENU)

    @post("/", status_code=200)
    async def save(self, request: Request, scenario_id: FromPath[int], menu_id: FromPath[int],
                   slug: FromPath[str]) -> Response | Template:
        trigger = _trigger(slug)
        form = await form_of(request, ReactionForm)
        reaction = Reaction(
            form.action, form.destination(frozenset(REDIRECTS)) if form.action is Action.REDIRECT else None,
            form.audio_id if form.action is Action.AUDIO else None,
            form.menu_id if form.action is Action.MENU else None)
        return await _done(request, row_id(scenario_id), lambda tx: service.react(
            tx, scenario_id, row_id(menu_id), trigger, reaction), _("Saved; it holds from the next call."))

    async def _window(self, request: Request, scenario_id: int, menu_id: int, slug: str, action: Action) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            scenario, menu = await _menu(tx, scenario_id, menu_id)
        return await self._parameter(request, scenario, menu, _trigger(slug), action)

    async def _types(self, request: Request, scenario: Scenario, menu: Menu, trigger: str) -> Template:
        branch = menu.branch(trigger)
        return await page(request, "ivr/types.html", actions=ACTIONS, with_parameter=WITH_PARAMETER,
                          current=branch.action if branch else None, is_key=trigger in KEYS,
                          **_about(scenario, menu, trigger))

    async def _parameter(self, request: Request, scenario: Scenario, menu: Menu, trigger: str,
                         action: Action) -> Template:
        branch = menu.branch(trigger)
        about = _about(scenario, menu, trigger)
        if action is Action.MENU:
            return await page(request, "ivr/choose_menu.html", menus=listed(scenario),
                              chosen=branch.menu_id if branch else None, **about)
        async with domain_transaction(request.user.actor) as tx:
            if action is Action.AUDIO:
                audio = await _audio(tx, branch.audio_id if branch else None)
                kinds = []
            else:
                audio, kinds = None, await offered(tx, REDIRECTS)
        if action is Action.AUDIO:
            return await page(request, "ivr/audio.html", audio=audio, **about)
        return await page(request, "ivr/redirect.html", kinds=kinds, current=branch.target if branch else None,
                          is_gone=branch is not None and branch.action is Action.REDIRECT and branch.target is None,
                          **about)


CONTROLLERS = [MenuWindows, KeyWindows, ReactionWindows]
