"""The day of the manual's examples."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

DECEMBER_1 = date(2020, 12, 1)
NOON = datetime(2020, 12, 1, 12, 0, tzinfo=ZoneInfo("Europe/Moscow"))
