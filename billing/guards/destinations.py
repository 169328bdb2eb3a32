"""Where a number leads: forbidden prefixes, ready-made groups of them, and the country that it counts as; pure.

Numbers and prefixes are E.164 digits without a plus.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

MOST_PREFIXES = 500
_TYPED = re.compile(r"\+?[0-9]{1,18}", re.ASCII)
_SEPARATORS = re.compile(r"[\r\n,;]+")
_INSIDE = str.maketrans("", "", " \t()-./\u00a0\u202f\u2010\u2011\u2012\u2013")


class Preset(Enum):
    """A group of destinations that is forbidden or not as a whole."""

    INTERNATIONAL = "international"
    PREMIUM = "premium"
    SATELLITE = "satellite"


# Satellite networks, and the ranges of "international networks" that are sold as premium numbers.
SATELLITE = ("870", "871", "872", "873", "874", "878", "881", "882", "883", "888")
# Where the library knows no number type, or a country sells whole ranges.
PREMIUM = ("7809", "979", "449", "44871", "44872", "44873", "1900", "49900", "3290", "4870", "380900", "35315", "6119")


@dataclass(frozen=True, slots=True)
class Policy:
    """What is forbidden; the longest prefix wins, of two alike the exception."""

    presets: frozenset[Preset] = frozenset()
    forbidden: frozenset[str] = frozenset()
    allowed: frozenset[str] = frozenset()

    def forbids(self, number: str, *, is_international: bool) -> str | None:
        """The prefix or group that forbids the number; None when it may be called."""
        found = max(self._matches(number, is_international), default=None)
        if found is None or longest(number, self.allowed) >= found[0]:
            return None
        return found[1]

    def _matches(self, number: str, is_international: bool) -> Iterable[tuple[int, str]]:
        """(length of the prefix, what forbids); a group that is told otherwise counts as a short prefix."""
        length = longest(number, self.forbidden)
        if length > 0:
            yield length, number[:length]
        if Preset.SATELLITE in self.presets and (length := longest(number, SATELLITE)) > 0:
            yield length, Preset.SATELLITE.value
        if Preset.PREMIUM in self.presets and (length := premium_length(number)) > 0:
            yield length, Preset.PREMIUM.value
        if Preset.INTERNATIONAL in self.presets and is_international:
            yield 0, Preset.INTERNATIONAL.value


@dataclass(frozen=True, slots=True)
class Policies:
    """The domain's own and the provider's: what one of them forbids is forbidden."""

    own: Policy = field(default_factory=Policy)
    wall: Policy = field(default_factory=Policy)

    def forbids(self, number: str, *, is_international: bool) -> str | None:
        return (self.wall.forbids(number, is_international=is_international)
                or self.own.forbids(number, is_international=is_international))

    @property
    def reaches_plain_numbers(self) -> bool:
        """Some forbidden prefix covers plain Russian numbers: all that a node calls while the panel is away."""
        return any(covers_plain(prefix) for policy in (self.own, self.wall) for prefix in policy.forbidden)


def is_plain(number: str) -> bool:
    """A geographic or mobile number of Russia: most calls, so it is told without the library."""
    return len(number) == 11 and number[0] == "7" and number[1] in "34589" and number[:3] != "780"


def covers_plain(prefix: str) -> bool:
    """7 and 3, 4, 5, 8 or 9, but for 780…, as the node's dialplan has it."""
    if len(prefix) < 3:
        return any(plain.startswith(prefix) for plain in ("73", "74", "75", "78", "79"))
    return prefix[0] == "7" and prefix[1] in "34589" and prefix[:3] != "780"


def longest(number: str, prefixes: Collection[str]) -> int:
    """Length of the longest of the prefixes that the number begins with; −1 without one."""
    for length in range(min(len(number), 15), 0, -1):
        if number[:length] in prefixes:
            return length
    return -1


@lru_cache(maxsize=20_000)
def premium_length(number: str) -> int:
    """Length of the prefix by which the number is sold at a premium; 0 when it is not."""
    if is_plain(number):
        return 0
    known = longest(number, PREMIUM)
    if known > 0:
        return known
    parsed = _parsed(number)
    if parsed is None or phonenumbers.number_type(parsed) is not PhoneNumberType.PREMIUM_RATE:
        return 0
    return len(str(parsed.country_code)) + 3


@lru_cache(maxsize=20_000)
def destination_of(number: str) -> str:
    """What counts as one destination: ISO country, "+881" where there is none, "RU:7809" for a premium range."""
    if is_plain(number):
        return "RU"
    parsed = _parsed(number)
    if parsed is None or parsed.country_code is None:
        return f"+{number[:3]}"
    if parsed.country_code == 7:  # by the plan itself: the library knows no range newer than itself
        place = "KZ" if number[1:2] in ("6", "7") else "RU"
    else:
        region = phonenumbers.region_code_for_country_code(parsed.country_code)
        place = phonenumbers.region_code_for_number(parsed) or region
        place = f"+{parsed.country_code}" if place in ("001", "ZZ") else place
    premium = premium_length(number)
    return f"{place}:{number[:premium]}" if premium else place


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse("+" + number, None)
    except phonenumbers.NumberParseException:
        return None


class WrongPrefix(ValueError):
    """`args[0]`: the text that is no prefix."""


def read_prefixes(text: str, country: str = "RU") -> tuple[str, ...]:
    """Prefixes typed one a line or with commas between them, as E.164 digits in order, each once.

    "+" means what follows literally; without it 810 and 00 lead abroad and 8 with an area code means 7, as it is
    dialled in Russia and Kazakhstan.

    Raises:
        WrongPrefix: not 1 to 15 digits, or more than MOST_PREFIXES.
    """
    found: dict[str, None] = {}
    for typed in _SEPARATORS.split(text):
        plain = typed.translate(_INSIDE)
        if not plain:
            continue
        if not _TYPED.fullmatch(plain):
            raise WrongPrefix(typed[:40])
        digits = _international(plain, country)
        if not 1 <= len(digits) <= 15 or digits[0] == "0":
            raise WrongPrefix(typed[:40])
        found[digits] = None
    if len(found) > MOST_PREFIXES:
        raise WrongPrefix(str(len(found)))
    return tuple(sorted(found))


def _international(plain: str, country: str) -> str:
    if plain.startswith("+"):
        return plain[1:]
    if country in ("RU", "KZ"):
        if plain.startswith("810"):
            return plain[3:]
        if plain.startswith("8") and len(plain) > 3 and longest(plain, SATELLITE) < 0:
            return "7" + plain[1:]
    return plain[2:] if plain.startswith("00") else plain
