"""`/provider/history`: the history of all domains and pools, and whether its chain is whole."""

from __future__ import annotations

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from litestar.response import Stream, Template

from app.audit import listing
from app.audit.listing import PERIODS, TITLE, Place
from app.audit.present import PROVIDER_CONSOLE
from app.auth.permissions import Permission
from app.kernel.db import platform_transaction
from app.web import menu
from app.web.menu import MenuItem

IN_CONSOLE = Place(PROVIDER_CONSOLE, "/provider/history", platform_transaction, PERIODS, has_domains=True)

menu.register("provider", MenuItem("system", TITLE, IN_CONSOLE.url, permission=Permission.PROVIDER_VIEW, order=10))


class ProviderHistory(Controller):
    path = IN_CONSOLE.url
    opt = {"permission": Permission.PROVIDER_VIEW}

    @get("/")
    async def list(self, request: Request) -> Template:
        return await listing.show(request, IN_CONSOLE)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes] | Stream:
        return await listing.export(request, IN_CONSOLE)

    @get("/{line_id:int}")
    async def data(self, request: Request, line_id: FromPath[int]) -> Template:
        return await listing.data(request, IN_CONSOLE, line_id)


CONTROLLERS = [ProviderHistory]
