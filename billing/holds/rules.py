"""How much of a balance one call may hold, and until when it may talk on that money.

A hold covers the call from its answer: it is the price of `max_seconds` of talk, not a sum of slice
prices, so minimum charges and whole increments are counted once. Amounts are integer millionths;
`free_money` is always balance − floor − every hold of the domain, the asking call's own included.
"""

from __future__ import annotations

from dataclasses import dataclass

from billing.rating.rules import CALL_CAP_SECONDS, CallPrice

SLICE_SECONDS = 900  # talk bought at once while the balance is ample
SMALLEST_SLICE_SECONDS = 30  # near the floor: still long enough for the agent to come back in time
SHARES = 4  # a slice takes at most this part of the free money, so that other calls find some
LONGEST_MARGIN_SECONDS = 300  # the agent returns this early: so long an outage cuts nobody off
SHORTEST_MARGIN_SECONDS = 10
ASK_AGAIN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Hold:
    """State of a call's hold after a decision; seconds are counted from the call's answer."""

    max_seconds: int
    amount: int
    ask_at_seconds: int | None  # when the agent asks for more; None: never (nothing to buy)


@dataclass(frozen=True, slots=True)
class Settlement:
    """End of a call: what is posted, what goes back to the free money."""

    posted: int
    released: int
    beyond_hold: int  # more than 0 only for talk beyond `max_seconds`: a defect to be looked into


def first_slice(price: CallPrice, free_money: int | None, parallel: int = 0) -> Hold | None:
    """Hold to authorise a call with, None when its first increment cannot be paid.

    `free_money` None = no floor (unlimited scheme): nothing is held. `parallel` = other calls of the
    domain that hold money now.
    """
    if free_money is None or price.amount(CALL_CAP_SECONDS) == 0:
        return Hold(CALL_CAP_SECONDS, 0, None)
    if free_money < price.amount(price.entry_seconds):
        return None
    return _longer(price, Hold(0, 0, None), 0, free_money, parallel, price.entry_seconds)


def extension(
    price: CallPrice, hold: Hold, talked_seconds: int, free_money: int | None, parallel: int = 0,
) -> Hold:
    """The hold after the agent asked for more at `talked_seconds`; never shorter or smaller than before.

    Unchanged `max_seconds` = no money for another increment; `ask_at_seconds` then says when to try
    again, because a payment may come in meanwhile.
    """
    if free_money is None:
        return Hold(CALL_CAP_SECONDS, hold.amount, None)
    if hold.max_seconds >= CALL_CAP_SECONDS:
        return Hold(hold.max_seconds, hold.amount, None)
    return _longer(price, hold, talked_seconds, max(free_money, 0), parallel, 0)


def _longer(price: CallPrice, hold: Hold, talked: int, free_money: int, parallel: int, at_least: int) -> Hold:
    wanted = min(talked + SLICE_SECONDS, CALL_CAP_SECONDS)
    smallest = min(max(hold.max_seconds + 1, talked + SMALLEST_SLICE_SECONDS, at_least), CALL_CAP_SECONDS)
    share = free_money // max(SHARES, parallel + 1)
    share = max(share, min(price.amount(smallest) - hold.amount, free_money))
    bought = price.seconds(hold.amount + share)
    # the increment paid for is talked to its end, even where it reaches beyond the slice
    reach = price.seconds(price.amount(min(max(wanted, smallest), bought)))
    seconds = max(hold.max_seconds, min(reach, CALL_CAP_SECONDS))
    amount = max(hold.amount, price.amount(seconds))
    return Hold(seconds, amount, _ask_at(seconds, talked, extended=seconds > hold.max_seconds))


def _ask_at(max_seconds: int, talked: int, *, extended: bool) -> int | None:
    if max_seconds >= CALL_CAP_SECONDS:
        return None
    left = max(max_seconds - talked, 0)
    if not extended:
        return talked + max(ASK_AGAIN_SECONDS, min(left // 2, LONGEST_MARGIN_SECONDS))
    margin = max(SHORTEST_MARGIN_SECONDS, min(LONGEST_MARGIN_SECONDS, left // 3))
    return max(talked + 1, max_seconds - margin)


def settle(hold: Hold, posted: int) -> Settlement:
    """`posted` is the call's rated amount; the whole hold ends with the call."""
    return Settlement(posted, max(hold.amount - posted, 0), max(posted - hold.amount, 0))
