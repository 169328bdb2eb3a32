"""What the dialogs of a scheme send. Everything is judged at once, so that a reader sees every error."""

from __future__ import annotations

import re

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.web.forms import FormModel
from tenants.forwarding.rules import DAY, MAX_PERIODS, PRIORITIES, RING_SECONDS, Kind, Period
from tenants.forwarding.service import RuleData

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DAYS = re.compile(r"[1-7]{1,7}")


class RuleForm(FormModel):
    """`days` ("12345"), `start` and `end` ("10:00") have one entry per period; none: round the clock."""

    kind: str = ""
    number: str = ""
    priority: str = ""
    ring_seconds: str = ""
    is_enabled: bool = False
    days: list[str] = []
    start: list[str] = []
    end: list[str] = []

    def command(self, *, is_main: bool = False) -> RuleData:
        """Raises InvalidFields with everything that can be told without the database."""
        wrong: dict[str, str] = {}
        kind = Kind.MAIN if is_main and self.kind in ("", "main") else self._kind(wrong)
        if kind is not Kind.MAIN and not self.number:
            wrong["number"] = _("Fill in this field.")
        priority = _whole(self.priority, PRIORITIES, "priority", wrong)
        ring = _whole(self.ring_seconds, RING_SECONDS, "ring_seconds", wrong)
        periods = self._periods(wrong)
        if wrong:
            raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
        return RuleData(kind, self.number, priority, ring, self.is_enabled, periods)

    def _kind(self, wrong: dict[str, str]) -> Kind:
        if self.kind in ("landline", "mobile", "sip"):
            return Kind(self.kind)
        wrong["kind"] = _("Choose one of the listed values.")
        return Kind.LANDLINE

    def _periods(self, wrong: dict[str, str]) -> tuple[Period, ...]:
        if not len(self.days) == len(self.start) == len(self.end) <= MAX_PERIODS:
            wrong["schedule"] = _("Enter at most %(n)s periods.") % {"n": MAX_PERIODS}
            return ()
        found = []
        for days, start, end in zip(self.days, self.start, self.end, strict=True):
            first, last = _minute(start), _minute(end)
            if not _DAYS.fullmatch(days):
                wrong["schedule"] = _("Choose the days of every period.")
            elif first is None or last is None:
                wrong["schedule"] = _("Enter a time like 09:30.")
            elif first >= (last or DAY):  # 00:00 as an end is the end of the day [FWD-16]
                wrong["schedule"] = _("A period cannot go over midnight: its end must be later than its start. "
                                      "Enter two periods, until 00:00 and from 00:00.")
            else:
                found.append(Period(frozenset(int(day) for day in days), first, last or DAY))
        return tuple(dict.fromkeys(found))


class VoicemailForm(FormModel):
    voicemail_on: bool = False


def _whole(text: str, limits: tuple[int, int], name: str, wrong: dict[str, str]) -> int:
    least, most = limits
    if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most:
        return int(text)
    wrong[name] = _("Enter a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
    return least


def _minute(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    return int(found[1]) * 60 + int(found[2]) if found else None
