"""Price of one call [FIN-57…62]: integer millionths in, one rounded amount and its explanation out.

Amounts are integer millionths of the currency's major unit. A price per unit need not divide evenly
by its seconds, so the exact total is a fraction (numerator, denominator), rounded once, half-up, to
`Charge.posted`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from app.kernel.money import Currency, Money
from billing.rating.bands import TimeBand

CALL_CAP_SECONDS = 86_400  # no call is authorised for longer in one go


class FreeMode(Enum):
    """What `free_seconds` means [FIN-58]."""

    THRESHOLD = "threshold"  # up to that long costs nothing, longer is charged from the first second
    INCLUDED = "included"  # those seconds are not charged; the increments begin after them


class PriceStep(NamedTuple):
    """From this second of talk on (counted from answer) another price per unit."""

    from_second: int
    price: int


class Piece(NamedTuple):
    """A stretch of talk with one price: from this second until the next piece."""

    from_second: int
    price: int
    unit_seconds: int
    next_increment: int
    row_id: int


@dataclass(frozen=True, slots=True)
class RateRow:
    """One line of a tariff version. Money in millionths, times in seconds."""

    prefix: str
    price: int
    unit_seconds: int = 60
    connection_fee: int = 0
    first_increment: int = 60
    next_increment: int = 60
    minimum_charge: int = 0
    free_seconds: int = 0
    free_mode: FreeMode = FreeMode.THRESHOLD
    steps: tuple[PriceStep, ...] = ()
    package_applies: bool = False
    band: TimeBand | None = None
    weight: int = 0
    destination: str = ""
    row_id: int = 0
    version_id: int = 0
    pieces: tuple[Piece, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if min(self.unit_seconds, self.first_increment, self.next_increment) < 1:
            raise ValueError("units and increments are at least one second")
        if min(self.price, self.connection_fee, self.minimum_charge, self.free_seconds) < 0:
            raise ValueError("prices and free seconds are not negative")
        pieces = [Piece(0, self.price, self.unit_seconds, self.next_increment, self.row_id)]
        for second, price in self.steps:
            if second <= pieces[-1].from_second or price < 0:
                raise ValueError("price steps rise by second and are not negative")
            pieces.append(Piece(second, price, self.unit_seconds, self.next_increment, self.row_id))
        object.__setattr__(self, "pieces", tuple(pieces))


Later = tuple[tuple[int, RateRow], ...]
"""Rows that take over during the call: (second of talk, row), rising."""


class ChargeLine(NamedTuple):
    """`count` increments of `seconds` each, the first beginning at `at_second` of the talk."""

    at_second: int
    count: int
    seconds: int
    price: int
    unit_seconds: int
    row_id: int
    from_package: bool


_new = tuple.__new__  # a third of the time of ChargeLine(…), which is a Python function


@dataclass(slots=True)  # not frozen: built 100,000 times a second; treat as a value
class Charge:
    """What a call costs and why [FIN-62]."""

    version_id: int
    row_id: int
    prefix: str
    answered_seconds: int
    free_seconds: int
    connection_fee: int
    lines: list[ChargeLine]
    package_seconds: int
    minimum_applied: bool
    numerator: int
    denominator: int
    posted: int

    @property
    def exact(self) -> Fraction:
        """Unrounded total in millionths."""
        return Fraction(self.numerator, self.denominator)

    def money(self, currency: Currency) -> Money:
        """The amount to post (positive), already rounded to the minor unit."""
        return Money.from_millionths(self.posted, currency)

    def explain(self) -> dict[str, object]:
        """Plain values for storage beside the call; the amounts stay integers."""
        return {
            "version": self.version_id, "row": self.row_id, "prefix": self.prefix,
            "seconds": self.answered_seconds, "free_seconds": self.free_seconds,
            "connection_fee": self.connection_fee, "package_seconds": self.package_seconds,
            "minimum_applied": self.minimum_applied, "exact": [self.numerator, self.denominator],
            "posted": self.posted, "lines": [list(line) for line in self.lines],
        }


def billed_seconds(talk_ms: int) -> int:
    """Whole seconds of a talk, to the nearest; a talk that took place at all has one at least.

    This is the only place that turns a measured time into billed seconds. Signalling and timers are some
    milliseconds early or late; counted upwards, a minute of talk would cost two, and counted downwards a call
    that was cut at its limit would be billed a second short.
    """
    return max((talk_ms + 500) // 1000, 1) if talk_ms > 0 else 0


def rate_call(
    row: RateRow, answered_seconds: int, *, later: Later = (), package_seconds: int = 0,
    minor_digits: int = 2,
) -> Charge:
    """Charge for `answered_seconds` of talk that began under `row` [FIN-59…61].

    `package_seconds` is what the domain's minute package still holds. Included free seconds come
    first and the first increment begins after them; its length, like connection fee, minimum, free
    seconds and package flag, is that of `row` even when another row is in force by then.
    """
    free = min(row.free_seconds, answered_seconds)
    start = 0
    if free and row.free_mode is FreeMode.THRESHOLD:
        if answered_seconds > free:
            free = 0
    else:
        start = free
    if answered_seconds <= 0 or (free and not start):
        return Charge(row.version_id, row.row_id, row.prefix, max(answered_seconds, 0), free, 0, [], 0,
                      False, 0, 1, 0)
    package = package_seconds if row.package_applies else 0
    if package or later or len(row.pieces) > 1 or start >= answered_seconds:
        lines = _increments(row, start, answered_seconds, later, package)
        numerator, denominator, packed, paid = _sum(row.connection_fee, lines)
    else:
        lines = _plain_increments(row, start, answered_seconds)
        charged = sum([line[1] * line[2] for line in lines])
        denominator = row.unit_seconds
        numerator, packed, paid = row.connection_fee * denominator + row.price * charged, 0, True
    minimum_applied = paid and numerator < row.minimum_charge * denominator
    if minimum_applied:
        numerator, denominator = row.minimum_charge, 1
    posted = _half_up(numerator, denominator, minor_digits)
    return Charge(row.version_id, row.row_id, row.prefix, answered_seconds, free, row.connection_fee, lines,
                  packed, minimum_applied, numerator, denominator, posted)


def _sum(connection_fee: int, lines: list[ChargeLine]) -> tuple[int, int, int, bool]:
    """(numerator, denominator, seconds out of the package, whether any second is paid)."""
    numerator, denominator, packed, paid = connection_fee, 1, 0, False
    for _, count, seconds, price, unit, _, from_package in lines:
        if from_package:
            packed += count * seconds
            continue
        paid = True
        if unit != denominator:
            common = lcm(unit, denominator)
            numerator *= common // denominator
            price *= common // unit
            denominator = common
        numerator += price * count * seconds
    return numerator, denominator, packed, paid


def _half_up(numerator: int, denominator: int, minor_digits: int) -> int:
    step = 10 ** (6 - minor_digits)
    whole = denominator * step
    return (2 * numerator + whole) // (2 * whole) * step


def _plain_increments(row: RateRow, start: int, end: int) -> list[ChargeLine]:
    """The usual case of `_increments`, all at one price: half the time of a call's rating."""
    first, price, unit, row_id = row.first_increment, row.price, row.unit_seconds, row.row_id
    lines = [_new(ChargeLine, (start, 1, first, price, unit, row_id, False))]
    start += first
    if start < end:
        count = -((start - end) // row.next_increment)
        lines.append(_new(ChargeLine, (start, count, row.next_increment, price, unit, row_id, False)))
    return lines


def _increments(row: RateRow, start: int, end: int, later: Later, package: int) -> list[ChargeLine]:
    """Increments that begin in [start, end), those of one price and length together.

    The package pays whole increments from the start; the first it cannot pay ends it [FIN-60].
    """
    pieces = _course(row, later) if later else row.pieces
    lines: list[ChargeLine] = []
    at, index, last = start, 0, len(pieces) - 1
    first = True
    while at < end:
        while index < last and pieces[index + 1].from_second <= at:
            index += 1
        _, price, unit, length, row_id = pieces[index]
        if first:
            first, length, count = False, row.first_increment, 1
        else:
            border = end if index == last else min(end, pieces[index + 1].from_second)
            count = -(-(border - at) // length)
        if package:
            covered = min(count, package // length)
            if covered:
                lines.append(_new(ChargeLine, (at, covered, length, price, unit, row_id, True)))
                at += covered * length
                count -= covered
            package = 0 if count else package - covered * length
        if count:
            lines.append(_new(ChargeLine, (at, count, length, price, unit, row_id, False)))
            at += count * length
    return lines


def _course(row: RateRow, later: Later) -> list[Piece]:
    """Prices over the whole call: the rows one after the other, each with its own steps."""
    spans = [(0, row), *later]
    ends = [second for second, _ in later]
    pieces: list[Piece] = []
    for number, (begins, current) in enumerate(spans):
        until = ends[number] if number < len(ends) else None
        for piece, following in zip(current.pieces, (*current.pieces[1:], None), strict=True):
            replaced = following is not None and following.from_second <= begins
            if not replaced and (until is None or piece.from_second < until):
                pieces.append(piece._replace(from_second=max(begins, piece.from_second)))
    return pieces


def affordable_seconds(
    row: RateRow, available: int, *, later: Later = (), package_seconds: int = 0, minor_digits: int = 2,
    cap: int = CALL_CAP_SECONDS,
) -> int:
    """Greatest whole number of seconds, at most `cap`, whose posted charge is <= `available` millionths.

    The charge never falls as the talk grows, so bisection over `rate_call` is its exact inverse.
    """
    def costs(seconds: int) -> int:
        return rate_call(row, seconds, later=later, package_seconds=package_seconds,
                         minor_digits=minor_digits).posted

    if available < 0:
        return 0
    if costs(cap) <= available:
        return cap
    fits, exceeds = 0, cap
    while exceeds - fits > 1:
        middle = (fits + exceeds) // 2
        if costs(middle) <= available:
            fits = middle
        else:
            exceeds = middle
    return fits


@dataclass(frozen=True, slots=True)
class CallPrice:
    """The price of one call as a function of its length: what a hold reckons with."""

    row: RateRow
    later: Later = ()
    package_seconds: int = 0
    minor_digits: int = 2

    def charge(self, seconds: int) -> Charge:
        return rate_call(self.row, seconds, later=self.later, package_seconds=self.package_seconds,
                         minor_digits=self.minor_digits)

    def amount(self, seconds: int) -> int:
        """Posted amount in millionths."""
        return self.charge(seconds).posted

    def seconds(self, amount: int, cap: int = CALL_CAP_SECONDS) -> int:
        """Inverse of `amount`: the longest talk that costs no more."""
        return affordable_seconds(self.row, amount, later=self.later, package_seconds=self.package_seconds,
                                  minor_digits=self.minor_digits, cap=cap)

    @property
    def entry_seconds(self) -> int:
        """Talk that must be payable before the call is let through: the first increment, free time past."""
        row = self.row
        if row.free_mode is FreeMode.THRESHOLD:
            return max(row.first_increment, row.free_seconds + 1)
        return row.free_seconds + row.first_increment
