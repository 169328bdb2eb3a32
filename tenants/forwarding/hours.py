"""Rows of a schedule as a form sends them → periods."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.kernel.i18n import _
from tenants.forwarding.rules import DAY, Period

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAYS = re.compile(r"[1-7]{1,7}")


def read_periods(days: Sequence[str], starts: Sequence[str], ends: Sequence[str], most: int,
                 wrong: dict[str, str]) -> tuple[Period, ...]:
    """Rows of the schedule, one entry of each per period; what cannot be is told under `schedule` of `wrong`."""
    if not len(days) == len(starts) == len(ends) <= most:
        wrong["schedule"] = _("Enter at most %(n)s periods.") % {"n": most}
        return ()
    found = []
    for chosen, start, end in zip(days, starts, ends, strict=True):
        first, last = _minute(start), _minute(end)
        if not _DAYS.fullmatch(chosen):
            wrong["schedule"] = _("Choose the days of every period.")
        elif first is None or last is None:
            wrong["schedule"] = _("Enter a time like 09:30.")
        elif first >= (last or DAY):  # 00:00 as an end is the end of the day [FWD-16]
            wrong["schedule"] = _("A period cannot go over midnight: its end must be later than its start. "
                                  "Enter two periods, until 00:00 and from 00:00.")
        else:
            found.append(Period(frozenset(int(day) for day in chosen), first, last or DAY))
    return tuple(dict.fromkeys(found))


def _minute(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    return int(found[1]) * 60 + int(found[2]) if found else None
