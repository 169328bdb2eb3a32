"""What the pages of a widget send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from app.web.forms import FormModel, error_text
from widgets.appearance import Appearance, Colour, Offset, Radius
from widgets.rules import HOURS, INTENSITIES, MAX_NAME, is_schedule

RowId = Annotated[int, Field(ge=1, lt=2**63)]


class CreateForm(FormModel):
    """`quoted`: the mark of the amounts that were shown."""

    quoted: Annotated[str, Field(max_length=100)] = ""


class SettingsForm(FormModel):
    """Of the two lists of objects only the one of the chosen type counts: another type begins without an object."""

    is_on: bool
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    dist_type: Literal["group", "user"]
    group_id: RowId | None = None
    user_id: RowId | None = None
    intensity: int
    schedule: Annotated[str, Field(max_length=HOURS)]

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError(_("This does not look right. Check the format."))
        return name

    @field_validator("intensity")
    @classmethod
    def _known(cls, seconds: int) -> int:
        if seconds not in INTENSITIES:
            raise ValueError(_("Choose one of the listed values."))
        return seconds

    @field_validator("schedule")
    @classmethod
    def _some(cls, hours: str) -> str:
        if not is_schedule(hours):
            raise ValueError(_("Mark at least one hour."))
        return hours

    @property
    def object_id(self) -> int | None:
        return self.group_id if self.dist_type == "group" else self.user_id


class DisplayForm(FormModel):
    position: str
    fill_kind: Literal["solid", "gradient"]
    fill_colour: Colour
    fill_angle: Annotated[int, Field(ge=0, le=359)]
    stop_colour: Annotated[list[Colour], Field(max_length=5)]
    stop_at: Annotated[list[Annotated[int, Field(ge=0, le=100)]], Field(max_length=5)]
    offset_x: Offset
    offset_y: Offset
    radius_modal: Radius
    radius_fields: Radius
    caption_size: int
    caption_colour: Colour
    caption: str
    title: str
    greeting_open: str
    greeting_closed: str

    @model_validator(mode="after")
    def _pairs(self) -> DisplayForm:
        if len(self.stop_colour) != len(self.stop_at):
            raise ValueError(_("Every colour of the gradient needs its place."))
        return self

    def looks(self) -> Appearance:
        """Raises InvalidFields."""
        stops = [{"colour": colour, "at": at} for colour, at in zip(self.stop_colour, self.stop_at, strict=True)]
        if self.fill_kind == "gradient" and len(stops) < 2:
            text = _("A gradient has two to five colours.")
            raise InvalidFields("invalid_fields", text, fields={"stop_colour": text})
        plain = self.model_dump(exclude={"fill_kind", "fill_colour", "fill_angle", "stop_colour", "stop_at"})
        fill = {"kind": self.fill_kind, "colour": self.fill_colour, "angle": self.fill_angle}
        try:
            return Appearance.model_validate(plain | {"fill": fill | ({"stops": stops} if stops else {})})
        except ValidationError as wrong:
            fields = {str(one["loc"][0]): error_text(one["type"], one.get("ctx") or {}, one["msg"])
                      for one in wrong.errors()}
            raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=fields) from wrong


class CaptchaForm(FormModel):
    captcha: bool


class NumberForm(FormModel):
    number: Annotated[str, Field(max_length=40)] = ""


class DomainForm(FormModel):
    domain: Annotated[str, Field(max_length=300)] = ""


class ProcessedForm(FormModel):
    processed: bool
