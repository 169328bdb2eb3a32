"""The drawing of a scheme: branches by hours, tiers in order, and what is skipped and why [FWD-13, 27…31, ACC-40]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from babel.dates import get_day_names

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.i18n import LazyText, _, format_phone, language, lazy
from tenants.forwarding.rules import DAY, WEEKDAYS, Kind, Plan, Rule, Span, Terminal, branches, windows
from tenants.forwarding.service import Scheme, scheme_of

KINDS: dict[Kind, LazyText] = {
    Kind.MAIN: lazy("SIP number"), Kind.LANDLINE: lazy("Landline phone"), Kind.MOBILE: lazy("Mobile phone"),
    Kind.SIP: lazy("SIP address")}
ICONS = {Kind.MAIN: "phone", Kind.LANDLINE: "device-landline-phone", Kind.MOBILE: "device-mobile", Kind.SIP: "phone"}


@dataclass(frozen=True, slots=True)
class Card:
    """A number as drawn. `skipped`: why calls leave it out now, "" if they do not."""

    id: int
    title: str
    kind: LazyText
    icon: str
    ring_seconds: int
    priority: int
    is_enabled: bool
    schedule: str
    skipped: str


@dataclass(frozen=True, slots=True)
class DrawnBranch:
    label: tuple[str, ...]  # one line per kind of day; empty: all the time
    tiers: tuple[tuple[Card, ...], ...]
    ends_in_voicemail: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """`base`: address of the user's page; what the page's form and dialogs hang on."""

    base: str
    extension: str
    has_greeting: bool
    voicemail_on: bool
    branches: tuple[DrawnBranch, ...]
    disabled: tuple[Card, ...]
    cards: tuple[Card, ...]

    @property
    def is_split(self) -> bool:
        return len(self.branches) > 1


async def drawing(tx: DomainTx, user_id: int, base: str) -> Drawing:
    """Raises NotFound, for another domain's user too."""
    scheme = await scheme_of(tx, user_id)
    skipped = ""
    if scheme.is_trial and not await parameters.get(tx, "trial.external_forwarding"):
        skipped = _("Skipped: forwarding to outside numbers requires the commercial mode.")
    return draw(scheme, base, skipped)


def draw(scheme: Scheme, base: str, skipped: str = "") -> Drawing:
    cards = {rule.id: _card(scheme, rule, skipped) for rule in scheme.rules}
    drawn = tuple(DrawnBranch(_label(one.spans), _tiers(one.plan, scheme.rules, cards),
                              one.plan.terminal is Terminal.VOICEMAIL)
                  for one in branches(scheme.rules, voicemail=scheme.voicemail_on))
    return Drawing(base, scheme.extension, scheme.has_greeting, scheme.voicemail_on, drawn,
                   tuple(cards[rule.id] for rule in scheme.rules if not rule.is_enabled), tuple(cards.values()))


def _tiers(plan: Plan, rules: Iterable[Rule], cards: dict[int, Card]) -> tuple[tuple[Card, ...], ...]:
    order = {rule.id: place for place, rule in enumerate(rules)}
    return tuple(tuple(cards[leg.rule_id] for leg in sorted(tier, key=lambda one: order[one.rule_id]))
                 for tier in plan.tiers)


def _card(scheme: Scheme, rule: Rule, skipped: str) -> Card:
    title = (f"{scheme.login}@{scheme.domain}" if rule.kind is Kind.MAIN else
             format_phone(f"+{rule.number}") if rule.kind.is_external else rule.number)
    return Card(rule.id, title, KINDS[rule.kind], ICONS[rule.kind], rule.ring_seconds, rule.priority,
                rule.is_enabled, "; ".join(_label(windows(rule.periods))), skipped if rule.kind.is_external else "")


def _label(spans: Iterable[Span]) -> tuple[str, ...]:
    return tuple(f"{days_text(span.days)} {', '.join(hours_text(*hours) for hours in span.hours)}" for span in spans)


def days_text(days: tuple[int, ...]) -> str:
    """"Mon–Fri, Sun"; three or more in a row are a range."""
    if len(days) == len(WEEKDAYS):
        return _("Every day")
    names = day_names()
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(f"{names[run[0]]}–{names[run[-1]]}" if len(run) > 2 else ", ".join(names[day] for day in run)
                     for run in runs)


def day_names() -> dict[int, str]:
    """Short names of the weekdays in the reader's language, 1 is Monday."""
    known = get_day_names("abbreviated", locale=language())
    return {day: str(known[day - 1]).capitalize() for day in WEEKDAYS}


def hours_text(start: int, end: int) -> str:
    if (start, end) == (0, DAY):
        return _("round the clock")
    return f"{clock_text(start)}–{clock_text(end)}"


def clock_text(minute: int) -> str:
    """As a time field has it; the day's end is 00:00."""
    return f"{minute % DAY // 60:02}:{minute % 60:02}"
