"""The list of users, creation and bulk deletion: `/users` [USR-04…14, USR-21…39]."""

from __future__ import annotations

from dataclasses import dataclass, replace

from litestar import Controller, Request, Response, get, post
from litestar.response import Template

from app.audit import history
from app.auth import sessions
from app.auth.permissions import Permission
from app.kernel.actors import ActorKind
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import AppError, InvalidFields
from app.kernel.i18n import _, lazy, ngettext
from app.web import menu
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page, ticked
from app.web.menu import MenuItem
from app.web.shell import is_htmx, page, shell_facts
from billing.services.present import cost_of
from tenants.destinations import registry
from tenants.groups import members as group_members
from tenants.groups import present as group_present
from tenants.groups import queries as group_queries
from tenants.groups import service as group_service
from tenants.live import applying, form_of
from tenants.services.present import new_amounts
from tenants.users import fees, queries, service
from tenants.users.card_pages import OwnPages, UserCardPages
from tenants.users.forms import ChosenUsersForm, NewUserForm
from tenants.users.present import RESTRICTIONS, ROLES
from tenants.users.rules import extension_warning

LIST = "/users"
PAGE_SIZE = 100
COLUMNS = (
    Column("name", lazy("Name"), queries.BY_NAME),
    Column("extension", lazy("Extension"), "u.extension::int"),
    Column("email", lazy("E-mail"), "lower(u.email)", wide_only=True),
    Column("marks", lazy("Settings"), wide_only=True),
)
FILTERS = (Filter("role", lazy("Who"), ROLES),)

menu.register("domain", MenuItem("", lazy("Users"), LIST, "users", Permission.USERS_EDIT, "users", 200),
              MenuItem("", lazy("My page"), "/me", "user-circle", Permission.PERSONAL, "", 900,
                       is_last_resort=True))  # others come there by their name [ACC-16, ACC-23]


def _query_of(request: Request) -> ListQuery:
    return ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="name", limit=PAGE_SIZE)


async def _rows(tx: DomainTx, query: ListQuery, *, limit: int | None) -> tuple[list[queries.UserRow], int]:
    like = queries.search_pattern(query.like(), query.search)
    return await queries.users(tx, like=like, role=query.value("role"), order=query.order_by("u.id"), limit=limit,
                               offset=query.offset if limit else 0)


class UserPages(Controller):
    """List, export, creation."""

    path = LIST
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = _query_of(request)
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await _rows(tx, query, limit=query.limit)
            facts = await shell_facts(request, tx)
        return await page(request, "users/list.html", facts=facts, found=Page(rows, total, query),
                          restrictions=RESTRICTIONS, online=await queries.online(request.user.actor.domain_id))

    @get("/presence")
    async def presence(self, request: Request) -> Template:
        """Fresh dots for the rows that are on the page."""
        ids, _all = ticked(request.query_params)
        online = await queries.online(request.user.actor.domain_id)
        return await page(request, "users/presence.html", ids=ids, online=online)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            rows, _total = await _rows(tx, _query_of(request), limit=None)
            await history.exported(tx, _("Users"))
        columns = [ExportColumn(label, width) for label, width in (
            (lazy("Name"), 36), (lazy("Extension"), 12), (lazy("Login"), 20), (lazy("Job title"), 28),
            (lazy("E-mail"), 30), (lazy("Administrator"), 14), (lazy("Operator"), 14), (lazy("Restriction"), 40),
            (lazy("Created"), 20))]
        return xlsx_answer(_("Users"), columns, (
            (row.display_name, row.extension, row.login, row.position, row.email, row.is_admin, row.is_operator,
             str(RESTRICTIONS[row.restriction]), row.created_at) for row in rows))

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            quote = await fees.quote_new_user(tx)
            extension = await service.propose_extension(tx)
            group_extension = await service.propose_extension(tx, but=extension)
            groups, _total = await group_queries.groups(tx)
            has_centre = await group_service.has_contact_centre(tx)
        return await page(request, "users/new.html", quote=quote, cost=cost_of(quote), extension=extension,
                          groups=groups, chosen=0, directions=group_present.DIRECTIONS, group_extension=group_extension,
                          algorithms=group_present.algorithm_options(has_centre), domain=request.user.domain_name)

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response | Template:
        form = await form_of(request, NewUserForm)
        async with domain_transaction(request.user.actor) as tx:
            has_groups = await group_queries.any_there(tx)
        new = form.command(has_groups=has_groups)
        try:
            async with domain_transaction(request.user.actor) as tx:
                user_id = await service.create_user(tx, new, quoted=form.quoted)
                for group_id in form.groups:
                    await group_members.add(tx, group_id, [user_id])
                created = await queries.card(tx, user_id)
        except fees.CostChanged as changed:
            return new_amounts(request, changed, "users/cost.html", "#new-user-cost")  # [USR-23]
        warning = extension_warning(created.extension)
        message = _("%(name)s is created, extension %(extension)s.") % {
            "name": created.display_name, "extension": created.extension}
        return applying(request, f"{message} {warning}".strip(), url=f"{LIST}/{user_id}",
                        kind="warning" if warning else "success", close_modal=True, refresh_list=True)


@dataclass(frozen=True, slots=True)
class Failure:
    """One user that bulk work could not touch, and why."""

    name: str
    reason: str


class BulkPages(Controller):
    """What is done with ticked users."""

    path = f"{LIST}/delete"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def ask(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            people = await queries.names_of(tx, await chosen(tx, request))
            ids = [user_id for user_id, _name in people]
            affected = await registry.pointers_of_many(tx, "user", ids)
            saving = await fees.monthly_saving(tx, ids)
        return await page(request, "users/delete_many.html", people=people, affected=affected, saving=saving)

    @post("/", status_code=200)
    async def delete(self, request: Request) -> Response | Template:
        """One transaction per user: what cannot be deleted stays and is told [USR-20]."""
        form = await form_of(request, ChosenUsersForm)
        if not form.ids:
            raise InvalidFields("nothing_chosen", _("Choose at least one."))
        actor = request.user.actor
        async with domain_transaction(actor) as tx:
            people = await queries.names_of(tx, form.ids)
        failures: list[Failure] = []
        for user_id, name in people:
            try:
                async with domain_transaction(actor) as tx:
                    await service.delete_user(tx, user_id)
                await sessions.end_sessions(ActorKind.DOMAIN_USER, actor.domain_id, user_id)
            except AppError as refused:
                failures.append(Failure(name, refused.message))
        count = len(people) - len(failures)
        message = ngettext("%(n)s user is deleted.", "%(n)s users are deleted.", count) % {"n": count}
        if not failures or not is_htmx(request):
            return applying(request, message, url=LIST, close_modal=True, refresh_list=True)
        answer = await page(request, "users/bulk_result.html", message=message, failures=failures)
        answer.headers["HX-Trigger"] = "list-refresh"
        return answer


async def chosen(tx: DomainTx, request: Request) -> list[int]:
    """Ticked ids; with "select all", everybody who matches the list's search and filters."""
    ids, found = ticked(request.query_params)
    if found is None:
        return ids
    query = ListQuery.parse(found, columns=COLUMNS, filters=FILTERS, default_sort="name")
    rows, _total = await _rows(tx, replace(query, offset=0), limit=None)
    return [row.id for row in rows]


CONTROLLERS = [UserPages, BulkPages, UserCardPages, OwnPages]
