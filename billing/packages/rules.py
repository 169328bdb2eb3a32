"""How much of a package a call may use, and how much a month begins with; pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from app.kernel.money import Money
from billing.holds.rules import SHARES, SLICE_SECONDS, SMALLEST_SLICE_SECONDS
from billing.rating.rules import CallPrice

_ROUNDED = Decimal("0.01")  # each payment was rounded: less than this is no difference


@dataclass(frozen=True, slots=True)
class Package:
    """What is left of a month's minutes; of another month nothing is."""

    seconds: int = 0
    since: datetime | None = None
    until: datetime | None = None

    def covers(self, moment: datetime) -> bool:
        return self.since is not None and self.until is not None and self.since <= moment < self.until

    def left(self, moment: datetime) -> int:
        return self.seconds if self.covers(moment) else 0


def month_seconds(minutes: int, first_day: date) -> int:
    """Of a month's minutes those for the days from `first_day` (counted) on, half-up to whole seconds."""
    days = monthrange(first_day.year, first_day.month)[1]
    return (2 * minutes * 60 * (days - first_day.day + 1) + days) // (2 * days)


def lacking(monthly: Money, paid: Sequence[tuple[date, Money]], day: date) -> Money:
    """What the days from `day` (counted) to the month's end still lack of a guaranteed payment, unrounded; zero when
    nothing does. A day for which more is paid makes up for no other.

    Args:
        paid: (first day, amount) of what was paid in this month, each to the month's end.
    """
    days = monthrange(day.year, day.month)[1]
    shares = [(since.day, Fraction(amount.amount) / (days - since.day + 1)) for since, amount in paid]
    whole = Fraction(monthly.amount) / days
    lack = sum((max(whole - sum(share for first, share in shares if first <= number), 0)
                for number in range(day.day, days + 1)), Fraction())
    if lack < Fraction(_ROUNDED) * len(paid):
        return Money.zero(monthly.currency)
    return Money(Decimal(lack.numerator) / lack.denominator, monthly.currency)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def offer(price: CallPrice, free: int, own: int, parallel: int) -> CallPrice:
    """The price with as much of the package as this call may reserve now.

    Like money it is given by slices, so that the other calls find some; the last increment it covers is given whole.

    Args:
        free: seconds that no call has reserved.
        own: what this call has reserved before.
        parallel: other calls that hold something.
    """
    if not price.row.package_applies or (not free and not own):
        return price
    rows = (price.row, *(row for _second, row in price.later))
    longest = max(price.row.first_increment, *(row.next_increment for row in rows))
    least = max(SMALLEST_SLICE_SECONDS, longest if own else price.entry_seconds + longest)
    share = min(SLICE_SECONDS, free // max(SHARES, parallel + 1))
    return replace(price, package_seconds=own + min(free, max(share, least)))
