"""Schemes of numbers as the page draws them [RTE-02…09, RTE-20]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.kernel.db import DomainTx
from app.kernel.i18n import _
from tenants.destinations import registry
from tenants.destinations.model import DIALLED, Destination, Kind
from tenants.destinations.picker import ICONS
from tenants.forwarding.present import clock_text, day_names
from tenants.forwarding.rules import Period
from tenants.routing import queries
from tenants.routing.rules import Rule, shadowed


@dataclass(frozen=True, slots=True)
class Target:
    """The target block. `kind` says what happens there; `url` leads to the object's settings, "" for none."""

    icon: str
    kind: str
    name: str
    detail: str = ""
    more: str = ""
    url: str = ""
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """One rule of a scheme. `conditions`: lines of text, none for a rule without."""

    id: int
    place: int
    conditions: tuple[str, ...]
    target: Target
    is_active: bool
    is_shadowed: bool


@dataclass(frozen=True, slots=True)
class Scheme:
    number: queries.NumberRow
    rules: tuple[Drawn, ...]


async def schemes(tx: DomainTx, numbers: Sequence[queries.NumberRow]) -> list[Scheme]:
    """Drawings of the numbers, with one question per kind of object."""
    rules = await queries.rules_of(tx, [number.id for number in numbers])
    wanted = {rule.target for one in rules.values() for rule in one if rule.target is not None}
    names = await registry.names(tx, wanted)
    return [Scheme(number, _drawn(rules[number.id], names)) for number in numbers]


async def scheme(tx: DomainTx, number_id: int) -> Scheme:
    return (await schemes(tx, [await queries.number(tx, number_id)]))[0]


def _drawn(rules: Sequence[Rule], names: dict[Destination, registry.Choice]) -> tuple[Drawn, ...]:
    targets = {rule.id: target(rule.target, names) for rule in rules}
    dark = shadowed(rules, {rule_id for rule_id, one in targets.items() if one.is_missing})
    return tuple(Drawn(rule.id, rule.place, conditions(rule), targets[rule.id], rule.is_active, rule.id in dark)
                 for rule in rules)


def target(destination: Destination | None, names: dict[Destination, registry.Choice]) -> Target:
    if destination is None:
        return Target("alert-triangle", _("Target deleted"), "", is_missing=True)
    icon, kind = ICONS[destination.kind], str(registry.label(destination.kind))
    if destination.kind is Kind.HANGUP:
        return Target(icon, kind, "")
    if destination.kind in DIALLED:
        return Target(icon, kind, destination.number)
    found = names.get(destination)
    if found is None:
        return Target("alert-triangle", kind, _("Target deleted"), is_missing=True)
    return Target(icon, kind, found.name, found.detail, found.more, found.url)


async def target_text(tx: DomainTx, destination: Destination | None) -> str:
    """"To a user: Ivanov", for the history of actions."""
    found = target(destination, await registry.names(tx, [destination] if destination else []))
    return f"{found.kind}: {found.name}" if found.name else found.kind


def conditions(rule: Rule) -> tuple[str, ...]:
    """Lines of the condition block: schedule, prefixes [RTE-20]."""
    return (*((summary(rule.periods),) if rule.has_schedule else ()),
            *((",".join(rule.prefixes),) if rule.has_prefixes else ()))


def summary(periods: Sequence[Period]) -> str:
    """"mon-fri: 10:00-19:00, sat-sun: 00:00-00:00"; days in a row are one range [RTE-20]."""
    return ", ".join(f"{_days(sorted(one.days))}: {clock_text(one.start)}-{clock_text(one.end)}" for one in periods)


def _days(days: Sequence[int]) -> str:
    names = day_names()
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(names[run[0]] if len(run) == 1 else f"{names[run[0]]}-{names[run[-1]]}" for run in runs).lower()
