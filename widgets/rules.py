"""Decisions about a visitor's request, and what the lists of a widget may hold [WGT.4, WGT.6]. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from urllib.parse import urlsplit

import phonenumbers

HOURS = 168  # of a week, from Monday 0:00
ALWAYS = "1" * HOURS
INTENSITIES = (0, 30, 60, 120, 300)  # seconds between two requests; 0: no limit
MAX_ENTRIES = 1000  # of each list
MAX_NAME, MAX_MESSAGE, MAX_URL = 100, 1000, 2000
_SCHEDULE = re.compile(r"[01]{168}")
_SIGNS = str.maketrans("", "", " ()-./\u00a0\u202f\u2010\u2011\u2012\u2013")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_SPAN = re.compile(r"(\d{1,2})[:.](\d\d)\s*[-–—]\s*(\d{1,2})[:.](\d\d)")


class Verdict(Enum):
    """What becomes of a request, in the order of its checks [WGT-D7]."""

    NOT_RUSSIAN = "not_russian"
    BLACK = "black"
    NOT_WHITE = "not_white"
    LIMIT = "limit"
    CALL = "call"
    MESSAGE = "message"

    @property
    def is_taken(self) -> bool:
        return self in (Verdict.CALL, Verdict.MESSAGE)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of a widget at one moment. `wait_seconds`: until the next request may come."""

    white: frozenset[str]
    black: frozenset[str]
    wait_seconds: int
    is_open: bool


def verdict(e164: str, known: Conditions) -> Verdict:
    """`e164`: digits of a Russian number, "" for anything else."""
    if not e164:
        return Verdict.NOT_RUSSIAN
    if matches(e164, known.black):
        return Verdict.BLACK
    if known.white and not matches(e164, known.white):
        return Verdict.NOT_WHITE
    if known.wait_seconds > 0:
        return Verdict.LIMIT
    return Verdict.CALL if known.is_open else Verdict.MESSAGE


def russian(typed: str) -> str:
    """E.164 digits of a number within Russia, written in any usual way; "" for anything else [WGT-53]."""
    try:
        number = phonenumbers.parse(typed, "RU")
    except phonenumbers.NumberParseException:
        return ""
    if number.extension or not phonenumbers.is_valid_number_for_region(number, "RU"):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")


def digits_of(typed: str) -> str:
    """What of a wrong number the log can keep."""
    return "".join(one for one in typed if one in "0123456789")[:20]


def matches(e164: str, entries: Iterable[str]) -> bool:
    """A prefix from the left of 7XXXXXXXXXX, or the ten digits after the 7."""
    return any(e164.startswith(one) if len(one) < 10 else e164 == f"7{one}" for one in entries)


def list_entry(typed: str) -> str:
    """A prefix of 1–5 digits or a number of 10 [WGT-55, WGT-D6]. Raises ValueError."""
    text = typed.strip().translate(_SIGNS).removeprefix("+")
    if len(text) == 11 and text[0] in "78":
        text = text[1:]
    if not (text.isascii() and text.isdigit() and len(text) in (1, 2, 3, 4, 5, 10)):
        raise ValueError(typed)
    return text


def domain_entry(typed: str) -> str:
    """A full domain name, or `*.` and one; in the ASCII form, as browsers send it [WGT-60]. Raises ValueError."""
    text = typed.strip().lower().removesuffix(".")
    mask, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        name = name.encode("idna").decode()
    except UnicodeError as wrong:
        raise ValueError(typed) from wrong
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(typed)
    return mask + name


def shown_domain(pattern: str) -> str:
    """For people: internationalised names in their own letters."""
    try:
        return pattern.encode("ascii").decode("idna")
    except UnicodeError:
        return pattern


def site_of(origin: str, referer: str) -> str:
    """Host of the page that asks: of Origin, else of Referer; "" when neither tells one [WGT-D7]."""
    try:
        return (urlsplit(origin or referer).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_allowed(host: str, patterns: Iterable[str]) -> bool:
    """An empty list allows every page; `*.domain.com` does not mean domain.com itself."""
    known = list(patterns)
    return not known or any(_fits(host, one) for one in known if host)


def _fits(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern


def is_schedule(text: str) -> bool:
    """168 marks, at least one of them set [GEN-D4]."""
    return bool(_SCHEDULE.fullmatch(text)) and "1" in text


def is_open(schedule: str, local: datetime) -> bool:
    """An hour is active from hh:00:00 to hh:59:59 of the domain's zone."""
    return schedule[local.weekday() * 24 + local.hour] == "1"


def wait_seconds(intensity: int, taken_at: datetime | None, now: datetime) -> int:
    """Until the next request may come; 0: now [WGT-35]."""
    if not intensity or taken_at is None:
        return 0
    left = taken_at + timedelta(seconds=intensity) - now
    return max(0, min(intensity, -(-left // timedelta(seconds=1))))


def contradicts(greeting: str, schedule: str) -> bool:
    """The off-hours text names hours that are not those of the schedule [WGT-D4]."""
    found = _SPAN.search(greeting)
    if found is None:
        return False
    begin, end = int(found[1]), int(found[3])
    if int(found[2]) or int(found[4]):
        return True  # the schedule knows whole hours
    named = "".join("1" if begin <= hour < end else "0" for hour in range(24))
    days = [schedule[start:start + 24] for start in range(0, HOURS, 24)]
    return any("1" in day and day != named for day in days)


def page_address(typed: str) -> str:
    """Where the visitor was, if it is an address of the web."""
    text = typed.strip()[:MAX_URL]
    return text if text.startswith(("http://", "https://")) and text.isprintable() else ""
