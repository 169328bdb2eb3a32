"""The decision as a pure function of what the database says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from billing.accounts.rules import Scheme
from billing.holds.rules import Hold, first_slice
from billing.holds.service import TRIAL_PRICE, trial_money
from billing.rating.rules import CallPrice
from tenants.numbers.rules import (
    Direction,
    NotANumber,
    Restriction,
    direction,
    effective_restriction,
    is_allowed,
    normalise,
    place_of,
)

OFFLINE_CAP_SECONDS = 3600  # all calls of a domain on credit together, while the panel is away
_TRIAL_DIRECTIONS = frozenset({Direction.LOCAL, Direction.NATIONAL, Direction.LONG_DISTANCE})


class Denied(Exception):
    """The call is refused; `args[0]` is the reason told to the node."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides besides money. `numbers` in order of preference: the user's, the domain's, any."""

    is_trial: bool
    trial_ends_at: datetime | None
    trial_seconds_free: int  # not used up and not held by other calls
    country: str
    area_code: str
    is_blocked: bool
    own_restriction: str | None
    default_restriction: str
    numbers: tuple[str | None, ...]
    trunks: str
    version_id: int | None
    open_calls: int
    max_calls: int
    parallel_holds: int  # other calls that hold money or trial seconds


@lru_cache(maxsize=20_000)
def is_premium(e164: str) -> bool:
    """A number whose calls cost more than the way to it."""
    try:
        kind = phonenumbers.number_type(phonenumbers.parse("+" + e164, None))
    except phonenumbers.NumberParseException:
        return True
    return kind in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UNKNOWN)


def is_abroad(facts: Facts, number: str) -> bool:
    """The E.164 digits lead out of the domain's country."""
    return direction(number, place_of(facts.country, facts.area_code)) is Direction.INTERNATIONAL


def called_number(facts: Facts, digits: str, now: datetime, limit: Restriction = Restriction.NONE) -> tuple[str, str]:
    """(E.164 digits to call, caller ID) when everything but the price allows it.

    Raises:
        Denied: blocked, number, restricted, trial or trunk.
    """
    if facts.is_blocked:
        raise Denied("blocked")
    where = place_of(facts.country, facts.area_code)
    try:
        number = normalise(digits, where)
    except NotANumber:
        raise Denied("number") from None
    far = direction(number, where)
    own = Restriction(facts.own_restriction) if facts.own_restriction else None
    if not is_allowed(far, effective_restriction(own, Restriction(facts.default_restriction))) or (
            not is_allowed(far, limit)):
        raise Denied("restricted")
    if facts.is_trial:
        over = facts.trial_ends_at is not None and facts.trial_ends_at <= now
        if over or facts.trial_seconds_free < 1 or far not in _TRIAL_DIRECTIONS or is_premium(number):
            raise Denied("trial")
    caller_id = next((one for one in facts.numbers if one), None)
    if caller_id is None:
        raise Denied("number")
    if not facts.trunks:
        raise Denied("trunk")
    return number, caller_id


def first_hold(facts: Facts, prices: Sequence[CallPrice], free_money: int | None) -> Hold:
    """The hold to begin with: it must do at each of the prices that the call can have at its answer.

    Raises:
        Denied: limit (too many paid calls at once), funds, or trial.
    """
    if facts.open_calls >= facts.max_calls:
        raise Denied("limit")
    if facts.is_trial:
        prices, free_money = [TRIAL_PRICE], trial_money(facts.trial_seconds_free)
    found = [first_slice(price, free_money, facts.parallel_holds) for price in prices]
    shortest = min((hold for hold in found if hold), key=lambda hold: hold.max_seconds, default=None)
    if shortest is None or None in found:
        raise Denied("trial" if facts.is_trial else "funds")
    if free_money is None or len(prices) == 1:
        return shortest
    return replace(shortest, amount=max(price.amount(shortest.max_seconds) for price in prices))


def offline_seconds(facts: Facts, scheme: Scheme, free_money: int | None, dearest: CallPrice) -> int:
    """Talk that a domain on credit may have while nobody can be asked, at the tariff's dearest rate:
    then the node cannot know what a number costs [ARCHITECTURE 6]."""
    if facts.is_trial or scheme is Scheme.PREPAID:
        return 0
    if free_money is None:
        return OFFLINE_CAP_SECONDS
    return dearest.seconds(max(free_money, 0), OFFLINE_CAP_SECONDS)
