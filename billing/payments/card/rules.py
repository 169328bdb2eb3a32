"""States of a card payment and bounds of its amounts; values in, decisions out [FIN-D15]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _, format_money
from app.kernel.money import Money

FAILURES_IN_A_ROW = 3
MOST_OPEN_CHECKOUTS = 10  # of one domain: each costs a request to the gateway


class State(Enum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Back:
    """One refund or dispute as known."""

    kind: str  # refund | dispute
    amount: Money
    is_undone: bool


def unpaid_state(now: State, *, is_failed: bool, is_over: bool) -> State:
    """Of a payment without money: a failure says more than the end that follows it, in whichever order they come."""
    if is_failed and now in (State.PENDING, State.CANCELLED):
        return State.FAILED
    if is_over and now is State.PENDING:
        return State.CANCELLED
    return now


def paid_state(paid: Money, backs: Iterable[Back], refunded: Money) -> State:
    """Of a payment whose money came: disputed while a dispute is open or lost; refunded when all of it went back."""
    if any(one.kind == "dispute" and not one.is_undone for one in backs):
        return State.DISPUTED
    return State.REFUNDED if refunded >= paid else State.SUCCEEDED


def refunded_of(paid: Money, seen: Money, backs: Iterable[Back]) -> Money:
    """Money refunded, from two tellers that may each be behind: the charge's own sum and the single refunds.

    Neither ever says more than is true (a refund that failed is taken off the charge's highest sum), so the larger
    one holds, and the order in which they are heard does not matter.
    """
    refunds = [one for one in backs if one.kind == "refund"]
    nothing = Money.zero(paid.currency)
    live = sum((one.amount for one in refunds if not one.is_undone), nothing)
    failed = sum((one.amount for one in refunds if one.is_undone), nothing)
    return min(paid, max(live, seen - failed, nothing))


def returned_of(paid: Money, refunded: Money, backs: Iterable[Back]) -> Money:
    """What the account has to give back in all; never more than came in."""
    disputed = sum((one.amount for one in backs if one.kind == "dispute" and not one.is_undone),
                   Money.zero(paid.currency))
    return min(paid, refunded + disputed)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The provider's parameters `topup.min` and `topup.max`."""

    least: Money
    most: Money

    def hold(self, amount: Money) -> bool:
        return self.least <= amount <= self.most and amount.rounded_for_ledger() == amount


def check_topup(amount: Money, bounds: Bounds, *, is_commercial: bool, open_checkouts: int) -> None:
    """Any scheme, also in a block.

    Raises:
        Refused: trial, or too many payments are open. InvalidFields: the amount.
    """
    if not is_commercial:
        raise Refused("card_trial", _("Payment by card is available in commercial mode only."))
    check_amount(amount, bounds, "card_amount")
    if open_checkouts >= MOST_OPEN_CHECKOUTS:
        raise Refused("card_open", _("Too many payments have been begun. Finish one of them or wait an hour."))


def check_amount(amount: Money, bounds: Bounds, field: str) -> None:
    """Raises InvalidFields for `field`."""
    if amount.rounded_for_ledger() != amount:
        raise _wrong(field, _("At most two decimals"))
    if not bounds.hold(amount):
        raise _wrong(field, _("From %(least)s to %(most)s") % {
            "least": format_money(bounds.least, trim=True), "most": format_money(bounds.most, trim=True)})


def check_threshold(threshold: Money) -> None:
    """Raises InvalidFields for `threshold`."""
    if threshold.rounded_for_ledger() != threshold:
        raise _wrong("threshold", _("At most two decimals"))
    if not Decimal(0) <= threshold.amount <= Decimal(10_000_000):
        raise _wrong("threshold", _("From %(least)s to %(most)s") % {
            "least": format_money(Money(Decimal(0), threshold.currency), trim=True),
            "most": format_money(Money(Decimal(10_000_000), threshold.currency), trim=True)})


def _wrong(field: str, text: str) -> InvalidFields:
    return InvalidFields("amount", text, fields={field: text})
