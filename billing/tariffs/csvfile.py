"""Destination rates from a CSV file: all rows, or the list of what is wrong with it.

Header names in any order: prefix, destination, price are needed; the others have the defaults of a
rate row; decimals with "." or ",". A prefix may have several rows with different time bands or weights;
the one without a band is their fallback [FIN-57].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from app.kernel import tabular
from app.kernel.i18n import _
from app.kernel.tabular import NotATable
from billing.rating.bands import DAY_MINUTES, EVERY_DAY, TimeBand
from billing.rating.rules import FreeMode, PriceStep, RateRow

COLUMNS = ("prefix", "destination", "price", "unit_seconds", "connection_fee", "first_increment",
           "next_increment", "minimum_charge", "free_seconds", "free_mode", "weekdays", "time_from", "time_to",
           "date_from", "date_to", "weight", "price_steps", "package_minutes")
REQUIRED = COLUMNS[:3]
BAND = ("weekdays", "time_from", "time_to", "date_from", "date_to")
MAX_ROWS = 200_000
MAX_BYTES = 40_000_000
MAX_ERRORS = 100  # enough to mend a file by; the rest is only counted
DESTINATION_LENGTH = 100
LONGEST_SECONDS = 86_400
GREATEST_WEIGHT = 1000
MAX_STEPS = 20

_MONEY = re.compile(r"(-?)([0-9]{1,6})(?:[.,]([0-9]{1,20}))?")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_DAYS = re.compile(r"([1-7])-([1-7])|[1-7]{1,7}")
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
    first_line: dict[tuple[str, TimeBand | None, int], int] = {}
    for number, (line, cells) in enumerate(lines, 1):
        if number > MAX_ROWS:
            return _refused(_("The file has more than %(rows)d rows.") % {"rows": MAX_ROWS})
        row, wrong = _row(names, cells)
        if row is not None:
            earlier = first_line.setdefault((row.prefix, row.band, row.weight), line)
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
    if not wrong:
        try:
            return _built(values), []
        except _Wrong as error:
            wrong.append(error.args[::-1])
    return None, wrong


def _built(values: dict[str, Any]) -> RateRow:
    """Raises _Wrong(message, column): cells that are right one by one but not together."""
    given = {name: values.pop(name) for name in BAND if name in values}
    band = None
    if given:
        start, end = given.get("time_from", 0), given.get("time_to", DAY_MINUTES)
        if start >= end:
            raise _Wrong(_("A time band ends after it begins, at 24:00 at the latest."), "time_to")
        first, last = given.get("date_from"), given.get("date_to")
        if first and last and last < first:
            raise _Wrong(_("The last date is before the first."), "date_to")
        band = TimeBand(start, end, given.get("weekdays", EVERY_DAY), first, last)
    elif values.get("weight"):
        raise _Wrong(_("Only a row with a time band has a weight."), "weight")
    return RateRow(**{_FIELDS.get(name, name): value for name, value in values.items()}, band=band)


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


def _weekdays(cell: str) -> frozenset[int]:
    """`12345`, or `1-5`; 1 is Monday."""
    found = _DAYS.fullmatch(cell)
    if found and found[1]:
        days = range(int(found[1]) - 1, int(found[2]))
    else:
        days = [int(day) - 1 for day in cell] if found else []
    if not days or len(set(days)) < len(days):
        raise _Wrong(_("Weekdays are digits from 1, Monday, to 7, each once: %(text)s.") % {"text": cell[:30]})
    return frozenset(days)


def _clock(cell: str) -> int:
    """Minute of the day."""
    found = _CLOCK.fullmatch(cell)
    minute = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minute <= DAY_MINUTES:
        raise _Wrong(_("Not a time from 00:00 to 24:00: %(text)s.") % {"text": cell[:30]})
    return minute


def _date(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise _Wrong(_("Not a date like 2026-01-31: %(text)s.") % {"text": cell[:30]}) from None


def _weight(cell: str) -> int:
    if not cell.isascii() or not cell.isdigit() or len(cell) > 4 or int(cell) > GREATEST_WEIGHT:
        raise _Wrong(_("The weight is a whole number from 0 to %(most)d: %(text)s.")
                     % {"most": GREATEST_WEIGHT, "text": cell[:30]})
    return int(cell)


@lru_cache(maxsize=4096)
def _steps(cell: str) -> tuple[PriceStep, ...]:
    """`60:1.2 180:0.9`: from that second of talk on another price per unit."""
    parts = cell.split()
    if len(parts) > MAX_STEPS:
        raise _Wrong(_("More than %(most)d price steps.") % {"most": MAX_STEPS})
    steps: list[PriceStep] = []
    for part in parts:
        second, colon, price = part.partition(":")
        if not colon:
            raise _Wrong(_("A price step is seconds:price, not %(text)s.") % {"text": part[:30]})
        steps.append(PriceStep(_seconds(second, 1), _money(price)))
    if any(later.from_second <= earlier.from_second for earlier, later in pairwise(steps)):
        raise _Wrong(_("The price steps do not rise by second: %(text)s.") % {"text": cell[:30]})
    return tuple(steps)


def _flag(cell: str) -> bool:
    if cell.lower() not in ("yes", "no", "1", "0"):
        raise _Wrong(_("Yes or no is expected, not %(text)s.") % {"text": cell[:30]})
    return cell.lower() in ("yes", "1")


_FIELDS = {"price_steps": "steps", "package_minutes": "package_applies"}
_READ: dict[str, Callable[[str], Any]] = {
    "weekdays": _weekdays, "time_from": _clock, "time_to": _clock, "date_from": _date, "date_to": _date,
    "weight": _weight, "price_steps": _steps, "package_minutes": _flag,
    "prefix": _prefix, "destination": _destination, "free_mode": _free_mode,
    "price": _money, "connection_fee": _money, "minimum_charge": _money,
    "unit_seconds": lambda cell: _seconds(cell, 1), "first_increment": lambda cell: _seconds(cell, 1),
    "next_increment": lambda cell: _seconds(cell, 1), "free_seconds": lambda cell: _seconds(cell, 0),
}
