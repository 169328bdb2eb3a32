"""One movement of a domain's account, as it enters the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from app.kernel.money import Currency, Money
from billing.accounts.rules import RecurringFee

DOMAIN_ACCOUNT = "domain"


class Operation(Enum):
    """Kind of an entry [FIN-45, FIN-D13]."""

    CONNECTION = "connection"
    SUBSCRIPTION_FEE = "subscription_fee"
    DISCONNECTION = "disconnection"
    ONE_OFF = "one_off"
    CALL = "call"
    MGP = "mgp"
    PAYMENT = "payment"
    PROMISED_PAYMENT = "promised_payment"
    PROMISED_WRITE_OFF = "promised_write_off"
    DISCOUNT = "discount"
    CORRECTION = "correction"


class CounterAccount(Enum):
    """The provider's side of a posting; revenue is kept by service beside it."""

    REVENUE = "revenue"
    PAYMENTS = "payments"
    PROMISED = "promised"
    CORRECTIONS = "corrections"


_COUNTER = {
    Operation.PAYMENT: CounterAccount.PAYMENTS,
    Operation.PROMISED_PAYMENT: CounterAccount.PROMISED,
    Operation.PROMISED_WRITE_OFF: CounterAccount.PROMISED,
    Operation.CORRECTION: CounterAccount.CORRECTIONS,
}


def counter_account(operation: Operation) -> CounterAccount:
    return _COUNTER.get(operation, CounterAccount.REVENUE)


@dataclass(slots=True, unsafe_hash=True)  # not frozen: made 10,000 times a second; treat as a value
class Posting:
    """Amount is from the domain's side: a debit is negative. `key` makes a repeat harmless.

    Raises:
        ValueError: empty key, or a moment without a zone.
    """

    key: str
    operation: Operation
    service: str  # code of the service; for a call its destination
    quantity: int  # instances, or billed seconds of a call
    amount: Money
    at: datetime  # of the operation charged, aware
    ref: str = ""  # what it belongs to: "call:812", "user:15"

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("a posting needs a key")
        if self.at.utcoffset() is None:
            raise ValueError("a posting's moment needs a zone")

    @property
    def counter_account(self) -> CounterAccount:
        return counter_account(self.operation)

    @property
    def ledger_amount(self) -> Money:
        """The amount as entered: the only rounding [FIN-D2]."""
        return self.amount.rounded_for_ledger()

    def lines(self) -> tuple[tuple[str, Money], tuple[str, Money]]:
        """(account, amount) twice; the sum is zero."""
        amount = self.ledger_amount
        return (DOMAIN_ACCOUNT, amount), (self.counter_account.value, -amount)


def connection_postings(
    fee: RecurringFee, day: date, at: datetime, *, key: str, ref: str,
) -> tuple[Posting, ...]:
    """Connection fee first, then the subscription fee, both of one moment, both even when 0 [FIN-46, SVC-31].

    `day` is the day of `at` in the billing zone: the amounts are those of `connection_cost` for it.
    """
    return (
        Posting(f"{key}:connection", Operation.CONNECTION, fee.service, fee.quantity,
                -fee.connection_charge(), at, ref),
        Posting(f"{key}:fee", Operation.SUBSCRIPTION_FEE, fee.service, fee.quantity,
                -fee.first_charge(day), at, ref),
    )


def disconnection_posting(
    service: str, quantity: int, at: datetime, *, key: str, ref: str, currency: Currency = Currency.RUB,
) -> Posting:
    """Recorded though no money moves: quantity −N, amount 0.00 [FIN-45, SVC-36]."""
    return Posting(f"{key}:disconnection", Operation.DISCONNECTION, service, -quantity,
                   Money.zero(currency), at, ref)
