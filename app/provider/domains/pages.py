"""Domains in the provider's console: `/provider/domains`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Stream, Template

from app.audit import listing
from app.audit.listing import PERIODS, Place
from app.audit.present import PROVIDER_CONSOLE
from app.auth import jump, sessions
from app.auth.security.reset import ask_reset
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx, platform_transaction
from app.kernel.i18n import LANGUAGES, _, lazy
from app.kernel.money import Money
from app.provider.console import (
    BLOCKS,
    DOMAINS,
    EXPORT_LIMIT,
    MODES,
    SCHEMES,
    VIEW,
    form_of,
    node_choices,
    pool_choices,
    show,
    tariff_choices,
)
from app.provider.domains import profile, queries, service
from app.provider.domains.forms import (
    BlockForm,
    EnterForm,
    LimitsForm,
    NewDomainForm,
    ProfileForm,
    TermsForm,
)
from app.provider.passwords import PasswordForm, ask_password
from app.provider.zones import time_zones
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import saved
from billing.packages.queries import buckets
from billing.tariff_requests import queries as requests
from billing.tariff_requests.present import excess_words
from tenants.domains import service as domains

LIST = "/provider/domains"
COLUMNS = (
    Column("name", lazy("Domain"), "d.name"),
    Column("company", lazy("Company"), "lower(d.company_name)", wide_only=True),
    Column("account", lazy("Account"), "a.number", wide_only=True),
    Column("mode", lazy("Mode"), "d.mode", wide_only=True),
    Column("balance", lazy("Balance"), "a.balance", numeric=True),
    Column("users", lazy("Users"), numeric=True, wide_only=True),
    Column("node", lazy("PBX node"), "n.name", wide_only=True),
    Column("state", lazy("Configuration"), "s.applied - s.desired", wide_only=True),
)
BLOCK_FILTER = {"none": lazy("Not blocked"), **BLOCKS}
STATE_FILTER = {"behind": lazy("Being applied"), "failed": lazy("Failed")}


async def _list_query(request: Request, tx: PlatformTx) -> ListQuery:
    return ListQuery.of(request, columns=COLUMNS, default_sort="name", filters=(
        Filter("mode", lazy("Mode"), MODES), Filter("scheme", lazy("Scheme"), SCHEMES),
        Filter("block", lazy("Blocks"), BLOCK_FILTER), Filter("state", lazy("Configuration"), STATE_FILTER),
        Filter("pool", lazy("Pool"), {str(key): name for key, name in await pool_choices(tx)}),
        Filter("tariff", lazy("Tariff"), {str(key): name for key, name in await tariff_choices(tx)}),
        Filter("node", lazy("PBX node"), {str(key): name for key, name in await node_choices(tx)})))


class DomainPages(Controller):
    """List, export, creation."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            query = await _list_query(request, tx)
            rows, total = await queries.domains(tx, query)
        return await show(request, "provider/domains/list.html", found=Page(rows, total, query))

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        async with platform_transaction(request.user.actor) as tx:
            query = await _list_query(request, tx)
            query = ListQuery.parse(request.query_params, columns=COLUMNS, filters=query.available,
                                    default_sort="name", limit=EXPORT_LIMIT)
            rows, _total = await queries.domains(tx, query)
        columns = [ExportColumn(label, width) for label, width in (
            (lazy("Domain"), 30), (lazy("Company"), 36), (lazy("Account"), 14), (lazy("Mode"), 14),
            (lazy("Scheme"), 14), (lazy("Balance"), 14), (lazy("Blocks"), 24), (lazy("Users"), 10),
            (lazy("Numbers"), 10), (lazy("Pool"), 24), (lazy("PBX node"), 14), (lazy("Created"), 20))]
        lines = ((row.name, row.company_name, row.account, MODES[row.mode], SCHEMES[row.scheme], row.balance,
                  ", ".join(str(BLOCKS[kind]) for kind in row.blocks), row.users, row.numbers, row.pool, row.node,
                  row.created_at) for row in rows)
        return xlsx_answer(_("Domains"), columns, lines)

    @get("/new", opt=DOMAINS)
    async def new(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            choices = {"tariffs": await tariff_choices(tx), "nodes": await node_choices(tx),
                       "pools": await pool_choices(tx)}
        return await show(request, "provider/domains/new.html", zones=time_zones(), **choices)

    @post("/", opt=DOMAINS)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, NewDomainForm)
        async with platform_transaction(request.user.actor) as tx:
            bound = await service.create_with_administrator(tx, form.domain(), form.administrator())
        return saved(request, f"{LIST}/{bound.domain_id}", _("The domain is created."))


