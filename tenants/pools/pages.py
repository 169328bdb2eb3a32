"""The pool's list of domains: `/group`."""

from __future__ import annotations

from litestar import Controller, Request, get
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import pool_transaction
from app.kernel.i18n import lazy
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem, register
from app.web.shell import ShellFacts, page, register_shell
from tenants.pools import queries

COLUMNS = (
    Column("name", lazy("Domain name"), "d.name"), Column("route", lazy("Route number"), "d.route_number"),
    Column("account", lazy("Account"), "a.number"), Column("info", ""),
)
BLOCKS = {"financial": lazy("Financial block"), "trial_expired": lazy("Trial is over"),
          "administrative": lazy("Administrative block")}
MODES = {"trial": lazy("Trial mode"), "commercial": lazy("Commercial")}

ROLES = {"supervisor": lazy("Supervisor"), "subgroup_admin": lazy("Group administrator")}


async def _facts(request: Request) -> ShellFacts:
    """Name, role, pool and its size [POOL-11]."""
    user = request.user
    async with pool_transaction(user.actor) as tx:
        pool = await queries.pool(tx)
    return ShellFacts("pool", user_name=user.actor.name, role=ROLES[user.role], company=pool.name,
                      counters={"domains": str(pool.domains)}, permissions=user.may, home_url="/group",
                      profile_url="/group", sign_out_url="/group/sign-out")


register_shell("pool", _facts)
register("pool", MenuItem("", lazy("Domain list"), "/group", "building", Permission.POOL_VIEW,
                          counter_key="domains", order=10))


class PoolPages(Controller):
    """Read-only: every administrator of the pool sees the whole list [POOL-D3]."""

    path = "/group"
    opt = {"permission": Permission.POOL_VIEW}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name")
        async with pool_transaction(request.user.actor) as tx:
            pool = await queries.pool(tx)
            rows, total = await queries.domains(tx, query)
        return await page(request, "pools/list.html", shell="pool", pool=pool, found=Page(rows, total, query))

    @get("/domains/{domain_id:int}")
    async def info(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            info, blocks = await queries.domain_info(tx, domain_id)
        return await page(request, "pools/info.html", shell="pool", info=info, blocks=blocks, BLOCKS=BLOCKS,
                          MODES=MODES)


CONTROLLERS = [PoolPages]
