"""Words of the guards: refusals, stops, destinations; for pages and letters."""

from __future__ import annotations

from decimal import Decimal

from babel import Locale

from app.kernel.i18n import LazyText, _, format_money, format_phone, language, lazy
from app.kernel.money import Money

HITS: dict[str, LazyText] = {
    "guard_cap": lazy("Call protection: the daily cap"), "guard_rate": lazy("Call protection: too many calls a minute"),
    "guard_parallel": lazy("Call protection: too many paid calls at once"),
    "guard_forbidden": lazy("Call protection: forbidden destination"),
    "guard_new": lazy("Call protection: a destination that is not confirmed"),
    "guard_stopped": lazy("Call protection: paid calls are stopped"),
}
_WHY = {
    "guard_cap": lazy("the daily cap does not cover it"), "guard_rate": lazy("too many paid calls within a minute"),
    "guard_parallel": lazy("too many paid calls at once"), "guard_forbidden": lazy("forbidden destination"),
    "guard_new": lazy("the destination is not confirmed"), "guard_stopped": lazy("paid calls are stopped"),
}
PRESETS = {"international": lazy("International calls"), "premium": lazy("Premium-rate numbers"),
           "satellite": lazy("Satellite networks")}


def why_refused(hit: str, by: str = "") -> str:
    """In the middle of a sentence. `by`: the prefix or group that forbids."""
    text = str(_WHY[hit])
    if not by:
        return text
    return f"{text} ({PRESETS.get(by, f'+{by}…')})"


def why_stopped(reason: str, detail: str) -> str:
    """In the middle of a sentence. `detail` as stored with the stop."""
    if reason == "daily_cap":
        return _("the daily cap of %(amount)s is used up") % {"amount": format_money(Money(Decimal(detail or "0")))}
    hits, count = detail.partition(":")[::2]
    return _("%(count)s refusals within 10 minutes, the last one: %(why)s") % {
        "count": count or "?", "why": _WHY.get(hits, _WHY["guard_stopped"])}


def destination_name(destination: str) -> str:
    """A country in the reader's language; with its range where that is at a premium."""
    place, _colon, prefix = destination.partition(":")
    name = Locale.parse(language()).territories.get(place) or place
    return f"{name}, +{prefix}…" if prefix else name


def phone(number: str) -> str:
    return format_phone(f"+{number}")
