"""How long the balance lasts: the days ahead one by one, with what is known of them today; pure.

Each day begins with its fees, then promised payments are debited, then the calls of an average such weekday are paid.
The rules of block are those of the daily run, so that the forecast and what happens agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum

from app.kernel.money import Money
from billing.accounts.rules import FeeDecision, RecurringFee, Scheme, Terms, blocks_after_debit, decide_fee
from billing.subscriptions.rules import due_on

LOOK_BACK_DAYS, LOOK_AHEAD_DAYS, WEEK = 28, 366, 7
_DAY = timedelta(days=1)


class Outcome(Enum):
    """What can be said of the balance."""

    UNTIL = "until"
    LONG = "long"  # more than a year
    BLOCKED = "blocked"
    NONE = "none"  # no lowest balance, or nothing is spent


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known today, a day of the billing zone.

    Args:
        calls: mean spend on calls of Monday … Sunday, unrounded.
        spent_today: on calls so far.
        write_offs: promised payments by the day of their debit.
        guaranteed: minimum guaranteed payment, debited on the 1st [FIN-D4].
    """

    today: date
    balance: Money
    terms: Terms
    fees: Sequence[RecurringFee]
    calls: Sequence[Money]
    spent_today: Money
    write_offs: Sequence[tuple[date, Money]] = ()
    guaranteed: Money | None = None
    is_blocked: bool = False
    is_trial: bool = False
    is_today_charged: bool = True  # the day's run has been


@dataclass(frozen=True, slots=True)
class Forecast:
    """`short_on`: the first day that the balance does not cover wholly; only with UNTIL."""

    outcome: Outcome
    short_on: date | None = None
    is_short_today: bool = False

    @property
    def last_day(self) -> date | None:
        """The last day that is paid for wholly; yesterday when today is not."""
        return self.short_on - _DAY if self.short_on else None


def mean_spend(spent: Mapping[date, Money], first: date, today: date, zero: Money) -> list[Money]:
    """Mean per weekday over the whole days from `first`, at most LOOK_BACK_DAYS of them; of less than a week one mean
    for every day."""
    first = max(first, today - timedelta(days=LOOK_BACK_DAYS))
    days = [first + timedelta(days=n) for n in range((today - first).days)]
    if not days:
        return [zero] * WEEK
    if len(days) < WEEK:
        return [_mean([spent.get(day, zero) for day in days], zero)] * WEEK
    return [_mean([spent.get(day, zero) for day in days if day.weekday() == weekday], zero)
            for weekday in range(WEEK)]


def _mean(amounts: Sequence[Money], zero: Money) -> Money:
    return Money(sum((one.amount for one in amounts), Decimal(0)) / len(amounts), zero.currency)


def forecast(known: Situation) -> Forecast:
    """The first day that is not covered, at most a year ahead."""
    if known.is_blocked:
        return Forecast(Outcome.BLOCKED)
    if known.is_trial or known.terms.scheme is Scheme.UNLIMITED:
        return Forecast(Outcome.NONE)
    left, fees = known.balance, _Fees(known)
    for ahead in range(LOOK_AHEAD_DAYS + 1):
        day = known.today + timedelta(days=ahead)
        due = fees.on(day) if ahead or not known.is_today_charged else fees.zero
        if decide_fee(due, left, known.terms) is FeeDecision.BLOCK:
            return Forecast(Outcome.UNTIL, day, not ahead)
        left -= due
        written_off = sum((amount for on, amount in known.write_offs if on == day), fees.zero)
        left -= written_off
        if written_off and decide_fee(fees.on(day + _DAY), left, known.terms) is FeeDecision.BLOCK:
            return Forecast(Outcome.UNTIL, day, not ahead)  # blocked at the debit [FIN-D10]
        calls = known.calls[day.weekday()]
        if not ahead:
            calls = max(calls - known.spent_today, fees.zero)
        left -= calls
        if blocks_after_debit(left, known.terms):
            return Forecast(Outcome.UNTIL, day, not ahead)
    return Forecast(Outcome.LONG if fees.any or any(known.calls) else Outcome.NONE)


class _Fees:
    """What a day's run will charge; the same on all days of a month but its 1st."""

    def __init__(self, known: Situation) -> None:
        self.zero = Money.zero(known.balance.currency)
        self._fees = known.fees
        self._known: dict[tuple[int, int, bool], Money] = {}
        prepaid = known.terms.scheme is Scheme.PREPAID
        self._guaranteed = known.guaranteed if known.guaranteed and prepaid else self.zero
        self.any = bool(self._guaranteed) or any(fee.monthly and fee.quantity for fee in known.fees)

    def on(self, day: date) -> Money:
        kind = (day.year, day.month, day.day == 1)
        if kind not in self._known:
            self._known[kind] = sum((due_on(fee, day) for fee in self._fees),
                                    self._guaranteed if day.day == 1 else self.zero)
        return self._known[kind]
