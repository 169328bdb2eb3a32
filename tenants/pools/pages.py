"""`/group`: the pool's list of domains, what may be changed of one, and the way into it [POOL-11, POOL-19…26]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from app.auth import jump
from app.auth.permissions import Permission
from app.kernel.db import pool_transaction
from app.kernel.i18n import _, lazy
from app.web.forms import FormModel, parse_form
from app.web.lists import ListQuery
from app.web.menu import MenuItem, register
from app.web.shell import ShellFacts, done, is_htmx, page, register_shell, saved
from tenants.live import row_id
from tenants.pools import domains, queries
from tenants.pools.administrator_pages import AdministratorPages, ProfilePages
from tenants.pools.queries import Group, PoolDomain
from tenants.pools.rules import route_hint
from tenants.pools.subgroup_pages import BulkPages, SubgroupPages

BLOCKS = {"financial": lazy("Financial block"), "trial_expired": lazy("Trial is over"),
          "administrative": lazy("Administrative block")}
MODES = {"trial": lazy("Trial mode"), "commercial": lazy("Commercial")}
ROLES = {"supervisor": lazy("Supervisor"), "subgroup_admin": lazy("Group administrator")}
AT_ONCE = 100  # rows in the first answer; the rest comes group by group on scroll
PORTION = 50


async def _facts(request: Request) -> ShellFacts:
    """Name, role, pool and its size [POOL-11]."""
    user = request.user
    async with pool_transaction(user.actor) as tx:
        pool = await queries.pool(tx)
    return ShellFacts("pool", user_name=user.actor.name, role=ROLES[user.role], company=pool.name,
                      counters={"domains": str(pool.domains)}, permissions=user.may, home_url="/group",
                      profile_url="/group/profile", profile_in_dialog=True, sign_out_url="/group/sign-out")


register_shell("pool", _facts)
register("pool", MenuItem("", lazy("Domain list"), "/group", "building", Permission.POOL_VIEW,
                          counter_key="domains", order=10))
register("pool", MenuItem("", lazy("Administrators"), "/group/administrators", "users", Permission.POOL_MANAGE,
                          order=20))


class RenameForm(FormModel):
    display_name: str = ""


class RouteForm(FormModel):
    route_number: str = ""


class PoolPages(Controller):
    """Every administrator of the pool sees the whole list; what may be changed depends on the domain [POOL-D3]."""

    path = "/group"
    opt = {"permission": Permission.POOL_VIEW}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=())
        async with pool_transaction(request.user.actor) as tx:
            pool, rights = await queries.pool(tx), await domains.rights_of(tx)
            groups = await queries.groups(tx, rights, query.like())
            first = await queries.first_domains(tx, groups, query.like(), AT_ONCE)
        return await page(request, "pools/list.html", shell="pool", pool=pool, query=query,
                          groups=_with_rows(groups, first), total=sum(group.total for group in groups),
                          may_manage=request.user.may(Permission.POOL_MANAGE), portion=PORTION)

    @get("/rows")
    async def rows(self, request: Request, subgroup: FromQuery[int]) -> Template:
        """The next domains of one group, for the page that is being scrolled."""
        query = ListQuery.of(request, columns=())
        async with pool_transaction(request.user.actor) as tx:
            rights = await domains.rights_of(tx)
            group = next((one for one in await queries.groups(tx, rights, query.like()) if one.id == subgroup), None)
            found = await queries.domains_of(tx, group.id, query.like(), limit=PORTION, offset=query.offset) \
                if group else []
        return await page(request, "pools/rows.html", shell="pool", group=group, rows=found, query=query,
                          shown=query.offset + len(found), may_manage=request.user.may(Permission.POOL_MANAGE))

    @get("/domains/{domain_id:int}")
    async def info(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            info, blocks = await queries.domain_info(tx, row_id(domain_id))
        return await page(request, "pools/info.html", shell="pool", info=info, blocks=blocks, BLOCKS=BLOCKS,
                          MODES=MODES)

    @get("/domains/{domain_id:int}/name")
    async def name_form(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            domain = await domains.managed(tx, row_id(domain_id))
        return await page(request, "pools/rename.html", shell="pool", domain=domain)

    @post("/domains/{domain_id:int}/name", status_code=200)
    async def rename(self, request: Request, domain_id: FromPath[int]) -> Response | Template:
        form = parse_form(RenameForm, await request.form())
        async with pool_transaction(request.user.actor) as tx:
            await domains.rename(tx, row_id(domain_id), form.display_name)
        return await _row_saved(request, domain_id, _("The domain is renamed."))

    @get("/domains/{domain_id:int}/route")
    async def route_form(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            domain, pool = await domains.managed(tx, row_id(domain_id)), await queries.pool(tx)
        return await page(request, "pools/route.html", shell="pool", domain=domain,
                          hint=route_hint(pool.route_number_length), length=pool.route_number_length)

    @post("/domains/{domain_id:int}/route", status_code=200)
    async def change_route(self, request: Request, domain_id: FromPath[int]) -> Response | Template:
        form = parse_form(RouteForm, await request.form())
        async with pool_transaction(request.user.actor) as tx:
            await domains.change_route_number(tx, row_id(domain_id), form.route_number)
        return await _row_saved(request, domain_id, _("The route number is changed."))

    @post("/domains/{domain_id:int}/enter", status_code=200)
    async def enter(self, request: Request, domain_id: FromPath[int]) -> Template:
        """Opened in a new tab; leads on by itself [POOL-26]."""
        async with pool_transaction(request.user.actor) as tx:
            await domains.managed(tx, row_id(domain_id))
        return await jump.leap(request, await jump.issue(request.user, domain_id))


def _with_rows(groups: list[Group], first: list[PoolDomain]) -> list[tuple[Group, list[PoolDomain]]]:
    found: dict[int, list[PoolDomain]] = {group.id: [] for group in groups}
    for row in first:
        found[row.subgroup_id or queries.NO_GROUP].append(row)
    return [(group, found[group.id]) for group in groups]


async def _row_saved(request: Request, domain_id: int, message: str) -> Response | Template:
    """The dialog closes and the one row is drawn anew: a long list stays where it was scrolled to."""
    if not is_htmx(request):
        return saved(request, "/group", message)
    async with pool_transaction(request.user.actor) as tx:
        row, rights = await queries.domain(tx, domain_id), await domains.rights_of(tx)
    answer = await page(request, "pools/row_saved.html", shell="pool", row=row, own=rights.manages(row.subgroup_id),
                        may_manage=request.user.may(Permission.POOL_MANAGE))
    answer.headers.update(done(message).headers)
    return answer


CONTROLLERS = [PoolPages, SubgroupPages, BulkPages, AdministratorPages, ProfilePages]
