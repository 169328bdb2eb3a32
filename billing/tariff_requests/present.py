"""What is exceeded, in words of the reader [DASH-D1]."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.kernel.i18n import _, format_duration, format_money
from app.kernel.money import Currency, Money


def excess_words(excess: Mapping[str, Any], currency: str) -> list[str]:
    """One line for each thing exceeded, with by how much."""
    lines = []
    if users := int(excess.get("users", 0)):
        lines.append(_("Users: %(n)s more than the tariff includes") % {"n": users})
    if seconds := int(excess.get("seconds", 0)):
        lines.append(_("Minutes: the package is used up, %(time)s beyond it") % {"time": format_duration(seconds)})
    if mgp := Decimal(excess.get("mgp", 0)):
        lines.append(_("Minimum guaranteed payment: used up, calls for %(amount)s beyond it")
                     % {"amount": format_money(Money(mgp, Currency(currency)))})
    return lines