class DomainCard(Controller):
    """One domain: facts, forms that change it, history."""

    path = LIST + "/{domain_id:int}"
    opt = VIEW

    @get("/")
    async def card(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            domain = await queries.facts(tx, domain_id)
            blocks = await queries.open_blocks(tx, domain_id)
            bound = await _bound(tx, domain_id)
            people = await profile.administrators(bound)
            wish = await requests.open_request(bound)
            left = await buckets(bound)
        return await show(request, "provider/domains/card.html", domain=domain, blocks=blocks, people=people, left=left,
                          wish=wish, excess_words=excess_words)

    @get("/history")
    async def history(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            facts = await queries.facts(tx, domain_id)
        return await listing.show(request, _history_of(domain_id), "provider/domains/history.html", domain=facts)

    @get("/history/export")
    async def history_export(self, request: Request, domain_id: FromPath[int]) -> Response[bytes] | Stream:
        return await listing.export(request, _history_of(domain_id))

    @get("/change/{what:str}", opt=DOMAINS)
    async def ask(self, request: Request, domain_id: FromPath[int], what: FromPath[str]) -> Template:
        """The form of one change, in the dialog."""
        if what not in FORMS:
            raise queries.no_page()
        async with platform_transaction(request.user.actor) as tx:
            domain = await queries.facts(tx, domain_id)
            blocks = await queries.open_blocks(tx, domain_id)
            nodes = await node_choices(tx)
        return await show(request, f"provider/domains/{what}.html", domain=domain, blocks=blocks,
                          nodes=nodes, zones=time_zones(), languages_of=LANGUAGES)

    @post("/profile", opt=DOMAINS)
    async def profile(self, request: Request, domain_id: FromPath[int]) -> Response:
        form = await form_of(request, ProfileForm)
        async with platform_transaction(request.user.actor) as tx:
            rendered = await profile.change(await _bound(tx, domain_id), form.profile())
        return saved(request, f"{LIST}/{domain_id}",
                     _("Saved; the PBX takes it within seconds.") if rendered else _("Saved."))

    @post("/terms", opt=DOMAINS)
    async def terms(self, request: Request, domain_id: FromPath[int]) -> Response:
        scheme, limit = (await form_of(request, TermsForm)).terms()
        async with platform_transaction(request.user.actor) as tx:
            blocked = await domains.change_terms(await _bound(tx, domain_id), scheme=scheme, credit_limit=limit)
        text = _("Saved. The balance is below the new limit: the domain is blocked.") if blocked else _("Saved.")
        return saved(request, f"{LIST}/{domain_id}", text)

    @post("/limits", opt=DOMAINS)
    async def limits(self, request: Request, domain_id: FromPath[int]) -> Response:
        form = await form_of(request, LimitsForm)
        async with platform_transaction(request.user.actor) as tx:
            await domains.change_limits(await _bound(tx, domain_id), max_users=form.max_users,
                                        max_paid_calls=form.max_paid_calls,
                                        credit_max=None if form.credit_max is None else Money(form.credit_max),
                                        buys_numbers=form.number_purchases == "on")
        return saved(request, f"{LIST}/{domain_id}", _("Saved."))

    @post("/block", opt=DOMAINS)
    async def block(self, request: Request, domain_id: FromPath[int]) -> Response:
        form = await form_of(request, BlockForm)
        async with platform_transaction(request.user.actor) as tx:
            started = await domains.start_block(await _bound(tx, domain_id), "administrative", form.reason)
        return saved(request, f"{LIST}/{domain_id}",
                     _("The domain is blocked.") if started else _("The domain was blocked already."))

    @post("/unblock", opt=DOMAINS)
    async def unblock(self, request: Request, domain_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            ended = await domains.end_administrative_block(await _bound(tx, domain_id))
        return saved(request, f"{LIST}/{domain_id}",
                     _("The block is lifted.") if ended else _("There was no administrative block."))


class DomainAccess(Controller):
    """Into the domain's cabinet, and a way back in for its administrators."""

    path = LIST + "/{domain_id:int}"
    opt = VIEW

    @post("/enter")
    async def enter(self, request: Request, domain_id: FromPath[int]) -> Template:
        """With the rights of its administrator, or in the place of a user; who only reads here reads there, too."""
        form = await form_of(request, EnterForm)
        return await jump.leap(request, await jump.issue(request.user, domain_id, as_user_id=form.user_id or 0))

    @get("/administrators/{user_id:int}/password", opt=DOMAINS)
    async def ask_password(self, request: Request, domain_id: FromPath[int], user_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            person = await profile.administrator(await _bound(tx, domain_id), user_id)
        return await ask_password(
            request, f"{LIST}/{domain_id}/administrators/{user_id}/password", person.login, person.email,
            text=_("It holds for the cabinet and for the phone. Everything that this person has open ends; "
                   "calls in progress stay."))

    @post("/administrators/{user_id:int}/password", opt=DOMAINS)
    async def password(self, request: Request, domain_id: FromPath[int], user_id: FromPath[int]) -> Response:
        form = await form_of(request, PasswordForm)
        async with platform_transaction(request.user.actor) as tx:
            await profile.reset_password(await _bound(tx, domain_id), user_id, form.password,
                                         send_credentials=form.send_credentials)
        await sessions.end_sessions(ActorKind.DOMAIN_USER, domain_id, user_id)
        return saved(request, f"{LIST}/{domain_id}", _("The new password is in force."))

    @get("/administrators/{user_id:int}/second-factor", opt=DOMAINS)
    async def ask_factor(self, request: Request, domain_id: FromPath[int], user_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            person = await profile.administrator(await _bound(tx, domain_id), user_id)
        return await ask_reset(request, "provider", f"{LIST}/{domain_id}/administrators/{user_id}/second-factor",
                               person.display_name)

    @post("/administrators/{user_id:int}/second-factor", opt=DOMAINS)
    async def reset_factor(self, request: Request, domain_id: FromPath[int], user_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await profile.reset_factor(await _bound(tx, domain_id), user_id)
        await sessions.end_sessions(ActorKind.DOMAIN_USER, domain_id, user_id)
        return saved(request, f"{LIST}/{domain_id}", _("The second factor is reset."))


FORMS = frozenset({"terms", "limits", "block", "unblock", "profile"})


def _history_of(domain_id: int) -> Place:
    """The domain's own history, with the provider's eyes."""

    @asynccontextmanager
    async def door(actor: Actor) -> AsyncIterator[DomainTx]:
        async with platform_transaction(actor) as tx:
            yield await _bound(tx, domain_id)

    return Place(PROVIDER_CONSOLE, f"{LIST}/{domain_id}/history", door, PERIODS)


async def _bound(tx: PlatformTx, domain_id: int) -> DomainTx:
    return await queries.bind(tx, domain_id)


CONTROLLERS = [DomainPages, DomainCard, DomainAccess]
