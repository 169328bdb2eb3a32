"""Answers "why 7.20?" from the explanation that a charge keeps [FIN-62]."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from app.kernel.i18n import _, format_duration, format_money
from app.kernel.money import Currency, Money

Facts = list[tuple[str, str]]


def charge_facts(charge: Mapping[str, Any] | None, currency: Currency, tariff: str = "") -> Facts:
    """(what, value) in the order of the reckoning; empty for a free call. `tariff`: name of the tariff version."""
    if not charge:
        return []
    if "trial_seconds" in charge:
        return [(_("Trial seconds used"), format_duration(int(charge["trial_seconds"])))]
    facts = [(_("Tariff version"), tariff or str(charge.get("version", ""))),
             (_("Prefix"), str(charge.get("prefix", "")))]
    if charge.get("seconds"):
        facts.append((_("Duration of the talk"), format_duration(int(charge["seconds"]))))
    if charge.get("free_seconds"):
        facts.append((_("Not charged"), format_duration(int(charge["free_seconds"]))))
    if charge.get("connection_fee"):
        facts.append((_("Connection fee"), _amount(charge["connection_fee"], currency)))
    facts += [_increment(line, currency) for line in charge.get("lines", [])]
    if charge.get("minimum_applied"):
        facts.append((_("Minimum charge"), _("applied")))
    return facts + _rounding(charge, currency)


def _rounding(charge: Mapping[str, Any], currency: Currency) -> Facts:
    """The exact sum, unless it is the amount charged; rounded once, half-up [FIN-61]."""
    posted = int(charge.get("posted", 0))
    numerator, denominator = charge.get("exact", (posted, 1))
    exact = Fraction(numerator, denominator)
    facts: Facts = []
    if exact != posted:
        facts = [(_("Exact sum"), _amount(round(exact), currency)), (_("Rounding"), _("once, half up"))]
    facts.append((_("Charged"), _amount(posted, currency)))
    if used := int(charge.get("mgp", 0)):  # the guaranteed payment comes before the balance [FIN-60]
        facts += [(_("Paid from the MGP"), _amount(used, currency)),
                  (_("Paid from the balance"), _amount(posted - used, currency))]
    return facts


def _increment(line: list[Any], currency: Currency) -> tuple[str, str]:
    """`line` is a ChargeLine of the rating kernel, as stored: 2 × 60 s, at a price, what they come to."""
    _at, count, seconds, price, unit, _row, from_package = line
    what = _("%(count)s × %(seconds)s s") % {"count": count, "seconds": seconds}
    if from_package:
        return what, _("minute package")
    told = _("%(price)s per %(unit)s s") % {"price": _amount(price, currency), "unit": unit}
    comes = _amount(round(Fraction(price * count * seconds, unit)), currency)
    return what, f"{told} = {comes}"


def _amount(millionths: int | Decimal, currency: Currency) -> str:
    return str(format_money(Money.from_millionths(int(millionths), currency), exact=True))
