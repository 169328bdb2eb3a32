"""Words and amounts of services for pages [SVC-03, SVC-04, SVC-33]."""

from __future__ import annotations

from app.kernel.i18n import _, currency_sign, language
from app.kernel.money import Money
from app.web.parts import Cost
from billing.accounts.rules import Cycle
from billing.services import catalogue
from billing.services.queries import ServiceRow
from billing.services.rules import Quote


def cost_of(quote: Quote) -> Cost:
    """The amounts of the dialog, named by what they are for, and what will be left [SVC-D7]."""
    cycles = {fee.cycle for fee in quote.fees if fee.monthly}
    label = "" if Cycle.MONTHLY not in cycles else _("Rest of the month") if len(cycles) == 1 else _("First fees")
    return Cost(quote.cost.monthly, quote.cost.connection, quote.cost.first_day,
                parts_of(quote) if len(quote.fees) > 1 else "",
                quote.balance - quote.cost.charged if quote.cost.charged else None, label)


def parts_of(quote: Quote) -> str:
    """What is paid for: "Additional user × 3, Call recording × 2"."""
    return ", ".join(f"{catalogue.find(fee.service).name} × {fee.quantity}" for fee in quote.fees)


def line_text(row: ServiceRow) -> str:
    """"1125 (125 x 9) ₽" [SVC-03]."""
    sign = currency_sign(row.unit.currency)
    return f"{plain(row.total)} ({plain(row.unit)} x {row.quantity})\N{NO-BREAK SPACE}{sign}"


def plain(amount: Money) -> str:
    """Without grouping and trailing zeros, in the reader's decimal separator [SVC-04]."""
    text = f"{amount.rounded_for_ledger().amount:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text if language() == "en" else text.replace(".", ",")
