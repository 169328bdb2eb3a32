"""What the dialogs of services send."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from app.web.forms import FormModel


class QuotedForm(FormModel):
    """`quoted`: the mark of the amounts that were shown."""

    quoted: Annotated[str, Field(max_length=100)] = ""


class ChannelsForm(QuotedForm):
    number: Annotated[int, Field(ge=1, le=1000)]
