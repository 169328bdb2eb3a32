"""How the visitor's button and window look [WGT-40, WGT-D4]: kept as JSON, handed to the site as it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PURPLE = "#6d3fd1"
POSITIONS = ("top_left", "top_right", "bottom_left", "bottom_right")
OPEN_GREETING = "Оставьте номер телефона — мы скоро вам перезвоним"
CLOSED_GREETING = "Наши рабочие часы: 9:00–18:00 (МСК). Оставьте номер — позвоним в начале следующего рабочего дня"

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Offset = Annotated[int, Field(ge=0, le=500)]
Radius = Annotated[int, Field(ge=0, le=50)]


def _line(most: int) -> type:
    return Annotated[str, Field(min_length=1, max_length=most)]  # type: ignore[return-value]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Stop(_Part):
    colour: Colour
    at: Annotated[int, Field(ge=0, le=100)]  # percent


class Fill(_Part):
    """A solid colour, or a gradient of 2–5 stops at an angle in degrees."""

    kind: Literal["solid", "gradient"] = "solid"
    colour: Colour = PURPLE
    angle: Annotated[int, Field(ge=0, le=359)] = 90
    stops: Annotated[tuple[Stop, ...], Field(max_length=5)] = (Stop(colour=PURPLE, at=0),
                                                               Stop(colour="#b14fd6", at=100))

    @field_validator("stops")
    @classmethod
    def _in_order(cls, stops: tuple[Stop, ...]) -> tuple[Stop, ...]:
        return tuple(sorted(stops, key=lambda one: one.at))

    @model_validator(mode="after")
    def _enough(self) -> Fill:
        if self.kind == "gradient" and len(self.stops) < 2:
            raise ValueError("stops")
        return self


class Appearance(_Part):
    """Sizes in pixels; texts are plain text of one line, greetings of several."""

    position: Literal["top_left", "top_right", "bottom_left", "bottom_right"] = "bottom_right"
    fill: Fill = Fill()
    offset_x: Offset = 20
    offset_y: Offset = 20
    radius_modal: Radius = 8
    radius_fields: Radius = 4
    caption_size: Annotated[int, Field(ge=8, le=40)] = 14
    caption_colour: Colour = "#ffffff"
    caption: _line(30) = "Позвоните мне"  # type: ignore[valid-type]
    title: _line(50) = "Обратный звонок"  # type: ignore[valid-type]
    greeting_open: _line(300) = OPEN_GREETING  # type: ignore[valid-type]
    greeting_closed: _line(300) = CLOSED_GREETING  # type: ignore[valid-type]


DEFAULT = Appearance()
