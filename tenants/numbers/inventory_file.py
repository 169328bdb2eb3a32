"""The provider's numbers from a CSV file `number;category;region`: all rows, or what is wrong with them.

A heading line is optional.
Numbers may be written as people write them: +7 495 123-45-67, 8 (495) 1234567, 74951234567.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.kernel import tabular
from app.kernel.i18n import _
from app.kernel.tabular import NotATable
from tenants.numbers.rules import NotANumber, Place, normalise

CATEGORIES = ("city", "toll_free", "mobile")
_CATEGORY_WORDS = {
    "": "city", "city": "city", "городской": "city", "toll_free": "toll_free", "8800": "toll_free",
    "8-800": "toll_free", "mobile": "mobile", "мобильный": "mobile",
}
MAX_BYTES = 10_000_000
MAX_ROWS = 100_000
MAX_ERRORS = 100  # enough to mend a file by; the rest is only counted
REGION_LENGTH = 100
_E164 = re.compile(r"[1-9][0-9]{6,14}")
_HEADINGS = frozenset({"number", "номер", "e164"})


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One number: E.164 digits, category, free text of the region."""

    line: int
    e164: str
    category: str
    region: str


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with one line, in the reader's language; line 0 = the file as a whole."""

    line: int
    text: str
    message: str


@dataclass(frozen=True, slots=True)
class InventoryFile:
    """`rows` are the good lines; they count only when no line is wrong. `error_count` counts beyond those listed."""

    rows: tuple[InventoryRow, ...]
    errors: tuple[LineError, ...] = ()
    error_count: int = 0

    @property
    def total(self) -> int:
        return len(self.rows) + self.error_count

    def with_errors(self, more: Sequence[LineError]) -> InventoryFile:
        """The same file with lines that turned out to be wrong later."""
        wrong = {error.line for error in more}
        return InventoryFile(
            tuple(row for row in self.rows if row.line not in wrong),
            tuple(sorted((*self.errors, *more), key=lambda error: error.line)[:MAX_ERRORS]),
            self.error_count + len(more))


def parse_inventory(data: bytes, place: Place) -> InventoryFile:
    """Whole file or nothing. Never raises for anything a person can upload."""
    if len(data) > MAX_BYTES:
        return _refused(_("The file is larger than %(megabytes)d MB.") % {"megabytes": MAX_BYTES // 1_000_000})
    try:
        return _rows(tabular.lines(data), place)
    except NotATable as unreadable:
        return _refused(str(unreadable))


def _refused(message: str) -> InventoryFile:
    return InventoryFile((), (LineError(0, "", message),), 1)


def _rows(lines: Iterator[tuple[int, list[str]]], place: Place) -> InventoryFile:
    rows: list[InventoryRow] = []
    errors: list[LineError] = []
    count = 0
    first_line: dict[str, int] = {}
    for index, (line, cells) in enumerate(lines):
        if index == 0 and cells[0].lower() in _HEADINGS:
            continue
        if len(rows) + count >= MAX_ROWS:
            return _refused(_("The file has more than %(rows)d rows.") % {"rows": MAX_ROWS})
        try:
            row = _row(line, cells, place)
            earlier = first_line.setdefault(row.e164, line)
            if earlier != line:
                raise ValueError(_("The number is on line %(line)d already.") % {"line": earlier})
            rows.append(row)
        except ValueError as wrong:
            count += 1
            if len(errors) < MAX_ERRORS:
                errors.append(LineError(line, ";".join(cells)[:80], str(wrong)))
    if not rows and not count:
        return _refused(_("The file has no numbers."))
    return InventoryFile(tuple(rows), tuple(errors), count)


def _row(line: int, cells: list[str], place: Place) -> InventoryRow:
    """Raises ValueError with a text for the reader."""
    if len(cells) > 3:
        raise ValueError(_("%(found)d cells; expected are number, category and region.") % {"found": len(cells)})
    number, category, region = (*cells, "", "")[:3]
    return InventoryRow(line, _number(number, place), _category(category), _region(region))


def _number(cell: str, place: Place) -> str:
    if not cell:
        raise ValueError(_("The number is empty."))
    try:
        e164 = normalise(cell, place)
    except NotANumber:
        raise ValueError(_("Not a telephone number: %(text)s.") % {"text": cell[:30]}) from None
    if not _E164.fullmatch(e164):
        raise ValueError(_("Not a full telephone number: %(text)s.") % {"text": cell[:30]})
    return e164


def _category(cell: str) -> str:
    found = _CATEGORY_WORDS.get(cell.lower())
    if found is None:
        raise ValueError(_("The category is city, toll_free or mobile, not %(text)s.") % {"text": cell[:30]})
    return found


def _region(cell: str) -> str:
    if len(cell) > REGION_LENGTH:
        raise ValueError(_("The region is longer than %(length)d characters.") % {"length": REGION_LENGTH})
    if not cell.isprintable():
        raise ValueError(_("The region contains control characters."))
    return cell
