"""Time bands of tariff rows, in the tariff's time zone [FIN-57]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

DAY_MINUTES = 1440
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class TimeBand:
    """Minutes of the day [start, end) with 1440 = 24:00, weekdays (0 = Monday), dates (both counted).

    Raises:
        ValueError: no weekday, or the band would cross midnight.
    """

    start_minute: int = 0
    end_minute: int = DAY_MINUTES
    weekdays: frozenset[int] = EVERY_DAY
    first_on: date | None = None
    last_on: date | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.start_minute < self.end_minute <= DAY_MINUTES:
            raise ValueError("a band begins before it ends, within one day")
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError("weekdays are 0 to 6, at least one")
        if self.first_on and self.last_on and self.last_on < self.first_on:
            raise ValueError("the last date precedes the first")

    def covers(self, local: datetime) -> bool:
        """`local` is wall-clock time in the tariff's zone."""
        minute = local.hour * 60 + local.minute
        if not self.start_minute <= minute < self.end_minute or local.weekday() not in self.weekdays:
            return False
        if self.first_on is None and self.last_on is None:
            return True
        day = local.date()
        return (self.first_on or day) <= day <= (self.last_on or day)
