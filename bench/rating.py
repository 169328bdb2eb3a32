"""The pure rating kernel: longest prefix, increments, one rounded amount."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from billing.rating.prefixes import PrefixTable
from billing.rating.rules import RateRow


@dataclass(frozen=True, slots=True)
class RatingFigures:
    calls: int
    prefixes: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


def measure_rating(*, calls: int = 200_000, prefixes: int = 20_000) -> RatingFigures:
    """Numbers spread over the table; calls of 5 to 404 seconds, 60/60 increments."""
    rows = [RateRow(str(10_000 + n * 4), 1_500_000 + n) for n in range(prefixes)] + [RateRow("7", 1_500_000)]
    table = PrefixTable(rows)
    answered = datetime(2026, 1, 15, 12, tzinfo=UTC)
    numbers = [f"{10_000 + n * 4 % 80_000}123456" for n in range(1000)]
    began = time.perf_counter()
    for n in range(calls):
        table.rate(numbers[n % 1000], answered, 5 + n % 400)
    return RatingFigures(calls, prefixes, time.perf_counter() - began)
