"""The list of services, connecting and disconnecting: `/services` [SVC-01…14, SVC-33…35, SVC-41]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.menu import MenuItem
from app.web.shell import fragment, is_htmx, page, saved, with_toast
from billing.services import channels, service
from billing.services.present import cost_of, line_text
from billing.services.queries import ServiceRow
from billing.services.rules import CostChanged
from tenants.live import form_of
from tenants.services.forms import ChannelsForm, QuotedForm
from tenants.services.present import new_amounts

LIST = "/services"
OPT = {"permission": Permission.SERVICES_EDIT}
_DIRECTIONS = {column: code for code, column in channels.CHANNELS.items()}

menu.register("domain", MenuItem("services", lazy("All services"), LIST, "apps", Permission.SERVICES_EDIT, "", 10))


async def _row(tx: DomainTx, code: str) -> ServiceRow:
    for row in await service.rows(tx):
        if row.code == code:
            return row
    raise NotFound("service", _("There is no such service in your tariff"))


class ServicePages(Controller):
    path = LIST
    opt = OPT

    @get("/")
    async def list(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            rows = await service.rows(tx)
            currency = (await service.scene(tx)).balance.currency
            limits = await channels.limits(tx)
        return await page(request, "services/list.html", rows=rows, total=service.grand_total(rows, currency),
                          line_text=line_text, limits=limits)

    @get("/{code:str}")
    async def details(self, request: Request, code: FromPath[str]) -> Template:
        """Learn more."""
        async with domain_transaction(request.user.actor) as tx:
            row = await _row(tx, code)
        return await page(request, "services/details.html", row=row)

    @get("/{code:str}/connect")
    async def ask_connect(self, request: Request, code: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            row = await _row(tx, code)
            quote = await service.quote_connection(tx, code)
        return await page(request, "services/connect.html", row=row, quote=quote, cost=cost_of(quote))

    @post("/{code:str}/connect", status_code=200)
    async def connect(self, request: Request, code: FromPath[str]) -> Response | Template:
        form = await form_of(request, QuotedForm)
        try:
            async with domain_transaction(request.user.actor) as tx:
                row = await _row(tx, code)
                connected = await service.connect(tx, code, mark=form.quoted or None)
        except CostChanged as changed:
            return new_amounts(request, changed)
        text = _("%(name)s is switched on.") if connected else _("%(name)s is on already.")
        return saved(request, LIST, text % {"name": row.name})

    @get("/{code:str}/disconnect")
    async def ask_disconnect(self, request: Request, code: FromPath[str]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            row = await _row(tx, code)
            saving = await service.saving(tx, code)
            affected = await row.service.deletes(tx) if row.service.deletes else ()
        return await page(request, "services/disconnect.html", row=row, saving=saving, affected=affected)

    @post("/{code:str}/disconnect", status_code=200)
    async def disconnect(self, request: Request, code: FromPath[str]) -> Response:
        await form_of(request, QuotedForm)
        async with domain_transaction(request.user.actor) as tx:
            row = await _row(tx, code)
            ended = await service.disconnect(tx, code)
        text = _("%(name)s is switched off.") if ended else _("%(name)s is off already.")
        return saved(request, LIST, text % {"name": row.name})


class ChannelPages(Controller):
    """The window of the number of channels [SVC-41]."""

    path = LIST + "/channels/{direction:str}"
    opt = OPT

    @get("/")
    async def ask(self, request: Request, direction: FromPath[str]) -> Template:
        code = _code(direction)
        async with domain_transaction(request.user.actor) as tx:
            row = await _row(tx, code)
            found = await channels.propose(tx, code, max(row.instances, 1))
        return await page(request, "services/channels.html", row=row, change=found, cost=cost_of(found.quote),
                          direction=direction, most=channels.MOST)

    @get("/cost")
    async def cost(self, request: Request, direction: FromPath[str]) -> Template:
        """The amounts for the number that stands in the field."""
        code, typed = _code(direction), request.query_params.get("number", "")
        async with domain_transaction(request.user.actor) as tx:
            row = await _row(tx, code)
            try:
                number = channels.check(int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 6 else 0)
            except InvalidFields:
                number = max(row.instances, 1)
            found = await channels.propose(tx, code, number)
        return _channel_cost(direction, found)

    @post("/", status_code=200)
    async def change(self, request: Request, direction: FromPath[str]) -> Response | Template:
        code = _code(direction)
        form = await form_of(request, ChannelsForm)
        try:
            async with domain_transaction(request.user.actor) as tx:
                row = await _row(tx, code)
                await channels.change(tx, code, form.number, mark=form.quoted or None)
        except CostChanged as changed:
            if not is_htmx(request):
                raise
            async with domain_transaction(request.user.actor) as tx:
                found = await channels.propose(tx, code, form.number)
            return with_toast(_channel_cost(direction, found), changed.message, "warning")
        return saved(request, LIST, _("%(name)s: %(number)s") % {"name": row.name, "number": form.number})


def _code(direction: str) -> str:
    if direction not in _DIRECTIONS:
        raise NotFound("service", _("There is no such service in your tariff"))
    return _DIRECTIONS[direction]


def _channel_cost(direction: str, found: channels.Change) -> Template:
    return fragment("services/channels_cost.html", "#service-cost", direction=direction, change=found,
                    cost=cost_of(found.quote))


CONTROLLERS = [ServicePages, ChannelPages]
