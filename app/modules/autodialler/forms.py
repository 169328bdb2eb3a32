"""What the pages of the auto-dialler send [ADL-22, ADL-30…34, ADL-D3]."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, field_validator

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.modules.autodialler.service import Changes
from app.web.forms import FormModel
from tenants.settings.rules import zones

RowId = Annotated[int, Field(ge=1, lt=2**63)]
YEARS = range(2000, 2101)


class NewForm(FormModel):
    """`is_copy`: the ticked box "create from existing" [ADL-12]."""

    name: str = ""
    is_copy: bool
    template_id: RowId | None = None


class TaskForm(FormModel):
    name: str = ""
    caller_number_id: RowId | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    timezone: Annotated[str, Field(max_length=64)]
    schedule: Annotated[str, Field(max_length=200)]
    email: Annotated[str, Field(max_length=254)] = ""
    attempts: Annotated[int, Field(ge=1, le=10)]
    answer_seconds: Annotated[int, Field(ge=10, le=120)]
    retry_minutes: Annotated[int, Field(ge=1, le=1440)]
    success_seconds: Annotated[int, Field(ge=1, le=60)]
    concurrency: Annotated[int, Field(ge=1, le=1000)]
    audio_id: RowId | None = None

    @field_validator("email")
    @classmethod
    def _email(cls, text: str) -> str:
        if text:
            try:
                validate_email(text, check_deliverability=False)
            except EmailNotValidError:
                raise ValueError(_("Enter an e-mail address like name@company.example.")) from None
        return text

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _year(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.year not in YEARS:
            raise ValueError(_("Enter a date and a time."))
        return moment

    def command(self, kept_zone: str) -> Changes:
        """Dates are read by the clock of the task's zone. Raises InvalidFields: no such zone."""
        if self.timezone != kept_zone and self.timezone not in zones():
            text = _("Choose one of the listed values.")
            raise InvalidFields("timezone", text, fields={"timezone": text})
        zone = ZoneInfo(self.timezone)
        values: dict[str, Any] = dict(self)
        values |= {"starts_at": _aware(self.starts_at, zone), "ends_at": _aware(self.ends_at, zone)}
        return Changes(**values)


def _aware(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    return moment.replace(tzinfo=zone) if moment is not None and moment.tzinfo is None else moment
