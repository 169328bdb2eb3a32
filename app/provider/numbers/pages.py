"""The inventory of numbers: `/provider/numbers`."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy, ngettext
from app.provider.console import DOMAINS, EXPORT_LIMIT, VIEW, asks_candidates, domain_form, form_of, show
from app.provider.fields import Reference
from app.provider.numbers import queries
from app.settings import settings
from app.web.exports import ExportColumn, xlsx_answer
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery, Page, clean, ticked
from app.web.parts import Affected, ImportRow
from app.web.shell import done, saved
from app.web.uploads import read_upload
from tenants.numbers import inventory
from tenants.numbers.inventory_file import MAX_BYTES, InventoryFile, parse_inventory
from tenants.numbers.pages import GRADES
from tenants.numbers.rules import Place

LIST = "/provider/numbers"
CATEGORIES = {"city": lazy("City number"), "toll_free": lazy("Toll-free number"), "mobile": lazy("Mobile number")}
PLACES = {"stock": lazy("In stock"), "held": lazy("Booked or in reserve"), "given": lazy("At a domain")}
COLUMNS = (
    Column("number", lazy("Number"), "n.e164"), Column("category", lazy("Kind"), "n.category"),
    Column("price", lazy("Connection cost"), "n.connection_price", numeric=True, wide_only=True),
    Column("region", lazy("Region"), "lower(n.region)", wide_only=True), Column("domain", lazy("Domain"), "d.name"),
    Column("rules", lazy("Routing rules"), wide_only=True, numeric=True),
    Column("assigned", lazy("Given"), "n.assigned_at", wide_only=True),
    Column("actions", ""),
)
FILTERS = (Filter("place", lazy("Where"), PLACES),
           Filter("category", lazy("Kind"), CATEGORIES), Filter("grade", lazy("Category"), GRADES))
PREVIEW_ROWS = 50
UPLOAD_LIMIT = MAX_BYTES + 100_000  # the form around the file


class GiveForm(FormModel):
    """`q` is what was typed to find the domain."""

    domain_id: Reference
    q: str = ""


class BookForm(GiveForm):
    until: date


class PriceForm(FormModel):
    """Empty: as it is."""

    ids: list[Reference]
    grade: Literal["", "none", "bronze", "silver", "gold", "platinum", "m"] = ""
    price: Annotated[Decimal | None, Field(ge=0, le=99_999_999, decimal_places=2)] = None


class ImportForm(FormModel):
    import_id: Reference


class NumberPages(Controller):
    """List, import, give, take back."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="number")
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.numbers(tx, query)
        return await show(request, "provider/numbers/list.html", found=Page(rows, total, query),
                          categories=CATEGORIES, grades=GRADES)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        query = ListQuery.parse(request.query_params, columns=COLUMNS, filters=FILTERS, default_sort="number",
                                limit=EXPORT_LIMIT)
        async with platform_transaction(request.user.actor) as tx:
            rows, _total = await queries.numbers(tx, query)
        columns = [ExportColumn(label, 22) for label in (
            lazy("Number"), lazy("Category"), lazy("Region"), lazy("Domain"), lazy("Company"), lazy("Given"))]
        return xlsx_answer(_("Numbers"), columns, (
            (row.e164, CATEGORIES[row.category], row.region, row.domain, row.company, row.assigned_at)
            for row in rows))

    @get("/import", opt=DOMAINS)
    async def choose_file(self, request: Request) -> Template:
        return await show(request, "provider/numbers/import.html")

    @post("/preview", opt=DOMAINS, request_max_body_size=UPLOAD_LIMIT)
    async def preview(self, request: Request) -> Template:
        """What the file holds, line by line; nothing is in the inventory yet."""
        sent = (await request.form()).get("file")
        upload = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("csv",),
                                   max_bytes=MAX_BYTES)
        found = await asyncio.to_thread(parse_inventory, upload.content, Place(settings().country))
        import_id = 0
        async with platform_transaction(request.user.actor) as tx:
            found = await inventory.known_already(tx, found)
            if not found.error_count:
                import_id = await queries.keep_import(tx, upload.name, found.rows)
        return await show(request, "provider/numbers/preview.html", rows=_preview(found), total=found.total,
                          wrong=found.error_count, listed=len(found.errors), import_id=import_id)

    @post("/import", opt=DOMAINS)
    async def take_file(self, request: Request) -> Response:
        form = await form_of(request, ImportForm)
        async with platform_transaction(request.user.actor) as tx:
            count = await inventory.add_numbers(tx, await queries.take_import(tx, form.import_id))
        return saved(request, f"{LIST}?place=stock", ngettext(
            "%(n)s number is in the inventory.", "%(n)s numbers are in the inventory.", count) % {"n": count})

    @get("/{number_id:int}/give", opt=DOMAINS)
    async def ask_domain(self, request: Request, number_id: FromPath[int]) -> Template:
        """The dialog with a search over domains; `q` narrows it."""
        text = clean(request.query_params.get("q", ""))
        async with platform_transaction(request.user.actor) as tx:
            facts = await inventory.dependants(tx, number_id)
            found = await queries.candidates(tx, text)
        return await show(request, f"provider/numbers/{'candidates' if asks_candidates(request) else 'give'}.html",
                          number_id=number_id, facts_of=facts, found=found, text=text)

    @post("/{number_id:int}/give", opt=DOMAINS)
    async def give(self, request: Request, number_id: FromPath[int]) -> Response:
        form = await domain_form(request, GiveForm)
        async with platform_transaction(request.user.actor) as tx:
            await inventory.give(tx, number_id, form.domain_id)
        return done(_("The number is given."), refresh_list=True)

    @get("/{number_id:int}/take-back", opt=DOMAINS)
    async def ask_take_back(self, request: Request, number_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            facts = await inventory.dependants(tx, number_id)
        return await show(request, "provider/numbers/take_back.html", number_id=number_id, facts_of=facts,
                          affected=_affected(facts))

    @post("/{number_id:int}/take-back", opt=DOMAINS)
    async def take_back(self, request: Request, number_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await inventory.take_back(tx, number_id)
        return done(_("The number is in the stock again."), refresh_list=True)

    @get("/price", opt=DOMAINS)
    async def ask_price(self, request: Request) -> Template:
        """For ticked numbers, or one [NUM-46, NUM-51]."""
        ids, every = ticked(request.query_params)
        async with platform_transaction(request.user.actor) as tx:
            if every is not None:
                query = ListQuery.parse(every, columns=COLUMNS, filters=FILTERS, default_sort="number",
                                        limit=EXPORT_LIMIT)
                ids = [row.id for row in (await queries.numbers(tx, query))[0]]
            names = await queries.names_of(tx, ids)
        return await show(request, "provider/numbers/price.html", numbers=names, grades=GRADES)

    @post("/price", opt=DOMAINS)
    async def set_price(self, request: Request) -> Response:
        form = await form_of(request, PriceForm)
        async with platform_transaction(request.user.actor) as tx:
            await inventory.set_price(tx, form.ids, grade=form.grade or None, price=form.price)
        return done(_("Saved."), refresh_list=True)

    @get("/{number_id:int}/book", opt=DOMAINS)
    async def ask_booking(self, request: Request, number_id: FromPath[int]) -> Template:
        text = clean(request.query_params.get("q", ""))
        async with platform_transaction(request.user.actor) as tx:
            facts = await inventory.dependants(tx, number_id)
            found = await queries.candidates(tx, text)
        return await show(request, f"provider/numbers/{'candidates' if asks_candidates(request) else 'book'}.html",
                          number_id=number_id, facts_of=facts, found=found, text=text)

    @post("/{number_id:int}/book", opt=DOMAINS)
    async def book(self, request: Request, number_id: FromPath[int]) -> Response:
        form = await domain_form(request, BookForm)
        async with platform_transaction(request.user.actor) as tx:
            await inventory.book(tx, number_id, form.domain_id, form.until)
        return done(_("The number is booked."), refresh_list=True)

    @get("/{number_id:int}/unbook", opt=DOMAINS)
    async def ask_unbooking(self, request: Request, number_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            facts = await inventory.dependants(tx, number_id)
        return await show(request, "provider/numbers/unbook.html", number_id=number_id, facts_of=facts)

    @post("/{number_id:int}/unbook", opt=DOMAINS)
    async def unbook(self, request: Request, number_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await inventory.unbook(tx, number_id)
        return done(_("The number is in the stock again."), refresh_list=True)


def _preview(found: InventoryFile) -> list[ImportRow]:
    """Wrong lines, or the first good ones."""
    if found.errors:
        return [ImportRow(error.line, (error.text, "", ""), {0: error.message}) for error in found.errors]
    return [ImportRow(row.line, (f"+{row.e164}", str(CATEGORIES[row.category]), row.region), {})
            for row in found.rows[:PREVIEW_ROWS]]


def _affected(facts: inventory.Dependants) -> list[Affected]:
    found = []
    if facts.is_default:
        found.append(Affected(lazy("The domain has no outgoing number any more"), [facts.domain_name]))
    if facts.users:
        found.append(Affected(lazy("Users who chose it as their outgoing number fall back to the domain's"),
                              facts.users[:5], len(facts.users)))
    if facts.rules:
        found.append(Affected(lazy("Its routing rules and lists are deleted"), [str(facts.rules)]))
    return found


CONTROLLERS = [NumberPages]
