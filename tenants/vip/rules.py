"""What may be kept of a privileged caller [VIP-03]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.i18n import _
from tenants.users.rules import one_line, text_problem

SHORTEST, LONGEST = 3, 15  # digits of a number
HIGHEST, LOWEST = 1, 1000  # the smaller, the earlier served
LONGEST_COMMENT = 255
_PUNCTUATION = str.maketrans("", "", " ()-\u00a0\u202f\u2010\u2011\u2012\u2013")


@dataclass(frozen=True, slots=True)
class Vip:
    number: str
    priority: int
    comment: str = ""


def stored_number(typed: str) -> str:
    """Digits as they are kept and as a caller's are compared; 8… and +7… are the same Russian number.

    Raises:
        ValueError: not 3 to 15 digits; the text is for the reader.
    """
    plain = typed.translate(_PUNCTUATION)
    digits = plain.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and SHORTEST <= len(digits) <= LONGEST):
        raise ValueError(_("Enter a telephone number of 3 to 15 digits"))
    if len(digits) == 11 and digits[0] == "8" and digits == plain:
        return f"7{digits[1:]}"
    return digits


def checked(number: str, priority: int, comment: str) -> tuple[Vip | None, dict[str, str]]:
    """The value and no errors, or None and the text for each wrong field."""
    errors: dict[str, str] = {}
    try:
        number = stored_number(number)
    except ValueError as wrong:
        errors["number"] = str(wrong)
    if not HIGHEST <= priority <= LOWEST:
        errors["priority"] = _("From 1 to 1000")
    comment = one_line(comment)
    problem = text_problem(comment, LONGEST_COMMENT)
    if problem:
        errors["comment"] = problem
    return (None, errors) if errors else (Vip(number, priority, comment), {})
