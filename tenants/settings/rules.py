"""What the general settings of a domain may be [SET-02…31]. All blocks are judged together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from babel.core import get_global
from babel.dates import get_timezone_location
from email_validator import validate_email

from app.kernel.i18n import LANGUAGES, _
from tenants.numbers.rules import EMERGENCY, Restriction
from tenants.users.rules import email_problem

MOST_NOTICE = Decimal("9999999.99")
RING_SECONDS = range(5, 181)
IVR_ERRORS = range(21)
IVR_TIMEOUT_SECONDS = range(1, 121)
_PICKUP = re.compile(r"[0-9*#]{2,6}", re.ASCII)
_DTMF = re.compile(r"[0-9]{1,4}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,4}", re.ASCII)
_MONEY = re.compile(r"-?[0-9]{1,7}(\.[0-9]{1,2})?", re.ASCII)
_NO_PLACES = re.compile(r"(Etc|SystemV|posix|right)/")


@dataclass(frozen=True, slots=True)
class DtmfCodes:
    """Digits between two hashes, dialled during a conversation [SET-20]."""

    transfer: str = "1"
    fax: str = "2"
    conference_add: str = "3"
    conference_remove: str = "4"
    hold: str = "5"


@dataclass(frozen=True, slots=True)
class Settings:
    """`pickup_number` "": picking up is switched off. `default_number_id` None: the main number is shown [SET-06]."""

    timezone: str
    locale: str
    notification_email: str
    balance_notice_on: bool
    balance_notice_below: Decimal | None
    default_number_id: int | None
    pickup_number: str
    default_restriction: Restriction
    ring_seconds: int
    ivr_errors: int
    ivr_timeout_seconds: int
    dtmf: DtmfCodes


@dataclass(frozen=True, slots=True)
class Taken:
    """What a pickup number must not be equal to [SET-10], and the numbers that may be shown to the outside."""

    internal_numbers: Collection[str]
    speed_dials: Collection[str]  # digits without the star
    outgoing_ids: Collection[int]


class WrongSettings(Exception):
    """`fields`: field → what is wrong, in words."""

    def __init__(self, wrong: dict[str, str]) -> None:
        super().__init__(wrong)
        self.fields = wrong


def read_settings(typed: Mapping[str, str], taken: Taken, *, kept_zone: str = "") -> Settings:
    """Every field of the page, as typed, into settings; a ticked box has any text.

    Args:
        kept_zone: the zone in force, which may stay though it is not offered.

    Raises:
        WrongSettings: names every wrong field of every block; nothing may be stored then [SET-31].
    """
    reader = _Reader(typed)
    dtmf = DtmfCodes(**{one.name: reader.text(f"dtmf_{one.name}") for one in fields(DtmfCodes)})
    found = Settings(
        timezone=reader.one_of("timezone", zones() | {kept_zone} - {""}), locale=reader.one_of("locale", LANGUAGES),
        notification_email=reader.email("notification_email"),
        balance_notice_on=bool(reader.text("balance_notice_on")),
        balance_notice_below=reader.money("balance_notice_below"),
        default_number_id=reader.number_id("default_number_id", taken.outgoing_ids),
        pickup_number=reader.text("pickup_number"),
        default_restriction=Restriction(
            reader.one_of("default_restriction", [one.value for one in Restriction]) or "none"),
        ring_seconds=reader.whole("ring_seconds", RING_SECONDS), ivr_errors=reader.whole("ivr_errors", IVR_ERRORS),
        ivr_timeout_seconds=reader.whole("ivr_timeout_seconds", IVR_TIMEOUT_SECONDS), dtmf=dtmf)
    wrong = dtmf_problems(dtmf) | reader.wrong
    problem = pickup_problem(found.pickup_number, dtmf, taken)
    if problem:
        wrong["pickup_number"] = problem
    if found.balance_notice_on and not reader.text("balance_notice_below"):
        wrong["balance_notice_below"] = _("Enter the amount.")
    if found.balance_notice_on and not reader.text("notification_email"):
        wrong["notification_email"] = _("Enter the address that the notice is to be sent to.")
    if wrong:
        raise WrongSettings(wrong)
    return found


def pickup_problem(code: str, dtmf: DtmfCodes, taken: Taken) -> str:
    """Why this cannot be the pickup number, "" when it can [SET-10]."""
    if not code:
        return ""
    if not _PICKUP.fullmatch(code):
        return _("From 2 to 6 of the characters 0–9, * and #")
    if code in EMERGENCY:
        return _("%(number)s is an emergency number") % {"number": code}
    if code in taken.internal_numbers:
        return _("%(number)s is an internal number of the domain") % {"number": code}
    commands = {getattr(dtmf, one.name) for one in fields(DtmfCodes)}
    if code in commands | {f"#{one}#" for one in commands}:
        return _("%(number)s is a command of this page") % {"number": code}
    if code[0] == "*" and code[1:] in taken.speed_dials:
        return _("%(number)s is a speed dial number of an address book") % {"number": code}
    return ""


def dtmf_problems(dtmf: DtmfCodes) -> dict[str, str]:
    """Field → problem: 1–4 digits, all five different [SET-20]."""
    wrong: dict[str, str] = {}
    seen: dict[str, str] = {}
    for one in fields(DtmfCodes):
        code, name = getattr(dtmf, one.name), f"dtmf_{one.name}"
        if not _DTMF.fullmatch(code):
            wrong[name] = _("From 1 to 4 digits")
        elif code in seen:
            wrong[name] = wrong[seen[code]] = _("Two commands cannot have the same code.")
        else:
            seen[code] = name
    return wrong


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """IANA zones of places, and UTC."""
    return frozenset(one for one in available_timezones() if "/" in one and not _NO_PLACES.match(one)) | {"UTC"}


def zone_choices(now: datetime, language: str) -> list[tuple[str, str]]:
    """(zone, "UTC+03:00 Moscow") from west to east [SET-04]; `now` decides about summer time."""
    return list(_choices(now.replace(minute=0, second=0, microsecond=0), language))


@lru_cache(maxsize=4)
def _choices(hour: datetime, language: str) -> tuple[tuple[str, str], ...]:
    found = sorted((hour.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(), place, zone)
                   for zone, place in _places(language).items())
    return tuple((zone, f"UTC{_offset(offset)} {place}") for offset, place, zone in found)


@lru_cache(maxsize=4)
def _places(language: str) -> dict[str, str]:
    """Zone → city in the reader's language; other names of the same zone, and namesakes, tell the zone too."""
    cities = {zone: get_timezone_location(zone, locale=language, return_city=True) for zone in zones() - {"UTC"}}
    others = get_global("zone_aliases")
    met = Counter(city for zone, city in cities.items() if zone not in others)
    return {"UTC": "UTC"} | {zone: city if zone not in others and met[city] == 1 else f"{city} ({zone})"
                             for zone, city in cities.items()}


