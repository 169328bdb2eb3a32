"""States of operators within a period: one after another, by shifts, in sum [RPT-35, RPT-61, RPT-63]."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tenants.reports.measures import NOTHING, Sums

OFFLINE = "offline"
NO_CALLS = Sums()
# In the order of the summary [RPT-62].
ALL = ("waiting", "ringing", "incoming", "outgoing", "wrap_up", "break", "away", "campaign", OFFLINE)


@dataclass(frozen=True, slots=True)
class Interval:
    """`end` None: it is still so."""

    state: str
    start: datetime
    end: datetime | None

    @property
    def length(self) -> timedelta:
        assert self.end is not None
        return self.end - self.start


def within(intervals: Iterable[Interval], start: datetime, end: datetime) -> list[Interval]:
    """In order of time, cut at the borders of the period and to whole seconds; equal neighbours are one [RPT-36]."""
    found: list[Interval] = []
    for one in intervals:
        begun, ended = max(_second(one.start), start), min(_second(one.end) if one.end else end, end)
        if begun > ended or begun >= end or ended <= start:
            continue
        if found and found[-1].state == one.state and found[-1].end == begun:
            found[-1] = replace(found[-1], end=ended)
        elif one.start != one.end:
            found.append(Interval(one.state, begun, ended))
    return found


def _second(moment: datetime) -> datetime:
    """As it is shown: what is read of a report adds up."""
    return moment.replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Shift:
    """One session from sign-in to sign-out, or as much of it as lies in the period. `sums`: of its offers."""

    start: datetime
    end: datetime
    times: Mapping[str, timedelta]
    sums: Sums = NO_CALLS

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def time(self, state: str) -> timedelta:
        return self.times.get(state, NOTHING)


@dataclass(frozen=True, slots=True)
class Offered:
    """A call offered to an operator that was picked up or missed."""

    at: datetime
    sums: Sums


def with_offers(shifts: Iterable[Shift], offers: Iterable[Offered]) -> list[Shift]:
    """A call belongs to the shift in which it was offered. `shifts` do not overlap."""
    found = sorted((one for one in shifts if one.start < one.end), key=lambda one: one.start)
    starts = [one.start for one in found]
    sums: dict[int, Sums] = {}
    for offer in offers:
        index = bisect_right(starts, offer.at) - 1
        if index >= 0 and _second(offer.at) <= found[index].end:
            sums[index] = sums.get(index, Sums()) + offer.sums
    return [replace(one, sums=sums.get(index, Sums())) for index, one in enumerate(found)]
