"""Call protection: `/settings/protection`. Each block is saved on its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.web.shell import page, saved
from billing.guards import hits, present
from billing.guards.settings import save_amounts, save_lists, save_watch
from tenants.calls.present import shown_number
from tenants.guards import queries
from tenants.guards.forms import AmountsForm, ConfirmForm, ListsForm, WatchForm
from tenants.live import form_of
from tenants.settings.tabs import Tab, register_tab, tabs

BASE = "/settings/protection"
GROUPS = (("international", lazy("Everything outside the domain's country.")),
          ("premium", lazy("Numbers where a call costs more than an ordinary connection: 8-809, foreign 0900.")),
          ("satellite", lazy("Inmarsat, Iridium, Globalstar, Thuraya and the networks +882, +883.")))
FIRST_CALL = {"off": lazy("nothing"), "alarm": lazy("a letter"),
              "block": lazy("letter, and refused until confirmed")}
DAYS = {1: lazy("Mon"), 2: lazy("Tue"), 3: lazy("Wed"), 4: lazy("Thu"), 5: lazy("Fri"), 6: lazy("Sat"), 7: lazy("Sun")}

register_tab(Tab(lazy("Call protection"), BASE, 30))


class GuardPages(Controller):
    path = BASE
    opt = {"permission": Permission.SETTINGS_EDIT}

    @get("/")
    async def show(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await queries.protection(tx)
        return await page(request, "guards/protection.html", found=found, tabs=tabs(), groups=GROUPS, days=DAYS,
                          first_call=FIRST_CALL, presets=present.PRESETS, why_stopped=present.why_stopped,
                          hits=present.HITS, destination_name=present.destination_name, phone=present.phone,
                          number=shown_number)

    @post("/limits", status_code=200)
    async def limits(self, request: Request) -> Response:
        return await _save(request, AmountsForm, save_amounts)

    @post("/destinations", status_code=200)
    async def destinations(self, request: Request) -> Response:
        return await _save(request, ListsForm, save_lists)

    @post("/first-calls", status_code=200)
    async def first_calls(self, request: Request) -> Response:
        return await _save(request, WatchForm, save_watch)

    @post("/confirm", status_code=200)
    async def confirm(self, request: Request) -> Response:
        form = await form_of(request, ConfirmForm)
        async with domain_transaction(request.user.actor) as tx:
            await hits.confirm(tx, form.destination)
        return saved(request, BASE, _("The destination is confirmed."))

    @post("/lift", status_code=200)
    async def lift(self, request: Request) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await hits.lift(tx)
        return saved(request, BASE, _("Paid calls work again."))


async def _save(request: Request, block: type[AmountsForm] | type[ListsForm] | type[WatchForm],
                save: Callable[[DomainTx, Any], Awaitable[bool]]) -> Response:
    form = await form_of(request, block)
    async with domain_transaction(request.user.actor) as tx:
        changed = await save(tx, form.command())
    return saved(request, BASE, _("Saved.") if changed else _("Nothing has changed."))


CONTROLLERS = [GuardPages]
