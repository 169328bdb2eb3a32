"""Pickup groups: `/pickup-groups` [PICK-02…13]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.parts import Choice
from app.web.shell import page
from tenants.live import applying, form_of, row_id
from tenants.pickup import queries, service

LIST = "/pickup-groups"
COLUMNS = (Column("name", lazy("Group name"), "lower(g.name)"), Column("members", lazy("Members"), "m.members"))
RowId = Annotated[int, Field(ge=1, lt=2**63)]

menu.register("domain", MenuItem("settings", lazy("Pickup groups"), LIST, "users", Permission.USERS_EDIT, "", 80))


class GroupForm(FormModel):
    name: str = ""
    members: list[RowId]


class NameForm(FormModel):
    name: str = ""


class MembersForm(FormModel):
    members: list[RowId]


def _choice(person: queries.Person, domain: str, group_id: int | None) -> Choice:
    """Name, extension and address; whoever is in another group moves, which is to be seen [PICK-07]."""
    hint = f"{person.extension} · {person.login}@{domain}"
    if person.group_id is not None and person.group_id != group_id:
        hint += " · " + _("now in %(group)s") % {"group": person.group_name}
    return Choice(person.id, person.display_name, hint)


async def _lists(tx: DomainTx, domain: str, group_id: int | None) -> tuple[list[Choice], list[Choice]]:
    people = await queries.people(tx)
    return ([_choice(one, domain, group_id) for one in people if one.group_id is None or one.group_id != group_id],
            [_choice(one, domain, group_id) for one in people if group_id is not None and one.group_id == group_id])


class PickupPages(Controller):
    """The list and a group's windows."""

    path = LIST
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.groups(tx, like=query.like(), order=query.order_by("g.id"), limit=query.limit,
                                               offset=query.offset)
            number = await queries.pickup_number(tx)
        return await page(request, "pickup/list.html", found=Page(rows, total, query), number=number)

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            candidates, members = await _lists(tx, request.user.domain_name, None)
            number = await queries.pickup_number(tx)
        return await page(request, "pickup/group.html", group=None, candidates=candidates, members=members,
                          number=number)

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response | Template:
        form = await form_of(request, GroupForm)
        return await _done(request, lambda tx: service.create(tx, form.name, form.members),
                           _("The pickup group is created."))

    @get("/{group_id:int}")
    async def show(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.group(tx, row_id(group_id))
            candidates, members = await _lists(tx, request.user.domain_name, group.id)
            number = await queries.pickup_number(tx)
        return await page(request, "pickup/group.html", group=group, candidates=candidates, members=members,
                          number=number)

    @post("/{group_id:int}", status_code=200)
    async def set_members(self, request: Request, group_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, MembersForm)
        return await _done(request, lambda tx: service.set_members(tx, row_id(group_id), form.members), _("Saved."))

    @get("/{group_id:int}/name")
    async def ask_name(self, request: Request, group_id: FromPath[int]) -> Template:
        return await _ask(request, group_id, "rename")

    @post("/{group_id:int}/name", status_code=200)
    async def rename(self, request: Request, group_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, NameForm)
        return await _done(request, lambda tx: service.rename(tx, row_id(group_id), form.name), _("Saved."))

    @get("/{group_id:int}/delete")
    async def ask_delete(self, request: Request, group_id: FromPath[int]) -> Template:
        return await _ask(request, group_id, "delete")

    @post("/{group_id:int}/delete", status_code=200)
    async def delete(self, request: Request, group_id: FromPath[int]) -> Response | Template:
        return await _done(request, lambda tx: service.delete(tx, row_id(group_id)), _("The pickup group is deleted."))


async def _ask(request: Request, group_id: int, what: str) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        group = await queries.group(tx, row_id(group_id))
    return await page(request, f"pickup/{what}.html", group=group)


async def _done(request: Request, change: Callable[[DomainTx], Awaitable[object]], message: str) -> Response | Template:
    async with domain_transaction(request.user.actor) as tx:
        await change(tx)
    return applying(request, message, url=LIST, close_modal=True, refresh_list=True)


CONTROLLERS = [PickupPages]
