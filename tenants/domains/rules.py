"""What a domain may be called and how it is born."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, format_money
from app.kernel.money import Money
from billing.accounts.rules import Scheme

# FQDN in lower case: it is part of every SIP address and enters Asterisk's configuration.
DOMAIN_NAME = re.compile(r"(?=.{4,190}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class NewDomain:
    """A domain as ordered; it starts in trial [ACC-02]."""

    name: str
    company_name: str
    tariff_id: int
    node_id: int
    scheme: str = "prepaid"  # prepaid | credit | unlimited
    timezone: str = "Europe/Moscow"
    country: str = "RU"
    area_code: str = "495"
    locale: str = "ru"
    notification_email: str = ""
    max_users: int = 200
    pool_id: int | None = None
    route_number: str | None = None


def check_domain_name(name: str) -> str:
    """The name in its one form: lower case, no spaces around.

    Raises:
        InvalidFields: not a fully qualified domain name.
    """
    cleaned = name.strip().lower()
    if not DOMAIN_NAME.fullmatch(cleaned):
        raise InvalidFields("domain_name", _("A domain name like company.pbx.example is expected"),
                            fields={"name": _("A domain name like company.pbx.example is expected")})
    return cleaned


def trial_end(now: datetime, days: int) -> datetime:
    """When a trial that starts now is over [ACC-D1]."""
    return now + timedelta(days=days)


def check_credit_limit(limit: Money | None, scheme: Scheme, balance: Money, *, least: Money, most: Money) -> None:
    """A limit belongs to the credit scheme, is within the provider's bounds, and must not block at once
    [FIN-34, FIN-36, FIN-D11].

    Raises:
        InvalidFields: for the field `credit_limit`.
    """
    if limit is None:
        return
    if scheme is not Scheme.CREDIT:
        raise _wrong_limit(_("Only the credit scheme has a credit limit"))
    if limit.amount != limit.rounded_for_ledger().amount:
        raise _wrong_limit(_("At most two decimals"))
    if limit < least or most < limit:
        raise _wrong_limit(_("From %(least)s to %(most)s") % {"least": format_money(least, trim=True),
                                                              "most": format_money(most, trim=True)})
    if balance <= -limit:
        raise _wrong_limit(_("The balance is %(balance)s: this limit would block the domain at once")
                           % {"balance": format_money(balance)})


def _wrong_limit(text: str) -> InvalidFields:
    return InvalidFields("credit_limit", text, fields={"credit_limit": text})
