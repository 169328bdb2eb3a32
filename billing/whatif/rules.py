"""Calls rated again, one after the other in the order of their beginnings; pure.

Package minutes and the guaranteed payment are given as the tried version has them: whole for a whole calendar month,
for a part of one the share of its days. Calls use them in the order in which they began, without the reservations that
calls in progress had. So the same version gives the same sums, unless calls that ran side by side shared a package.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.rating.prefixes import PrefixTable
from billing.tariffs.plan import Plan

MAX_DAYS = 31


@dataclass(frozen=True, slots=True)
class PastCall:
    """An answered outside call. Amounts in millionths; `paid` is what it took from the balance.

    `number`: E.164 digits, "" when there was none to rate by.
    """

    number: str
    started_at: datetime
    answered_at: datetime
    seconds: int
    paid: int
    was_rated: bool = True


@dataclass(slots=True)
class Allowance:
    """What is left of a month's package and guaranteed payment."""

    until: datetime
    package_seconds: int
    mgp: int  # millionths


def allowances(plan: Plan, first_on: date, last_on: date, zone: str, *, is_prepaid: bool) -> list[Allowance]:
    """Of every calendar month that the days touch; a guaranteed payment has only a prepaid domain [FIN-D4]."""
    found: list[Allowance] = []
    day = first_on
    while day <= last_on:
        days = monthrange(day.year, day.month)[1]
        ends = min(day.replace(day=days), last_on)
        share = (ends - day).days + 1
        minor = 10 ** (6 - plan.currency.minor_digits)
        mgp = plan.mgp.millionths() // minor if is_prepaid else 0
        until = datetime.combine(ends + timedelta(days=1), time(), ZoneInfo(zone))
        seconds = _share(plan.included_minutes * 60, share, days)
        found.append(Allowance(until, seconds, _share(mgp, share, days) * minor))
        day = ends + timedelta(days=1)
    return found


def _share(whole: int, part: int, days: int) -> int:
    """Half up."""
    return (2 * whole * part + days) // (2 * days)


@dataclass(slots=True)
class Sums:
    """Amounts in millionths."""

    calls: int = 0
    before: int = 0
    after: int = 0
    unrated_then: int = 0
    unrated: int = 0


class Trial:
    """One domain's calls by one version. `months` are used up."""

    def __init__(self, table: PrefixTable, months: list[Allowance], minor_digits: int = 2) -> None:
        self.sums = Sums()
        self._table, self._months, self._digits = table, months, minor_digits

    def take(self, calls: Iterable[PastCall]) -> None:
        """In the order of their beginnings, none after the last month's end."""
        for call in calls:
            self._take(call)

    def _take(self, call: PastCall) -> None:
        while call.started_at >= self._months[0].until:
            del self._months[0]
        month, sums = self._months[0], self.sums
        sums.calls += 1
        sums.before += call.paid
        sums.unrated_then += not call.was_rated
        charge = self._table.rate(call.number, call.answered_at, call.seconds, minor_digits=self._digits,
                                  package_seconds=month.package_seconds) if call.number else None
        if charge is None:
            sums.unrated += 1
            return
        month.package_seconds -= charge.package_seconds
        covered = min(charge.posted, month.mgp)
        month.mgp -= covered
        sums.after += charge.posted - covered
