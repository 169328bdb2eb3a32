"""What the pages of campaigns send [CMP-20, CMP-42]."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from app.kernel import i18n
from app.kernel.i18n import _
from app.modules.campaigns.clients import typed_client
from app.modules.campaigns.rules import NewClient
from app.modules.campaigns.service import Settings
from app.web.forms import FormModel
from tenants.users.rules import one_line

RowId = Annotated[int, Field(ge=1, lt=2**63)]
YEARS = range(2000, 2101)


class CampaignForm(FormModel):
    name: str = ""
    attempts: Annotated[int, Field(ge=1, le=10)]
    method: Literal["sequential", "parallel"]
    group_id: RowId | None = None
    max_talk_minutes: Annotated[int | None, Field(ge=1, le=120)] = None
    info_url: str = ""
    starts_at: datetime
    ends_at: datetime

    @field_validator("starts_at", "ends_at")
    @classmethod
    def _moment(cls, moment: datetime) -> datetime:
        if moment.year not in YEARS:
            raise ValueError(_("Enter a date and a time."))
        return moment if moment.tzinfo else moment.replace(tzinfo=i18n.zone())

    def command(self) -> Settings:
        values: dict[str, Any] = {name: getattr(self, name) for name in Settings.__dataclass_fields__}
        values["name"] = one_line(self.name)
        return Settings(**values)


class StatusForm(FormModel):
    status: str = ""


class ClientForm(FormModel):
    """`numbers`: one to a line."""

    name: str = ""
    numbers: Annotated[str, Field(max_length=2000)] = ""
    notes: str = ""

    def command(self) -> NewClient:
        return typed_client(self.name, re.split(r"[\n;,]", self.numbers), self.notes)


class TakeForm(FormModel):
    campaign_id: RowId


class ChosenForm(FormModel):
    """`status`: a code, or own:<id>."""

    status: Annotated[str, Field(max_length=40)]
