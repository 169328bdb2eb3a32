"""The period of a finance page: a quick choice, or days from … to, in the domain's time zone [FIN-48, FIN-D14]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.accounts.sums import Span

DAYS: Mapping[str, int] = {"day": 1, "week": 7, "month": 30, "half": 182, "year": 365}  # today included
DEFAULT = "day"
OLDEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, slots=True)
class Period:
    """Both days included. `quick` is "" for free days."""

    first: date
    last: date
    quick: str = ""

    @classmethod
    def asked(cls, now: datetime, zone: str, *, quick: str = "", first: str = "", last: str = "") -> Period:
        """Free days win over a quick choice; what is no date is left out; days the wrong way round are turned."""
        today = now.astimezone(ZoneInfo(zone)).date()
        begins, ends = read_day(first), read_day(last)
        if begins or ends:
            ends = ends or max(today, begins or today)
            begins = begins or OLDEST
            return cls(min(begins, ends), max(begins, ends))
        quick = quick if quick in DAYS else DEFAULT
        return cls(today - timedelta(days=DAYS[quick] - 1), today, quick)

    def span(self, zone: str) -> Span:
        """A quick choice has no end: what bears a later moment is not hidden."""
        place = ZoneInfo(zone)
        begins = datetime.combine(self.first, time(), place)
        if self.quick:
            return Span(begins)
        return Span(begins, datetime.combine(self.last + timedelta(days=1), time(), place))


def read_day(text: str) -> date | None:
    """YYYY-MM-DD of a time with telephones and computers."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if OLDEST <= day <= LATEST else None


def read_month(text: str) -> date | None:
    """YYYY-MM → its first day."""
    return read_day(f"{text}-01")
