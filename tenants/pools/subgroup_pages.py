"""Groups of domains and what is done with ticked domains: a supervisor's pages [POOL-27…34]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel.db import PoolTx, pool_transaction
from app.kernel.i18n import _, ngettext
from app.web.forms import FormModel, parse_form
from app.web.lists import ListQuery, ticked
from app.web.shell import listed, page
from tenants.live import row_id
from tenants.pools import people, queries, rights, subgroups
from tenants.pools.subgroups import Moved

RowId = Annotated[int, Field(ge=1, lt=2**63)]
LIST = "/group"


class NameForm(FormModel):
    name: str = ""


class MoveForm(FormModel):
    ids: tuple[RowId, ...]
    subgroup_id: RowId


class NewGroupForm(NameForm):
    ids: tuple[RowId, ...]


class ChosenForm(FormModel):
    ids: tuple[RowId, ...]


class SubgroupPages(Controller):
    path = "/group/subgroups"
    opt = {"permission": Permission.POOL_MANAGE}

    @get("/new")
    async def new(self, request: Request) -> Template:
        return await page(request, "pools/subgroup.html", shell="pool", group=None)

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response:
        form = parse_form(NameForm, await request.form())
        async with pool_transaction(request.user.actor) as tx:
            await subgroups.create(tx, form.name)
        return listed(request, LIST, _("The group is created."))

    @get("/{subgroup_id:int}")
    async def edit(self, request: Request, subgroup_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            group = await subgroups.known(tx, row_id(subgroup_id))
        return await page(request, "pools/subgroup.html", shell="pool", group=group)

    @post("/{subgroup_id:int}", status_code=200)
    async def rename(self, request: Request, subgroup_id: FromPath[int]) -> Response:
        form = parse_form(NameForm, await request.form())
        async with pool_transaction(request.user.actor) as tx:
            await subgroups.rename(tx, row_id(subgroup_id), form.name)
        return listed(request, LIST, _("The group is renamed."))

    @get("/{subgroup_id:int}/delete")
    async def ask_delete(self, request: Request, subgroup_id: FromPath[int]) -> Template:
        async with pool_transaction(request.user.actor) as tx:
            group = await subgroups.known(tx, row_id(subgroup_id))
            touched = await tx.fetchval("SELECT count(*) FROM domain WHERE pool_id = $1 AND subgroup_id = $2",
                                        tx.pool_id, row_id(subgroup_id))
        return await page(request, "pools/subgroup_delete.html", shell="pool", group=group, domains=touched)

    @post("/{subgroup_id:int}/delete", status_code=200)
    async def delete(self, request: Request, subgroup_id: FromPath[int]) -> Response:
        async with pool_transaction(request.user.actor) as tx:
            moved = await subgroups.delete(tx, row_id(subgroup_id))
        await rights.end_lost(moved.lost)
        return listed(request, LIST, _("The group is deleted."))


class BulkPages(Controller):
    """Ticked domains, or all that the search leaves; all of them or none [POOL-D8]."""

    path = "/group/bulk"
    opt = {"permission": Permission.POOL_MANAGE}

    @get("/new")
    async def ask_new(self, request: Request) -> Template:
        return await _ask(request, "new")

    @get("/move")
    async def ask_move(self, request: Request) -> Template:
        return await _ask(request, "move")

    @get("/remove")
    async def ask_remove(self, request: Request) -> Template:
        return await _ask(request, "remove")

    @post("/new", status_code=200)
    async def to_new(self, request: Request) -> Response:
        form = parse_form(NewGroupForm, await request.form())
        return await _moved(request, lambda tx: subgroups.move_to_new(tx, form.ids, form.name))

    @post("/move", status_code=200)
    async def move(self, request: Request) -> Response:
        form = parse_form(MoveForm, await request.form())
        return await _moved(request, lambda tx: subgroups.move(tx, form.ids, form.subgroup_id))

    @post("/remove", status_code=200)
    async def remove(self, request: Request) -> Response:
        form = parse_form(ChosenForm, await request.form())
        return await _moved(request, lambda tx: subgroups.remove_from_group(tx, form.ids))


async def _ask(request: Request, what: str) -> Template:
    async with pool_transaction(request.user.actor) as tx:
        ids = await _chosen(tx, request)
        choices = await people.subgroup_choices(tx)
        alone = await queries.ungrouped(tx, ids)
    return await page(request, "pools/bulk.html", shell="pool", ids=ids, choices=choices, what=what, alone=alone)


async def _moved(request: Request, move: Callable[[PoolTx], Awaitable[Moved]]) -> Response:
    async with pool_transaction(request.user.actor) as tx:
        moved = await move(tx)
    await rights.end_lost(moved.lost)
    return listed(request, LIST, ngettext("%(n)s domain is moved.", "%(n)s domains are moved.", moved.domains)
                   % {"n": moved.domains})


async def _chosen(tx: PoolTx, request: Request) -> list[int]:
    """Ticked ids; with "select all", every domain that matches the list's search."""
    ids, found = ticked(request.query_params)
    if found is None:
        return sorted(set(ids))
    return await queries.matching_ids(tx, ListQuery.parse(found, columns=()).like())
