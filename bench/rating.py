"""The pure rating kernel: longest prefix, time bands, steps, package, increments, one rounded amount."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from billing.rating.bands import TimeBand
from billing.rating.prefixes import PrefixTable
from billing.rating.rules import PriceStep, RateRow

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
EVENING = TimeBand(20 * 60, 24 * 60)
WEEKEND = TimeBand(weekdays=frozenset({5, 6}))


@dataclass(frozen=True, slots=True)
class RatingFigures:
    calls: int
    prefixes: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


def measure_rating(*, calls: int = 200_000, prefixes: int = 20_000) -> RatingFigures:
    """Numbers spread over the table; calls of 5 to 404 seconds, one row a prefix, 60/60 increments."""
    rows = [RateRow(prefix, 1_500_000 + n) for n, prefix in enumerate(_prefixes(prefixes))]
    return _measured(PrefixTable([*rows, RateRow("7", 1_500_000)]), calls, prefixes, [0])


def measure_rich(*, calls: int = 200_000, prefixes: int = 20_000) -> RatingFigures:
    """The same with three rows a prefix (evening, weekend, else), a price step at two minutes, 30/6 increments,
    a connection fee, and a minute package that pays half of every second call."""
    rows = [row for n, prefix in enumerate(_prefixes(prefixes)) for row in _rich(prefix, n)]
    return _measured(PrefixTable(rows), calls, prefixes, [0, 120])


def _rich(prefix: str, number: int) -> list[RateRow]:
    steps = (PriceStep(120, 900_000 + number),)
    return [RateRow(prefix, price + number, 60, 100_000, 30, 6, 500_000, steps=steps, package_applies=True, band=band,
                    weight=weight, row_id=3 * number + weight)
            for price, band, weight in ((1_500_000, None, 0), (1_200_000, EVENING, 1), (1_000_000, WEEKEND, 2))]


def _prefixes(count: int) -> list[str]:
    return [str(10_000 + n * 4) for n in range(count)]


def _measured(table: PrefixTable, calls: int, prefixes: int, packages: Sequence[int]) -> RatingFigures:
    numbers = [f"{10_000 + n * 4 % 80_000}123456" for n in range(1000)]
    moments = [MONDAY + timedelta(seconds=601 * n) for n in range(1009)]  # a week, evenings and nights in it
    asked = list(zip(itertools.islice(itertools.cycle(numbers), calls), itertools.cycle(moments),
                     itertools.cycle(range(5, 405)), itertools.cycle(packages), strict=False))
    began = time.perf_counter()
    for number, answered, seconds, package in asked:
        table.rate(number, answered, seconds, package_seconds=package)
    return RatingFigures(calls, prefixes, time.perf_counter() - began)
