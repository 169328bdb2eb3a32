"""Destination rates from a CSV file: all rows, or the list of what is wrong with it.

Header names in any order: prefix, destination, price are needed; the others have the defaults of a
rate row; decimals with "." or ",".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from app.kernel import tabular
from app.kernel.i18n import _
from app.kernel.tabular import NotATable
from billing.rating.rules import FreeMode, RateRow

COLUMNS = ("prefix", "destination", "price", "unit_seconds", "connection_fee", "first_increment",
           "next_increment", "minimum_charge", "free_seconds", "free_mode")
REQUIRED = COLUMNS[:3]
MAX_ROWS = 200_000
MAX_BYTES = 40_000_000
MAX_ERRORS = 100  # enough to mend a file by; the rest is only counted
DESTINATION_LENGTH = 100
LONGEST_SECONDS = 86_400

_MONEY = re.compile(r"(-?)([0-9]{1,6})(?:[.,]([0-9]{1,20}))?")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_COUNTRY_CODES = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
_CODE_BEGINNINGS = frozenset(code[:n] for code in _COUNTRY_CODES for n in range(1, len(code) + 1))


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with one line, in the reader's language; line 0 = the file as a whole."""

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class RatesFile:
    """Either `rows` or `errors` is empty; `error_count` counts beyond those listed."""

    rows: tuple[RateRow, ...]
    errors: tuple[LineError, ...] = ()
    error_count: int = 0


class _Wrong(ValueError):
    pass


def parse_rates(data: bytes) -> RatesFile:
    """Whole file or nothing. Never raises for anything a person can upload."""
    if len(data) > MAX_BYTES:
        return _refused(_("The file is larger than %(size)d MB.") % {"size": MAX_BYTES // 1_000_000})
    lines = tabular.lines(data)
    try:
        header = next(lines, (1, []))[1]
        names = [cell.lower() for cell in header]
        if wrong := _header_error(names):
            return RatesFile((), (LineError(1, "", wrong),), 1)
        return _rows(names, lines)
    except NotATable as unreadable:
        return _refused(str(unreadable))


def _refused(message: str) -> RatesFile:
    return RatesFile((), (LineError(0, "", message),), 1)


def _header_error(names: list[str]) -> str | None:
    if missing := [name for name in REQUIRED if name not in names]:
        return _("The first line must name the columns; missing: %(names)s.") % {"names": ", ".join(missing)}
    if unknown := [name for name in names if name not in COLUMNS]:
        return _("Unknown columns: %(names)s.") % {"names": ", ".join(n[:30] or "?" for n in unknown[:10])}
    if len(set(names)) < len(names):
        return _("A column is named twice.")
    return None


def _rows(names: list[str], lines: Iterator[tuple[int, list[str]]]) -> RatesFile:
    rows: list[RateRow] = []
    errors: list[LineError] = []
    count = 0
    first_line: dict[str, int] = {}
    for number, (line, cells) in enumerate(lines, 1):
        if number > MAX_ROWS:
            return _refused(_("The file has more than %(rows)d rows.") % {"rows": MAX_ROWS})
        row, wrong = _row(names, cells)
        if row is not None:
            earlier = first_line.setdefault(row.prefix, line)
            if earlier != line:
                wrong = [("prefix", _("Prefix %(prefix)s is on line %(line)d already.")
                          % {"prefix": row.prefix, "line": earlier})]
            rows.append(row)
        count += len(wrong)
        errors += [LineError(line, *found) for found in wrong[: MAX_ERRORS - len(errors)]]
    if not rows and not count:
        return _refused(_("The file has no rates."))
    return RatesFile((), tuple(errors), count) if count else RatesFile(tuple(rows))


def _row(names: list[str], cells: list[str]) -> tuple[RateRow | None, list[tuple[str, str]]]:
    if len(cells) != len(names):
        return None, [("", _("%(found)d cells instead of %(expected)d.")
                       % {"found": len(cells), "expected": len(names)})]
    values: dict[str, object] = {}
    wrong: list[tuple[str, str]] = []
    for name, cell in zip(names, cells, strict=True):
        if not cell and name not in REQUIRED:
            continue
        try:
            values[name] = _READ[name](cell)
        except _Wrong as error:
            wrong.append((name, str(error)))
    if wrong:
        return None, wrong
    return RateRow(**values), []  # type: ignore[arg-type]


def _prefix(cell: str) -> str:
    digits = cell.removeprefix("+")
    if not digits:
        raise _Wrong(_("The prefix is empty."))
    if not (digits.isascii() and digits.isdigit()):
        raise _Wrong(_("The prefix may contain digits only: %(text)s.") % {"text": cell[:30]})
    if len(digits) > 15:
        raise _Wrong(_("The prefix is longer than 15 digits."))
    known = digits in _CODE_BEGINNINGS or any(digits[:n] in _COUNTRY_CODES for n in (1, 2, 3))
    if not known:
        raise _Wrong(_("No country's numbers begin with %(prefix)s.") % {"prefix": digits})
    return digits


@lru_cache(maxsize=4096)
def _destination(cell: str) -> str:
    if not cell:
        raise _Wrong(_("The destination is empty."))
    if len(cell) > DESTINATION_LENGTH:
        raise _Wrong(_("The destination is longer than %(length)d characters.")
                     % {"length": DESTINATION_LENGTH})
    if not cell.isprintable():
        raise _Wrong(_("The destination contains control characters."))
    return cell


@lru_cache(maxsize=4096)  # a file repeats its prices and names; errors are not kept
def _money(cell: str) -> int:
    """Millionths."""
    found = _MONEY.fullmatch(cell.replace(" ", "").replace("\u00a0", "").replace("\u202f", ""))
    if not found:
        raise _Wrong(_("Not an amount below 1,000,000: %(text)s.") % {"text": cell[:30] or "—"})
    sign, whole, part = found[1], found[2], (found[3] or "").rstrip("0")
    if len(part) > 6:
        raise _Wrong(_("More than 6 decimals: %(text)s.") % {"text": cell[:30]})
    amount = int(whole) * 1_000_000 + int(part.ljust(6, "0"))
    if sign and amount:
        raise _Wrong(_("Negative: %(text)s.") % {"text": cell[:30]})
    return amount


@lru_cache(maxsize=4096)
def _seconds(cell: str, least: int) -> int:
    if not _WHOLE.fullmatch(cell):
        raise _Wrong(_("Not a whole number of seconds: %(text)s.") % {"text": cell[:30]})
    if not least <= int(cell) <= LONGEST_SECONDS:
        raise _Wrong(_("Must be from %(least)d to %(most)d seconds: %(text)s.")
                     % {"least": least, "most": LONGEST_SECONDS, "text": cell[:30]})
    return int(cell)


def _free_mode(cell: str) -> FreeMode:
    try:
        return FreeMode(cell.lower())
    except ValueError:
        raise _Wrong(_("The mode of free seconds is threshold or included, not %(text)s.")
                     % {"text": cell[:30]}) from None


_READ = {
    "prefix": _prefix, "destination": _destination, "free_mode": _free_mode,
    "price": _money, "connection_fee": _money, "minimum_charge": _money,
    "unit_seconds": lambda cell: _seconds(cell, 1), "first_increment": lambda cell: _seconds(cell, 1),
    "next_increment": lambda cell: _seconds(cell, 1), "free_seconds": lambda cell: _seconds(cell, 0),
}
