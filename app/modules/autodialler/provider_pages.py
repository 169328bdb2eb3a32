"""For the provider's staff: tasks of the auto-dialler whose preparation failed: `/provider/dial-tasks` [ADL-D6]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.modules.autodialler import service
from app.web import menu
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import listed, page
from tenants.live import row_id

URL = "/provider/dial-tasks"
COLUMNS = (Column("name", lazy("Task name"), "lower(t.name)"), Column("domain", lazy("Domain"), "d.name"),
           Column("since", lazy("Since"), "t.status_at"), Column("act", ""))
FROM = ("FROM dial_task t JOIN domain d ON d.id = t.domain_id WHERE t.status = 'prep_error' "
        "AND ($1::text IS NULL OR t.name ILIKE $1 OR d.name ILIKE $1)")

menu.register("provider", MenuItem("network", lazy("Auto-dialler failures"), URL, "speakerphone",
                                   Permission.PROVIDER_VIEW, order=40))


class FailedTaskPages(Controller):
    path = URL
    opt = {"permission": Permission.PROVIDER_VIEW}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="-since")
        async with platform_transaction(request.user.actor) as tx:
            rows = await tx.fetch(f"SELECT t.id, t.name, t.status_at, t.domain_id, d.name AS domain {FROM} "
                                  f"ORDER BY {query.order_by('t.id')} LIMIT $2 OFFSET $3", query.like(), query.limit,
                                  query.offset)
            total = await tx.fetchval(f"SELECT count(*) {FROM}", query.like())
        return await page(request, "autodialler/failed.html", shell="provider", found=Page(rows, total, query),
                          may_return=request.user.may(Permission.PROVIDER_TECH))

    @post("/{dial_task_id:int}/return", status_code=200, opt={"permission": Permission.PROVIDER_TECH})
    async def give_back(self, request: Request, dial_task_id: FromPath[int]) -> Response:
        """The task becomes inactive; its owner can start it again."""
        async with platform_transaction(request.user.actor) as tx:
            domain_id = await tx.fetchval("SELECT domain_id FROM dial_task WHERE id = $1", row_id(dial_task_id))
            if domain_id is None:
                raise NotFound("dial_task", _("There is no such task."))
            await service.forgive(await tx.enter_domain(domain_id), dial_task_id)
        return listed(request, URL, _("The task is inactive; the customer can start it again."))


CONTROLLERS: list[type[Controller]] = [FailedTaskPages]
