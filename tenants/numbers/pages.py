"""Number management: connected, reserved and available numbers: `/numbers` [NUM-40…58]."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel import parameters
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy, ngettext
from app.kernel.money import Money
from app.web import menu
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import clean
from app.web.menu import MenuItem
from app.web.parts import Cost
from app.web.shell import fragment, is_htmx, page, saved, with_toast
from billing.services import service as services
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.live import form_of, row_id
from tenants.numbers import leaving, queries, shop
from tenants.numbers.forms import Choosing, ConnectForm
from tenants.numbers.outgoing import shown_number
from tenants.numbers.services import service_of

LIST = "/numbers"
EXPORT_LIMIT = 100_000
SHOWN = 200  # connected numbers on the page; a search finds the others
CATEGORIES = {"city": lazy("City number"), "toll_free": lazy("Toll-free number"), "mobile": lazy("Mobile number")}
KINDS = {"city": lazy("Connect a city number"), "toll_free": lazy("Connect 8800")}
GRADES = {"none": lazy("Without category"), "bronze": lazy("Bronze"), "silver": lazy("Silver"), "gold": lazy("Gold"),
          "platinum": lazy("Platinum"), "m": lazy("Intelligent number (M category)")}

menu.register("domain", MenuItem("numbers", lazy("Number management"), LIST, "phone", Permission.NUMBERS_EDIT, "", 100,
                                 "number_shop"))  # [NUM-04]


class NumberPages(Controller):
    """The three blocks; what connects, extends and gives back."""

    path = LIST
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        search = clean(request.query_params.get("q", ""))
        digits = "".join(ch for ch in search if ch.isdigit())
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.numbers(tx, like=f"%{digits}%" if digits else None, digits=digits, limit=SHOWN)
            reserved = await shop.reserved(tx)
            most = await parameters.get(tx, "numbers.extensions")
            found = await _shop(tx, Choosing())
        return await page(request, "numbers/list.html", rows=rows, total=total, search=search, reserved=reserved,
                          most=most, categories=CATEGORIES, **found)

    @get("/available")
    async def available(self, request: Request) -> Template:
        """The block of available numbers anew: filters, page and selection are its own fields."""
        async with domain_transaction(request.user.actor) as tx:
            found = await _shop(tx, Choosing.of(request.query_params))
        return Template("numbers/shop.html", context=found)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            rows, _total = await queries.numbers(tx, limit=EXPORT_LIMIT)
            await history.exported(tx, _("Numbers"))
        columns = [ExportColumn(label, width) for label, width in (
            (lazy("Number"), 20), (lazy("Region"), 24), (lazy("Kind"), 18), (lazy("Routing rules"), 16),
            (lazy("Outgoing number"), 18), (lazy("Connected"), 20))]
        return xlsx_answer(_("Numbers"), columns, (
            (row.shown, row.region, str(CATEGORIES[row.category]), row.rules, row.is_default, row.assigned_at)
            for row in rows))

    @get("/connect")
    async def ask_connect(self, request: Request) -> Template:
        """The dialog with the cost [NUM-48]."""
        chosen = Choosing.of(request.query_params)
        async with domain_transaction(request.user.actor) as tx:
            await shop.require_shop(tx)
            found = await shop.purchase(tx, chosen.numbers)
        return await page(request, "numbers/connect.html", purchase=found, cost=_cost(found))

    @post("/connect", status_code=200)
    async def connect(self, request: Request) -> Response | Template:
        form = await form_of(request, ConnectForm)
        try:
            async with domain_transaction(request.user.actor) as tx:
                found = await shop.connect(tx, form.numbers, mark=form.mark)
        except CostChanged as changed:
            if not is_htmx(request):
                raise
            async with domain_transaction(request.user.actor) as tx:
                fresh = await shop.purchase(tx, form.numbers)
            return with_toast(fragment("numbers/cost.html", "#number-cost", purchase=fresh, cost=_cost(fresh)),
                              changed.message, "warning")
        count = len(found.offers)
        return saved(request, LIST, ngettext("%(n)s number is connected.", "%(n)s numbers are connected.", count)
                     % {"n": count})

    @get("/{number_id:int}/delete")
    async def ask_disconnect(self, request: Request, number_id: FromPath[int]) -> Template:
        number_id = row_id(number_id)
        async with domain_transaction(request.user.actor) as tx:
            e164, category = await shop.additional(tx, number_id)
            affected = await leaving.affected(tx, number_id)
            saving = await services.saving(tx, await service_of(tx, category), 1)
            days = await parameters.get(tx, "numbers.reserve_days")
        return await page(request, "numbers/disconnect.html", number_id=number_id, shown=shown_number(e164),
                          affected=affected, saving=saving, days=days)

    @post("/{number_id:int}/delete", status_code=200)
    async def disconnect(self, request: Request, number_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await shop.disconnect(tx, row_id(number_id))
        return saved(request, LIST, _("The number is disconnected and kept in reserve for you."))

    @get("/{number_id:int}/extend")
    async def ask_extend(self, request: Request, number_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = [one for one in await shop.reserved(tx) if one.id == row_id(number_id)]
            if not found:
                raise shop.no_number()
            days = await parameters.get(tx, "numbers.extension_days")
            fee = Money(await parameters.get(tx, "numbers.extension_fee"), found[0].price.currency)
        return await page(request, "numbers/extend.html", number=found[0], days=days, fee=fee)

    @post("/{number_id:int}/extend", status_code=200)
    async def extend(self, request: Request, number_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await shop.extend(tx, row_id(number_id))
        return saved(request, LIST, _("The reserve is extended."))


async def _shop(tx: DomainTx, choosing: Choosing) -> dict[str, Any]:
    """What the block of available numbers is drawn from."""
    has_shop = await shop.has_shop(tx)
    offers, total = await shop.available(tx, category=choosing.kind, grade=choosing.grade, digits=choosing.digits,
                                         page=choosing.page) if has_shop else ([], 0)
    here = {one.e164: one for one in offers}
    chosen = await shop.chosen(tx, choosing.numbers) if has_shop else []
    is_trial = await tx.fetchval("SELECT mode = 'trial' FROM domain WHERE id = $1", tx.domain_id)
    return {"has_shop": has_shop, "choosing": choosing, "offers": offers, "here": here, "chosen": chosen,
            "pages": max(1, -(-total // shop.PAGE_SIZE)), "kinds": KINDS, "grades": GRADES, "is_trial": is_trial,
            "sum": shop.total(chosen) if chosen else None}


def _cost(found: shop.Purchase) -> Cost:
    """Numbers' own prices and the services' fees together."""
    cost = cost_of(found.quote)
    one_off = found.own + cost.one_off if cost.one_off else found.own
    charged = found.quote.cost.charged + found.own
    return Cost(cost.monthly, one_off, cost.first_day, cost.note,
                found.quote.balance - charged if charged else None, cost.first_label)


CONTROLLERS = [NumberPages]
