"""Checks of typed values. Each raises ValueError with a text for the reader."""

from __future__ import annotations

from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email

from app.kernel.i18n import _


def known_zone(name: str) -> str:
    """An IANA name of a place; a name like a path is refused before the system looks it up."""
    if name not in available_timezones():
        raise ValueError(_("Choose a time zone from the list, like Europe/Moscow."))
    return name


def email_or_empty(text: str) -> str:
    if text:
        try:
            validate_email(text, check_deliverability=False)
        except EmailNotValidError:
            raise ValueError(_("Enter an e-mail address like name@company.example.")) from None
    return text
