"""`/provider/domains/<id>/private-routes`: private routes of a domain are set up and removed here [PRV-04]."""

from __future__ import annotations

from typing import Annotated, Literal

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field, field_validator

from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy
from app.provider.console import TECH, VIEW, form_of, show
from app.provider.domains import queries as domains
from app.provider.domains.pages import LIST as DOMAINS
from app.provider.fields import Line
from app.provider.private_routes import service
from app.provider.private_routes.service import Peer
from app.provider.trunks.rules import check_host, check_password
from app.web.forms import FormModel
from app.web.shell import saved
from billing.services import service as services
from tenants.live import row_id
from tenants.private_routes import lines
from tenants.private_routes.rules import MAX_NAME

TRANSPORTS = {"udp": "UDP", "tcp": "TCP"}
PROOFS = {"address": lazy("By its IP address"), "password": lazy("By login and password")}
CODECS = {"alaw": "G.711 A-law", "ulaw": "G.711 µ-law", "g722": "G.722"}


class PeerForm(FormModel):
    """An empty password keeps the stored one."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 5060
    transport: Literal["udp", "tcp"] = "udp"
    proof: Literal["address", "password"] = "address"
    password: str = ""
    alaw: bool
    ulaw: bool
    g722: bool

    @field_validator("host")
    @classmethod
    def _host(cls, value: str) -> str:
        return check_host(value)

    @field_validator("password")
    @classmethod
    def _password(cls, value: str) -> str:
        return check_password(value)

    @field_validator("g722")
    @classmethod
    def _codecs(cls, value: bool, info) -> bool:
        if not (value or info.data.get("alaw") or info.data.get("ulaw")):
            raise ValueError(_("Choose at least one codec."))
        return value

    def peer(self) -> Peer:
        return Peer(self.host, self.port, self.transport, self.proof == "password", self.password or None,
                    ",".join(name for name in CODECS if getattr(self, name)))


class NewRouteForm(PeerForm):
    name: Annotated[Line, Field(min_length=1, max_length=MAX_NAME)]
    is_on: bool


class PrivateRoutePages(Controller):
    path = DOMAINS + "/{domain_id:int}/private-routes"
    opt = VIEW

    @get("/")
    async def list(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            domain = await domains.facts(tx, domain_id)
            bound = await domains.bind(tx, domain_id)
            rows = await service.routes(bound)
            limits = await lines.current(bound, domain_id)
            has_service = await services.is_on(bound, lines.SERVICE)
        return await show(request, "provider/private_routes/list.html", domain=domain, rows=rows, limits=limits,
                          has_service=has_service, codecs=CODECS)

    @get("/new", opt=TECH)
    async def new(self, request: Request, domain_id: FromPath[int]) -> Template:
        return await self._window(request, domain_id, None)

    @post("/", opt=TECH, status_code=200)
    async def create(self, request: Request, domain_id: FromPath[int]) -> Response:
        form = await form_of(request, NewRouteForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.create(await domains.bind(tx, domain_id), form.name, form.peer(), is_on=form.is_on)
        return saved(request, _url(domain_id), _("The private route is created; the node takes it within seconds."))

    @get("/{route_id:int}", opt=TECH)
    async def edit(self, request: Request, domain_id: FromPath[int], route_id: FromPath[int]) -> Template:
        return await self._window(request, domain_id, route_id)

    async def _window(self, request: Request, domain_id: int, route_id: int | None) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            bound = await domains.bind(tx, domain_id)
            route = await service.route(bound, row_id(route_id)) if route_id is not None else None
        return await show(request, "provider/private_routes/form.html", route=route, base=_url(domain_id),
                          transports=TRANSPORTS, proofs=PROOFS, codecs=CODECS)

    @post("/{route_id:int}", opt=TECH, status_code=200)
    async def update(self, request: Request, domain_id: FromPath[int], route_id: FromPath[int]) -> Response:
        form = await form_of(request, PeerForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.change_peer(await domains.bind(tx, domain_id), row_id(route_id), form.peer())
        return saved(request, _url(domain_id), _("Saved; the node takes it within seconds."))

    @get("/{route_id:int}/delete", opt=TECH)
    async def ask_delete(self, request: Request, domain_id: FromPath[int], route_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            route = await service.route(await domains.bind(tx, domain_id), row_id(route_id))
        return await show(request, "provider/private_routes/delete.html", route=route, base=_url(domain_id))

    @post("/{route_id:int}/delete", opt=TECH, status_code=200)
    async def delete(self, request: Request, domain_id: FromPath[int], route_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.delete(await domains.bind(tx, domain_id), row_id(route_id))
        return saved(request, _url(domain_id), _("The private route is deleted."))


def _url(domain_id: int) -> str:
    return f"{DOMAINS}/{domain_id}/private-routes"


CONTROLLERS = [PrivateRoutePages]
