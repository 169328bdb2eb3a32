"""When a promised payment is given; values in, a refusal or nothing out [FIN-19…30]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _, format_money
from app.kernel.money import Money
from billing.accounts.rules import Scheme


@dataclass(frozen=True, slots=True)
class Terms:
    """The provider's parameters `promised.*`."""

    least: Money
    most: Money
    term_days: int

    def expires(self, granted: datetime) -> datetime:
        """24-hour days, to the second [FIN-D8]."""
        return granted + timedelta(days=self.term_days)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A promised payment that real money has not covered yet."""

    amount: Money
    granted_at: datetime


def check_request(amount: Money, terms: Terms, scheme: Scheme, *, is_trial: bool, earlier: Earlier | None,
                  zone: str) -> None:
    """Everything but the block.

    Raises:
        Refused: another scheme, a trial, or an earlier one is not repaid.
        InvalidFields: the amount.
    """
    if is_trial:
        raise Refused("promised_trial", _("A promised payment is not available in trial."))
    if scheme is not Scheme.PREPAID:
        raise Refused("promised_scheme", _("A promised payment is available with the prepaid scheme only."))
    if earlier is not None:
        raise Refused("promised_open", _("The operation is not possible: the promised payment of %(moment)s for "
                                         "%(amount)s is not closed.") % {
            "moment": moment(earlier.granted_at, zone), "amount": plain(earlier.amount)})
    if amount.rounded_for_ledger() != amount:
        raise _wrong(_("At most two decimals"))
    if amount < terms.least or terms.most < amount:
        raise _wrong(_("From %(least)s to %(most)s") % {"least": format_money(terms.least, trim=True),
                                                        "most": format_money(terms.most, trim=True)})


def check_unblocking(amount: Money, *, balance: Money, due: Money) -> None:
    """In the financial block the payment must cover the fees due [FIN-30, FIN-D10].

    Raises:
        InvalidFields: `amount`.
    """
    if balance + amount < due:
        raise _wrong(_("The sum is not enough to unblock the service. Enter a larger one."))


def moment(at: datetime, zone: str) -> str:
    """`16.04.2021 16:02:52 +03:00` [FIN-29]."""
    local = at.astimezone(ZoneInfo(zone))
    offset = local.strftime("%z")
    return f"{local:%d.%m.%Y %H:%M:%S} {offset[:3]}:{offset[3:5]}"


def plain(amount: Money) -> str:
    """Two decimals without grouping, as FIN-29 writes it."""
    return _("%(amount)s roubles") % {"amount": f"{amount.amount:.2f}"} if amount.currency.value == "RUB" \
        else f"{amount.amount:.2f} {amount.currency.value}"


def check_credit_limit(limit: Money | None, scheme: Scheme, balance: Money, *, least: Money, most: Money,
                       field: str = "credit_limit") -> None:
    """A limit belongs to the credit scheme, is within the provider's bounds, and must not block at once
    [FIN-34, FIN-36, FIN-D11].

    Raises:
        InvalidFields: for `field`.
    """
    if limit is None:
        return
    if scheme is not Scheme.CREDIT:
        raise _wrong(_("Only the credit scheme has a credit limit"), field)
    if limit.amount != limit.rounded_for_ledger().amount:
        raise _wrong(_("At most two decimals"), field)
    if limit < least or most < limit:
        raise _wrong(_("From %(least)s to %(most)s") % {"least": format_money(least, trim=True),
                                                              "most": format_money(most, trim=True)}, field)
    if balance <= -limit:
        raise _wrong(_("The balance is %(balance)s: this limit would block the domain at once")
                           % {"balance": format_money(balance)}, field)


def _wrong(text: str, field: str = "amount") -> InvalidFields:
    return InvalidFields("amount", text, fields={field: text})
