"""Measures of group calls: exact sums, from which a figure is made only when it is shown [RPT 8.2, RPT-49]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import exp, floor

NOTHING = timedelta(0)
SECOND = timedelta(seconds=1)
ENOUGH_PERCENT = 99  # of the service level, where a forecast ends [RPT-51]
MOST_ROWS = 50


def average(total: timedelta, count: int) -> timedelta:
    """Half-up to a whole second; nothing of nothing is 0 [RPT-07, RPT-09]."""
    if count <= 0:
        return NOTHING
    microseconds, unit = total // timedelta(microseconds=1), count * 1_000_000
    return timedelta(seconds=(2 * microseconds + unit) // (2 * unit))


def percent(part: int, whole: int, digits: int) -> Decimal:
    """100 × part / whole, half-up to `digits` decimals; of nothing 0 [RPT-09]."""
    if whole <= 0:
        return Decimal(0)
    scale = 10**digits
    return Decimal((200 * scale * part + whole) // (2 * whole)) / scale


@dataclass(frozen=True, slots=True)
class Sums:
    """Of some calls of groups, or of what one operator had of them. `wait_…` count from the arrival at our line."""

    answered: int = 0
    lost: int = 0
    talk: timedelta = NOTHING
    reaction: timedelta = NOTHING
    wait_answer: timedelta = NOTHING
    wait_loss: timedelta = NOTHING
    longest_loss: timedelta = NOTHING
    in_time: int = 0  # answered within the QoS time after entering the group

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.answered + other.answered, self.lost + other.lost, self.talk + other.talk,
                    self.reaction + other.reaction, self.wait_answer + other.wait_answer,
                    self.wait_loss + other.wait_loss, max(self.longest_loss, other.longest_loss),
                    self.in_time + other.in_time)

    @property
    def received(self) -> int:
        return self.answered + self.lost

    @property
    def average_talk(self) -> timedelta:
        return average(self.talk, self.answered)

    @property
    def average_reaction(self) -> timedelta:
        return average(self.reaction, self.answered)

    @property
    def average_wait_answer(self) -> timedelta:
        return average(self.wait_answer, self.answered)

    @property
    def average_wait_loss(self) -> timedelta:
        return average(self.wait_loss, self.lost)

    @property
    def service_level(self) -> Decimal:
        return percent(self.in_time, self.received, 0)


def together(sums: Iterable[Sums]) -> Sums:
    """What a row of totals is made of [RPT-25]."""
    return sum(sums, Sums())


# --- how many operators are needed: Erlang C -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whole numbers as shown; `free_percent`: of calls that do not queue, `load_percent`: of one operator."""

    operators: int
    free_percent: int
    wait_seconds: int
    queue: int
    level_percent: int
    load_percent: int


def forecast(calls_per_hour: int, handling: timedelta, target_seconds: int) -> list[Forecast]:
    """From the least number of operators that can do the work to the first with a service level of 99 %.

    Args:
        calls_per_hour: in the busiest clock hour.
        handling: average of talk and post-call processing; nothing makes no forecast.
    """
    seconds = handling / SECOND
    if calls_per_hour <= 0 or seconds <= 0:
        return []
    load = calls_per_hour * seconds / 3600
    rows: list[Forecast] = []
    blocked, first = 1.0, floor(load) + 1
    for operators in range(1, first + MOST_ROWS):
        blocked = load * blocked / (operators + load * blocked)
        if operators < first:
            continue
        queued = operators * blocked / (operators - load * (1 - blocked))
        spare = operators - load
        level = 1 - queued * exp(-spare * target_seconds / seconds)
        rows.append(Forecast(operators, _whole((1 - queued) * 100), _whole(queued * seconds / spare),
                             _whole(queued * load / spare), _whole(level * 100), _whole(load / operators * 100)))
        if rows[-1].level_percent >= ENOUGH_PERCENT:
            break
    return rows


def _whole(value: float) -> int:
    """Half-up; what binary fractions miss by a hair counts as the half."""
    return floor(value + 0.5 + 1e-9)
