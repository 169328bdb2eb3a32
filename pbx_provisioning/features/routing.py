"""What happens to calls that arrive on the numbers of a domain [RTE-40, RTE-60, RTE-61].

A number with one plain rule to a user keeps its short line; every other one asks `[d<id>-line]`, which
`node/templates/sw-route.conf` explains. Only ids, digits and times enter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import available_timezones

from app.kernel.db import PlatformTx
from pbx_provisioning.features import parts
from pbx_provisioning.features.parts import Objects
from pbx_provisioning.plan.checks import BadPlan, check
from pbx_provisioning.plan.model import DomainPlan
from pbx_provisioning.render import destinations, scheme
from tenants.destinations.model import Destination, Kind
from tenants.forwarding.rules import windows
from tenants.routing import queries
from tenants.routing.rules import Filter, Line, Rule, starts

_E164 = re.compile(r"[1-9][0-9]{6,14}")
_DIGITS = re.compile(r"[0-9]{1,16}")
_TAKE = rf"Return\((0\.x|[1-9][0-9]{{0,2}}\.{destinations.CODE})\)"
_FORM = re.compile(
    r"exten => n[0-9]{1,19}[bw][0-9]{3,15},1,Return\(\)"
    r"|exten => _\[r\][0-9]{1,19}\[[pq]\][0-9]{1,16}!,1,Return\(\)"
    r"|exten => n[0-9]{1,19},[0-9]{1,5},("
    r"GotoIf\(\$\[\$\{DIALPLAN_EXISTS\(d%d-line,n[0-9]{1,19}b\$\{SW_FROM\},1\)\}\]\?sw-route-refused,black_list,1\)"
    r"|GotoIf\(\$\[\$\{DIALPLAN_EXISTS\(d%d-line,n[0-9]{1,19}w\$\{SW_FROM\},1\)\} = 0\]"
    r"\?sw-route-refused,not_in_white_list,1\)"
    r"|Set\(SW_MATCH=[01]\)"
    r"|ExecIfTime\((\*|[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]),[a-z&]{3,27},\*,\*,[A-Za-z0-9_+/-]{1,50}"
    r"\?Set\(SW_MATCH=1\)\)"
    r"|Gosub\(sw-route-prefix,s,1\(%d,[0-9]{1,19}\)\)"
    rf"|ExecIf\(\$\[\"\$\{{SW_MATCH\}}\" = \"1\"\]\?{_TAKE}\)|{_TAKE})")


@dataclass(frozen=True, slots=True)
class Number:
    """A connected number and what decides about its calls; rules that are off are not here."""

    id: int
    e164: str
    line: Line

    def __post_init__(self) -> None:
        check("number", self.e164, _E164)
        for value in self.line.black | self.line.white:
            check("list entry", value, _DIGITS)
        for rule in self.line.rules:
            for start in starts(rule.prefixes):
                check("prefix", start, _DIGITS)
        if self.id <= 0 or any(rule.id <= 0 or not 1 <= rule.place <= 999 for rule in self.line.rules):
            raise BadPlan("number id", self.id)


@dataclass(frozen=True, slots=True)
class Numbers:
    zone: str
    numbers: tuple[Number, ...]

    def __post_init__(self) -> None:
        if self.zone not in available_timezones():
            raise BadPlan("time zone", self.zone)


async def _load(tx: PlatformTx, domain_id: int) -> Numbers | None:
    found = await queries.lines(tx, domain_id)
    if not found:
        return None
    zone = await tx.fetchval("SELECT timezone FROM domain WHERE id = $1", domain_id)
    return Numbers(zone, tuple(Number(*one) for one in found))


def _render(plan: DomainPlan, value: Numbers) -> Objects:
    found: Objects = {}
    users = {user.id: user for user in plan.users}
    for number in value.numbers:
        target = _direct(plan, users, number)
        if target is None:
            target = f"Gosub(sw-in-route,s,1({plan.domain_id},{number.id}))"
            found |= _route(plan, number, value.zone)
        found["did", number.e164] = f"exten => {number.e164},1,{target}"
    return found


def _direct(plan: DomainPlan, users: dict, number: Number) -> str | None:
    """The short line of a number without lists and conditions that goes to a user or nowhere; None for others."""
    if plan.is_blocked:
        return f"Gosub(sw-in-blocked,s,1({plan.domain_id}))"
    rules, line = _firing(plan, number.line.rules), number.line
    if line.filter is not Filter.OFF:
        return None
    if not rules:
        return f"Gosub(sw-in-busy,s,1({plan.domain_id}))"
    first = rules[0]
    assert first.target is not None
    user = users.get(first.target.id) if first.target.object_kind == "user" else None
    if first.has_schedule or first.has_prefixes or user is None:
        return None
    if first.target.kind is Kind.FAX:
        return f"Gosub(sw-in-fax,s,1({plan.domain_id},{user.id}))"
    if first.target.kind is not Kind.USER:
        return None
    if user.reach.scheme is not None:
        return f"Gosub(sw-in-scheme,s,1({plan.domain_id},{user.id}))"
    return f"Gosub(sw-in-user,s,1({plan.domain_id},{user.login}@{plan.name},{user.id},{user.reach.ring_seconds}))"


def _firing(plan: DomainPlan, rules: tuple[Rule, ...]) -> list[Rule]:
    """Rules that may take a call: active, their object there, nothing above them that takes everything."""
    found = []
    for rule in rules:
        if rule.is_active and rule.target is not None and _is_there(plan, rule.target):
            found.append(rule)
            if rule.takes_all:
                break
    return found


def _is_there(plan: DomainPlan, target: Destination) -> bool:
    """Groups and scenarios tell of their deletion; of users a plan knows all."""
    return target.object_kind != "user" or target.id in destinations.extensions(plan)


def _route(plan: DomainPlan, number: Number, zone: str) -> Objects:
    name, line, own = f"n{number.id}", number.line, f"d{plan.domain_id}-line"
    steps, found = [], []
    if line.filter is Filter.BLACKLIST:
        steps.append(f"GotoIf($[${{DIALPLAN_EXISTS({own},{name}b${{SW_FROM}},1)}}]?sw-route-refused,black_list,1)")
        found += [f"exten => {name}b{value},1,Return()" for value in sorted(line.black)]
    elif line.filter is Filter.WHITELIST:
        steps.append(f"GotoIf($[${{DIALPLAN_EXISTS({own},{name}w${{SW_FROM}},1)}} = 0]"
                     "?sw-route-refused,not_in_white_list,1)")
        found += [f"exten => {name}w{value},1,Return()" for value in sorted(line.white)]
    for rule in _firing(plan, line.rules):
        steps += _steps(plan, rule, zone)
        if rule.has_prefixes:
            found += [f"exten => _[r]{rule.id}[{letter}]{start}!,1,Return()" for letter, start in _starts(rule)]
    if not steps or "Return(" not in steps[-1] or steps[-1].startswith("ExecIf"):
        steps.append("Return(0.x)")
    lines = [f"exten => {name},{place},{step}" for place, step in enumerate(steps, 1)]
    return {("line", name): "\n".join([*lines, *found])}


def _starts(rule: Rule) -> list[tuple[str, str]]:
    """p: looked for in numbers of +7, q: in all public ones."""
    plain = starts([one for one in rule.prefixes if not one.startswith("+")])
    return [*(("p", one) for one in plain),
            *(("q", one) for one in starts([one for one in rule.prefixes if one.startswith("+")]))]


def _steps(plan: DomainPlan, rule: Rule, zone: str) -> list[str]:
    assert rule.target is not None
    take = f"Return({rule.place}.{destinations.code(plan, rule.target)})"
    if rule.takes_all:
        return [take]
    steps = [f"Set(SW_MATCH={0 if rule.has_schedule else 1})"]
    if rule.has_schedule:
        steps += [f"ExecIfTime({clock},{days},*,*,{zone}?Set(SW_MATCH=1))"
                  for span in windows(rule.periods) for days, clock in scheme.times(span)]
    if rule.has_prefixes:
        steps.append(f"Gosub(sw-route-prefix,s,1({plan.domain_id},{rule.id}))")
    return [*steps, f'ExecIf($["${{SW_MATCH}}" = "1"]?{take})']


parts.register(parts.Part("routing", _load, _render, {"line": _FORM}))
