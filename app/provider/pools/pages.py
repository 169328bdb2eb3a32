"""Domain pools: `/provider/pools`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth import jump
from app.auth.security.reset import ask_reset
from app.kernel import parameters
from app.kernel.actors import ActorKind
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy, ngettext
from app.provider.console import DOMAINS, VIEW, as_page, ask, asks_candidates, form_of, show
from app.provider.passwords import PasswordForm, ask_password
from app.provider.pools import queries
from app.web.forms import FormModel, parse_form
from app.web.lists import Column, ListQuery, clean, ticked
from app.web.shell import done, saved
from tenants.pools import administrators as people
from tenants.pools import service
from tenants.pools.rules import SUPERVISOR, NewAdministrator, PoolSettings

LIST = "/provider/pools"
COLUMNS = (
    Column("name", lazy("Pool"), "lower(p.name)"), Column("domains", lazy("Domains"), "domains", numeric=True),
    Column("people", lazy("Administrators"), "administrators", numeric=True, wide_only=True),
    Column("length", lazy("Route number, digits"), "p.route_number_length", numeric=True, wide_only=True),
    Column("expression", lazy("Dial expression")),
)
MEMBER_COLUMNS = (
    Column("name", lazy("Domain"), "d.name"), Column("company", lazy("Company"), "lower(d.company_name)"),
    Column("route", lazy("Route number"), "d.route_number"), Column("group", lazy("Group"), "lower(g.name)"),
    Column("account", lazy("Account"), "a.number", wide_only=True),
)
ROLES = {"supervisor": lazy("Supervisor"), "subgroup_admin": lazy("Group administrator")}


class PoolForm(FormModel):
    name: str
    route_number_length: Annotated[int, Field(ge=1, le=10)]
    dial_expression: str

    def settings(self) -> PoolSettings:
        return PoolSettings(self.name, self.route_number_length, self.dial_expression)


class NewPoolForm(PoolForm):
    login: str
    display_name: str
    email: str
    phone: str = ""
    password: str
    send_credentials: bool

    def supervisor(self) -> NewAdministrator:
        return NewAdministrator(login=self.login, display_name=self.display_name, email=self.email,
                                password=self.password, phone=self.phone, send_credentials=self.send_credentials)


class IdsForm(FormModel):
    ids: Annotated[tuple[Annotated[int, Field(gt=0, lt=2**63)], ...], Field(min_length=1, max_length=5000)]


class PoolPages(Controller):
    """List and creation."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name")
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.pools(tx, query)
        return await show(request, "provider/pools/list.html", found=as_page(rows, total, query))

    @get("/new", opt=DOMAINS)
    async def new(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            proposed = await parameters.group(tx, "pool")
        return await show(request, "provider/pools/new.html", proposed=proposed)

    @post("/", opt=DOMAINS)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, NewPoolForm)
        async with platform_transaction(request.user.actor) as tx:
            pool_id = await service.create_pool(tx, form.settings(), form.supervisor())
        return saved(request, f"{LIST}/{pool_id}", _("The pool is created."))


