"""Words of the tariff pages: bands of rates, terms and services as text, differences between two plans."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.kernel.i18n import _, format_date, format_money, format_number, lazy
from app.kernel.money import Currency, Money
from billing.rating.bands import DAY_MINUTES
from billing.services import catalogue
from billing.tariffs import queries
from billing.tariffs.plan import Plan, PlanService, changed_services

CYCLES = {"daily": lazy("each day"), "monthly": lazy("on the first of the month")}
LEVELS = {"domain": lazy("Domain: 1"), "user": lazy("Users"), "operator": lazy("Operators"),
          "special": lazy("Instances of the service"), "external": lazy("Counter of another system")}
FREE_MODES = {"threshold": lazy("calls up to that long"), "included": lazy("of every call")}
WEEKDAYS = (lazy("Mon"), lazy("Tue"), lazy("Wed"), lazy("Thu"), lazy("Fri"), lazy("Sat"), lazy("Sun"))


def priced(amount: Decimal, currency: str = "RUB") -> Money:
    return Money(amount, Currency(currency))


def band(row: queries.Rate | queries.Difference) -> str:
    """`Mon, Tue 09:00–18:00 from 01.01.2026`; "" of a row that counts at any time."""
    if row.weekdays is None:
        return ""
    parts = [] if len(row.weekdays) == 7 else [", ".join(str(WEEKDAYS[int(day) - 1]) for day in row.weekdays)]
    if (row.start_minute, row.end_minute) != (0, DAY_MINUTES) or not parts:
        parts.append(f"{queries.clock_text(row.start_minute)}–{queries.clock_text(row.end_minute)}")
    if row.first_on:
        parts.append(_("from %(day)s") % {"day": format_date(row.first_on)})
    if row.last_on:
        parts.append(_("until %(day)s") % {"day": format_date(row.last_on)})
    return " ".join(parts)


def service_name(code: str) -> str:
    return str(catalogue.find(code).name)


def percent(value: Decimal) -> str:
    """`7.5 %`."""
    return format_number(value.quantize(Decimal(1)) if value == int(value) else value.normalize()) + "\u00a0%"


def conditions(plan: Plan) -> list[tuple[str, str]]:
    """What holds for the domain as a whole."""
    return [(_("Minutes included per month"), format_number(plan.included_minutes)),
            (_("Minimum guaranteed payment per month"), str(format_money(plan.mgp)) if plan.mgp else _("none")),
            (_("Discount"), percent(plan.discount_percent) if plan.discount_percent else _("none"))]


@dataclass(frozen=True, slots=True)
class TermsDifference:
    """One line of the preview; "" = not there."""

    name: str
    before: str
    after: str

    @property
    def kind(self) -> str:
        return "changed" if self.before and self.after else "added" if self.after else "removed"


def differences(before: Plan, after: Plan) -> list[TermsDifference]:
    """Terms first, then services by name."""
    services = [TermsDifference(service_name(code), _service_text(old), _service_text(new))
                for code, old, new in changed_services(before, after)]
    return changed_conditions(before, after) + sorted(services, key=lambda one: one.name.casefold())


def changed_conditions(before: Plan, after: Plan) -> list[TermsDifference]:
    """What holds for the domain as a whole and becomes different."""
    return [TermsDifference(name, old, new) for (name, old), (_name, new)
            in zip(conditions(before), conditions(after), strict=True) if old != new]


def _service_text(one: PlanService | None) -> str:
    if one is None:
        return ""
    fee = {"price": format_money(one.monthly), "cycle": CYCLES[one.cycle.value]}
    parts = [_("%(price)s per month, %(cycle)s") % fee,
             _("connection %(price)s") % {"price": format_money(one.connection)}, str(LEVELS[one.level.value])]
    if one.included:
        parts.append(_("%(n)s without charge") % {"n": format_number(one.included)})
    return "; ".join(parts)
