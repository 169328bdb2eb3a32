"""What the pages of numbers send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.web.forms import FormModel


class NumberForm(FormModel):
    """The number's settings window; no target: the caller hears the busy tone."""

    target_user_id: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    target_kind: Literal["user", "fax"] = "user"
    is_default: bool = False