class PoolCard(Controller):
    """One pool: settings, supervisors, domains."""

    path = LIST + "/{pool_id:int}"
    opt = VIEW

    @get("/")
    async def card(self, request: Request, pool_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            pool = await queries.pool(tx, pool_id)
            found = await queries.administrators(tx, pool_id)
        return await show(request, "provider/pools/card.html", pool=pool, people=found, roles=ROLES)

    @post("/", opt=DOMAINS)
    async def change(self, request: Request, pool_id: FromPath[int]) -> Response:
        form = await form_of(request, PoolForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.change_pool(tx, pool_id, form.settings())
        return saved(request, f"{LIST}/{pool_id}", _("Saved."))

    @get("/delete", opt=DOMAINS)
    async def ask_delete(self, request: Request, pool_id: FromPath[int]) -> Template:
        return await ask(request, "provider/pools/delete.html", pool=lambda tx: queries.pool(tx, pool_id))

    @post("/delete", opt=DOMAINS)
    async def delete(self, request: Request, pool_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            gone = await service.delete_pool(tx, pool_id)
        for admin_id in gone:
            await _end_sessions(admin_id)
        return saved(request, LIST, _("The pool is deleted."))


class PoolPeople(Controller):
    """A way back in for the pool's administrators."""

    path = LIST + "/{pool_id:int}/administrators/{admin_id:int}"
    opt = DOMAINS

    @get("/password")
    async def ask_password(self, request: Request, pool_id: FromPath[int], admin_id: FromPath[int]) -> Template:
        """A supervisor gives the others theirs [POOL-D4]."""
        async with platform_transaction(request.user.actor) as tx:
            person = await queries.administrator(tx, pool_id, admin_id)
        if person.role != SUPERVISOR:
            raise NotFound("pool_admin", _("There is no such administrator"))
        return await ask_password(
            request, f"{LIST}/{pool_id}/administrators/{admin_id}/password", person.login, person.email, by_mail=True,
            text=_("The account is unlocked, too; everything that it has open ends."))

    @post("/password")
    async def password(self, request: Request, pool_id: FromPath[int], admin_id: FromPath[int]) -> Response:
        form = await form_of(request, PasswordForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.reset_supervisor_password(tx, pool_id, admin_id, form.password,
                                                    send_credentials=form.send_credentials)
        await _end_sessions(admin_id)
        return saved(request, f"{LIST}/{pool_id}", _("The new password is in force; the account is unlocked."))

    @get("/second-factor")
    async def ask_factor(self, request: Request, pool_id: FromPath[int], admin_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            person = await queries.administrator(tx, pool_id, admin_id)
        return await ask_reset(request, "provider", f"{LIST}/{pool_id}/administrators/{admin_id}/second-factor",
                               person.display_name)

    @post("/second-factor")
    async def reset_factor(self, request: Request, pool_id: FromPath[int], admin_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.reset_factor(tx, pool_id, admin_id)
        await _end_sessions(admin_id)
        return saved(request, f"{LIST}/{pool_id}", _("The second factor is reset."))


async def _end_sessions(admin_id: int) -> None:
    """In the pool's interface and inside domains."""
    await people.end_sessions(admin_id)
    await jump.end_for(ActorKind.POOL_ADMIN, admin_id)


class PoolDomains(Controller):
    """The pool's domains: search, add, take out."""

    path = LIST + "/{pool_id:int}/domains"
    opt = VIEW

    @get("/")
    async def list(self, request: Request, pool_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=MEMBER_COLUMNS, default_sort="name")
        async with platform_transaction(request.user.actor) as tx:
            pool = await queries.pool(tx, pool_id)
            rows, total = await queries.members(tx, pool_id, query)
        return await show(request, "provider/pools/domains.html", pool=pool, found=as_page(rows, total, query))

    @get("/add", opt=DOMAINS)
    async def ask_add(self, request: Request, pool_id: FromPath[int]) -> Template:
        query = ListQuery(columns=(), search=clean(request.query_params.get("q", "")))
        async with platform_transaction(request.user.actor) as tx:
            pool = await queries.pool(tx, pool_id)
            rows, total = await queries.candidates(tx, query.like())
        only_found = asks_candidates(request)
        return await show(request, f"provider/pools/{'candidates' if only_found else 'add'}.html", pool=pool,
                          rows=rows, total=total)

    @post("/add", opt=DOMAINS)
    async def add(self, request: Request, pool_id: FromPath[int]) -> Response:
        ids = await _with_each(request, pool_id, service.add_domain)
        return done(ngettext("%(n)s domain is added.", "%(n)s domains are added.", len(ids)) % {"n": len(ids)},
                    refresh_list=True)

    @get("/remove", opt=DOMAINS)
    async def ask_remove(self, request: Request, pool_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            pool = await queries.pool(tx, pool_id)
            ids = await _chosen(tx, request, pool_id)
            names = await queries.names(tx, pool_id, ids)
        return await show(request, "provider/pools/remove.html", pool=pool, ids=ids, names=names)

    @post("/remove", opt=DOMAINS)
    async def remove(self, request: Request, pool_id: FromPath[int]) -> Response:
        ids = await _with_each(request, pool_id, service.remove_domain)
        for domain_id in ids:
            await jump.end_for(ActorKind.POOL_ADMIN, domain_id=domain_id)
        return done(ngettext("%(n)s domain is taken out.", "%(n)s domains are taken out.", len(ids)) % {"n": len(ids)},
                    refresh_list=True)


async def _with_each(request: Request, pool_id: int,
                     change: Callable[[PlatformTx, int, int], Awaitable[None]]) -> list[int]:
    """All of the ticked domains or none; their ids."""
    form = parse_form(IdsForm, await request.form())
    ids = sorted(set(form.ids))
    async with platform_transaction(request.user.actor) as tx:
        for domain_id in ids:
            await change(tx, pool_id, domain_id)
    return ids


async def _chosen(tx: PlatformTx, request: Request, pool_id: int) -> list[int]:
    """The ticked rows; with "select all", everything that the list's search finds."""
    ids, found = ticked(request.query_params)
    return ids if found is None else await queries.matching(tx, pool_id, ListQuery.parse(found, columns=()).like())


CONTROLLERS = [PoolPages, PoolCard, PoolPeople, PoolDomains]
