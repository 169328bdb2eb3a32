"""What is to happen in a run, drawn from a seed, and what it must come to in the end: no database in here."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from typing import Any

from billing.rating.bands import TimeBand
from billing.rating.rules import FreeMode, PriceStep, RateRow
from tests.property.billing import oracle

ZONE = "Europe/Moscow"
DOMAINS = ("holds", "bank", "package", "guaranteed", "card", "automatic", "promised")
WITH_HOLDS = {"holds", "bank", "card", "automatic", "promised"}  # what a hold reserves of a package depends on chance
OPENING = Decimal(2_000_000)  # so that no block comes between: fees of blocked days depend on the order
PACKAGE_SECONDS, GUARANTEED, PROMISED = 20_000, Decimal("77.77"), Decimal("150.00")
MONTHLY, USERS = Decimal("123.45"), 3
PREFIXES = ("7", "74", "7495", "7812", "49", "4930", "1")
COPIES = 3


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """`charged`: outgoing and answered. Times have microseconds, as the exchange writes them."""

    domain: str
    uniqueid: str
    number: str
    answered_at: datetime
    talk_ms: int
    charged: bool

    @property
    def seconds(self) -> int:
        """To the nearest second, and one at least."""
        return max(floor(Fraction(self.talk_ms, 1000) + Fraction(1, 2)), 1)


def rows(rng: random.Random) -> list[RateRow]:
    """A tariff of nested prefixes with bands, steps, free seconds and every kind of increment."""
    made = []
    for prefix in PREFIXES:
        made.append(_row(rng, prefix, None, len(made) + 1))
        for _band in range(rng.randrange(3)):
            start = rng.randrange(0, 1380)
            band = TimeBand(start, rng.randrange(start + 1, 1441), frozenset(rng.sample(range(7), rng.randint(1, 7))))
            made.append(_row(rng, prefix, band, len(made) + 1))
    return made


def _row(rng: random.Random, prefix: str, band: TimeBand | None, number: int) -> RateRow:
    starts = sorted(rng.sample(range(1, 400), rng.randrange(3)))
    return RateRow(
        prefix, rng.randrange(1, 9_000_000), rng.choice((1, 30, 60, 60)), rng.choice((0, 0, 333_333)),
        rng.choice((1, 6, 30, 60)), rng.choice((1, 6, 60)), rng.choice((0, 0, 1_999_999)), rng.choice((0, 0, 3, 20)),
        rng.choice(list(FreeMode)), tuple(PriceStep(second, rng.randrange(9_000_000)) for second in starts),
        rng.random() < 0.7, band, number if band else 0, row_id=number)


def columns(row: RateRow) -> dict[str, Any]:
    """The row as `tariff_rate` has it; no two bands have one weight, so ids decide nothing."""
    band = row.band
    return {
        "prefix": row.prefix, "price": _money(row.price), "unit_seconds": row.unit_seconds,
        "connection_fee": _money(row.connection_fee), "first_increment": row.first_increment,
        "next_increment": row.next_increment, "minimum_charge": _money(row.minimum_charge),
        "free_seconds": row.free_seconds, "free_mode": row.free_mode.value, "weight": row.weight,
        "package_applies": row.package_applies,
        "steps": " ".join(f"{step.from_second}:{_money(step.price)}" for step in row.steps),
        "weekdays": "".join(str(day + 1) for day in sorted(band.weekdays)) if band else None,
        "start_minute": band.start_minute if band else 0, "end_minute": band.end_minute if band else 1440}


def _money(millionths: int) -> str:
    return f"{millionths // 1_000_000}.{millionths % 1_000_000:06}"


def calls(rng: random.Random, count: int, now: datetime) -> list[PlannedCall]:
    """Of the last two days; most cost something, some were never answered, some have no rate."""
    made = []
    for number in range(count):
        answered = now - timedelta(microseconds=rng.randrange(10**9, 2 * 86_400 * 10**6))
        prefix = rng.choice((*PREFIXES, "88"))
        made.append(PlannedCall(
            rng.choice(DOMAINS), f"{int(answered.timestamp())}.{number}", f"{prefix}{rng.randrange(10**8, 10**9)}",
            answered, rng.choice((rng.randrange(1, 5_000), rng.randrange(1, 600_000))), rng.random() < 0.9))
    return made


def cost(table: Sequence[RateRow], call: PlannedCall, package: int = 0) -> tuple[Decimal, int]:
    """(posted, seconds taken from the package) by the slow oracle; 0 where no rate is."""
    found = oracle.exact_total(table, call.number, call.answered_at, call.seconds, ZONE, package)
    if not call.charged or found is None:
        return Decimal(0), 0
    total = oracle.posted(found[0])
    return Decimal(total.numerator) / total.denominator, found[1]


def fees(days: Iterable[date]) -> Decimal:
    """Each day's part of the monthly fee, rounded for each user."""
    total = Decimal(0)
    for day in days:
        length = (date(day.year + day.month // 12, day.month % 12 + 1, 1) - date(day.year, day.month, 1)).days
        total += (MONTHLY / length).quantize(Decimal("0.01"), ROUND_HALF_UP) * USERS
    return total
