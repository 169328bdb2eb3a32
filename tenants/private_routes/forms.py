"""What the windows of private routes send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from app.kernel.i18n import _
from app.web.forms import FormModel
from tenants.numbers.rules import Restriction
from tenants.private_routes.expression import MAX_TYPED, parse
from tenants.private_routes.lines import MOST
from tenants.private_routes.rules import MAX_CUT, MAX_NAME, Settings

RowId = Annotated[int, Field(ge=1, lt=2**63)]
Count = Annotated[int, Field(ge=0, le=MOST)]


class RouteForm(FormModel):
    """`group_id`: "" for everybody, 0 for nobody, of a route whose group was deleted."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    is_on: bool
    expression: Annotated[str, Field(max_length=MAX_TYPED)] = ""
    group_id: Annotated[int | None, Field(ge=0, lt=2**63)] = None
    caller: Literal["internal", "outgoing"]
    cut: Annotated[int, Field(ge=0, le=MAX_CUT)] = 0
    restriction: Literal["none", "no_international", "no_international_longdistance", "internal_only"]
    numbers: list[RowId]
    allows_from: bool
    auth_header: Literal["pai", "rpid", "from"]
    history_header: Literal["none", "diversion", "history_info"]

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError(_("Line ends and control characters are not allowed"))
        return value

    @field_validator("expression")
    @classmethod
    def _expression(cls, value: str) -> str:
        if value:
            parse(value)
        return value

    def settings(self) -> Settings:
        return Settings(self.name, self.is_on, self.expression, self.group_id is not None, self.group_id or None,
                        self.caller, self.cut, Restriction(self.restriction), frozenset(self.numbers), self.allows_from,
                        self.auth_header, self.history_header)


class OrderForm(FormModel):
    order: list[RowId]


class LinesForm(FormModel):
    """`quoted`: the mark of the amounts that were shown."""

    quoted: Annotated[str, Field(max_length=100)] = ""
    incoming: Count
    outgoing: Count
