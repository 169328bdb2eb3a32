"""What a domain's limits come to, how much a call may still cost today, and whether it is let through; pure.

Money is integer millionths. 0 in a stored value or parameter means: no limit; None in a limit in force does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from typing import TypeVar
from zoneinfo import ZoneInfo

from billing.guards.destinations import Policies, Policy, Preset

REPEATS_WITHIN_SECONDS = 600
RATE_WINDOW_SECONDS = 60
Number = TypeVar("Number", int, Decimal)


class Hit(Enum):
    """Why a call is refused; the reason that the node and the journal are told."""

    CAP = "guard_cap"
    RATE = "guard_rate"
    PARALLEL = "guard_parallel"
    FORBIDDEN = "guard_forbidden"
    NEW = "guard_new"
    STOPPED = "guard_stopped"


class Lock(Enum):
    """What the provider says of a preset."""

    OPEN = "open"
    FORBIDDEN = "forbidden"  # unless the domain says otherwise
    LOCKED = "locked"  # whatever the domain says


def in_force(own: Number | None, default: Number, maximum: Number) -> Number | None:
    """The limit that holds: the domain's own, else the default, never looser than the maximum; None = none."""
    wanted = default if own is None else own
    if maximum and (not wanted or wanted > maximum):
        wanted = maximum
    return wanted or None


def policies(locks: dict[Preset, Lock], chosen: dict[Preset, bool | None], own: Policy, wall: Policy) -> Policies:
    """The lists of both sides with the groups that are forbidden. `chosen` None: the provider's default."""
    mine = {preset for preset, lock in locks.items()
            if (chosen[preset] if chosen[preset] is not None else lock is Lock.FORBIDDEN)}
    locked = {preset for preset, lock in locks.items() if lock is Lock.LOCKED}
    return Policies(Policy(frozenset(mine), own.forbidden, own.allowed),
                    Policy(frozenset(locked), wall.forbidden, wall.allowed))


@dataclass(frozen=True, slots=True)
class Hours:
    """Working hours of the domain; `days` as ISO numbers in a text. A night shift crosses midnight."""

    days: str = "12345"
    begins: time = time(9)
    ends: time = time(18)

    def cover(self, moment: datetime, zone: str) -> bool:
        local = moment.astimezone(ZoneInfo(zone))
        clock, today = local.time(), str(local.isoweekday())
        if self.begins <= self.ends:
            return today in self.days and self.begins <= clock < self.ends
        yesterday = str((local.isoweekday() + 5) % 7 + 1)
        return (today in self.days and clock >= self.begins) or (yesterday in self.days and clock < self.ends)


@dataclass(frozen=True, slots=True)
class Limits:
    """In force for the domain. `cap` its own, `wall` the provider's maximum, both of a day."""

    cap: int | None = None
    wall: int | None = None
    per_minute: int | None = None
    parallel: int | None = None
    repeats: int | None = None
    new_destination: str = "off"
    hours: Hours | None = None  # alarms outside of them only


@dataclass(frozen=True, slots=True)
class Day:
    """What was charged today, and from where the two limits count."""

    spent: int = 0
    own_base: int = 0
    wall_base: int = 0


def room(limits: Limits, day: Day, held: int) -> int | None:
    """What calls may still cost today beyond what open holds have set aside; not below 0; None without a cap."""
    left = [limit - (day.spent - base) - held
            for limit, base in ((limits.cap, day.own_base), (limits.wall, day.wall_base)) if limit is not None]
    return max(min(left), 0) if left else None


def tighter(free: int | None, bound: int | None) -> int | None:
    """The smaller of two amounts where None is no bound."""
    return min((one for one in (free, bound) if one is not None), default=None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A paid call that asks. `entry` is what its first increment costs, 0 in trial; `free` money of the account."""

    forbidden_by: str | None
    is_paid: bool
    entry: int
    free: int | None
    is_trial: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What the domain's calls did until now. `waits`: its destination is not confirmed."""

    stops: Sequence[str] = ()
    last_minute: int = 0
    open_calls: int = 0
    waits: bool = False
    room: int | None = None


def verdict(attempt: Attempt, limits: Limits, seen: Seen) -> Hit | None:
    """Why the call is refused; a call that costs nothing only for its number."""
    if attempt.forbidden_by is not None:
        return Hit.FORBIDDEN
    if not attempt.is_paid:
        return None
    if seen.stops:
        return Hit.STOPPED
    if seen.waits:
        return Hit.NEW
    if limits.parallel is not None and seen.open_calls >= limits.parallel:
        return Hit.PARALLEL
    if limits.per_minute is not None and seen.last_minute >= limits.per_minute:
        return Hit.RATE
    if not attempt.is_trial and seen.room is not None and seen.room < attempt.entry and (
            attempt.free is None or attempt.free >= attempt.entry):
        return Hit.CAP
    return None


def is_used_up(limits: Limits, day: Day, needed: int, held: int = 0) -> bool:
    """The day's money does not pay `needed`, and half of it at least is gone: a single dear call that is refused
    early in the day leaves the cheap ones their money. `held`: what counts as gone besides the charges."""
    for limit, base in ((limits.cap, day.own_base), (limits.wall, day.wall_base)):
        if limit is not None:
            gone = day.spent - base + held
            if limit - gone < needed and 2 * gone >= limit:
                return True
    return False
