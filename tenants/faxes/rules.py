"""What a fax may be sent to, and when it is tried again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from tenants.numbers.rules import (
    NotANumber,
    Place,
    Restriction,
    direction,
    effective_restriction,
    is_allowed,
    is_emergency,
    normalise,
    place_of,
)

MAX_WAITING = 20  # faxes of one user that are not at their end
MAX_PAGES = 200
FARTHEST = timedelta(days=366)
_INTERNAL = re.compile(r"[0-9]{1,5}")


class Unsendable(ValueError):
    """`args[0]`: number, restricted, emergency, own."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What decides where a user may send to."""

    country: str
    area_code: str
    own_restriction: str | None
    default_restriction: str
    extension: str

    @property
    def place(self) -> Place:
        return place_of(self.country, self.area_code)


def is_internal(typed: str) -> bool:
    """Digits of an internal number's length; whether there is one is the database's to say."""
    return _INTERNAL.fullmatch(typed.strip()) is not None


def outside_number(typed: str, sender: Sender) -> str:
    """E.164 digits of an outside number this user may call [ACC-D15].

    Raises:
        Unsendable
    """
    if is_emergency(typed.strip()):
        raise Unsendable("emergency")
    try:
        number = normalise(typed, sender.place)
    except NotANumber:
        raise Unsendable("number") from None
    own = Restriction(sender.own_restriction) if sender.own_restriction else None
    restriction = effective_restriction(own, Restriction(sender.default_restriction))
    if not is_allowed(direction(number, sender.place), restriction):
        raise Unsendable("restricted")
    return number


def next_attempt(attempts: int, retries: int, now: datetime, interval_minutes: int) -> datetime | None:
    """When after so many failed attempts another follows; None: it is not delivered [ACC-63, T7]."""
    return now + timedelta(minutes=interval_minutes) if attempts <= retries else None
