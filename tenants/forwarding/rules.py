"""What a user's scheme says: which numbers are rung at a moment, in which order, and how a week is drawn."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

DAY = 24 * 60
WEEKDAYS = range(1, 8)  # Monday is 1
MAX_RULES = 20
MAX_PERIODS = 30
PRIORITIES = (1, 99)
RING_SECONDS = (5, 180)


class Kind(Enum):
    MAIN = "main"  # the user's own SIP number: always there [FWD-05]
    LANDLINE = "landline"
    MOBILE = "mobile"
    SIP = "sip"  # another account, login@domain: its devices ring, not its own scheme [FWD-08]

    @property
    def is_external(self) -> bool:
        return self in (Kind.LANDLINE, Kind.MOBILE)


class Terminal(Enum):
    VOICEMAIL = "voicemail"
    HANGUP = "hangup"


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in minutes of the day, on each of `days`; an end of 1440 is the day's end [FWD-14, FWD-16]."""

    days: frozenset[int]
    start: int
    end: int

    def __post_init__(self) -> None:
        if not self.days or not self.days <= set(WEEKDAYS) or not 0 <= self.start < self.end <= DAY:
            raise ValueError("period")


@dataclass(frozen=True, slots=True)
class Rule:
    """One contact number. No periods: every day, round the clock [FWD-15]."""

    id: int
    kind: Kind
    number: str = ""
    priority: int = 10
    ring_seconds: int = 40
    is_enabled: bool = True
    periods: tuple[Period, ...] = ()

    def is_active(self, day: int, minute: int) -> bool:
        """[FWD-12]"""
        return self.is_enabled and (not self.periods or any(
            day in period.days and period.start <= minute < period.end for period in self.periods))

    @property
    def is_initial(self) -> bool:
        """The main number at any time: its ring time is all there is to say."""
        return self.kind is Kind.MAIN and self.is_enabled and not self.periods


@dataclass(frozen=True, slots=True)
class Leg:
    rule_id: int
    number: str
    ring_seconds: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Tiers one after another; the legs of a tier ring together [FWD-18, FWD-22]."""

    tiers: tuple[frozenset[Leg], ...]
    terminal: Terminal


def plan(rules: Iterable[Rule], moment: datetime, *, voicemail: bool = False) -> Plan:
    """The reference function of FWD-24; `moment` in the domain's time zone."""
    return _plan_at(list(rules), moment.isoweekday(), moment.hour * 60 + moment.minute, voicemail)


def _plan_at(rules: list[Rule], day: int, minute: int, voicemail: bool) -> Plan:
    active = [rule for rule in rules if rule.is_active(day, minute)]
    tiers = tuple(frozenset(Leg(rule.id, rule.number, rule.ring_seconds) for rule in active
                            if rule.priority == priority) for priority in sorted({rule.priority for rule in active}))
    return Plan(tiers, Terminal.VOICEMAIL if voicemail else Terminal.HANGUP)


@dataclass(frozen=True, slots=True)
class Span:
    """Days with the same hours: (days, [(start, end)]) in minutes."""

    days: tuple[int, ...]
    hours: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One plan and when it holds; no spans: all the time."""

    plan: Plan
    spans: tuple[Span, ...] = field(default=())


def branches(rules: Sequence[Rule], *, voicemail: bool = False) -> list[Branch]:
    """The week cut at all borders of enabled rules, slices of equal plans joined [FWD-27…30]."""
    enabled = [rule for rule in rules if rule.is_enabled]
    found: dict[Plan, dict[int, list[tuple[int, int]]]] = {}
    for day in WEEKDAYS:
        borders = {0, DAY} | {border for rule in enabled for period in rule.periods if day in period.days
                              for border in (period.start, period.end)}
        edges = sorted(borders)
        for start, end in itertools.pairwise(edges):
            hours = found.setdefault(_plan_at(enabled, day, start, voicemail), {}).setdefault(day, [])
            if hours and hours[-1][1] == start:
                hours[-1] = (hours[-1][0], end)
            else:
                hours.append((start, end))
    if len(found) == 1:
        return [Branch(next(iter(found)))]
    return [Branch(one, _spans(when)) for one, when in found.items()]


def _spans(when: dict[int, list[tuple[int, int]]]) -> tuple[Span, ...]:
    by_hours: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for day in sorted(when):
        by_hours.setdefault(tuple(when[day]), []).append(day)
    return tuple(Span(tuple(days), hours) for hours, days in by_hours.items())


def windows(periods: Sequence[Period]) -> tuple[Span, ...]:
    """Overlaps merged, days of equal hours together: what the dialplan and the page's labels say."""
    when: dict[int, list[tuple[int, int]]] = {}
    for day in WEEKDAYS:
        for start, end in sorted((one.start, one.end) for one in periods if day in one.days):
            hours = when.setdefault(day, [])
            if hours and start <= hours[-1][1]:
                hours[-1] = (hours[-1][0], max(hours[-1][1], end))
            else:
                hours.append((start, end))
    return _spans(when)


def default_priority(rules: Iterable[Rule]) -> int:
    """What a new rule is offered [FWD-07]."""
    return min(max((rule.priority for rule in rules), default=0) + 10, PRIORITIES[1])


def periods_as_json(periods: Iterable[Period]) -> list[list[object]]:
    return [[sorted(one.days), one.start, one.end] for one in periods]


def periods_of_json(stored: Iterable[Sequence]) -> tuple[Period, ...]:
    """Raises ValueError for what no rule of ours wrote."""
    return tuple(Period(frozenset(days), start, end) for days, start, end in stored)
