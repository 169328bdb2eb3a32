"""Revenue: `/provider/income`, by day, operation, service, tariff or domain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from litestar import Controller, Request, Response, get
from litestar.response import Template

from app.audit import history
from app.kernel import parameters
from app.kernel.db import platform_transaction
from app.kernel.i18n import _, format_date, lazy
from app.kernel.money import Money
from app.provider.console import VIEW, show
from app.provider.income import queries
from app.provider.income.queries import IncomeRow
from app.web.exports import ExportColumn, file_answer, write_csv, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from billing.accounts import present
from billing.accounts.period import read_day
from billing.subscriptions.rules import local_day

LIST = "/provider/income"
LONGEST = timedelta(days=366)
GROUPS = {"day": lazy("Day"), "operation": lazy("Operation"), "service": lazy("Service of the plan"),
          "tariff": lazy("Tariff"), "domain": lazy("Domain")}
COLUMNS = (Column("key", lazy("What")), Column("lines", lazy("Operations"), numeric=True),
           Column("amount", lazy("Amount"), numeric=True))
FILTERS = (Filter("by", lazy("Sum up by"), {key: name for key, name in GROUPS.items() if key != "day"},
                  unchosen=GROUPS["day"]),
           Filter("from", lazy("From day"), kind="date"), Filter("to", lazy("To day"), kind="date"))


class IncomePages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS)
        asked = await _asked(request, query)
        total = sum((row.amount for row in asked.rows), Decimal(0))
        shown = asked.rows[query.offset:query.offset + query.limit]
        return await show(request, "provider/income/list.html", found=Page(shown, len(asked.rows), query), asked=asked,
                          named=lambda row: named(asked.group, row), total=Money(total))

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        """A workbook, or CSV when `format=csv` is asked for."""
        asked = await _asked(request, ListQuery.of(request, columns=COLUMNS, filters=FILTERS), is_export=True)
        columns = [ExportColumn(GROUPS[asked.group], 40), ExportColumn(lazy("Operations"), 14),
                   ExportColumn(lazy("Amount"), 18)]
        lines = [(named(asked.group, row), row.lines, row.sum) for row in asked.rows]
        name = f"{_('Revenue')} {asked.first}–{asked.last}"
        if request.query_params.get("format") == "csv":
            return file_answer(write_csv(columns, lines), f"{name}.csv", "text/csv")
        return xlsx_answer(name, columns, lines)


def named(group: str, row: IncomeRow) -> str:
    """The key in the reader's words."""
    if group == "day":
        return str(format_date(date.fromisoformat(row.key)))
    if group == "operation":
        return present.named(row.key, "")
    if group == "service":
        kind, _between, service = row.key.partition("\x1f")
        return present.named(kind, service)
    return row.key


@dataclass(frozen=True, slots=True)
class Asked:
    """Both days are included; not `is_whole` while the last operations are still being counted."""

    group: str
    first: date
    last: date
    rows: Sequence[IncomeRow]
    is_whole: bool


async def _asked(request: Request, query: ListQuery, *, is_export: bool = False) -> Asked:
    """This month by day, unless told otherwise; at most a year."""
    group = query.value("by") or "day"
    async with platform_transaction(request.user.actor) as tx:
        zone = await parameters.get(tx, "billing.timezone")
        today = local_day(tx.now, zone)
        last = read_day(query.value("to")) or today
        first = read_day(query.value("from")) or min(last, today).replace(day=1)
        first, last = min(first, last), max(first, last)
        first = max(first, last - LONGEST)
        rows, is_whole = await queries.income(tx, group, first, last)
        if is_export:
            await history.exported(tx, _("Revenue"))
    return Asked(group, first, last, rows, is_whole)


CONTROLLERS = [IncomePages]
