"""The action history in a domain's cabinet and in a pool's interface."""

from __future__ import annotations

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from litestar.response import Stream, Template

from app.audit import listing
from app.audit.listing import PERIODS, TITLE, Place
from app.audit.present import DOMAIN, POOL
from app.auth.permissions import Permission
from app.kernel.db import domain_transaction, pool_transaction
from app.kernel.i18n import lazy
from app.web import menu
from app.web.menu import MenuItem

IN_DOMAIN = Place(DOMAIN, "/history/actions", domain_transaction, PERIODS)
IN_POOL = Place(POOL, "/group/history", pool_transaction, PERIODS | {"7": lazy("Week")})

menu.register("domain", MenuItem("history", TITLE, IN_DOMAIN.url, permission=Permission.DOMAIN_VIEW, order=20))
menu.register("pool", MenuItem("", TITLE, IN_POOL.url, "history", Permission.POOL_VIEW, order=30))


class DomainHistory(Controller):
    path = IN_DOMAIN.url
    opt = {"permission": Permission.DOMAIN_VIEW}

    @get("/")
    async def list(self, request: Request) -> Template:
        return await listing.show(request, IN_DOMAIN)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes] | Stream:
        return await listing.export(request, IN_DOMAIN)

    @get("/{line_id:int}")
    async def data(self, request: Request, line_id: FromPath[int]) -> Template:
        return await listing.data(request, IN_DOMAIN, line_id)


class PoolHistory(Controller):
    path = IN_POOL.url
    opt = {"permission": Permission.POOL_VIEW}

    @get("/")
    async def list(self, request: Request) -> Template:
        return await listing.show(request, IN_POOL)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes] | Stream:
        return await listing.export(request, IN_POOL)

    @get("/{line_id:int}")
    async def data(self, request: Request, line_id: FromPath[int]) -> Template:
        return await listing.data(request, IN_POOL, line_id)


CONTROLLERS = [DomainHistory, PoolHistory]
