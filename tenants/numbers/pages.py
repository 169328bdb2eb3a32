"""The domain's numbers: who rings, and which one is shown on outgoing calls: `/numbers` [NUM-05…10, RTE-03]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import page
from billing.services import channels
from tenants.live import applying, form_of, row_id
from tenants.numbers import outgoing, queries, service
from tenants.numbers.forms import NumberForm

LIST = "/numbers"
EXPORT_LIMIT = 100_000
COLUMNS = (
    Column("number", lazy("Number"), "n.e164"),
    Column("region", lazy("Region"), "lower(n.region)", wide_only=True),
    Column("target", lazy("Who rings"), "lower(u.display_name)"),
    Column("outgoing", lazy("Outgoing calls"), wide_only=True),
)
CATEGORIES = {"city": lazy("City number"), "toll_free": lazy("Toll-free number"), "mobile": lazy("Mobile number")}

menu.register("domain", MenuItem("numbers", lazy("Number management"), LIST, "phone", Permission.NUMBERS_EDIT, "", 100))


async def _rows(tx: DomainTx, query: ListQuery, *, limit: int) -> tuple[list[queries.NumberRow], int]:
    digits = "".join(ch for ch in query.search if ch.isdigit())
    return await queries.numbers(tx, like=query.like(), digits=digits, order=query.order_by("n.id"), limit=limit,
                                 offset=query.offset if limit == query.limit else 0)


def _query_of(request: Request) -> ListQuery:
    return ListQuery.of(request, columns=COLUMNS, default_sort="number")


class NumberPages(Controller):
    """List, export and the settings window of one number."""

    path = LIST
    opt = {"permission": Permission.NUMBERS_EDIT}

    @get("/")
    async def list(self, request: Request) -> Template:
        query = _query_of(request)
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await _rows(tx, query, limit=query.limit)
            of_domain = await outgoing.domain_outgoing(tx)
            lines = await channels.limits(tx)
        return await page(request, "numbers/list.html", found=Page(rows, total, query), of_domain=of_domain,
                          categories=CATEGORIES, incoming=lines[channels.INCOMING], outgoing=lines[channels.OUTGOING])

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            rows, _total = await _rows(tx, _query_of(request), limit=EXPORT_LIMIT)
            await history.exported(tx, _("Numbers"))
        columns = [ExportColumn(label, width) for label, width in (
            (lazy("Number"), 20), (lazy("Region"), 24), (lazy("Kind"), 18), (lazy("Who rings"), 36),
            (lazy("Extension"), 12), (lazy("Outgoing number"), 18), (lazy("Connected"), 20))]
        return xlsx_answer(_("Numbers"), columns, (
            (row.shown, row.region, str(CATEGORIES[row.category]), row.target_name or _("Busy tone"),
             row.target_extension, row.is_default, row.assigned_at) for row in rows))

    @get("/{number_id:int}")
    async def ask(self, request: Request, number_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            number = await queries.number(tx, row_id(number_id))
            targets = await queries.target_choices(tx)
        return await page(request, "numbers/number.html", number=number, targets=targets)

    @post("/{number_id:int}", status_code=200)
    async def save(self, request: Request, number_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, NumberForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.set_number(tx, row_id(number_id), target_user_id=form.target_user_id,
                                     is_default=form.is_default, target_kind=form.target_kind)
        return applying(request, _("Saved."), url=LIST, close_modal=True, refresh_list=True)


CONTROLLERS = [NumberPages]
