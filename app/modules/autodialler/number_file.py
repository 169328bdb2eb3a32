"""Number lists as files: what an uploaded one must be, the template, the results [ADL-56…62, ADL-D9]."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import xlwt

from app.kernel import i18n
from app.kernel.i18n import _
from app.kernel.tabular import NotATable, read_table
from app.modules.autodialler.queries import Number

# The headings of the files, as the manual prints them, whatever language their reader has.
NUMBER, COMMENT, EXTRA = "Номер", "Комментарий", "Доп. информация"
RESULT_HEADINGS = (NUMBER, "Результат", "Кол-во попыток дозвона", "Последняя попытка дозвона")
XLS = "application/vnd.ms-excel"
MOST, MOST_WITH_COMMENTS = 15_000, 10_000
LONGEST_TEXT = 255
NAMED_ROWS = 10  # rows that a refusal names
_NUMBER = re.compile(r"[0-9]{10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    number: str
    comment: str = ""
    extra: str = ""


def read_entries(content: bytes) -> list[Entry]:
    """All rows of the file, duplicates included.

    Raises:
        NotATable: it breaks any requirement; the text tells what is wrong, nothing of it may be loaded then [ADL-59].
    """
    table = read_table(content, max_rows=MOST + 2)
    places = _places(table[0] if table else [])
    if len(table) < 2:
        raise NotATable(_("The file has no numbers."))
    entries, wrong = [], []
    for row, cells in enumerate(table[1:], 2):
        entry = Entry(*(_cell(cells, places.get(name)) for name in (NUMBER, COMMENT, EXTRA)))
        problem = _problem(entry)
        if problem:
            wrong.append(_("row %(row)s: %(problem)s") % {"row": row, "problem": problem})
        entries.append(entry)
    if wrong:
        more = len(wrong) - NAMED_ROWS
        text = "; ".join(wrong[:NAMED_ROWS]) + (_(" and %(n)s more") % {"n": more} if more > 0 else "")
        raise NotATable(_("Nothing was loaded. %(problems)s") % {"problems": text})
    check_size(len(entries), any(entry.comment for entry in entries))
    return entries


def check_size(count: int, has_comments: bool) -> None:
    """Raises NotATable: more entries than a task may have [ADL-58]."""
    most = MOST_WITH_COMMENTS if has_comments else MOST
    if count > most:
        raise NotATable(_("Nothing was loaded. A task may have at most 15,000 numbers without comments or 10,000 "
                          "with comments."))


def _places(head: Sequence[str]) -> dict[str, int]:
    """Heading → column. Raises NotATable."""
    known = {name.lower(): name for name in (NUMBER, COMMENT, EXTRA)}
    found: dict[str, int] = {}
    for column, cell in enumerate(head):
        name = known.get(cell.strip().lower())
        if name and name not in found:
            found[name] = column
        elif cell.strip():
            raise NotATable(_("Nothing was loaded. The heading «%(name)s» is not known.") % {"name": cell[:60]})
    if NUMBER not in found:
        text = _("Nothing was loaded. The first row must have the headings «%(number)s» and «%(comment)s».")
        raise NotATable(text % {"number": NUMBER, "comment": COMMENT})
    return found


def _cell(cells: Sequence[str], column: int | None) -> str:
    text = cells[column] if column is not None and column < len(cells) else ""
    return " ".join(text.replace("\0", "").encode("utf-8", "ignore").decode().split())


def _problem(entry: Entry) -> str:
    if not _NUMBER.fullmatch(entry.number):
        return _("«%(number)s» is not a number of exactly 10 digits without the country code") % {
            "number": entry.number[:30]}
    if len(entry.comment) > LONGEST_TEXT or len(entry.extra) > LONGEST_TEXT:
        return _("a text of more than %(n)s characters") % {"n": LONGEST_TEXT}
    return ""


def template() -> bytes:
    """An empty list with its headings and an example of the numbers' form [ADL-60]."""
    return _book((NUMBER, COMMENT), ())


def results(numbers: Iterable[Number]) -> bytes:
    """One row per number, exactly the columns of ADL-62."""
    return _book(RESULT_HEADINGS, ((one.number, str(one.result.label), one.attempts, moment(one.last_attempt_at, " "))
                                   for one in numbers))


def moment(at: datetime | None, between: str = ", ") -> str:
    """Date and time as the manual prints them, on the screen with a comma [ADL-50, ADL-62]."""
    return at.astimezone(i18n.zone()).strftime(f"%d.%m.%Y{between}%H:%M:%S") if at else ""


def _book(headings: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Номера")
    bold = xlwt.easyxf("font: bold on")
    text = xlwt.easyxf(num_format_str="@")  # a number is text: spreadsheets would round or shift it
    for column, heading in enumerate(headings):
        sheet.write(0, column, heading, bold)
        sheet.col(column).width = 256 * 30
    for line, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            sheet.write(line, column, value, text if isinstance(value, str) else xlwt.Style.default_style)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()
