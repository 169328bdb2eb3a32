"""Whole lists as files: `.xlsx` with real dates and numbers, `.csv` that a spreadsheet cannot execute."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import xlsxwriter
from litestar import Response
from litestar.response import Stream

from app.kernel import i18n
from app.kernel.i18n import LazyText
from app.kernel.money import Money

ROWS_PER_SHEET = 1_048_575  # a sheet's limit without the heading
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA = re.compile(r"^[=+\-@\t\r|%]")
_NUMBER = re.compile(r"^[+-]?\d+([.,]\d+)?$")


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """Heading and width in characters. Values may be text, numbers, Money, dates, times, None."""

    label: str | LazyText
    width: int = 18


def write_xlsx(target: Path | io.BytesIO, columns: Sequence[ExportColumn],
               rows: Iterable[Sequence[object]], *, sheet: str = "Data") -> int:
    """Write all rows, further sheets when one is full; returns the number of rows [ACC-D14].

    Times are written in the reader's zone. Memory stays flat: rows go to disk as they come.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False, "remove_timezone": True, "default_date_format": "dd.mm.yyyy"}
    book = xlsxwriter.Workbook(str(target) if isinstance(target, Path) else target, options)
    writer = _SheetWriter(book, columns, re.sub(r"[\[\]:*?/\\]", " ", sheet)[:25] or "Data")
    count = 0
    for row in rows:
        writer.write(row)
        count += 1
    book.close()
    return count


class _SheetWriter:
    """Formats once per book, a new sheet whenever one is full."""

    def __init__(self, book: xlsxwriter.Workbook, columns: Sequence[ExportColumn], name: str) -> None:
        self.book, self.columns, self.name = book, columns, name
        self.head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#F1F5F9"})
        self.moment = book.add_format({"num_format": "dd.mm.yyyy hh:mm:ss"})
        self.day = book.add_format({"num_format": "dd.mm.yyyy"})
        self.money = book.add_format({"num_format": "#,##0.00####"})
        self.duration = book.add_format({"num_format": "[h]:mm:ss"})
        self.sheets = 0
        self._next_sheet()

    def _next_sheet(self) -> None:
        self.sheets += 1
        self.sheet = self.book.add_worksheet(self.name if self.sheets == 1 else f"{self.name} {self.sheets}")
        for index, column in enumerate(self.columns):
            self.sheet.set_column(index, index, column.width)
            self.sheet.write_string(0, index, str(column.label), self.head)
        self.sheet.freeze_panes(1, 0)
        self.line = 0

    def write(self, row: Sequence[object]) -> None:
        if self.line == ROWS_PER_SHEET:
            self._next_sheet()
        self.line += 1
        for index, value in enumerate(row):
            self._cell(index, value)

    def _cell(self, index: int, value: object) -> None:
        sheet, line = self.sheet, self.line
        if value is None or value == "":
            return
        if isinstance(value, bool):
            sheet.write_string(line, index, i18n.gettext("yes") if value else i18n.gettext("no"))
        elif isinstance(value, Money):
            sheet.write_number(line, index, float(value.amount), self.money)
        elif isinstance(value, (int, float, Decimal)):
            sheet.write_number(line, index, float(value))
        elif isinstance(value, datetime):
            sheet.write_datetime(line, index, value.astimezone(i18n.zone()).replace(tzinfo=None), self.moment)
        elif isinstance(value, date):
            sheet.write_datetime(line, index, datetime(value.year, value.month, value.day), self.day)  # noqa: DTZ001
        elif isinstance(value, timedelta):
            sheet.write_number(line, index, value.total_seconds() / 86400, self.duration)
        else:
            sheet.write_string(line, index, str(value)[:32_767])


def write_csv(columns: Sequence[ExportColumn], rows: Iterable[Sequence[object]]) -> bytes:
    """UTF-8 with a mark that spreadsheets recognise, semicolons as Russian spreadsheets expect."""
    return b"\xef\xbb\xbf" + csv_lines([[column.label for column in columns]]) + csv_lines(rows)


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Lines of such a file without its beginning, for one that is sent while it is made."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    return out.getvalue().encode()


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return i18n.gettext("yes") if value else i18n.gettext("no")
    if isinstance(value, Money):
        return f"{value.amount:f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(i18n.zone()).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, (date, int, float)):
        return str(value)
    return _harmless(str(value))


def _harmless(text: str) -> str:
    """An apostrophe before what a spreadsheet would run as a formula; plain numbers stay numbers."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text


def file_answer(content: bytes, name: str, media_type: str = XLSX) -> Response[bytes]:
    """A download. `name` may hold any letters."""
    return Response(content, media_type=media_type, headers=_disposition(name))


def _disposition(name: str) -> dict[str, str]:
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name) or "file"
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"}


def csv_stream(name: str, columns: Sequence[ExportColumn], portions: AsyncIterator[bytes]) -> Stream:
    """A CSV of any length, sent as it is made; `portions` are of `csv_lines`. A failure breaks the download off."""
    head = write_csv(columns, ())

    async def whole() -> AsyncIterator[bytes]:
        yield head
        async for portion in portions:
            yield portion

    return Stream(whole(), media_type="text/csv", headers=_disposition(f"{name}.csv"))


def xlsx_answer(name: str, columns: Sequence[ExportColumn], rows: Iterable[Sequence[object]]) -> Response[bytes]:
    """A workbook made in memory: for lists of some ten thousand rows; longer ones are jobs."""
    book = io.BytesIO()
    write_xlsx(book, columns, rows, sheet=name)
    return file_answer(book.getvalue(), f"{name}.xlsx")
