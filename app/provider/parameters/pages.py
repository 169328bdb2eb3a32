"""The provider's parameters: `/provider/parameters`."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import parameters
from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy
from app.kernel.parameters import GROUPS, REGISTRY
from app.provider.console import SETTINGS, VIEW, as_page, show
from app.provider.parameters import service
from app.provider.zones import time_zones
from app.web.lists import Column, Filter, ListQuery
from app.web.shell import done

LIST = "/provider/parameters"
COLUMNS = (Column("at", lazy("Time")), Column("who", lazy("Who")), Column("key", lazy("Parameter")),
           Column("change", lazy("Change")))


class ParameterPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def card(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            values = await parameters.everything(tx)
        groups = [(key, title, [(one, one.shown(values[one.key])) for one in service.in_group(key)])
                  for key, title in GROUPS.items()]
        return await show(request, "provider/parameters/card.html", groups=groups, zones=time_zones(),
                          seconds=int(parameters.KEEP_SECONDS))

    @get("/history")
    async def history(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=(
            Filter("key", lazy("Parameter"), {key: one.label for key, one in REGISTRY.items()}),))
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await service.changes(tx, key=query.value("key"), limit=query.limit, offset=query.offset)
        return await show(request, "provider/parameters/history.html", found=as_page(rows, total, query),
                          labels={key: one.label for key, one in REGISTRY.items()})

    @post("/{group:str}", opt=SETTINGS)
    async def change(self, request: Request, group: FromPath[str]) -> Response:
        data = await request.form()
        texts = {key: value for key, value in data.items() if isinstance(value, str)}
        async with platform_transaction(request.user.actor) as tx:
            changed = await service.change(tx, group, texts)
        service.forget()
        return done(_("Saved.") if changed else _("Nothing has changed."), close_modal=False)


CONTROLLERS = [ParameterPages]
