"""Decisions of a voice queue: values in, values out; no clock, no database, no Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import ceil

Pick = Callable[[Sequence[int]], int]  # one of several at random
NOT_WAITED_FOR = frozenset({"break", "away", "offline"})  # states in which an operator serves nobody soon


class Algorithm(Enum):
    RANDOM = "acd_random"
    LONGEST_IDLE = "acd_longest_idle"
    LEAST_OCCUPIED = "acd_least_occupied"


class Way(Enum):
    """What becomes of a caller whom nobody is offered to."""

    STAY = "stay"
    VOICEMAIL = "voicemail"
    END = "end"
    AGAIN = "again"  # the group is no queue any more: by its new rule


@dataclass(frozen=True, slots=True)
class Candidate:
    """An operator in the state `waiting`. `load`: share of the time since sign-in spent on received calls [GRP-19]."""

    user_id: int
    priority: int
    idle_since: datetime  # end of the last received call, or the sign-in
    load: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller who is offered to nobody at this moment. `vip`: priority of a VIP number [VIP-06]."""

    key: str
    group_id: int
    arrived: datetime
    vip: int | None = None
    is_returned: bool = False
    missed_by: tuple[int, ...] = ()  # operators, in order

    @property
    def place(self) -> tuple[int, int, bool, datetime, str]:
        """Order of service: VIP by priority, then all others; of equals the returned ones, then by arrival [GRP-34]."""
        return (self.vip is None, self.vip or 0, not self.is_returned, self.arrived, self.key)


def load(talk_seconds: float, online_seconds: float) -> float:
    """Of an operator since the current sign-in; 0 where no time has passed [GRP-19]."""
    return talk_seconds / online_seconds if online_seconds > 0 else 0.0


def choose(algorithm: Algorithm, candidates: Sequence[Candidate], missed_by: Sequence[int], pick: Pick) -> int | None:
    """User id of the one operator whom the call is offered to; None without a candidate [GRP-31].

    Who has missed this call is passed over while there is somebody else, above all the last one [GRP-33].
    """
    pool = [one for one in candidates if one.user_id not in missed_by]
    pool = pool or [one for one in candidates if one.user_id != missed_by[-1]] or list(candidates)
    if not pool:
        return None
    first = min(one.priority for one in pool)
    pool = sorted((one for one in pool if one.priority == first), key=lambda one: one.user_id)
    if algorithm is Algorithm.RANDOM:
        return pick([one.user_id for one in pool])
    if algorithm is Algorithm.LONGEST_IDLE:
        return min(pool, key=lambda one: one.idle_since).user_id
    return min(pool, key=lambda one: one.load).user_id


@dataclass(frozen=True, slots=True)
class Queue:
    """What assignment knows of a group: its algorithm and which of the candidates may be offered its calls."""

    algorithm: Algorithm
    free: Mapping[int, Candidate]


def assign(callers: Iterable[Waiting], queues: Mapping[int, Queue], pick: Pick) -> list[tuple[str, int]]:
    """Which caller is offered to whom, in order of service; an operator gets one call at a time [GRP-31, GRP-34]."""
    taken: set[int] = set()
    found: list[tuple[str, int]] = []
    for caller in sorted(callers, key=lambda one: one.place):
        queue = queues.get(caller.group_id)
        if queue is None:
            continue
        free = [one for user_id, one in queue.free.items() if user_id not in taken]
        chosen = choose(queue.algorithm, free, caller.missed_by, pick) if free else None
        if chosen is not None:
            taken.add(chosen)
            found.append((caller.key, chosen))
    return found


def way(states: Collection[str], *, voicemail_on: bool) -> Way:
    """For a caller of a group whose operators are in these states [GRP-25, GRP-26]."""
    if not states:
        return Way.END
    if all(state == "offline" for state in states):
        return Way.VOICEMAIL if voicemail_on else Way.END
    return Way.STAY


def estimate_minutes(position: int, average_talk_seconds: int, states: Collection[str]) -> int:
    """Whole minutes, rounded up, until the caller at `position` (from 1) is served; 0: not announced [GRP-35]."""
    serving = sum(state not in NOT_WAITED_FOR for state in states)
    seconds = ceil(position * average_talk_seconds / max(1, serving))
    return ceil(seconds / 60)


@dataclass(frozen=True, slots=True)
class Doing:
    """Everything that makes the state of an operator."""

    is_signed_in: bool
    wish: str = "waiting"  # waiting, break, away
    is_offered: bool = False  # a call of a queue rings
    is_talking: bool = False  # a call of a queue
    lines: tuple[str, ...] = ()  # other calls of the operator's phones, oldest first: out, in, ring
    in_wrap_up: bool = False
    in_campaign: bool = False


def state_of(doing: Doing) -> str:
    """Code of the state [RPT-64, RPT-65]: calls come before what was chosen, which is applied after them."""
    if not doing.is_signed_in:
        return "offline"
    if doing.is_talking:
        return "incoming"
    if doing.in_campaign:
        return "campaign"
    talks = [line for line in doing.lines if line != "ring"]
    if talks:
        return "outgoing" if talks[0] == "out" else "incoming"
    if doing.is_offered or doing.lines:
        return "ringing"
    if doing.in_wrap_up:
        return "wrap_up"
    return doing.wish
