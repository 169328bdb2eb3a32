"""What stands in a cell of a report, and how it is written [RPT-07, RPT-08]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from app.kernel.i18n import zone
from tenants.reports.measures import average, percent

ABSENT = "--"


@dataclass(frozen=True, slots=True)
class Percent:
    """A whole percentage."""

    value: int | Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """`3 (21.4%)`: a count with its share of the whole; below one another where `is_stacked`."""

    count: int
    whole: int
    is_stacked: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A time with its share of the whole below."""

    time: timedelta
    whole: timedelta


Cell = int | str | timedelta | datetime | Percent | Share | Part | None


@dataclass(frozen=True, slots=True)
class Head:
    """Heading of a column, or of those `under` it."""

    label: str
    under: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A report as it is shown. `following`: where further rows begin, "" when these are all."""

    heads: tuple[Head, ...]
    rows: Sequence[tuple[Cell, ...]]
    total: tuple[Cell, ...] | None = None
    following: str = ""

    @property
    def has_blocks(self) -> bool:
        return any(head.under for head in self.heads)

    def portion(self, after: str, size: int) -> Table:
        """At most `size` rows after the first `after` ones; the total comes with the last of them."""
        start = int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0
        end = start + size
        if end >= len(self.rows):
            return replace(self, rows=self.rows[start:])
        return replace(self, rows=self.rows[start:end], total=None, following=str(end))

    @property
    def labels(self) -> list[str]:
        """One per column."""
        return [f"{head.label}: {under}" if under else head.label for head in self.heads
                for under in head.under or ("",)]


def hms(length: timedelta) -> str:
    """`HH:MM:SS`, half-up to a second; hours may be many."""
    seconds = average(length, 1) // timedelta(seconds=1)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def trimmed(value: Decimal) -> str:
    """Without zeros at the end: 21.4, 100, 0.03."""
    text = f"{value:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def lines(cell: Cell) -> tuple[str, ...]:
    """The text of a cell; some have two lines."""
    match cell:
        case None:
            return (ABSENT,)
        case timedelta():
            return (hms(cell),)
        case datetime():
            return (cell.astimezone(zone()).strftime("%d.%m.%Y %H:%M:%S"),)
        case Percent(value):
            return (f"{value}%",)
        case Share(count, whole, True):
            return (str(count), trimmed(percent(count, whole, 1)))
        case Share(count, whole):
            return (f"{count} ({trimmed(percent(count, whole, 1))})",)
        case Part(time, whole):
            unit = timedelta(microseconds=1)
            return (hms(time), trimmed(percent(time // unit, whole // unit, 2)))
        case _:
            return (str(cell),)


def is_number(cell: Cell) -> bool:
    """Right-aligned."""
    return not isinstance(cell, str)
