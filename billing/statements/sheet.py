"""The statement as a workbook: rows go to disk as they come, whatever their number."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime

import xlsxwriter

from app.kernel.i18n import _, format_date
from app.kernel.money import Money
from app.web.exports import ROWS_PER_SHEET
from billing.accounts import present
from billing.accounts.lines import LedgerRow
from billing.statements.service import Statement

_WIDTHS = (18, 48, 12, 16, 16)
_SPARE = 1_000  # rows of a sheet kept for head and totals


def cells(row: LedgerRow) -> tuple[object, ...]:
    return row.at, present.operation(row), present.quantity(row), row.amount, row.balance_after


class _Sheet:
    def __init__(self, book: xlsxwriter.Workbook) -> None:
        self.book = book
        self.bold = book.add_format({"bold": True})
        self.head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#F1F5F9"})
        self.money = book.add_format({"num_format": "#,##0.00"})
        self.total = book.add_format({"num_format": "#,##0.00", "bold": True})
        self.moment = book.add_format({"num_format": "dd.mm.yy hh:mm"})
        self.new()

    def new(self) -> None:
        self.sheet, self.line = self.book.add_worksheet(), 0
        for index, width in enumerate(_WIDTHS):
            self.sheet.set_column(index, index, width)

    def row(self, values: Sequence[object], *, strong: bool = False, head: bool = False) -> None:
        if self.line >= ROWS_PER_SHEET - _SPARE and not strong and not head:
            self.new()
        for index, value in enumerate(values):
            if isinstance(value, Money):
                self.sheet.write_number(self.line, index, float(value.amount), self.total if strong else self.money)
            elif isinstance(value, datetime):
                self.sheet.write_datetime(self.line, index, value.replace(tzinfo=None), self.moment)
            elif value not in (None, ""):
                style = self.head if head else self.bold if strong else None
                self.sheet.write_string(self.line, index, str(value), style)
        self.line += 1


def write_sheet(made: Statement, rows: Iterator[Sequence[object]]) -> bytes:
    """In the language and zone of the context. `rows`: `cells` with local times."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, {"constant_memory": True})
    out = _Sheet(book)
    out.row((_("Statement of account"), made.account), strong=True)
    out.row((made.company, made.domain), strong=True)
    out.row((_("Period"), f"{format_date(made.first)} – {format_date(made.last)} ({made.zone})"))
    out.row((_("Opening balance"), "", "", "", made.opening), strong=True)
    out.row(())
    out.row((_("Date and time"), _("Operation"), _("Quantity"), _("Amount"), _("Balance")), head=True)
    for row in rows:
        out.row(row)
    out.row(())
    out.row((_("Totals by operation"), "", _("Lines"), _("Income"), _("Expense")), head=True)
    for part in made.parts:
        out.row(("", present.named(part.kind, part.service), str(part.entries), part.income, -part.expense))
    out.row((_("Total"), "", str(made.total.entries), made.total.income, -made.total.expense), strong=True)
    out.row((_("Closing balance"), "", "", "", made.closing), strong=True)
    book.close()
    return target.getvalue()
