"""Telephone numbers: what a person dials or types → E.164 digits, and how far the call goes.

Stored form: E.164 digits without "+" [NUM-61]. A domain's place says how national and short local
numbers are meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberType

EMERGENCY = frozenset({"101", "102", "103", "104", "112"})  # [FIN-D1]
MAX_DIALLED = 40
_PUNCTUATION = str.maketrans("", "", " ()-./\u00a0\u202f\u2010\u2011\u2012\u2013")


class NotANumber(ValueError):
    """Cannot be a telephone number here; the text says why, for logs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Country (ISO 3166 alpha-2) and area codes of a domain; the first one completes short local numbers.

    Moscow is Place("RU", ("495", "499", "498")).
    """

    country: str = "RU"
    areas: tuple[str, ...] = ()


_MOSCOW = ("495", "499", "498")


def place_of(country: str, area_code: str) -> Place:
    """Moscow has three area codes; the domain's own one completes short numbers."""
    if country == "RU" and area_code in _MOSCOW:
        return Place(country, (area_code, *(code for code in _MOSCOW if code != area_code)))
    return Place(country, (area_code,) if area_code else ())


class Direction(Enum):
    """How far a call goes, from near to far."""

    INTERNAL = "internal"  # users, groups, inter-domain calls of the pool: never reaches this module
    LOCAL = "local"  # the domain's own area
    NATIONAL = "national"  # without an area: mobile and free-phone numbers of the country
    LONG_DISTANCE = "long_distance"  # another area, and numbers at a premium
    INTERNATIONAL = "international"


class Restriction(Enum):
    """Outgoing restriction of a user or domain [USR-84, ACC-47]; `api_code` of API-66."""

    NONE = "none"
    NO_INTERNATIONAL = "no_international"
    NO_INTERNATIONAL_LONGDISTANCE = "no_international_longdistance"
    INTERNAL_ONLY = "internal_only"

    @property
    def api_code(self) -> int:
        return list(Restriction).index(self)


_FORBIDDEN = {
    Restriction.NONE: frozenset[Direction](),
    Restriction.NO_INTERNATIONAL: frozenset({Direction.INTERNATIONAL}),
    Restriction.NO_INTERNATIONAL_LONGDISTANCE: frozenset({Direction.INTERNATIONAL, Direction.LONG_DISTANCE}),
    Restriction.INTERNAL_ONLY: frozenset(Direction) - {Direction.INTERNAL},
}


def is_emergency(dialled: str) -> bool:
    """Such a number is neither normalised nor restricted, authorised or charged."""
    return dialled in EMERGENCY


def is_allowed(direction: Direction, restriction: Restriction) -> bool:
    return direction not in _FORBIDDEN[restriction]


def effective_restriction(own: Restriction | None, domain_default: Restriction) -> Restriction:
    """The user's own value, `none` included, overrides the domain's [USR-85]."""
    return domain_default if own is None else own


@lru_cache(maxsize=20_000)
def normalise(dialled: str, place: Place) -> str:
    """E.164 digits of a number dialled or typed at `place`.

    Russia and Kazakhstan: +7…, 8 + ten digits, 810 + country code, ten digits, and numbers shortened
    by the area code. Elsewhere the country's own rules, "00" and "+" included.

    Raises:
        NotANumber: other characters, too short or long, or impossible in its country.
    """
    text = _digits(dialled)
    if not text.startswith("+") and place.country in ("RU", "KZ"):
        text = _with_country_code_7(text, place)
    elif not text.startswith("+") and text.startswith("00") and len(text) > 5:
        text = "+" + text[2:]
    try:
        number = phonenumbers.parse(text, place.country)
        if not text.startswith("+") and place.areas and _is_local_only(number):
            number = phonenumbers.parse(place.areas[0] + text, place.country)
    except phonenumbers.NumberParseException as bad:
        raise NotANumber(str(bad)) from bad
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise NotANumber("impossible length for its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def _digits(dialled: str) -> str:
    """Digits, with "+" in front if it was there."""
    if len(dialled) > MAX_DIALLED:
        raise NotANumber("too long")
    text = dialled.strip().translate(_PUNCTUATION)
    digits = text.removeprefix("+")
    if not digits or not (digits.isascii() and digits.isdigit()):
        raise NotANumber("not digits")
    return text


def _with_country_code_7(text: str, place: Place) -> str:
    if text.startswith("810"):  # no area code begins with 1
        return "+" + text[3:]
    if len(text) == 11 and text[0] in "78":
        return "+7" + text[1:]
    if len(text) == 10:
        return "+7" + text
    if place.areas and 5 <= len(text) == 10 - len(place.areas[0]):
        return "+7" + place.areas[0] + text
    raise NotANumber("neither a full number nor a local one")


def _is_local_only(number: PhoneNumber) -> bool:
    reason = phonenumbers.is_possible_number_with_reason(number)
    return reason in (phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY,
                      phonenumbers.ValidationResult.TOO_SHORT)


@lru_cache(maxsize=20_000)
def direction(e164: str, place: Place) -> Direction:
    """Direction of a public number. What cannot be told counts as farther: a restriction guards money.

    A mobile number's home region is not in the number, so mobiles are national, not long-distance.
    """
    try:
        number = phonenumbers.parse("+" + e164, None)
    except phonenumbers.NumberParseException:
        return Direction.INTERNATIONAL
    if phonenumbers.country_code_for_region(place.country) != number.country_code:
        return Direction.INTERNATIONAL
    national = phonenumbers.national_significant_number(number)
    if _region(number, national) != place.country:
        return Direction.INTERNATIONAL
    if any(area and national.startswith(area) for area in place.areas):
        return Direction.LOCAL
    if phonenumbers.number_type(number) in (PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE):
        return Direction.NATIONAL
    return Direction.LONG_DISTANCE


def _region(number: PhoneNumber, national: str) -> str | None:
    """Country of a number; those that share a code are told apart (+7 6… and +7 7… are Kazakhstan)."""
    if number.country_code == 7:  # by the plan itself: the library knows no range newer than itself
        return "KZ" if national[:1] in ("6", "7") else "RU"
    return phonenumbers.region_code_for_number(number)


def list_entry(text: str) -> str:
    """A number of a black or white list in the form it is compared in [NUM-27]: 3–15 digits.

    8 or +7 and ten digits, and ten digits alone, become 7…; a foreign number is typed with "+";
    a short one stays as typed.

    Raises:
        NotANumber: other characters or another length.
    """
    typed = _digits(text)
    digits = typed.removeprefix("+")
    if not 3 <= len(digits) <= 15:
        raise NotANumber("from 3 to 15 digits")
    if typed.startswith("+"):
        if digits[0] == "0" or (digits[0] == "7" and len(digits) != 11):
            raise NotANumber("no such country code, or not eleven digits after +7")
        return digits
    if len(digits) == 10:
        return "7" + digits
    if len(digits) == 11 and digits[0] == "8":
        return "7" + digits[1:]
    return digits
