"""Start page of the console and the search box: `/provider`, `/provider/search`."""

from __future__ import annotations

from litestar import Controller, Request, get
from litestar.response import Template

from app.kernel.db import platform_transaction
from app.kernel.i18n import lazy
from app.provider.console import VIEW, show
from app.provider.search import queries
from app.web.lists import clean

KINDS = {"domain": lazy("Domains"), "number": lazy("Numbers"), "user": lazy("People"), "pool": lazy("Pools"),
         "pool_admin": lazy("Pool administrators"), "call": lazy("Calls")}


class StartPages(Controller):
    path = "/provider"
    opt = VIEW

    @get("/")
    async def start(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            overview = await queries.overview(tx)
        return await show(request, "provider/search/start.html", overview=overview)

    @get("/search")
    async def search(self, request: Request) -> Template:
        text = clean(request.query_params.get("q", ""))
        hits: list[queries.Hit] = []
        if len(text) >= queries.SHORTEST:
            async with platform_transaction(request.user.actor) as tx:
                hits = await queries.search(tx, text)
        groups = [(KINDS[kind], [hit for hit in hits if hit.kind == kind]) for kind in KINDS]
        only_hits = request.headers.get("hx-target") == "hits"
        return await show(request, f"provider/search/{'hits' if only_hits else 'search'}.html", text=text,
                          groups=[group for group in groups if group[1]], limit=queries.LIMIT,
                          is_short=len(text) < queries.SHORTEST)


CONTROLLERS = [StartPages]
