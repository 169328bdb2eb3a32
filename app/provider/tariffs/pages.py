"""Tariffs: `/provider/tariffs`. List, card with its versions, rates of a version, export."""

from __future__ import annotations

import asyncio

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import files
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.provider.console import BILLING, VIEW, form_of, show
from app.provider.tariffs import present
from app.provider.tariffs.forms import TariffForm
from app.web.exports import ExportColumn, file_answer, write_csv
from app.web.lists import Column, ListQuery, Page
from app.web.shell import saved
from billing.tariffs import queries, service
from billing.tariffs.csvfile import COLUMNS as CSV_COLUMNS
from billing.tariffs.terms import plan
from billing.whatif import queries as whatif

LIST = "/provider/tariffs"
COLUMNS = (
    Column("name", lazy("Tariff")), Column("version", lazy("Rates in force"), wide_only=True),
    Column("rates", lazy("Destinations"), numeric=True), Column("users", lazy("Fee per user"), numeric=True),
    Column("domains", lazy("Domains"), numeric=True),
)
RATE_COLUMNS = (
    Column("prefix", lazy("Prefix"), 'prefix COLLATE "C"'),
    Column("destination", lazy("Destination"), "lower(destination)"),
    Column("band", lazy("When"), wide_only=True),
    Column("price", lazy("Price"), "price", numeric=True),
    Column("fee", lazy("Connection fee"), "connection_fee", numeric=True, wide_only=True),
    Column("steps", lazy("Increments"), wide_only=True), Column("free", lazy("Free seconds"), wide_only=True),
)


class TariffPages(Controller):
    """List, card, versions."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            rows = await queries.tariffs(tx)
        query = ListQuery.of(request, columns=COLUMNS)
        if query.search:
            rows = [row for row in rows if query.search.lower() in row.name.lower()]
        return await show(request, "provider/tariffs/list.html", found=Page(rows, len(rows), query),
                          priced=present.priced)

    @get("/new", opt=BILLING)
    async def new(self, request: Request) -> Template:
        return await show(request, "provider/tariffs/new.html", cycles=present.CYCLES, terms=None)

    @post("/", opt=BILLING)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, TariffForm)
        async with platform_transaction(request.user.actor) as tx:
            tariff_id = await service.create_tariff(tx, form.tariff())
        return saved(request, f"{LIST}/{tariff_id}", _("The tariff is created. Import its rates now."))

    @get("/{tariff_id:int}")
    async def card(self, request: Request, tariff_id: FromPath[int]) -> Template:
        """Terms in force, and the versions that were, are and will be."""
        async with platform_transaction(request.user.actor) as tx:
            tariff = await queries.tariff(tx, tariff_id)
            versions = await queries.versions(tx, tariff_id)
            terms = await plan(tx, tariff.version_id)
        return await show(request, "provider/tariffs/card.html", tariff=tariff, versions=versions, terms=terms,
                          present=present)

    @get("/versions/{version_id:int}")
    async def version(self, request: Request, version_id: FromPath[int]) -> Template:
        """Differences of what is not in force yet to what is, then terms and rates."""
        query = ListQuery.of(request, columns=RATE_COLUMNS, default_sort="prefix")
        context: dict[str, object] = {"comparison": None}
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await version_of(tx, version_id)
            rows, total = await queries.rates(tx, version_id, search=query.search,
                                              order=query.order_by("prefix"), limit=query.limit, offset=query.offset)
            if query.part == "full":
                context["runs"] = await whatif.runs_of(tx, version_id)
                context["terms"] = terms = await plan(tx, version_id)
                if version.state == "draft" or version.is_to_come:
                    context["comparison"] = await queries.compare(tx, version_id, tariff.version_id)
                    context["changes"] = present.differences(await plan(tx, tariff.version_id), terms)
        return await show(request, "provider/tariffs/version.html", version=version, tariff=tariff,
                          found=Page(rows, total, query), present=present, **context)

    @get("/versions/{version_id:int}/export")
    async def export(self, request: Request, version_id: FromPath[int]) -> Response[bytes]:
        """The same columns that the import reads."""
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await version_of(tx, version_id)
            rows = await queries.all_rates(tx, version_id)
        content = await asyncio.to_thread(write_csv, [ExportColumn(name) for name in CSV_COLUMNS], (
            [getattr(row, name) for name in CSV_COLUMNS] for row in rows))
        return file_answer(content, f"{tariff.name} {version.number}.csv", "text/csv; charset=utf-8")

    @get("/versions/{version_id:int}/source")
    async def source(self, request: Request, version_id: FromPath[int]) -> Response[bytes]:
        """The file that the rates were imported from, byte for byte."""
        async with platform_transaction(request.user.actor) as tx:
            version, _tariff = await version_of(tx, version_id)
            if version.source_file_id is None:
                raise NotFound("file", _("There is no such file."))
            found = await files.load(tx, version.source_file_id)
        return file_answer(found.content, found.name, found.media_type)


async def version_of(tx: PlatformTx, version_id: int) -> tuple[queries.VersionRow, queries.TariffRow]:
    """Raises NotFound."""
    tariff_id = await queries.tariff_of(tx, version_id)
    version = next(one for one in await queries.versions(tx, tariff_id) if one.id == version_id)
    return version, await queries.tariff(tx, tariff_id)


CONTROLLERS = [TariffPages]
