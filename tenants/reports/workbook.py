"""A report as a workbook: its parameters, then exactly the table that is shown [RPT-11]."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, timedelta

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from app.kernel import i18n
from tenants.reports.cells import Cell, Table, lines

_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False}
WIDTH, FIRST_WIDTH = 20, 28  # characters


def workbook(parameters: Sequence[tuple[str, str]], table: Table) -> bytes:
    """Counts, times and moments are values that can be computed with; they look as on the page."""
    target = io.BytesIO()
    book = xlsxwriter.Workbook(target, _OPTIONS)
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#F1F5F9", "text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, FIRST_WIDTH)
    sheet.set_column(1, len(table.labels), WIDTH)
    for line, (name, value) in enumerate(parameters):
        sheet.write_string(line, 0, name, bold)
        sheet.write_string(line, 1, value)
    line = len(parameters) + 1
    if table.has_blocks:
        column = 0
        for one in table.heads:
            sheet.write_string(line, column, one.label, head)
            column += max(len(one.under), 1)
        line += 1
    under = [text for one in table.heads for text in (one.under or ("",) if table.has_blocks else (one.label,))]
    for column, text in enumerate(under):
        sheet.write_string(line, column, text, head)
    writer = _Writer(book, sheet)
    for row in table.rows:
        line += 1
        writer.write(line, row, is_total=False)
    if table.total is not None:
        writer.write(line + 1, table.total, is_total=True)
    book.close()
    return target.getvalue()


class _Writer:
    def __init__(self, book: xlsxwriter.Workbook, sheet: Worksheet) -> None:
        self.sheet = sheet
        styles = ("", {}), ("time", {"num_format": "[hh]:mm:ss"}), ("moment", {"num_format": "dd.mm.yyyy hh:mm:ss"})
        self.styles = {(name, is_total): book.add_format({**style, "text_wrap": True, "valign": "top",
                                                          "bold": is_total}) for name, style in styles
                       for is_total in (False, True)}

    def write(self, line: int, row: Sequence[Cell], *, is_total: bool) -> None:
        for column, cell in enumerate(row):
            if cell == "":
                continue
            if isinstance(cell, int):
                self.sheet.write_number(line, column, cell, self.styles["", is_total])
            elif isinstance(cell, timedelta):
                seconds = round(cell / timedelta(seconds=1) + 1e-9)
                self.sheet.write_number(line, column, seconds / 86400, self.styles["time", is_total])
            elif isinstance(cell, datetime):
                local = cell.astimezone(i18n.zone()).replace(tzinfo=None, microsecond=0)
                self.sheet.write_datetime(line, column, local, self.styles["moment", is_total])
            else:
                self.sheet.write_string(line, column, "\n".join(lines(cell)), self.styles["", is_total])
