"""Groups on the pages of users: the block by the list, a user's groups, "To group" [GRP-14, GRP-20, GRP-56]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.web.forms import FormModel
from app.web.shell import listed, page, saved
from tenants.groups import members, present, queries, service
from tenants.groups.rules import Algorithm, NewGroup, algorithm_of
from tenants.groups.tabs import LIST
from tenants.live import form_of, row_id
from tenants.users.forms import RowId
from tenants.users.pages import LIST as USERS
from tenants.users.pages import chosen
from tenants.users.queries import card, names_of
from tenants.users.service import propose_extension

SHOWN = 6  # groups in the block


class GroupForm(FormModel):
    """Ticked users go into the chosen group."""

    ids: list[RowId]
    group: RowId


class JoinForm(FormModel):
    """A group that is there, or a new one: `name` is filled in then [GRP-20]."""

    group: RowId | None = None
    name: str = ""
    extension: str = ""
    algorithm: str = Algorithm.NONE.value


class InlineGroupForm(FormModel):
    """The block "New group" in the form of a new user; its fields stand beside those of the user."""

    group_name: str = ""
    group_extension: str = ""
    group_algorithm: str = Algorithm.NONE.value


class LeaveForm(FormModel):
    group: RowId


class UsersListPages(Controller):
    path = LIST
    opt = {"permission": Permission.USERS_EDIT}

    @get("/block")
    async def block(self, request: Request) -> Template:
        """The first few groups, beside the list of users [GRP-14]."""
        async with domain_transaction(request.user.actor) as tx:
            groups, total = await queries.groups(tx, limit=SHOWN)
        return await page(request, "groups/block.html", groups=groups, total=total)

    @get("/add")
    async def ask(self, request: Request) -> Template:
        """Users ticked in their list: into which group [GRP-56]."""
        async with domain_transaction(request.user.actor) as tx:
            people = await names_of(tx, await chosen(tx, request))
            groups, _total = await queries.groups(tx)
        return await page(request, "groups/add.html", people=people, groups=groups, directions=present.DIRECTIONS)

    @post("/add", status_code=200)
    async def add(self, request: Request) -> Response:
        """Other memberships stay."""
        form = await form_of(request, GroupForm)
        if not form.ids:
            raise InvalidFields("nothing_chosen", _("Choose at least one."))
        async with domain_transaction(request.user.actor) as tx:
            count = await members.add(tx, form.group, form.ids)
        return listed(request, USERS, present.changed_and_skipped(count, len(set(form.ids)) - count))


    @post("/inline", status_code=200)
    async def inline(self, request: Request) -> Template:
        """The new group's line, ticked, for the form of a new user [GRP-20]."""
        form = await form_of(request, InlineGroupForm)
        try:
            new = NewGroup(form.group_name, form.group_extension, algorithm_of(form.group_algorithm))
            async with domain_transaction(request.user.actor) as tx:
                group_id = await service.create(tx, new)
                group = await queries.one(tx, group_id)
        except InvalidFields as wrong:
            raise InvalidFields(wrong.code, wrong.message, fields={
                f"group_{name}": text for name, text in wrong.fields.items()}) from wrong
        return await page(request, "users/group_choice.html", group=group, chosen=group.id,
                          directions=present.DIRECTIONS)


class UserGroupPages(Controller):
    """On the page of one user."""

    path = f"{USERS}/{{user_id:int}}/groups"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def block(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await card(tx, row_id(user_id))
            groups = await queries.of_user(tx, user.id)
        return await page(request, "groups/of_user.html", user=user, groups=groups)

    @get("/add")
    async def ask(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await card(tx, row_id(user_id))
            inside = {one.id for one in await queries.of_user(tx, user.id)}
            groups, _total = await queries.groups(tx)
            extension = await propose_extension(tx)
            has_centre = await service.has_contact_centre(tx)
        return await page(request, "groups/join.html", user=user, extension=extension,
                          options=[(one.id, one.name) for one in groups if one.id not in inside],
                          algorithms=present.algorithm_options(has_centre))

    @post("/add", status_code=200)
    async def add(self, request: Request, user_id: FromPath[int]) -> Response:
        """Into a group that is there, or into a new one."""
        form = await form_of(request, JoinForm)
        if form.group is None and not form.name:
            text = _("Choose a group or name a new one.")
            raise InvalidFields("group", text, fields={"group": text})
        async with domain_transaction(request.user.actor) as tx:
            user = await card(tx, row_id(user_id))
            if form.group is not None:
                await members.add(tx, form.group, [user.id])
            if form.name:
                await service.create(tx, NewGroup(form.name, form.extension, algorithm_of(form.algorithm), (user.id,)))
        return saved(request, f"{USERS}/{user_id}", _("Saved."))

    @post("/remove", status_code=200)
    async def remove(self, request: Request, user_id: FromPath[int]) -> Response:
        form = await form_of(request, LeaveForm)
        async with domain_transaction(request.user.actor) as tx:
            user = await card(tx, row_id(user_id))
            await members.exclude(tx, form.group, [user.id])
        return saved(request, f"{USERS}/{user_id}", _("Saved."))


CONTROLLERS = [UsersListPages, UserGroupPages]
