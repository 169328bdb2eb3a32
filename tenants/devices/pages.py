"""`/devices`: SIP devices of the domain, one of them, what all of them are told [DEV-01…11]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.kernel.sql import like_text
from app.settings import settings
from app.web import menu
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import listed, page, saved
from tenants.devices import queries, service
from tenants.devices.queries import Device
from tenants.devices.rules import DEFAULT_PORT, Proxies, Server, host_of, shown_mac
from tenants.live import form_of, row_id
from tenants.users.queries import BY_NAME, online

URL = "/devices"
PAGE_SIZE = 20
COLUMNS = (Column("state", lazy("State")), Column("mac", lazy("MAC address"), "v.mac"),
           Column("serial", lazy("Serial number"), "v.serial"),
           Column("model", lazy("Model"), "lower(v.model)", wide_only=True),
           Column("user", lazy("User"), "lower(u.login)"))
FILTERS = (Filter("state", lazy("Devices"), {"free": lazy("Only free"), "busy": lazy("Only busy")}),)
OPERATIONS = {"attached": lazy("Attached"), "bound": lazy("Bound"), "unbound": lazy("Detached from the user"),
              "settings": lazy("Settings changed"), "requested": lazy("Configuration update requested"),
              "fetched": lazy("Configuration fetched"), "failed": lazy("Configuration refused")}
STATES = {"green": (lazy("in service"), "success"), "yellow": (lazy("not registered"), "warning"),
          "grey": (lazy("never connected"), "secondary")}

menu.register("domain", MenuItem("settings", lazy("SIP devices"), URL, "device-landline-phone",
                                 Permission.SETTINGS_EDIT, order=20))


class NewForm(FormModel):
    mac: Annotated[str, Field(min_length=1, max_length=40)]
    serial: Annotated[str, Field(min_length=1, max_length=40)]


class BindForm(FormModel):
    user_id: Annotated[int, Field(ge=1, lt=2**63)]


class ServerForm(FormModel):
    """The backup SIP server of the domain."""

    pass_server: bool
    server_host: Annotated[str, Field(max_length=253)] = ""
    server_port: Annotated[int | None, Field(ge=1, le=65535)] = None


class ProxyForm(FormModel):
    use_domain: bool = False
    pass_proxy: bool
    primary_on: bool
    primary_host: Annotated[str, Field(max_length=253)] = ""
    primary_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    backup_on: bool
    backup_host: Annotated[str, Field(max_length=253)] = ""
    backup_port: Annotated[int | None, Field(ge=1, le=65535)] = None

    def proxies(self) -> Proxies:
        """Raises InvalidFields [DEV-08]."""
        rows = (self.primary_on, self.backup_on)
        if any(rows) and not self.pass_proxy:
            raise InvalidFields("pass_proxy", _("Switch the passing of proxy settings on first."))
        if self.pass_proxy and not any(rows):
            raise InvalidFields("pass_proxy", _("Switch on the primary or the backup proxy."))
        return Proxies(self.pass_proxy, _server("primary", self.primary_on, self.primary_host, self.primary_port),
                       _server("backup", self.backup_on, self.backup_host, self.backup_port))


def _server(name: str, is_on: bool, host: str, port: int | None) -> Server | None:
    if not is_on:
        return None
    try:
        return Server(host_of(host), port or DEFAULT_PORT)
    except ValueError as error:
        raise InvalidFields(f"{name}_host", str(error), fields={f"{name}_host": str(error)}) from None


def _state(device: Device, present: frozenset[int]) -> str:
    if device.fetched_at is None:
        return "grey"
    return "green" if device.user_id in present else "yellow"


class DevicePages(Controller):
    path = URL
    opt = {"permission": Permission.SETTINGS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="mac", limit=PAGE_SIZE)
        typed = query.search.replace(":", "").replace("-", "").replace(".", "").strip()
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.devices(
                tx, like=f"%{like_text(typed)}%" if typed else None, state=query.value("state"),
                order=query.order_by("v.id"), limit=query.limit, offset=query.offset)
            of_domain = await queries.of_domain(tx)
        present = await online(request.user.actor.domain_id)
        return await page(request, "devices/list.html", found=Page(rows, total, query), shown=shown_mac,
                          states=STATES, state_of=lambda one: _state(one, present), of_domain=of_domain,
                          address=f"{settings().public_url}/provision/")

    @get("/new")
    async def ask_new(self, request: Request) -> Template:
        return await page(request, "devices/new.html")

    @post("/new", status_code=200)
    async def add(self, request: Request) -> Response:
        form = await form_of(request, NewForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.add(tx, form.mac, form.serial)
        return listed(request, URL, _("The device is attached."))

    @post("/server", status_code=200)
    async def save_server(self, request: Request) -> Response:
        form = await form_of(request, ServerForm)
        server = _server("server", form.pass_server, form.server_host, form.server_port)
        async with domain_transaction(request.user.actor) as tx:
            await service.save_domain(tx, None, (form.pass_server, server))
        return saved(request, URL, _("Saved. Phones take it with their next update of the configuration."))

    @post("/proxy", status_code=200)
    async def save_proxy(self, request: Request) -> Response:
        form = await form_of(request, ProxyForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.save_domain(tx, form.proxies(), None)
        return saved(request, URL, _("Saved. Phones take it with their next update of the configuration."))


class OneDevicePages(Controller):
    """One device: facts and settings, journal, binding, removal."""

    path = f"{URL}/{{device_id:int}}"
    opt = {"permission": Permission.SETTINGS_EDIT}

    @get("/")
    async def card(self, request: Request, device_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            device = await queries.device(tx, row_id(device_id))
            of_domain = await queries.of_domain(tx)
        return await page(request, "devices/card.html", tabs=_tabs(device), of_domain=of_domain, **_facts(device))

    @get("/journal")
    async def journal(self, request: Request, device_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=(Column("at", lazy("Date and time")), Column("actor", lazy("Who")),
                                               Column("operation", lazy("Operation"))), default_sort="at")
        async with domain_transaction(request.user.actor) as tx:
            device = await queries.device(tx, row_id(device_id))
            rows, total = await queries.events(tx, device.id, limit=query.limit, offset=query.offset)
        return await page(request, "devices/journal.html", tabs=_tabs(device), found=Page(rows, total, query),
                          operations=OPERATIONS, **_facts(device))

    @get("/user")
    async def ask_bind(self, request: Request, device_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            device = await queries.device(tx, row_id(device_id))
            people = await tx.fetch("SELECT u.id, u.display_name, u.login, u.extension FROM domain_user u "
                                    f"WHERE u.domain_id = $1 ORDER BY {BY_NAME}, u.id", tx.domain_id)
        options = {str(one["id"]): f"{one['display_name']} · {one['extension']} · {one['login']}" for one in people}
        return await page(request, "devices/bind.html", options=options, **_facts(device))

    @post("/user", status_code=200)
    async def bind(self, request: Request, device_id: FromPath[int]) -> Response:
        form = await form_of(request, BindForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.bind(tx, row_id(device_id), form.user_id)
        return saved(request, f"{URL}/{device_id}", _("The device is bound to the user."))

    @get("/detach")
    async def ask_detach(self, request: Request, device_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            device = await queries.device(tx, row_id(device_id))
        return await page(request, "devices/detach.html", **_facts(device))

    @post("/detach", status_code=200)
    async def detach(self, request: Request, device_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.detach(tx, row_id(device_id))
        return saved(request, f"{URL}/{device_id}", _("The device is detached from the user."))

    @post("/proxy", status_code=200)
    async def save_proxy(self, request: Request, device_id: FromPath[int]) -> Response:
        form = await form_of(request, ProxyForm)
        own = Proxies() if form.use_domain else form.proxies()
        async with domain_transaction(request.user.actor) as tx:
            await service.save_proxies(tx, row_id(device_id), own, uses_domain=form.use_domain)
        return saved(request, f"{URL}/{device_id}",
                     _("Saved. The phone takes it with its next update of the configuration."))

    @post("/update", status_code=200)
    async def update(self, request: Request, device_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.want_update(tx, row_id(device_id))
        return saved(request, f"{URL}/{device_id}", _("The phone is told to fetch its configuration."))

    @get("/delete")
    async def ask_delete(self, request: Request, device_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            device = await queries.device(tx, row_id(device_id))
        return await page(request, "devices/delete.html", **_facts(device))

    @post("/delete", status_code=200)
    async def delete(self, request: Request, device_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.remove(tx, row_id(device_id))
        return saved(request, URL, _("The device is removed from the domain."))


def _tabs(device: Device) -> list[tuple[str, str]]:
    return [(_("Settings"), f"{URL}/{device.id}"), (_("Operations journal"), f"{URL}/{device.id}/journal")]


def _facts(device: Device) -> Mapping[str, Any]:
    return {"device": device, "mac": shown_mac(device.mac)}


CONTROLLERS = [DevicePages, OneDevicePages]
