"""Periods of reports and how they are split: slots of the day, days, hours [RPT-03, RPT-04, RPT-31, RPT-44]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from app.kernel.i18n import _, lazy

LONGEST_DAYS = 366
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PRESETS = ((1, lazy("For today")), (7, lazy("For 7 days")), (30, lazy("For 30 days")), (45, lazy("For 45 days")))
DEFAULT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Period:
    """From midnight of the first day to midnight after the last one, in the domain's zone.

    `end` is not after `now`, a whole second; a period that lies in the future is empty.
    """

    first: date
    last: date
    zone: str
    now: datetime

    @property
    def start(self) -> datetime:
        return min(_midnight(self.first, self.zone), self.end)

    @property
    def end(self) -> datetime:
        return min(_midnight(self.last + DAY, self.zone), self.now)

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def _midnight(day: date, zone: str) -> datetime:
    """UTC, so that differences are true where clocks change."""
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)


def problem(first: date, last: date) -> str:
    """What is wrong with a period, for the reader; "" for nothing."""
    if first > last:
        return _("The period ends before it begins.")
    if (last - first).days + 1 > LONGEST_DAYS:
        return _("A period may be 366 days at most.")
    return "" if first.year >= 2000 and last.year < 2100 else _("Enter a date.")


def last_days(days: int, today: date) -> tuple[date, date]:
    """The last N calendar days, today included."""
    return today - (days - 1) * DAY, today


def borders(period: Period, *, hourly: bool) -> list[datetime]:
    """Where intervals begin, and the end of the last one; the last is cut at the end of the period [RPT-44].

    A day is one of the calendar; hours are counted from the start of the period.
    """
    found = [period.start]
    while found[-1] < period.end:
        following = found[-1] + HOUR if hourly else _midnight(
            found[-1].astimezone(ZoneInfo(period.zone)).date() + DAY, period.zone)
        found.append(min(following, period.end))
    return found


def slot_text(number: int, minutes: int) -> str:
    """`00:15:00 – 00:30:00`; the last ends at 24:00:00."""
    begin, end = number * minutes, (number + 1) * minutes
    return f"{begin // 60:02}:{begin % 60:02}:00 – {end // 60:02}:{end % 60:02}:00"
