"""Tariffs: `/provider/tariffs`. Rates are imported as a draft, compared, then published."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.kernel import clock, files
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, format_date, lazy
from app.kernel.money import Currency, Money
from app.provider.console import BILLING, VIEW, form_of, show
from app.provider.fields import Line, Zone
from app.web.exports import ExportColumn, file_answer, write_csv
from app.web.forms import FormModel
from app.web.lists import Column, ListQuery, Page
from app.web.shell import saved
from app.web.uploads import read_upload
from billing.accounts.rules import Cycle
from billing.rating.bands import DAY_MINUTES
from billing.tariffs import queries, service
from billing.tariffs.csvfile import COLUMNS as CSV_COLUMNS
from billing.tariffs.csvfile import MAX_BYTES, parse_rates

LIST = "/provider/tariffs"
CYCLES = {"daily": lazy("each day"), "monthly": lazy("on the first of the month")}
FREE_MODES = {"threshold": lazy("calls up to that long"), "included": lazy("of every call")}
COLUMNS = (
    Column("name", lazy("Tariff")), Column("version", lazy("Rates in force"), wide_only=True),
    Column("rates", lazy("Directions"), numeric=True), Column("users", lazy("Fee per user"), numeric=True),
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
WEEKDAYS = (lazy("Mon"), lazy("Tue"), lazy("Wed"), lazy("Thu"), lazy("Fri"), lazy("Sat"), lazy("Sun"))
Price = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
UPLOAD_LIMIT = MAX_BYTES + 100_000


class TariffForm(FormModel):
    name: Annotated[Line, Field(min_length=1, max_length=100)]
    timezone: Zone = "Europe/Moscow"
    included_users: Annotated[int, Field(ge=0, le=100_000)] = 0
    user_monthly: Price = Decimal(0)
    user_connection: Price = Decimal(0)
    fee_cycle: Literal["daily", "monthly"] = "daily"
    included_minutes: Annotated[int, Field(ge=0, le=1_000_000)] = 0

    def tariff(self) -> service.NewTariff:
        return service.NewTariff(self.name, self.timezone, self.included_users, Money(self.user_monthly),
                                 Money(self.user_connection), Cycle(self.fee_cycle),
                                 self.included_minutes)


class PublishForm(FormModel):
    valid_from: date


class TariffPages(Controller):
    """List, card, versions, import."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            rows = await queries.tariffs(tx)
        query = ListQuery.of(request, columns=COLUMNS)
        if query.search:
            rows = [row for row in rows if query.search.lower() in row.name.lower()]
        return await show(request, "provider/tariffs/list.html", found=Page(rows, len(rows), query), priced=_priced)

    @get("/new", opt=BILLING)
    async def new(self, request: Request) -> Template:
        return await show(request, "provider/tariffs/new.html", cycles=CYCLES)

    @post("/", opt=BILLING)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, TariffForm)
        async with platform_transaction(request.user.actor) as tx:
            tariff_id = await service.create_tariff(tx, form.tariff())
        return saved(request, f"{LIST}/{tariff_id}", _("The tariff is created. Import its rates now."))

    @get("/{tariff_id:int}")
    async def card(self, request: Request, tariff_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            tariff = await queries.tariff(tx, tariff_id)
            versions = await queries.versions(tx, tariff_id)
        return await show(request, "provider/tariffs/card.html", tariff=tariff, versions=versions, cycles=CYCLES,
                          priced=_priced)

    @get("/{tariff_id:int}/import", opt=BILLING)
    async def choose_file(self, request: Request, tariff_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            tariff = await queries.tariff(tx, tariff_id)
        return await show(request, "provider/tariffs/import.html", tariff=tariff, columns=CSV_COLUMNS)

    @post("/{tariff_id:int}/import", opt=BILLING, request_max_body_size=UPLOAD_LIMIT)
    async def take_file(self, request: Request, tariff_id: FromPath[int]) -> Response | Template:
        """A good file becomes a draft and leads to its differences; a bad one is told line by line."""
        sent = (await request.form()).get("file")
        upload = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("csv",),
                                   max_bytes=MAX_BYTES)
        found = await asyncio.to_thread(parse_rates, upload.content)
        if found.error_count:
            return await show(request, "provider/tariffs/errors.html", tariff_id=tariff_id, name=upload.name,
                              found=found)
        async with platform_transaction(request.user.actor) as tx:
            kept = await files.store(tx, upload.content, name=upload.name, media_type="text/csv")
            version_id = await service.import_draft(tx, tariff_id, found.rows, kept)
        return saved(request, f"{LIST}/versions/{version_id}",
                     _("The file is a draft now. Compare it, then publish it."))

    @get("/versions/{version_id:int}")
    async def version(self, request: Request, version_id: FromPath[int]) -> Template:
        """Differences of a draft to what is in force, then its rates."""
        query = ListQuery.of(request, columns=RATE_COLUMNS, default_sort="prefix")
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _version(tx, version_id)
            rows, total = await queries.rates(tx, version_id, search=query.search,
                                              order=query.order_by("prefix"), limit=query.limit, offset=query.offset)
            comparison = None
            if version.state == "draft" and query.part == "full":
                comparison = await queries.compare(tx, version_id, await queries.version_in_force(tx, tariff.id))
        return await show(request, "provider/tariffs/version.html", version=version, tariff=tariff,
                          found=Page(rows, total, query), comparison=comparison, priced=_priced,
                          free_modes=FREE_MODES, band=_band)

    @get("/versions/{version_id:int}/export")
    async def export(self, request: Request, version_id: FromPath[int]) -> Response[bytes]:
        """The same columns that the import reads."""
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _version(tx, version_id)
            rows = await queries.all_rates(tx, version_id)
        content = await asyncio.to_thread(write_csv, [ExportColumn(name) for name in CSV_COLUMNS], (
            [getattr(row, name) for name in CSV_COLUMNS] for row in rows))
        return file_answer(content, f"{tariff.name} {version.number}.csv", "text/csv; charset=utf-8")

    @get("/versions/{version_id:int}/source")
    async def source(self, request: Request, version_id: FromPath[int]) -> Response[bytes]:
        """The file that the rates were imported from, byte for byte."""
        async with platform_transaction(request.user.actor) as tx:
            version, _tariff = await _version(tx, version_id)
            if version.source_file_id is None:
                raise NotFound("file", _("There is no such file."))
            found = await files.load(tx, version.source_file_id)
        return file_answer(found.content, found.name, found.media_type)

    @get("/versions/{version_id:int}/publish", opt=BILLING)
    async def ask_publish(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _version(tx, version_id)
        today = clock.now().astimezone(ZoneInfo(tariff.timezone)).date()
        return await show(request, "provider/tariffs/publish.html", version=version, tariff=tariff, today=today)

    @post("/versions/{version_id:int}/publish", opt=BILLING)
    async def publish(self, request: Request, version_id: FromPath[int]) -> Response:
        form = await form_of(request, PublishForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.publish(tx, version_id, form.valid_from)
            _version_row, tariff = await _version(tx, version_id)
        return saved(request, f"{LIST}/{tariff.id}", _("The rates are in force from %(day)s.") % {
            "day": format_date(form.valid_from)})

    @get("/versions/{version_id:int}/discard", opt=BILLING)
    async def ask_discard(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await _version(tx, version_id)
        return await show(request, "provider/tariffs/discard.html", version=version, tariff=tariff)

    @post("/versions/{version_id:int}/discard", opt=BILLING)
    async def discard(self, request: Request, version_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            tariff_id = await service.discard_draft(tx, version_id)
        return saved(request, f"{LIST}/{tariff_id}", _("The draft is deleted."))


async def _version(tx: PlatformTx, version_id: int) -> tuple[queries.VersionRow, queries.TariffRow]:
    tariff_id = await queries.tariff_of(tx, version_id)
    version = next(one for one in await queries.versions(tx, tariff_id) if one.id == version_id)
    return version, await queries.tariff(tx, tariff_id)


def _band(row: queries.Rate | queries.Difference) -> str:
    """`Mon, Tue 09:00–18:00 from 01.01.2026`; "" of a row that counts at any time."""
    if row.weekdays is None:
        return ""
    parts = [] if len(row.weekdays) == 7 else [", ".join(str(WEEKDAYS[int(day) - 1]) for day in row.weekdays)]
    if (row.start_minute, row.end_minute) != (0, DAY_MINUTES) or not parts:
        parts.append(f"{queries.clock_text(row.start_minute)}–{queries.clock_text(row.end_minute)}")
    if row.first_on:
        parts.append(_("from %(day)s") % {"day": format_date(row.first_on)})
    if row.last_on:
        parts.append(_("until %(day)s") % {"day": format_date(row.last_on)})
    return " ".join(parts)


def _priced(amount: Decimal, currency: str = "RUB") -> Money:
    return Money(amount, Currency(currency))


CONTROLLERS = [TariffPages]
