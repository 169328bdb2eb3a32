"""Quantities, line totals and quotes of services; pure [SVC-03…05, SVC-20, SVC-30…34]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from app.kernel.errors import Refused
from app.kernel.money import Currency, Money
from billing.accounts.rules import ConnectionCost, RecurringFee, connection_cost
from billing.tariffs.plan import Level, PlanService


class CostChanged(Refused):
    """The amounts are no longer those that were shown; `facts["quote"]` has the new ones."""


@dataclass(frozen=True, slots=True)
class Line:
    """A service of the plan as the domain has it. `instances` as counted by its level, also while it is off."""

    plan: PlanService
    is_on: bool
    instances: int

    @property
    def quantity(self) -> int:
        """Instances that cost: those beyond the included ones [SVC-20]."""
        return self.plan.charged(self.instances) if self.is_on else 0

    @property
    def total(self) -> Money:
        """Per month, half up to two decimals [SVC-04]."""
        return (self.plan.monthly * self.quantity).rounded_for_ledger()

    def connecting(self) -> RecurringFee:
        """What is there is paid for when the service is switched on [SVC-D10]."""
        return self.plan.fee(0, 1 if self.plan.level is Level.DOMAIN else self.instances)

    def growing(self, added: int) -> RecurringFee:
        """The first instance of a service that is off switches it on, with those that are there."""
        return self.plan.fee(self.instances, added) if self.is_on else self.plan.fee(0, self.instances + added)

    def shrinking(self, removed: int) -> RecurringFee:
        """By what the monthly fee falls."""
        if not self.is_on:
            return self.plan.fee(0, 0)
        return self.plan.fee(max(self.instances - removed, 0), min(removed, self.instances))


@dataclass(frozen=True, slots=True)
class Quote:
    """The amounts shown before something is connected, and the fees that they come from, in the order of posting."""

    cost: ConnectionCost
    fees: tuple[RecurringFee, ...]
    day: date  # of the billing zone
    balance: Money

    @property
    def mark(self) -> str:
        """Travels through the form: at save it tells whether the amounts are still those shown."""
        amounts = (self.cost.monthly, self.cost.connection, self.cost.first_day)
        return "/".join(f"{one.amount.normalize():f}" for one in amounts)


def quote_of(fees: Iterable[RecurringFee], day: date, balance: Money, *, is_trial: bool) -> Quote:
    """One function for the price shown and the price charged; all amounts are zero in trial [ACC-03, SVC-33].

    Fees of no instance are left out: what the plan includes makes no lines.
    """
    paid = tuple(fee for fee in fees if fee.quantity > 0)
    if is_trial:
        nothing = Money.zero(balance.currency)
        paid = tuple(replace(fee, monthly=nothing, connection=None) for fee in paid)
    return Quote(connection_cost(paid, day, currency=balance.currency), paid, day, balance)


def growth(lines: Mapping[str, Line], added: Mapping[str, int]) -> list[RecurringFee]:
    """Fees of the instances added, in the order named [SVC-D11]. A service outside of the plan costs nothing."""
    return [lines[code].growing(number) for code, number in added.items() if code in lines]


def of_level(lines: Mapping[str, Line], level: Level) -> list[str]:
    """Services that are on and counted by that level."""
    return [code for code, line in lines.items() if line.is_on and line.plan.level is level]


def grand_total(lines: Sequence[Line], currency: Currency = Currency.RUB) -> Money:
    """What the connected services come to per month [SVC-05]."""
    return sum((line.total for line in lines if line.is_on), Money.zero(currency))
