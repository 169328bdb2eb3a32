"""`/group/administrators`, a supervisor's page, and everybody's own profile [POOL-15…18, POOL-36…44]."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth import sessions
from app.auth.permissions import Permission
from app.auth.security.reset import ask_reset
from app.kernel.actors import ActorKind
from app.kernel.db import pool_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.web.forms import FormModel, parse_form
from app.web.lists import Column, ListQuery, Page
from app.web.shell import listed, page, saved
from tenants.live import row_id
from tenants.pools import administrators, people, rights
from tenants.pools.administrators import Change, Person
from tenants.pools.rules import SUBGROUP_ADMIN, SUPERVISOR, NewAdministrator

LIST = "/group/administrators"
COLUMNS = (
    Column("status", lazy("Status"), "a.is_active"), Column("login", lazy("Login"), "a.login"),
    Column("name", lazy("Person's display name"), "lower(a.display_name)"), Column("email", lazy("E-mail"), "a.email"),
    Column("phone", lazy("Phone number"), wide_only=True), Column("groups", lazy("Groups"), wide_only=True),
)
RowId = Annotated[int, Field(ge=1, lt=2**63)]
Secret = Annotated[str, Field(max_length=200, repr=False)]


class PersonForm(FormModel):
    display_name: str = ""
    email: str = ""
    phone: str = ""
    password: Secret = ""
    password_repeat: Secret = ""

    def person(self) -> Person:
        """Raises InvalidFields when the two passwords differ [POOL-17]."""
        _same(self.password, self.password_repeat)
        return Person(self.display_name, self.email, self.phone, self.password)


class ChangeForm(PersonForm):
    is_locked: bool = False
    send_credentials: bool = False
    subgroup_ids: tuple[RowId, ...]


class NewForm(ChangeForm):
    login: str = ""
    is_supervisor: bool = False

    def command(self) -> NewAdministrator:
        _same(self.password, self.password_repeat)
        role = SUPERVISOR if self.is_supervisor else SUBGROUP_ADMIN
        return NewAdministrator(
            self.login, self.display_name, self.email, self.password, self.phone, role, not self.is_locked,
            () if self.is_supervisor else self.subgroup_ids, self.send_credentials)


def _same(password: str, repeat: str) -> None:
    if password != repeat:
        text = _("The two passwords differ")
        raise InvalidFields("passwords_differ", text, fields={"password_repeat": text})


class AdministratorPages(Controller):
    path = LIST
    opt = {"permission": Permission.POOL_MANAGE}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name")
        async with pool_transaction(request.user.actor) as tx:
            rows, total = await people.administrators(tx, query)
        return await page(request, "pools/administrators.html", shell="pool", found=Page(rows, total, query))

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            choices = await people.subgroup_choices(tx)
        return await page(request, "pools/administrator_new.html", shell="pool", choices=choices)

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response:
        new = parse_form(NewForm, await request.form()).command()
        async with pool_transaction(request.user.actor) as tx:
            await administrators.create_by_supervisor(tx, new)
        return listed(request, LIST, _("The administrator is created."))

    @get("/{admin_id:int}")
    async def edit(self, request: Request, admin_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            person, choices = await people.administrator(tx, row_id(admin_id)), await people.subgroup_choices(tx)
        return await page(request, "pools/administrator.html", shell="pool", person=person, choices=choices,
                          own=admin_id == request.user.actor.id)

    @post("/{admin_id:int}", status_code=200)
    async def change(self, request: Request, admin_id: FromPath[int]) -> Response:
        form = parse_form(ChangeForm, await request.form())
        person = form.person()
        async with pool_transaction(request.user.actor) as tx:
            lost = await administrators.change(
                tx, row_id(admin_id), Change(person, not form.is_locked, form.subgroup_ids, form.send_credentials))
        await rights.end_lost(lost)
        own = request.user.session_id if admin_id == request.user.actor.id else ""
        if person.password or form.is_locked:
            await administrators.end_sessions(admin_id, own)
        await sessions.change_person(ActorKind.POOL_ADMIN, 0, admin_id, name=person.display_name)
        return listed(request, LIST, _("The administrator is changed."))

    @get("/{admin_id:int}/delete")
    async def ask_delete(self, request: Request, admin_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            person = await people.administrator(tx, row_id(admin_id))
        return await page(request, "pools/administrator_delete.html", shell="pool", person=person)

    @post("/{admin_id:int}/delete", status_code=200)
    async def delete(self, request: Request, admin_id: FromPath[int]) -> Response:
        async with pool_transaction(request.user.actor) as tx:
            await administrators.delete(tx, row_id(admin_id))
        await administrators.end_sessions(admin_id)
        return listed(request, LIST, _("The administrator is deleted."))

    @get("/{admin_id:int}/second-factor")
    async def ask_factor(self, request: Request, admin_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            person = await people.administrator(tx, row_id(admin_id))
        return await ask_reset(request, "pool", f"{LIST}/{admin_id}/second-factor", person.display_name)

    @post("/{admin_id:int}/second-factor", status_code=200)
    async def reset_factor(self, request: Request, admin_id: FromPath[int]) -> Response:
        async with pool_transaction(request.user.actor) as tx:
            await administrators.reset_factor(tx, row_id(admin_id))
        await administrators.end_sessions(admin_id)
        return listed(request, LIST, _("The second factor is reset."))


class ProfilePages(Controller):
    path = "/group/profile"
    opt = {"permission": Permission.POOL_VIEW}

    @get("/")
    async def show(self, request: Request) -> Template:
        actor = request.user.actor
        async with pool_transaction(actor) as tx:
            person = await people.administrator(tx, actor.id)
        return await page(request, "pools/profile.html", shell="pool", person=person)

    @post("/", status_code=200)
    async def change(self, request: Request) -> Response:
        person = parse_form(PersonForm, await request.form()).person()
        actor, session_id = request.user.actor, request.user.session_id
        async with pool_transaction(actor) as tx:
            await administrators.change_profile(tx, person, keep_session=session_id)
        if person.password:
            await administrators.end_sessions(actor.id, session_id)
        await sessions.change_person(ActorKind.POOL_ADMIN, 0, actor.id, name=person.display_name)
        return saved(request, "/group", _("Your profile is saved."))
