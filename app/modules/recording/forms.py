"""What the dialogs of recording send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.web.forms import FormModel

RowId = Annotated[int, Field(ge=1, lt=2**63)]


class SwitchForm(FormModel):
    """`everyone`: all users of the domain. `origin`: the page that the dialog was opened on. `quoted`:
    the mark of the amounts that were shown."""

    quoted: Annotated[str, Field(max_length=100)] = ""
    ids: list[RowId]
    everyone: bool
    origin: Annotated[str, Field(max_length=10)] = ""


class TermForm(FormModel):
    months: Annotated[int, Field(ge=1, le=1200)]
