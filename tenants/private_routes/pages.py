"""Private routes of a domain: the list, a route's window, the number of lines: `/private-routes` [PRV-10…20]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.menu import MenuItem
from app.web.shell import fragment, is_htmx, page, saved, with_toast
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.live import form_of, row_id
from tenants.numbers.outgoing import outgoing_choices
from tenants.private_routes import lines, pointing, present, queries, service
from tenants.private_routes.forms import LinesForm, OrderForm, RouteForm
from tenants.private_routes.lines import Lines
from tenants.private_routes.rules import MAX_CUT
from tenants.services.section import section

LIST = pointing.URL

menu.register("domain", MenuItem("numbers", lazy("Private routes"), LIST, "router", Permission.NUMBERS_EDIT, "", 95,
                                 service=lines.SERVICE))


class RoutePages(Controller):
    path = LIST
    opt = {"permission": Permission.NUMBERS_EDIT}
    before_request = section(lines.SERVICE)

    @get("/")
    async def list(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            rows = await queries.lines(tx)
            limits = await lines.current(tx, tx.domain_id)
        return await page(request, "private_routes/list.html", rows=rows, shown=present.shown_numbers,
                          counts=present.counts(len(rows), limits))

    @get("/{route_id:int}")
    async def ask(self, request: Request, route_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            route = await queries.route(tx, row_id(route_id))
            groups = await queries.groups(tx)
            numbers = await outgoing_choices(tx)
        settings = route.settings
        nobody = [(0, _("Nobody: the group was deleted"))] if settings.is_group_only and not settings.group_id else []
        return await page(request, "private_routes/route.html", route=route, one=settings, groups=nobody + groups,
                          numbers=numbers, callers=present.CALLERS, restrictions=present.RESTRICTIONS,
                          auth_headers=present.AUTH_HEADERS, history_headers=present.HISTORY_HEADERS, max_cut=MAX_CUT)

    @post("/{route_id:int}", status_code=200)
    async def save(self, request: Request, route_id: FromPath[int]) -> Response:
        form = await form_of(request, RouteForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.save(tx, row_id(route_id), form.settings())
        return saved(request, LIST, _("The private route is saved."))

    @post("/{route_id:int}/on", status_code=200)
    async def switch_on(self, request: Request, route_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.switch(tx, row_id(route_id), True)
        return saved(request, LIST, _("The private route is on."))

    @get("/{route_id:int}/off")
    async def ask_off(self, request: Request, route_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            route = await queries.route(tx, row_id(route_id))
        return await page(request, "private_routes/off.html", route=route)

    @post("/{route_id:int}/off", status_code=200)
    async def switch_off(self, request: Request, route_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.switch(tx, row_id(route_id), False)
        return saved(request, LIST, _("The private route is off."))

    @post("/order", status_code=200)
    async def reorder(self, request: Request) -> Response:
        form = await form_of(request, OrderForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.reorder(tx, form.order)
        return saved(request, LIST, _("The order is saved."))


class LinePages(Controller):
    """The window of the number of lines [PRV-11, PRV-12]."""

    path = LIST + "/lines"
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(lines.SERVICE)

    @get("/")
    async def ask_lines(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await lines.propose(tx, await lines.current(tx, tx.domain_id))
        return await page(request, "private_routes/lines.html", change=found, cost=cost_of(found.quote),
                          most=lines.MOST)

    @get("/cost")
    async def cost(self, request: Request) -> Template:
        """The amounts for the numbers that stand in the fields."""
        typed = [request.query_params.get(name, "") for name in ("incoming", "outgoing")]
        wanted = [int(one) if one.isascii() and one.isdigit() and len(one) < 6 else -1 for one in typed]
        async with domain_transaction(request.user.actor) as tx:
            try:
                found = await lines.propose(tx, Lines(*wanted))
            except InvalidFields:
                found = await lines.propose(tx, await lines.current(tx, tx.domain_id))
        return _cost(found)

    @post("/", status_code=200)
    async def change(self, request: Request) -> Response | Template:
        form = await form_of(request, LinesForm)
        wanted = Lines(form.incoming, form.outgoing)
        try:
            async with domain_transaction(request.user.actor) as tx:
                await lines.change(tx, wanted, mark=form.quoted or None)
        except CostChanged as changed:
            if not is_htmx(request):
                raise
            async with domain_transaction(request.user.actor) as tx:
                found = await lines.propose(tx, wanted)
            return with_toast(_cost(found), changed.message, "warning")
        return saved(request, LIST, _("The number of lines is saved."))


def _cost(found: lines.Change) -> Template:
    return fragment("private_routes/cost.html", "#service-cost", change=found, cost=cost_of(found.quote))


CONTROLLERS = [RoutePages, LinePages]
