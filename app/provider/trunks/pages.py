"""SIP trunks: `/provider/trunks`."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field, field_validator

from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy
from app.provider.console import TECH, VIEW, ask, form_of, node_choices, show
from app.provider.fields import Line, Reference
from app.provider.trunks import service
from app.provider.trunks.rules import TrunkData, check_host, check_password, check_username
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery, Page
from app.web.shell import done

LIST = "/provider/trunks"
STYLES = {"e164": lazy("79991234567"), "plus": lazy("+79991234567"),
          "national": lazy("89991234567, abroad 810…")}
TRANSPORTS = {"udp": "UDP", "tcp": "TCP"}
COLUMNS = (
    Column("name", lazy("Trunk")), Column("host", lazy("Address")), Column("node", lazy("PBX node"), wide_only=True),
    Column("style", lazy("Number format"), wide_only=True), Column("priority", lazy("Order"), numeric=True),
    Column("max", lazy("Calls at most"), numeric=True, wide_only=True), Column("state", lazy("State")),
    Column("actions", ""),
)


class TrunkForm(FormModel):
    """An empty password keeps the stored one; `no_password` removes it."""

    node_id: Reference
    name: Annotated[Line, Field(min_length=1, max_length=100)]
    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 5060
    username: str = ""
    password: str = ""
    no_password: bool = False
    transport: Literal["udp", "tcp"] = "udp"
    number_style: Literal["e164", "plus", "national"] = "e164"
    priority: Annotated[int, Field(ge=1, le=1000)] = 10
    max_calls: Annotated[int, Field(ge=0, le=100_000)] = 0
    is_active: bool = False
    sure: bool = False

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return check_host(value)

    @field_validator("username")
    @classmethod
    def _username(cls, value: str) -> str:
        return check_username(value)

    @field_validator("password")
    @classmethod
    def _password(cls, value: str) -> str:
        return check_password(value)

    def data(self) -> TrunkData:
        return TrunkData(
            self.node_id, self.name, self.host, self.port, self.username,
            "" if self.no_password else self.password or None, self.transport, self.number_style, self.priority,
            self.max_calls, self.is_active)


class SureForm(FormModel):
    sure: bool = False


class TrunkPages(Controller):
    """List and dialogs."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            rows = await service.trunks(tx)
        wish = query.search.lower()
        rows = [row for row in rows if wish in f"{row.name} {row.host} {row.node}".lower()]
        return await show(request, "provider/trunks/list.html", found=Page(rows, len(rows), query), styles=STYLES)

    @get("/new", opt=TECH)
    async def new(self, request: Request) -> Template:
        return await self._form(request, None)

    @post("/", opt=TECH)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, TrunkForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.create(tx, form.data())
        return done(_("The trunk is created; the node takes it within seconds."), refresh_list=True)

    @get("/{trunk_id:int}/edit", opt=TECH)
    async def edit(self, request: Request, trunk_id: FromPath[int]) -> Template:
        return await self._form(request, trunk_id)

    async def _form(self, request: Request, trunk_id: int | None) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            trunk = await service.trunk(tx, trunk_id) if trunk_id is not None else None
            nodes = await node_choices(tx)
        return await show(request, "provider/trunks/form.html", trunk=trunk, nodes=nodes, styles=STYLES,
                          transports=TRANSPORTS)

    @post("/{trunk_id:int}", opt=TECH)
    async def update(self, request: Request, trunk_id: FromPath[int]) -> Response:
        form = await form_of(request, TrunkForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.update(tx, trunk_id, form.data(), is_sure=form.sure)
        return done(_("Saved; the node takes it within seconds."), refresh_list=True)

    @get("/{trunk_id:int}/delete", opt=TECH)
    async def ask_delete(self, request: Request, trunk_id: FromPath[int]) -> Template:
        return await ask(request, "provider/trunks/delete.html", trunk=lambda tx: service.trunk(tx, trunk_id))

    @post("/{trunk_id:int}/delete", opt=TECH)
    async def delete(self, request: Request, trunk_id: FromPath[int]) -> Response:
        form = await form_of(request, SureForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.delete(tx, trunk_id, is_sure=form.sure)
        return done(_("The trunk is deleted."), refresh_list=True)


CONTROLLERS = [TrunkPages]
