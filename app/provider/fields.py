"""Checks of form fields that the console's forms share. Each raises ValueError with a text for the reader."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field

from app.kernel.i18n import _

Reference = Annotated[int, Field(gt=0, lt=2**63)]


def known_zone(name: str) -> str:
    """An IANA name of a place; a name like a path is refused before the system looks it up."""
    if name not in available_timezones():
        raise ValueError(_("Choose a time zone from the list, like Europe/Moscow."))
    return name


def plain_text(text: str) -> str:
    """One line without control characters."""
    if not text.isprintable():
        raise ValueError(_("Line ends and control characters are not allowed"))
    return text


def email_or_empty(text: str) -> str:
    if text:
        try:
            validate_email(text, check_deliverability=False)
        except EmailNotValidError:
            raise ValueError(_("Enter an e-mail address like name@company.example.")) from None
    return text


Zone = Annotated[str, AfterValidator(known_zone)]
Line = Annotated[str, AfterValidator(plain_text)]
Email = Annotated[str, Field(max_length=254), AfterValidator(email_or_empty)]