def _offset(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


class _Reader:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self._typed = typed
        self.wrong: dict[str, str] = {}

    def text(self, name: str) -> str:
        return self._typed.get(name, "").strip()

    def one_of(self, name: str, allowed: Collection[str]) -> str:
        value = self.text(name)
        if value in allowed:
            return value
        self.wrong[name] = _("Choose one of the listed values.")
        return ""

    def email(self, name: str) -> str:
        value = self.text(name)
        problem = email_problem(value)
        if problem or len(value) > 254:
            self.wrong[name] = problem or _("Enter an e-mail address like name@company.example.")
            return ""
        if not value:
            return ""
        checked = validate_email(value, check_deliverability=False, allow_smtputf8=False)
        return checked.ascii_email or checked.normalized

    def whole(self, name: str, allowed: range) -> int:
        value = self.text(name)
        if _WHOLE.fullmatch(value) and int(value) in allowed:
            return int(value)
        self.wrong[name] = _("A whole number from %(least)s to %(most)s") % {"least": allowed[0], "most": allowed[-1]}
        return allowed[0]

    def money(self, name: str) -> Decimal | None:
        value = self.text(name)
        for mark in (" ", "\u00a0", "\u202f"):
            value = value.replace(mark, "")
        value = value.replace(",", ".").replace("\u2212", "-")
        if not value:
            return None
        amount = Decimal(value) if _MONEY.fullmatch(value) else None
        if amount is None or abs(amount) > MOST_NOTICE:
            self.wrong[name] = _("An amount from −9,999,999.99 to 9,999,999.99")
        return amount

    def number_id(self, name: str, allowed: Collection[int]) -> int | None:
        value = self.text(name)
        if not value:
            return None
        if value.isascii() and value.isdigit() and len(value) < 19 and int(value) in allowed:
            return int(value)
        self.wrong[name] = _("Choose one of the domain's numbers.")
        return None
