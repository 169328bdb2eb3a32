"""What a contact may be: names, numbers, speed dials [ABK-02…05, ACC-70, ACC-D16]."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.users.rules import email_problem, one_line, text_problem

MAX_NAME = 128
MAX_POSITION = 128
MAX_GROUP_NAME = 64
MAX_NUMBERS = 20
LAST_SPEED_DIAL = 99_999
IP = "ip"
KINDS = (IP, "work", "mobile", "home", "other")  # in the order of the import file
PERSONAL_KINDS = ("home", "work", "mobile", IP)  # [ACC-70]
OUTSIDE = ("contacts outside groups", "контакты вне групп")  # the built-in group in both languages

_SPEED_DIAL = re.compile(r"[0-9]{1,5}", re.ASCII)
_SIP = re.compile(r"(?:(sips?):)?([a-z0-9._~+-]{1,64})@([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[0-9]{1,5})?)",
                  re.ASCII | re.IGNORECASE)
_LOGIN = re.compile(r"(?=[^a-z]*[a-z])[a-z0-9._-]{1,64}", re.ASCII)
_PUNCTUATION = str.maketrans("", "", " ()-./\u00a0\u202f\u2010\u2011\u2012\u2013")
_COUNTRY_CODES = frozenset(str(code) for code in COUNTRY_CODE_TO_REGION_CODE)


@dataclass(frozen=True, slots=True)
class Book:
    """Whose contacts: `owner_id` None is the company's book."""

    owner_id: int | None = None

    @property
    def key(self) -> int:
        """As in the column owner_key."""
        return self.owner_id or 0

    @property
    def kinds(self) -> tuple[str, ...]:
        return PERSONAL_KINDS if self.owner_id else KINDS


COMPANY = Book()


@dataclass(frozen=True, slots=True)
class Number:
    """`number` as typed, or stored: "+7…", internal digits, a login, "sip:user@host"."""

    kind: str
    number: str


@dataclass(frozen=True, slots=True)
class ContactData:
    """A contact as ordered. `speed_dial` "" asks for the smallest free one."""

    name: str
    numbers: tuple[Number, ...]
    group_id: int | None = None
    speed_dial: str = ""
    email: str = ""
    position: str = ""


class WrongNumber(ValueError):
    """The text tells the reader why."""


def stored_number(text: str, kind: str) -> str:
    """The form in which a number is kept.

    Ten digits, or ten after 8, 7 or +7, become +7…; "+" and another country code stay; one to five digits are
    internal; an IP phone may also be a login of the domain or a SIP URI.

    Raises:
        WrongNumber: anything else.
    """
    typed = text.strip()
    digits = typed.translate(_PUNCTUATION)
    plain = digits.removeprefix("+")
    if plain.isascii() and plain.isdigit():
        return _public_or_internal(digits)
    if kind == IP:
        if found := _SIP.fullmatch(typed):
            return f"{(found[1] or 'sip').lower()}:{found[2]}@{found[3].lower()}"
        if _LOGIN.fullmatch(typed.lower()):
            return typed.lower()
        raise WrongNumber(_("Enter a telephone number, a login of the domain or a SIP address"))
    raise WrongNumber(_("Enter a telephone number: digits, with + before a country code"))


def _public_or_internal(digits: str) -> str:
    if digits.startswith("+"):
        plain = digits[1:]
        is_right = len(plain) == 11 if plain.startswith("7") else 8 <= len(plain) <= 15 and any(
            plain[:n] in _COUNTRY_CODES for n in (1, 2, 3))
        if is_right:
            return digits
        raise WrongNumber(_("No country has such numbers: %(number)s") % {"number": digits[:20]})
    if len(digits) <= 5:
        return digits
    if len(digits) == 10:
        return f"+7{digits}"
    if len(digits) == 11 and digits[0] in "78":
        return f"+7{digits[1:]}"
    raise WrongNumber(_("Enter 10 digits, 8 or +7 and 10 digits, + and a country code, or up to 5 digits "
                        "of an internal number"))


def is_login(number: str) -> bool:
    """Whether a stored number is a login, which must be known in the domain."""
    return _LOGIN.fullmatch(number) is not None


def group_name_problem(name: str) -> str:
    """Why a group cannot be called so, "" when it can."""
    if name.lower() in OUTSIDE:
        return _("This is the built-in group's name")
    return text_problem(name, MAX_GROUP_NAME, required=True)


def speed_dial_problem(digits: str, codes: Collection[str]) -> str:
    """Why this cannot be a speed dial, "" when it can. `codes`: feature codes as dialled, "*8"."""
    if not _SPEED_DIAL.fullmatch(digits):
        return _("From 1 to 5 digits")
    if f"*{digits}" in codes:
        return _("*%(digits)s is a feature code of the domain") % {"digits": digits}
    return ""


def free_speed_dials(taken: Collection[str], codes: Collection[str]) -> Iterator[str]:
    """The smallest free ones, one after another [ABK-05]; "05" taken leaves "5" free."""
    for number in range(1, LAST_SPEED_DIAL + 1):
        if (text := str(number)) not in taken and f"*{text}" not in codes:
            yield text


def check_contact(contact: ContactData, book: Book, codes: Collection[str] = ()) -> ContactData:
    """Trimmed, numbers in the stored form.

    Raises:
        InvalidFields: all that is wrong; fields of numbers are `number-<index>`.
    """
    cleaned = replace(contact, name=one_line(contact.name), position=one_line(contact.position),
                      email=contact.email.strip(), speed_dial=contact.speed_dial.strip())
    wrong = {"name": text_problem(cleaned.name, MAX_NAME, required=True), "email": email_problem(cleaned.email),
             "position": text_problem(cleaned.position, MAX_POSITION),
             "speed_dial": speed_dial_problem(cleaned.speed_dial, codes) if cleaned.speed_dial else ""}
    if book.owner_id and not cleaned.speed_dial:
        wrong["speed_dial"] = _("Fill in this field.")
    numbers: list[Number] = []
    for index, one in enumerate(cleaned.numbers):
        try:
            if one.kind not in book.kinds:
                raise WrongNumber(_("Choose one of the listed values."))
            numbers.append(Number(one.kind, stored_number(one.number, one.kind)))
        except WrongNumber as bad:
            wrong[f"number-{index}"] = str(bad)
    if not cleaned.numbers:
        wrong["number-0"] = _("Enter at least one number")
    elif len(cleaned.numbers) > MAX_NUMBERS:
        wrong[f"number-{MAX_NUMBERS}"] = _("A contact has at most %(count)s numbers") % {"count": MAX_NUMBERS}
    if found := {field: text for field, text in wrong.items() if text}:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=found)
    return replace(cleaned, numbers=tuple(numbers))
