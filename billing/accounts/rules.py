"""A domain's account: what it may spend, what blocks it, what a fee comes to [FIN-01…56, SVC-D3]."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum

from app.kernel.money import Currency, Money


class Scheme(Enum):
    """Billing scheme of a domain [FIN-02]."""

    PREPAID = "prepaid"
    CREDIT = "credit"
    UNLIMITED = "unlimited"


class Cycle(Enum):
    """How often a recurring price is charged; prices are stated per month either way [FIN-D2]."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Terms:
    """Scheme and, for credit, the positive limit L (None = not set: the provider's default holds)."""

    scheme: Scheme
    credit_limit: Money | None = None
    default_limit: Money | None = None

    def limit(self, currency: Currency) -> Money:
        if self.scheme is not Scheme.CREDIT:
            return Money.zero(currency)
        chosen = self.default_limit if self.credit_limit is None else self.credit_limit
        return Money.zero(currency) if chosen is None else chosen


def floor(terms: Terms, currency: Currency = Currency.RUB) -> Money | None:
    """Lowest allowed balance; None = none [FIN-03]."""
    return None if terms.scheme is Scheme.UNLIMITED else -terms.limit(currency)


def available(balance: Money, terms: Terms, held: Money | None = None) -> Money | None:
    """Balance − floor − money held by calls in progress; None = no bound [FIN-D1]."""
    lowest = floor(terms, balance.currency)
    if lowest is None:
        return None
    return balance - lowest - (held or Money.zero(balance.currency))


def falls_below(before: Money, after: Money, threshold: Money | None) -> bool:
    """Whether this change of the balance is the one to tell of: once per way down, armed again at the threshold
    itself [SET-05]."""
    return threshold is not None and before >= threshold and after < threshold


def near_limit(balance: Money, terms: Terms, percent: int) -> bool:
    """At most `percent` of the credit limit is left [FIN-D12]; False without a limit."""
    if terms.scheme is not Scheme.CREDIT or not terms.limit(balance.currency):
        return False
    limit = terms.limit(balance.currency)
    return (balance + limit) * 100 <= limit * percent


def comes_near_limit(before: Money, after: Money, terms: Terms, percent: int) -> bool:
    """This change of the balance is the one to warn of: once per crossing, armed again above [FIN-38]."""
    return near_limit(after, terms, percent) and not near_limit(before, terms, percent)


def missing_funds(cost: Money, balance: Money, terms: Terms, held: Money | None = None) -> Money:
    """What a paid action of `cost` lacks, zero when it may be done [SVC-D3].

    Credit with a limit must stay above −limit, because reaching it blocks the domain.
    """
    nothing = Money.zero(balance.currency)
    room = available(balance, terms, held)
    if room is None or not cost:
        return nothing
    spare = room - cost
    if terms.limit(balance.currency):
        unit = Money(Decimal(1).scaleb(-balance.currency.minor_digits), balance.currency)
        return unit - spare if spare < unit else nothing
    return -spare if spare < nothing else nothing


class FeeDecision(Enum):
    """What the billing run does with a due fee."""

    POST = "post"
    WAIT = "wait"  # covered, but calls in progress hold the money: post when one of them ends
    BLOCK = "block"


def decide_fee(fee: Money, balance: Money, terms: Terms, held: Money | None = None) -> FeeDecision:
    """Prepaid: a due fee above the available money blocks and is not posted [FIN-05, FIN-D1].

    Other schemes post always; `blocks_after_debit` decides then.
    """
    if terms.scheme is not Scheme.PREPAID or not fee:
        return FeeDecision.POST
    if balance < fee:
        return FeeDecision.BLOCK
    return FeeDecision.POST if held is None or fee <= balance - held else FeeDecision.WAIT


def blocks_after_debit(balance: Money, terms: Terms) -> bool:
    """True when this balance, after a debit, calls for the financial block [FIN-D1, FIN-39]."""
    if terms.scheme is Scheme.UNLIMITED:
        return False
    limit = terms.limit(balance.currency)
    return balance <= -limit if limit else balance < limit


