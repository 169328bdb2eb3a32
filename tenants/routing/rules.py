"""What happens to a call that arrives: tests, drawing and dialplan agree with this reference [RTE-40, RTE-62]."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from tenants.destinations.model import Destination
from tenants.forwarding.rules import DAY, WEEKDAYS, Period, windows

MAX_RULES = 100
MAX_PERIODS = 50
MAX_PREFIXES = 100
MAX_ENTRIES = 1000  # of one list
_TOKEN = re.compile(r"\+?[0-9]{1,15}")
_SHORTEST_PUBLIC = 7  # digits; what is shorter is an internal number


class Filter(Enum):
    OFF = "off"
    BLACKLIST = "blacklist"
    WHITELIST = "whitelist"


class Outcome(Enum):
    """Why a call goes where it goes; the reasons stand in the history of calls."""

    RULE = "rule"
    NO_RULE = "no_rule"  # the built-in default: busy [RTE-03]
    BLACK_LIST = "black_list"
    NOT_IN_WHITE_LIST = "not_in_white_list"


@dataclass(frozen=True, slots=True)
class Caller:
    """Digits as lists have them; "" when the number is withheld. A public one is E.164, others are internal."""

    digits: str = ""
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`target` None: the object was deleted. `place`: priority, 1 is the highest."""

    id: int
    place: int
    target: Destination | None
    is_active: bool = True
    has_schedule: bool = False
    periods: tuple[Period, ...] = ()
    has_prefixes: bool = False
    prefixes: tuple[str, ...] = ()

    def holds(self, caller: Caller, moment: datetime) -> bool:
        """Conditions only [RTE-19, RTE-23]; `moment` in the domain's zone."""
        return (not self.has_schedule or in_periods(self.periods, moment)) and (
            not self.has_prefixes or has_prefix(self.prefixes, caller))

    @property
    def takes_all(self) -> bool:
        """Every call at any time, so that no lower rule ever fires [RTE-09]."""
        return not self.has_prefixes and (not self.has_schedule or covers_week(self.periods))


@dataclass(frozen=True, slots=True)
class Line:
    """A number with everything that decides about its calls. `rules` by place."""

    rules: tuple[Rule, ...] = ()
    filter: Filter = Filter.OFF
    black: frozenset[str] = field(default=frozenset())
    white: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Decision:
    """`target` None: the caller hears busy. `place` of the rule that fired, 0 for none."""

    outcome: Outcome
    target: Destination | None = None
    place: int = 0


def decide(line: Line, caller: Caller, moment: datetime) -> Decision:
    """Filter, then the first active rule whose conditions hold [NUM-28, RTE-40]. `moment` in the domain's zone."""
    if line.filter is Filter.BLACKLIST and caller.digits in line.black:
        return Decision(Outcome.BLACK_LIST)
    if line.filter is Filter.WHITELIST and caller.digits not in line.white:
        return Decision(Outcome.NOT_IN_WHITE_LIST)
    for rule in line.rules:
        if rule.is_active and rule.target is not None and rule.holds(caller, moment):
            return Decision(Outcome.RULE, rule.target, rule.place)
    return Decision(Outcome.NO_RULE)


def caller_of(number: str, *, is_withheld: bool = False) -> Caller:
    """A number as a trunk tells it [NUM-27, RTE-23]; the dialplan does the same in `sw-route.conf`.

    8 or +7 and ten digits, and ten digits alone, become 7…; 810… and 00… are international; fewer than seven
    digits are an internal number.
    """
    kept = "".join(one for one in number if one in "+0123456789")
    digits = kept.replace("+", "")
    if is_withheld or not digits:
        return Caller()
    if kept.startswith("+"):
        return Caller(digits, True)
    if digits.startswith("810") and len(digits) > 9:
        return Caller(digits[3:], True)
    if digits.startswith("00") and len(digits) > 8:
        return Caller(digits[2:], True)
    if len(digits) == 11 and digits[0] == "8":
        return Caller("7" + digits[1:], True)
    if len(digits) == 10:
        return Caller("7" + digits, True)
    return Caller(digits, len(digits) >= _SHORTEST_PUBLIC)


def in_periods(periods: Iterable[Period], moment: datetime) -> bool:
    """At least one holds: its weekday, start ≤ t < end [RTE-19]."""
    minute = moment.hour * 60 + moment.minute
    return any(moment.isoweekday() in one.days and one.start <= minute < one.end for one in periods)


def covers_week(periods: Sequence[Period]) -> bool:
    spans = windows(periods)
    return len(spans) == 1 and spans[0].days == tuple(WEEKDAYS) and spans[0].hours == ((0, DAY),)


def starts(prefixes: Iterable[str]) -> list[str]:
    """Beginnings of E.164 numbers that a list of prefixes means [RTE-23].

    A plain prefix is a region's or an operator's code of +7; 7… of two digits and 8… of four may also be the whole
    number as people write it. "+" begins a number of any country.
    """
    found: dict[str, None] = {}
    for one in prefixes:
        if one.startswith("+"):
            found[one[1:]] = None
            continue
        found["7" + one] = None
        if one.startswith("7") and len(one) > 1:
            found[one] = None
        if one.startswith("8") and len(one) > 3:
            found["7" + one[1:]] = None
    return list(found)


def has_prefix(prefixes: Iterable[str], caller: Caller) -> bool:
    """Plain prefixes mean callers of +7 with their ten digits; a number that is withheld or internal has none."""
    if not caller.is_public:
        return False
    is_russian = caller.digits.startswith("7") and len(caller.digits) == 11
    return any(caller.digits.startswith(start) for one in prefixes if is_russian or one.startswith("+")
               for start in starts([one]))


def read_prefixes(text: str) -> tuple[str, ...]:
    """Tokens between spaces and commas, each once [RTE-22, RTE-23].

    Raises:
        ValueError: with the first token that is none.
    """
    tokens = [one for one in re.split(r"[\s,]+", text) if one]
    for one in tokens:
        if not _TOKEN.fullmatch(one):
            raise ValueError(one)
    return tuple(dict.fromkeys(tokens))


def shadowed(rules: Sequence[Rule], missing: Collection[int] = ()) -> frozenset[int]:
    """Ids of rules that can never fire: above them stands an active one that takes everything [RTE-09].

    Args:
        missing: ids of rules whose object is not there.
    """
    for index, rule in enumerate(rules):
        if rule.is_active and rule.target is not None and rule.id not in missing and rule.takes_all:
            return frozenset(one.id for one in rules[index + 1:])
    return frozenset()


def moved(order: Sequence[int], wished: Sequence[int]) -> bool:
    """Whether `wished` is another order of exactly the same rules."""
    return sorted(order) == sorted(wished) and len(set(wished)) == len(wished)
