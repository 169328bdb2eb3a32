"""Users ticked in their list go into a pickup group or out of theirs [PICK-09…11, USR-18]."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, ngettext
from app.web.forms import FormModel
from app.web.shell import page
from tenants.live import applying, form_of
from tenants.pickup import queries, service
from tenants.users.forms import RowId
from tenants.users.pages import LIST, chosen
from tenants.users.queries import names_of

NO_GROUP = "none"


class MoveForm(FormModel):
    """`group` "none": out of every group [PICK-10]."""

    ids: list[RowId]
    group: Annotated[str, Field(pattern=r"^(none|[1-9][0-9]{0,17})$")]


class MovePages(Controller):
    """What is done with users ticked in their list [PICK-09…11]."""

    path = "/pickup-groups/move"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def ask(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            people = await names_of(tx, await chosen(tx, request))
            groups, _total = await queries.groups(tx)
        options = [(NO_GROUP, _("No group")), *((str(one.id), one.name) for one in groups)]
        return await page(request, "pickup/move.html", people=people, options=options)

    @post("/", status_code=200)
    async def move(self, request: Request) -> Response | Template:
        form = await form_of(request, MoveForm)
        if not form.ids:
            raise InvalidFields("nothing_chosen", _("Choose at least one."))
        async with domain_transaction(request.user.actor) as tx:
            count = await service.move(tx, None if form.group == NO_GROUP else int(form.group), form.ids)
        message = ngettext("%(n)s user is moved.", "%(n)s users are moved.", count) % {"n": count}
        return applying(request, message, url=LIST, close_modal=True, refresh_list=True)


CONTROLLERS = [MovePages]