def unblocks_after_credit(balance: Money, due: Money, terms: Terms) -> bool:
    """True when `due` is to be posted and the financial block lifted [FIN-D3]."""
    lowest = floor(terms, balance.currency)
    if lowest is None:
        return True
    left = balance - due
    return lowest < left if terms.limit(balance.currency) else lowest <= left


class Unblocking(Enum):
    """What a credit does to the financial block."""

    LIFT = "lift"
    WAIT = "wait"  # the money is there, but calls in progress hold it: ask again when one of them ends
    STAY = "stay"


def decide_unblocking(balance: Money, due: Money, terms: Terms, held: Money) -> Unblocking:
    """The fees are not paid with what calls in progress may still use up [FIN-D1, FIN-D3]."""
    if not unblocks_after_credit(balance, due, terms):
        return Unblocking.STAY
    return Unblocking.LIFT if unblocks_after_credit(balance - held, due, terms) else Unblocking.WAIT


def day_fee(monthly: Money, day: date) -> Money:
    """One day of a monthly price, unrounded [FIN-D2]."""
    return Money(monthly.amount / _days(day), monthly.currency)


def prorated_fee(monthly: Money, first_day: date) -> Money:
    """Share of a monthly fee from `first_day` (counted) to the month's end, unrounded [FIN-D2].

    Multiplied before it is divided: 0.15 for one day of thirty is 0.005 and rounds up, while
    0.15 × (1/30) would be a hair less and round down.
    """
    days = _days(first_day)
    return Money(monthly.amount * (days - first_day.day + 1) / days, monthly.currency)


def _days(day: date) -> int:
    return monthrange(day.year, day.month)[1]


@dataclass(frozen=True, slots=True)
class RecurringFee:
    """A monthly price of a service and the number of its instances."""

    service: str
    monthly: Money
    quantity: int = 1
    cycle: Cycle = Cycle.DAILY
    connection: Money | None = None  # one-off price per instance

    def first_charge(self, day: date) -> Money:
        """Charged at connection: this day or the rest of the month, each instance rounded [SVC-D7, D11]."""
        unit = day_fee(self.monthly, day) if self.cycle is Cycle.DAILY else prorated_fee(self.monthly, day)
        return unit.rounded_for_ledger() * self.quantity

    def connection_charge(self) -> Money:
        if self.connection is None:
            return Money.zero(self.monthly.currency)
        return self.connection.rounded_for_ledger() * self.quantity


@dataclass(frozen=True, slots=True)
class ConnectionCost:
    """The three amounts shown before something paid is added and charged on saving [USR-22, SVC-33]."""

    monthly: Money
    connection: Money
    first_day: Money

    @property
    def charged(self) -> Money:
        """What is taken at once."""
        return self.connection + self.first_day


def connection_cost(
    fees: Iterable[RecurringFee], day: date, *, trial: bool = False, currency: Currency = Currency.RUB,
) -> ConnectionCost:
    """One function for the price shown and the price charged; zero in trial [ACC-03]."""
    monthly = connection = first = Money.zero(currency)
    for fee in () if trial else fees:
        monthly += fee.monthly * fee.quantity
        connection += fee.connection_charge()
        first += fee.first_charge(day)
    return ConnectionCost(monthly, connection, first)


def due_for_unblocking(
    uncharged: Iterable[RecurringFee], today: date, currency: Currency = Currency.RUB,
) -> Money:
    """Sum of the fees not yet charged: monthly from today to the month's end, daily for today [FIN-D3]."""
    return sum((fee.first_charge(today) for fee in uncharged), Money.zero(currency))


@dataclass(frozen=True, slots=True)
class MonthState:
    """First rows of the expense breakdown [FIN-11]; `expense` is a positive number."""

    start: Money
    income: Money
    expense: Money

    @property
    def current(self) -> Money:
        """State at the start of the month + income − expense [FIN-12]."""
        return self.start + self.income - self.expense


def month_state(start: Money, amounts: Iterable[Money]) -> MonthState:
    """Positive entries are income, negative ones expense [FIN-D5]."""
    income = expense = nothing = Money.zero(start.currency)
    for amount in amounts:
        if amount < nothing:
            expense -= amount
        else:
            income += amount
    return MonthState(start, income, expense)
