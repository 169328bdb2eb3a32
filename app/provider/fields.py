"""Checks of form fields that the console's forms share. Each raises ValueError with a text for the reader."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from app.kernel.checks import email_or_empty, known_zone
from app.kernel.i18n import _

Reference = Annotated[int, Field(gt=0, lt=2**63)]


def plain_text(text: str) -> str:
    """One line without control characters."""
    if not text.isprintable():
        raise ValueError(_("Line ends and control characters are not allowed"))
    return text


Zone = Annotated[str, AfterValidator(known_zone)]
Line = Annotated[str, AfterValidator(plain_text)]
Email = Annotated[str, Field(max_length=254), AfterValidator(email_or_empty)]
