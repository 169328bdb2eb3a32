"""VIP numbers: `/groups/vip` [VIP-01…05]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import listed, page
from tenants.live import form_of, row_id
from tenants.services.section import section
from tenants.users.operators import CONTACT_CENTRE
from tenants.vip import service

URL = "/groups/vip"
COLUMNS = (Column("number", lazy("Phone number"), "v.number"), Column("priority", lazy("Priority"), "v.priority"),
           Column("comment", lazy("Comment"), "lower(v.comment)"), Column("do", lazy("Actions")))

menu.register("domain", MenuItem("groups", lazy("VIP numbers"), URL, "star", Permission.USERS_EDIT, "", 30,
                                 service=CONTACT_CENTRE))


class VipForm(FormModel):
    number: str
    priority: int
    comment: str = ""


class VipPages(Controller):
    path = URL
    opt = {"permission": Permission.USERS_EDIT}
    before_request = section(CONTACT_CENTRE)

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="priority")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await service.vips(tx, like=query.like(), order=query.order_by("v.id"), limit=query.limit,
                                             offset=query.offset)
        return await page(request, "vip/list.html", found=Page(rows, total, query))

    @get("/new")
    async def new(self, request: Request) -> Template:
        return await page(request, "vip/number.html", vip=None)

    @post("/", status_code=200)
    async def add(self, request: Request) -> Response:
        form = await form_of(request, VipForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.add(tx, form.number, form.priority, form.comment)
        return listed(request, URL, _("The VIP number is added."))

    @get("/{vip_id:int}")
    async def show(self, request: Request, vip_id: FromPath[int]) -> Template:
        return await _ask(request, vip_id, "number")

    @post("/{vip_id:int}", status_code=200)
    async def change(self, request: Request, vip_id: FromPath[int]) -> Response:
        form = await form_of(request, VipForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.change(tx, row_id(vip_id), form.number, form.priority, form.comment)
        return listed(request, URL, _("Saved."))

    @get("/{vip_id:int}/delete")
    async def ask_delete(self, request: Request, vip_id: FromPath[int]) -> Template:
        return await _ask(request, vip_id, "delete")

    @post("/{vip_id:int}/delete", status_code=200)
    async def delete(self, request: Request, vip_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete(tx, row_id(vip_id))
        return listed(request, URL, _("The VIP number is deleted."))


async def _ask(request: Request, vip_id: int, template: str) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        vip = await service.one(tx, row_id(vip_id))
    return await page(request, f"vip/{template}.html", vip=vip)


CONTROLLERS = [VipPages]
