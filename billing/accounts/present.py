"""Words of the finance pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel import Locale

from app.kernel.i18n import _, format_number, language, lazy, zone
from app.kernel.money import Money
from billing.accounts.lines import LedgerRow, Matches
from billing.accounts.queries import PaymentRow
from billing.accounts.sums import OperationSum

OPERATIONS = {
    "connection": lazy("Connection"), "subscription_fee": lazy("Subscription fee"),
    "disconnection": lazy("Disconnection"), "one_off": lazy("One-off fee"), "call": lazy("Call"),
    "mgp": lazy("Minimum guaranteed payment"), "payment": lazy("Payment"),
    "promised_payment": lazy("Promised payment"), "promised_write_off": lazy("Promised payment written off"),
    "discount": lazy("Tariff discount"), "correction": lazy("Correction"),
}
SERVICES = {"user": lazy("Additional user"), "card_refund": lazy("Refund to the card"),
            "card_dispute": lazy("Chargeback")}
SCHEMES = {"prepaid": lazy("Prepaid"), "credit": lazy("Credit"), "unlimited": lazy("Unlimited")}
PERIODS = {"day": lazy("Day"), "week": lazy("Week"), "month": lazy("Month"), "half": lazy("Half-year"),
           "year": lazy("Year")}
PAYMENT_KINDS = {"bank": lazy("Bank"), "card": lazy("Bank card"), "promised": lazy("Promised payment"),
                 "correction": lazy("Correction")}


# Items of the share diagram [FIN-D6]; what is not named here is "other".
SHARES = (("subscription_fee", lazy("Subscription fees")), ("fees", lazy("Connection and one-off fees")),
          ("call", lazy("Calls")), ("mgp", lazy("Minimum guaranteed payment")), ("other", lazy("Other")))
COLOURS = {"subscription_fee": "#206bc4", "fees": "#f59f00", "call": "#2fb344", "mgp": "#ae3ec9", "other": "#8797a6"}
_ITEM = {"subscription_fee": "subscription_fee", "connection": "fees", "one_off": "fees", "call": "call", "mgp": "mgp"}


def named(kind: str, service: str) -> str:
    """Service and kind of operation [FIN-44]."""
    operation = str(OPERATIONS.get(kind, kind))
    title = str(SERVICES.get(service, service))
    return f"{title} / {operation}" if title else operation


def operation(row: LedgerRow) -> str:
    return named(row.kind, row.service)


def matcher(search: str) -> Matches | None:
    """Substring of the operation as the reader sees it, in any case [FIN-48]; None without a search."""
    wanted = search.casefold()
    return (lambda kind, service: wanted in named(kind, service).casefold()) if wanted else None


def moment(at: datetime) -> str:
    """DD.MM.YY HH:MM in the domain's zone [FIN-44]."""
    return f"{at.astimezone(zone()):%d.%m.%y %H:%M}"


def payment(row: PaymentRow) -> str:
    """Kind, source and text of a payment, each once unless the text repeats another [FIN-51]."""
    kind = str(PAYMENT_KINDS.get(row.kind, row.kind))
    parts = [kind, "" if row.source == kind else row.source, row.description]
    return " / ".join(part for part in parts if part)


def payment_kinds(search: str) -> tuple[str, ...]:
    wanted = search.casefold()
    return tuple(kind for kind, name in PAYMENT_KINDS.items() if wanted and wanted in str(name).casefold())


@dataclass(frozen=True, slots=True)
class Share:
    """One item of the expenses; `percent` has one decimal."""

    item: str
    label: str
    amount: Money
    percent: Decimal


def shares(parts: Iterable[OperationSum]) -> list[Share]:
    """Items with expenses, in the order of SHARES [FIN-16, FIN-D6]."""
    sums: dict[str, Money] = {}
    for part in parts:
        item = _ITEM.get(part.kind, "other")
        sums[item] = sums[item] + part.expense if item in sums else part.expense
    whole = sum((one.amount for one in sums.values()), Decimal(0))
    return [Share(item, str(label), sums[item], _percent(sums[item].amount, whole))
            for item, label in SHARES if item in sums and sums[item].amount]


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return (part * 100 / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def pie(found: list[Share]) -> dict[str, Any]:
    """ECharts option; the table beside it is its legend, in the same colours."""
    data = [{"name": f"{one.label}: {format_number(one.percent, 1)} %", "value": float(one.amount.amount),
             "itemStyle": {"color": COLOURS[one.item]}} for one in found]
    return {"tooltip": {"trigger": "item"}, "legend": {"show": False},
            "series": [{"type": "pie", "radius": ["45%", "85%"], "label": {"show": False}, "data": data}]}


def month_name(first_day: date) -> str:
    """«November 2026», with the month in the nominative."""
    names = Locale.parse(language()).months["stand-alone"]["wide"]
    return f"{names[first_day.month].capitalize()} {first_day.year}"


def quantity(row: LedgerRow) -> str:
    """Billed time of a call as `m:ss`, 90:05 for an hour and a half [FIN-D13]; of anything else the instances."""
    if row.kind == "call":
        minutes, seconds = divmod(int(row.quantity), 60)
        return f"{minutes}:{seconds:02}"
    return str(format_number(row.quantity.normalize() if row.quantity else Decimal(0)))


def tabs() -> list[tuple[str, str]]:
    return [(_("Account state and payment"), "/finance"), (_("Debits and accruals"), "/finance/ledger"),
            (_("Payment history"), "/finance/payments")]
