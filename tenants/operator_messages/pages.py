"""Messages to operators: `/groups/messages` [MSG-01…09], and what the operator sees of them: `/workplace/messages`."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Template
from pydantic import Field

from app.auth import hashing, throttle
from app.auth.passwords import MAXIMUM
from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _, lazy, ngettext
from app.web import menu
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import fragment, listed, page
from tenants.live import MAX_ID, form_of, row_id
from tenants.operator_messages import queries, rules, service
from tenants.services.section import section
from tenants.telling import tell
from tenants.users.operators import CONTACT_CENTRE

URL, WORK = "/groups/messages", "/workplace/messages"
KIND = "operator_message"  # of the live message
COLUMNS = (Column("title", lazy("Message"), "lower(m.title)"), Column("created", lazy("Sent"), "m.created_at"),
           Column("read", lazy("Acquaintance"), "r.read::float / greatest(r.recipients, 1)"),
           Column("do", lazy("Actions")))
GUESSES = throttle.Limits(per_name=5, per_address=20, seconds=15 * 60)
RowId = Annotated[int, Field(ge=1, lt=MAX_ID)]

menu.register("domain", MenuItem("groups", lazy("Messages to operators"), URL, "message", Permission.USERS_EDIT, "", 20,
                                 service=CONTACT_CENTRE))


class MessageForm(FormModel):
    title: str = ""
    body: str = ""
    groups: list[RowId]
    operators: list[RowId]


class MessagePages(Controller):
    """The administrator's list and windows."""

    path = URL
    opt = {"permission": Permission.USERS_EDIT}
    before_request = section(CONTACT_CENTRE)

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="-created")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.messages(tx, like=query.like(), order=query.order_by("m.id"),
                                                 limit=query.limit, offset=query.offset)
        return await page(request, "operator_messages/list.html", found=Page(rows, total, query))

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            groups = [queries.Candidate(number, name, _operators(count))
                      for number, name, count in await queries.groups(tx)]
            operators = await queries.operators(tx)
        return await page(request, "operator_messages/new.html", choices=(
            ("groups", _("Recipient groups"), groups, _("There are no groups yet.")),
            ("operators", _("Operators"), operators, _("There are no operators yet."))))

    @post("/", status_code=200)
    async def send(self, request: Request) -> Response:
        form = await form_of(request, MessageForm)
        async with domain_transaction(request.user.actor) as tx:
            reached = await service.send(tx, form.title, form.body, form.groups, form.operators)
        await tell(request.user.actor.domain_id, KIND, users=sorted(reached))
        return listed(request, URL, ngettext("The message is sent to %(n)s operator.",
                                             "The message is sent to %(n)s operators.", len(reached)) % {
            "n": len(reached)})

    @get("/{message_id:int}/readers")
    async def readers(self, request: Request, message_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            message = await queries.message(tx, row_id(message_id))
            people = await queries.recipients(tx, message.id)
        return await page(request, "operator_messages/readers.html", message=message,
                          read=[one for one in people if one.read_at],
                          unread=[one for one in people if not one.read_at])

    @get("/{message_id:int}/delete")
    async def ask_delete(self, request: Request, message_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            message = await queries.message(tx, row_id(message_id))
        return await page(request, "operator_messages/delete.html", message=message)

    @post("/{message_id:int}/delete", status_code=200)
    async def delete(self, request: Request, message_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete(tx, row_id(message_id))
        await tell(request.user.actor.domain_id, KIND)
        return listed(request, URL, _("The message is deleted."))


def _operators(count: int) -> str:
    return ngettext("%(n)s operator", "%(n)s operators", count) % {"n": count}


class OwnMessagePages(Controller):
    """A part of the page of operators, which asks for it: `<div id="operator-messages" hx-get=…>`."""

    path = WORK
    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def show(self, request: Request, shown: FromQuery[int] = 0) -> Response | Template:
        """The oldest unconfirmed message, unless a call rings or is talked [MSG-08].

        Args:
            shown: the message that the page shows now; 204 when that is still right.
        """
        async with domain_transaction(request.user.actor) as tx:
            message = await queries.unread(tx, tx.actor.user_id)
            if message and not rules.may_interrupt(await queries.state(tx, tx.actor.user_id)):
                message = None
        if shown == (message.id if message else 0) and "shown" in request.query_params:
            return Response(None, status_code=204)
        return await page(request, "operator_messages/dialog.html", message=message)

    @post("/{message_id:int}", status_code=200)
    async def confirm(self, request: Request, message_id: FromPath[int]) -> Template:
        """Read, said with the own password; then the next one."""
        actor, typed = request.user.actor, str((await request.form()).get("password", ""))
        attempt = await throttle.begin("operator-message", f"{actor.domain_id}:{actor.user_id}", actor.ip, GUESSES)
        if attempt.is_refused:
            raise Refused("too_many_tries", _("Too many wrong passwords. Try again in a quarter of an hour."))
        async with domain_transaction(actor) as tx:
            known = await tx.fetchval("SELECT password_hash FROM domain_user WHERE domain_id = $1 AND id = $2",
                                      tx.domain_id, actor.user_id)
        if not await hashing.verify(known, typed[:MAXIMUM + 1]):
            await attempt.failed()
            text = _("The password is wrong.")
            raise InvalidFields("wrong_password", text, fields={"password": text})
        await attempt.succeeded()
        async with domain_transaction(actor) as tx:
            await service.confirm(tx, row_id(message_id), actor.user_id)
            message = await queries.unread(tx, actor.user_id)
        await tell(actor.domain_id, KIND)
        return fragment("operator_messages/dialog.html", "#operator-messages", message=message,
                        layout="layouts/fragment.html")


CONTROLLERS = [MessagePages, OwnMessagePages]
