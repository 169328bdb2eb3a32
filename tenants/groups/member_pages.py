"""Members of a group: the window of two lists, what is done with those ticked, priorities [GRP-50…58, GRP-74]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _, ngettext
from app.web.lists import ticked
from app.web.shell import done, is_htmx, page, saved
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.groups import members, present, queries
from tenants.groups.forms import IdsForm, MembersForm, PriorityForm
from tenants.groups.tabs import LIST
from tenants.live import form_of, row_id
from tenants.services.present import new_amounts
from tenants.users import operators


class MemberPages(Controller):
    path = f"{LIST}/{{group_id:int}}/members"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def choose(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
            inside = set(await queries.member_ids(tx, group.id))
            people = await queries.people(tx)
        domain = request.user.domain_name
        return await page(request, "groups/members.html", group=group,
                          candidates=present.choices([one for one in people if one.id not in inside], domain),
                          members=present.choices([one for one in people if one.id in inside], domain))

    @post("/", status_code=200)
    async def save(self, request: Request, group_id: FromPath[int]) -> Response:
        form = await form_of(request, MembersForm)
        async with domain_transaction(request.user.actor) as tx:
            await members.set_members(tx, row_id(group_id), form.members)
        return saved(request, f"{LIST}/{group_id}", _("The members are saved."))

    @post("/{user_id:int}/priority", status_code=200)
    async def set_priority(self, request: Request, group_id: FromPath[int], user_id: FromPath[int]) -> Response:
        form = await form_of(request, PriorityForm)
        async with domain_transaction(request.user.actor) as tx:
            await members.set_priority(tx, row_id(group_id), row_id(user_id), form.priority)
        return _stay(request, group_id, _("The priority is saved."))

    @get("/exclude")
    async def ask_exclude(self, request: Request, group_id: FromPath[int]) -> Template:
        ids, _all = ticked(request.query_params)
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
            chosen = [one for one in await queries.members(tx, group.id) if one.id in ids]
        return await page(request, "groups/exclude.html", group=group, people=chosen)

    @post("/exclude", status_code=200)
    async def exclude(self, request: Request, group_id: FromPath[int]) -> Response:
        form = await form_of(request, IdsForm)
        async with domain_transaction(request.user.actor) as tx:
            ids = await members.require_members(tx, row_id(group_id), form.ids)
            count = await members.exclude(tx, group_id, ids)
        return _stay(request, group_id, ngettext("%(n)s user is excluded from the group.",
                                                 "%(n)s users are excluded from the group.", count) % {"n": count})

    @get("/operators")
    async def ask_operators(self, request: Request, group_id: FromPath[int]) -> Template:
        """Only those who would become operators are named and paid for [GRP-53]."""
        ids, _all = ticked(request.query_params)
        async with domain_transaction(request.user.actor) as tx:
            group = await queries.card(tx, row_id(group_id))
            chosen = [one for one in await queries.members(tx, group.id) if one.id in ids]
            new = [one for one in chosen if not one.is_operator]
            quote = await operators.quote(tx, len(new) or 1)
        return await page(request, "groups/operators.html", group=group, people=chosen, new=new, quote=quote,
                          cost=cost_of(quote))

    @post("/operators", status_code=200)
    async def make_operators(self, request: Request, group_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, IdsForm)
        try:
            async with domain_transaction(request.user.actor) as tx:
                ids = await members.require_members(tx, row_id(group_id), form.ids)
                count = await operators.make_operators(tx, ids, mark=form.quoted or None)
        except CostChanged as changed:
            return new_amounts(request, changed)
        return _stay(request, group_id, present.changed_and_skipped(count, len(ids) - count))


def _stay(request: Request, group_id: int, message: str) -> Response:
    """The list of members is drawn anew, which clears the selection."""
    return done(message, refresh_list=True) if is_htmx(request) else saved(request, f"{LIST}/{group_id}", message)


CONTROLLERS = [MemberPages]
