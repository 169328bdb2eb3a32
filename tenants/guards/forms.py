"""What the page of call protection sends. An empty field: the provider's default."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, field_validator

from app.kernel.i18n import _
from app.web.forms import FormModel
from billing.guards.settings import Amounts, Lists, Watch

Count = Annotated[int, Field(ge=0, le=10_000)]
Choice = Literal["", "on", "off"]
_CHOICES = {"": None, "on": True, "off": False}


class AmountsForm(FormModel):
    daily_cap: Annotated[Decimal | None, Field(ge=0, le=100_000_000, decimal_places=2)] = None
    calls_per_minute: Count | None = None
    parallel_calls: Count | None = None

    def command(self) -> Amounts:
        return Amounts(self.daily_cap, self.calls_per_minute, self.parallel_calls)


class ListsForm(FormModel):
    """A group that the provider forbids to everybody is not sent."""

    forbidden: Annotated[str, Field(max_length=20_000)] = ""
    allowed: Annotated[str, Field(max_length=20_000)] = ""
    international: Choice = ""
    premium: Choice = ""
    satellite: Choice = ""

    def command(self) -> Lists:
        return Lists(self.forbidden, self.allowed, *(_CHOICES[one] for one in (
            self.international, self.premium, self.satellite)))


class WatchForm(FormModel):
    new_destination: Literal["", "off", "alarm", "block"] = ""
    only_outside_hours: bool
    work_days: tuple[int, ...]
    work_from: time
    work_until: time

    @field_validator("work_days")
    @classmethod
    def _days(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if not set(days) <= set(range(1, 8)):
            raise ValueError(_("Choose one of the listed values."))
        return days

    @field_validator("work_from", "work_until")
    @classmethod
    def _clock(cls, value: time) -> time:
        return value.replace(second=0, microsecond=0, tzinfo=None)

    def command(self) -> Watch:
        return Watch(self.new_destination or None, self.only_outside_hours,
                     "".join(str(day) for day in sorted(set(self.work_days))), self.work_from, self.work_until)


class ConfirmForm(FormModel):
    destination: Annotated[str, Field(min_length=1, max_length=40)]
