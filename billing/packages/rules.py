"""How much of a package a call may use, and how much a month begins with; pure."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from billing.holds.rules import SHARES, SLICE_SECONDS, SMALLEST_SLICE_SECONDS
from billing.rating.rules import CallPrice


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
