"""Words of the finance pages."""

from __future__ import annotations

from decimal import Decimal

from app.kernel.i18n import _, format_duration, format_number, lazy
from billing.accounts.queries import LedgerRow

OPERATIONS = {
    "connection": lazy("Connection"), "subscription_fee": lazy("Subscription fee"),
    "disconnection": lazy("Disconnection"), "one_off": lazy("One-off fee"), "call": lazy("Call"),
    "mgp": lazy("Minimum guaranteed payment"), "payment": lazy("Payment"),
    "promised_payment": lazy("Promised payment"), "promised_write_off": lazy("Promised payment written off"),
    "discount": lazy("Tariff discount"), "correction": lazy("Correction"),
}
SERVICES = {"user": lazy("Additional user")}
SCHEMES = {"prepaid": lazy("Prepaid"), "credit": lazy("Credit"), "unlimited": lazy("Unlimited")}
PERIODS = {"day": lazy("Day"), "week": lazy("Week"), "month": lazy("Month"), "half": lazy("Half-year"),
           "year": lazy("Year")}
PAYMENT_KINDS = {"bank": lazy("Bank"), "card": lazy("Bank card"), "promised": lazy("Promised payment"),
                 "correction": lazy("Correction")}
DAYS = {"day": 1, "week": 7, "month": 30, "half": 182, "year": 365}  # today included [FIN-D14]


def operation(row: LedgerRow) -> str:
    """Service and kind of operation [FIN-44]."""
    kind = str(OPERATIONS.get(row.kind, row.kind))
    service = str(SERVICES.get(row.service, row.service))
    return f"{service} / {kind}" if service else kind


def quantity(row: LedgerRow) -> str:
    """Billed time of a call, number of instances of anything else."""
    if row.kind == "call":
        return str(format_duration(int(row.quantity)))
    return str(format_number(row.quantity.normalize() if row.quantity else Decimal(0)))


def kinds_named(search: str) -> tuple[str, ...]:
    """Operations whose name, in the reader's language, holds the searched text."""
    wanted = search.casefold()
    return tuple(kind for kind, name in OPERATIONS.items() if wanted in str(name).casefold())


def tabs() -> list[tuple[str, str]]:
    return [(_("Account state and payment"), "/finance"), (_("Debits and accruals"), "/finance/ledger"),
            (_("Payment history"), "/finance/payments")]
