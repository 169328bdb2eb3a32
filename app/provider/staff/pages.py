"""The provider's people: `/provider/staff`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.security.reset import ask_reset
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.provider.console import SETTINGS, STAFF_ROLES, VIEW, as_page, form_of, show
from app.provider.fields import Email, Line
from app.provider.passwords import PasswordForm, ask_password
from app.provider.staff import service
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery
from app.web.shell import done

LIST = "/provider/staff"
COLUMNS = (Column("login", lazy("Login"), "login"), Column("name", lazy("Name"), "lower(display_name)"),
           Column("role", lazy("Role"), "role"), Column("email", lazy("E-mail"), "email", wide_only=True),
           Column("state", lazy("State"), "is_active"), Column("actions", ""))


class PersonForm(FormModel):
    display_name: Annotated[Line, Field(min_length=1, max_length=100)]
    email: Email = ""
    role: service.Role


class NewForm(PersonForm):
    login: str
    password: str
    send_credentials: bool

    def new(self) -> service.NewMember:
        return service.NewMember(self.login, self.display_name, self.email, self.role, self.password,
                                 self.send_credentials)


class StaffPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="login")
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await service.members(tx, query.like(), query.order_by(), query.limit, query.offset)
        return await show(request, "provider/staff/list.html", found=as_page(rows, total, query), roles=STAFF_ROLES,
                          own_id=request.user.actor.id)

    @get("/new", opt=SETTINGS)
    async def new(self, request: Request) -> Template:
        return await show(request, "provider/staff/form.html", known=None, roles=STAFF_ROLES, is_own=False)

    @post("/", opt=SETTINGS)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, NewForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.create(tx, form.new())
        return done(_("The account is created."), refresh_list=True)

    @get("/{staff_id:int}/change/{what:str}", opt=SETTINGS)
    async def ask(self, request: Request, staff_id: FromPath[int], what: FromPath[str]) -> Template:
        """The form of one change, in the dialog."""
        async with platform_transaction(request.user.actor) as tx:
            known = await service.member(tx, staff_id)
        if what == "factor":
            return await ask_reset(request, "provider", f"{LIST}/{staff_id}/factor", known.display_name)
        if what == "password":
            return await ask_password(request, f"{LIST}/{staff_id}/password", known.login, known.email)
        template = {"edit": "form", "lock": "lock", "unlock": "lock"}.get(what)
        if template is None:
            raise NotFound("not_found", _("There is no such page."))
        return await show(request, f"provider/staff/{template}.html", known=known, roles=STAFF_ROLES, what=what,
                          is_own=known.id == request.user.actor.id)

    @post("/{staff_id:int}", opt=SETTINGS)
    async def update(self, request: Request, staff_id: FromPath[int]) -> Response:
        form = await form_of(request, PersonForm)
        async with platform_transaction(request.user.actor) as tx:
            must_end = await service.change(tx, staff_id, display_name=form.display_name, email=form.email,
                                            role=form.role)
        if must_end:
            await service.end_sessions(staff_id)
        return done(_("Saved."), refresh_list=True)

    @post("/{staff_id:int}/password", opt=SETTINGS)
    async def password(self, request: Request, staff_id: FromPath[int]) -> Response:
        form = await form_of(request, PasswordForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.set_password(tx, staff_id, form.password, send_credentials=form.send_credentials)
        is_own = staff_id == request.user.actor.id
        await service.end_sessions(staff_id, keep_session=request.user.session_id if is_own else None)
        return done(_("The new password is in force."), refresh_list=True)

    @post("/{staff_id:int}/lock", opt=SETTINGS)
    async def lock(self, request: Request, staff_id: FromPath[int]) -> Response:
        return await _shut_out(request, staff_id, service.lock,
                               _("The account is locked; everything it had open has ended."))

    @post("/{staff_id:int}/factor", opt=SETTINGS)
    async def factor(self, request: Request, staff_id: FromPath[int]) -> Response:
        return await _shut_out(request, staff_id, service.reset_second_factor, _("The second factor is reset."))

    @post("/{staff_id:int}/unlock", opt=SETTINGS)
    async def unlock(self, request: Request, staff_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.unlock(tx, staff_id)
        return done(_("The account is unlocked."), refresh_list=True)


async def _shut_out(request: Request, staff_id: int, change: Callable[[PlatformTx, int], Awaitable[None]],
                    message: str) -> Response:
    """A change after which whatever the person has open ends."""
    async with platform_transaction(request.user.actor) as tx:
        await change(tx, staff_id)
    await service.end_sessions(staff_id)
    return done(message, refresh_list=True)


CONTROLLERS = [StaffPages]
