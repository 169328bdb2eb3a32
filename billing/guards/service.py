"""A paid call asks; a running one wants more; the stops that follow. The account row is locked by the caller."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from app.kernel import parameters
from app.kernel.db import DomainTx
from billing.guards import hits, queries
from billing.guards.destinations import destination_of
from billing.guards.queries import Guards
from billing.guards.rules import Attempt, Hit, Limits, is_used_up, tighter, verdict
from billing.rating.rules import CALL_CAP_SECONDS, CallPrice

LAST_SECONDS = 30  # until a call's end: what it holds is as good as spent
_TOUCH_AFTER = timedelta(days=1)  # a destination called daily is written once a day


@dataclass(frozen=True, slots=True)
class Asking:
    """An outside call before it is placed; `free` is the account's money for it, None without a floor."""

    number: str  # E.164 digits
    user_id: int | None
    price: CallPrice
    free: int | None
    held: int  # by all open calls, millionths
    is_international: bool
    is_trial: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """`refusal` None: let through, with `free` bounded by the day; `placed` then tells what there is to remember."""

    refusal: Hit | None
    free: int | None
    is_paid: bool
    destination: str = ""
    guards: Guards | None = None

    @property
    def may_go_offline(self) -> bool:
        """The node knows nothing of the domain's own prefixes while it cannot ask."""
        return self.guards is None or not self.guards.policies.reaches_plain_numbers


async def examine(tx: DomainTx, asking: Asking) -> Answer:
    """One round trip for a call that is let through. A refusal is noted, and may stop all paid calls."""
    is_paid = asking.is_trial or asking.price.charge(CALL_CAP_SECONDS).numerator > 0
    destination = destination_of(asking.number)
    guards = await queries.at_a_call(tx, destination)
    entry = 0 if asking.is_trial else asking.price.amount(asking.price.entry_seconds)
    attempt = Attempt(
        guards.policies.forbids(asking.number, is_international=asking.is_international), is_paid, entry, asking.free,
        asking.is_trial)
    seen = guards.seen(asking.held)
    is_new = is_paid and await _is_new(tx, destination, guards)
    if is_new and guards.limits.new_destination == "block" and _watches(guards.limits, tx, guards.zone):
        seen = replace(seen, waits=True)
    hit = verdict(attempt, guards.limits, seen)
    if hit is not None:
        await _refused(tx, asking, guards, hit, attempt.forbidden_by or "", destination)
        return Answer(hit, asking.free, is_paid)
    bound = seen.room if is_paid and not asking.is_trial else None
    return Answer(None, tighter(asking.free, bound), is_paid, destination if is_paid else "", guards)


def _watches(limits: Limits, tx: DomainTx, zone: str) -> bool:
    return limits.new_destination != "off" and (limits.hours is None or not limits.hours.cover(tx.now, zone))


async def _is_new(tx: DomainTx, destination: str, guards: Guards) -> bool:
    """The own country is never new, but for its premium ranges."""
    if destination == guards.country:
        return False
    if guards.called_at is None:
        return True
    days = await parameters.get(tx, "guard.destination_days")
    return guards.called_at < tx.now - timedelta(days=days)


async def _refused(tx: DomainTx, asking: Asking, guards: Guards, hit: Hit, by: str, destination: str) -> None:
    if hit is Hit.STOPPED:
        return
    if hit is Hit.CAP and is_used_up(guards.limits, guards.day, asking.price.amount(asking.price.entry_seconds)):
        await hits.stop_for_cap(tx, guards)
        return
    if hit is Hit.NEW:
        await hits.remember(tx, destination, asking.number, asking.user_id, waits=True, is_known=guards.is_known)
    await hits.note(tx, hit, number=asking.number, user_id=asking.user_id, by=by,
                    repeats=None if hit is Hit.CAP else guards.limits.repeats)


async def placed(tx: DomainTx, asking: Asking, answer: Answer) -> None:
    """The call is authorised: a destination that is new is remembered and told of."""
    guards = answer.guards
    if guards is None or not answer.destination or answer.destination == guards.country:
        return
    is_new = await _is_new(tx, answer.destination, guards)
    if is_new:
        await hits.remember(tx, answer.destination, asking.number, asking.user_id, waits=False,
                            is_known=guards.is_known, tells=_watches(guards.limits, tx, guards.zone))
    elif guards.called_at is not None and guards.called_at < tx.now - _TOUCH_AFTER:
        await tx.execute("UPDATE guard_destination SET called_at = $3 WHERE domain_id = $1 AND destination = $2",
                         tx.domain_id, answer.destination, tx.now)


@dataclass(frozen=True, slots=True)
class Growing:
    """What a running call may still take; `guards` and `held` (by all calls) for `cut`."""

    guards: Guards
    held: int
    is_stopped: bool
    room: int | None

    def bound(self, free: int | None) -> int | None:
        return tighter(free, self.room)


async def growing(tx: DomainTx, held: int, *, is_trial: bool) -> Growing:
    """Asked when a call wants to talk longer; one in trial costs nothing."""
    guards = await queries.in_general(tx)
    return Growing(guards, held, bool(guards.stops), None if is_trial else guards.room(held))


async def cut(tx: DomainTx, growing: Growing, *, parallel: int, needed: int, left_seconds: int) -> None:
    """A running call got no more than it has. When the day's cap is why, the call is at its end, and no other call
    holds any of the cap, paid calls stop."""
    if growing.is_stopped or growing.room is None or parallel or left_seconds > LAST_SECONDS:
        return
    if is_used_up(growing.guards.limits, growing.guards.day, needed, growing.held):
        await hits.stop_for_cap(tx, growing.guards)
