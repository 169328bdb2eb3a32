"""What is due on a day, as postings; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.kernel.money import Currency, Money
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import Cycle, RecurringFee, day_fee
from billing.packages.bucket import MGP


@lru_cache(maxsize=4096)  # the domains of a tariff have the same fees
def due_on(fee: RecurringFee, day: date) -> Money:
    """Charged by the run of that day: a daily fee's share each day, a monthly fee whole on the 1st. Each instance is
    rounded [FIN-D2, SVC-D11]."""
    if fee.cycle is Cycle.DAILY:
        return day_fee(fee.monthly, day).rounded_for_ledger() * fee.quantity
    if day.day == 1:
        return fee.monthly.rounded_for_ledger() * fee.quantity
    return Money.zero(fee.monthly.currency)


def fee_key(fee: RecurringFee, day: date) -> str:
    """One posting per service and day, of a monthly fee per month: whoever charges it first."""
    if fee.service == MGP:
        return mgp_key(day)
    if fee.cycle is Cycle.MONTHLY:
        return month_key(fee.service, day)
    return f"fee:{fee.service}:{day.isoformat()}"  # ten times faster than a format, and it is done for every fee


def month_key(service: str, day: date) -> str:
    return f"fee:{service}:{day.isoformat()[:7]}"


def mgp_key(day: date) -> str:
    """One guaranteed payment per month [FIN-D4]."""
    return f"mgp:{day.isoformat()[:7]}"


def _posting(fee: RecurringFee, amount: Money, day: date, at: datetime) -> Posting:
    if fee.service == MGP:
        return Posting(fee_key(fee, day), Operation.MGP, "", 1, -amount, at)
    return Posting(fee_key(fee, day), Operation.SUBSCRIPTION_FEE, fee.service, fee.quantity, -amount, at)


def day_postings(fees: Iterable[RecurringFee], day: date, at: datetime) -> list[Posting]:
    """Postings of the day's run; a fee of 0.00 is none."""
    return [_posting(fee, amount, day, at) for fee in fees if (amount := due_on(fee, day))]


def unblocking_postings(fees: Iterable[RecurringFee], day: date, at: datetime) -> list[Posting]:
    """What must be paid before a block is lifted on `day`: one day of daily fees, of monthly ones the rest of the
    month. Those charged already are told apart by their keys [FIN-D3]."""
    return [_posting(fee, amount, day, at) for fee in fees if (amount := fee.first_charge(day))]


def kept(begun: Iterable[RecurringFee], now: Iterable[RecurringFee]) -> list[RecurringFee]:
    """The fees of `begun` for no more instances than there are now. A guaranteed payment is that of now: other terms
    charge it at once [FIN-D4]."""
    present = {fee.service: fee for fee in now}
    fees = [replace(fee, quantity=min(fee.quantity, present[fee.service].quantity)) for fee in begun
            if fee.service in present and fee.service != MGP]
    return [*fees, present[MGP]] if MGP in present else fees


def total(postings: Sequence[Posting], currency: Currency) -> Money:
    """What the postings take together, as a positive amount."""
    return sum((-posting.ledger_amount for posting in postings), Money.zero(currency))


def start_of_day(day: date, zone: str) -> datetime:
    """The day's first instant. Where a zone skips midnight, Python reads it as the instant after the gap."""
    return datetime.combine(day, time(), ZoneInfo(zone))


def local_day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
