"""What the dialogs of a scheme send. Everything is judged at once, so that a reader sees every error."""

from __future__ import annotations

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.web.forms import FormModel
from tenants.forwarding.hours import read_periods
from tenants.forwarding.rules import MAX_PERIODS, PRIORITIES, RING_SECONDS, Kind
from tenants.forwarding.service import RuleData


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
        periods = read_periods(self.days, self.start, self.end, MAX_PERIODS, wrong)
        if wrong:
            raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
        return RuleData(kind, self.number, priority, ring, self.is_enabled, periods)

    def _kind(self, wrong: dict[str, str]) -> Kind:
        if self.kind in ("landline", "mobile", "sip"):
            return Kind(self.kind)
        wrong["kind"] = _("Choose one of the listed values.")
        return Kind.LANDLINE


class VoicemailForm(FormModel):
    voicemail_on: bool = False


def _whole(text: str, limits: tuple[int, int], name: str, wrong: dict[str, str]) -> int:
    least, most = limits
    if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most:
        return int(text)
    wrong[name] = _("Enter a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
    return least
