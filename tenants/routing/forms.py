"""What the windows of routing send; everything is judged at once, so that a reader sees every error."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.web.forms import FormModel
from tenants.destinations.model import Kind
from tenants.destinations.picker import DestinationForm
from tenants.forwarding.hours import read_periods
from tenants.routing.rules import MAX_PERIODS, MAX_PREFIXES, Filter, read_prefixes
from tenants.routing.service import RuleData

TARGETS = (Kind.USER, Kind.GROUP, Kind.IVR, Kind.VOICEMAIL, Kind.FAX, Kind.HANGUP, Kind.PRIVATE_ROUTE)
RowId = Annotated[int, Field(ge=1, lt=2**63)]


class RuleForm(DestinationForm):
    """`days` ("12345"), `start` and `end` ("10:00") have one entry per period."""

    is_active: bool
    has_schedule: bool
    days: list[str] = []
    start: list[str] = []
    end: list[str] = []
    has_prefixes: bool
    prefixes: str = ""

    def command(self, *, is_new: bool) -> RuleData:
        """Conditions that are switched off are not looked at. Raises InvalidFields with everything that is wrong."""
        wrong: dict[str, str] = {}
        periods = read_periods(self.days, self.start, self.end, MAX_PERIODS, wrong) if self.has_schedule else ()
        if self.has_schedule and not periods and not wrong:
            wrong["schedule"] = _("Add at least one period.")
        prefixes = self._prefixes(wrong) if self.has_prefixes else ()
        target = None
        try:  # a rule whose object was deleted may be saved without one while it is inactive [RTE-57]
            if is_new or self.target_kind:
                target = self.destination(frozenset(TARGETS))
        except InvalidFields as refused:
            wrong |= refused.fields
        if wrong:
            raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=wrong)
        return RuleData(target, self.is_active, periods, prefixes)

    def _prefixes(self, wrong: dict[str, str]) -> tuple[str, ...]:
        try:
            found = read_prefixes(self.prefixes)
        except ValueError as bad:
            wrong["prefixes"] = _("Not a prefix: %(text)s. A prefix is up to 15 digits, with + in front "
                                  "for abroad.") % {"text": str(bad)[:30]}
            return ()
        if not found:
            wrong["prefixes"] = _("Enter at least one prefix.")
        elif len(found) > MAX_PREFIXES:
            wrong["prefixes"] = _("Enter at most %(n)s prefixes.") % {"n": MAX_PREFIXES}
        return found


class SettingsForm(FormModel):
    blacklist: bool
    whitelist: bool
    is_default: bool

    def mode(self) -> Filter:
        """Raises InvalidFields: both lists at once [NUM-24]."""
        if self.blacklist and self.whitelist:
            text = _("Only one of the lists can be on.")
            raise InvalidFields("both_lists", text, fields={"whitelist": text})
        return Filter.BLACKLIST if self.blacklist else Filter.WHITELIST if self.whitelist else Filter.OFF


class EntryForm(FormModel):
    value: str = ""


class OrderForm(FormModel):
    order: list[RowId]


class CopyForm(FormModel):
    number_id: RowId
