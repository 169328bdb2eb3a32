"""Private routes as data of a domain's dialplan; what is done with it: `node/templates/sw-private.conf` [PRV-40…47].

In `[d<id>-prv]` every fact is one line that returns a value; an expression is the translation made in
tenants/private_routes, of which no character means anything to the dialplan.
The trunks themselves are the agent's file `pjsip.d/private.conf`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.kernel.db import PlatformTx
from pbx_provisioning.features.parts import Objects, Part, register
from pbx_provisioning.plan.checks import BadPlan, check
from pbx_provisioning.plan.model import DomainPlan
from tenants.numbers.outgoing import may_be_outgoing
from tenants.private_routes import lines, queries
from tenants.private_routes.expression import MAX_WRITTEN, parse
from tenants.private_routes.lines import Lines
from tenants.private_routes.rules import Settings

_E164 = re.compile(r"[1-9][0-9]{6,14}")
_NAME = r"[a-z0-9.-]{1,253}"
_EXPRESSION = rf"\^\([a-z0-9*#+@:.()|?^\[\]-]{{0,{MAX_WRITTEN}}}\)\$"
_NUMBERS = r"([1-9][0-9]{6,14}(&[1-9][0-9]{6,14}){0,199})?"
FORM = re.compile(
    r"exten => list,1,Return\(([0-9]{1,19}(&[0-9]{1,19}){0,99})?\)"
    rf"|exten => lines,1,Return\([0-9]{{1,4}}&[0-9]{{1,4}}\)|exten => name,1,Return\({_NAME}\)"
    rf"|exten => e[0-9]{{1,19}},1,Return\({_EXPRESSION}\)"
    r"|exten => r[0-9]{1,19},1,Return\([01]&(internal|outgoing)&[0-9]{1,2}&(pai|rpid|from)"
    r"&(none|diversion|history_info)\)"
    r"|exten => t[0-9]{1,19},1,Return\((none|no_international|no_international_longdistance|internal_only)&[01]\)"
    rf"|exten => n[0-9]{{1,19}},1,Return\({_NUMBERS}\)"
    r"|exten => c[1-9][0-9]{6,14},1,Return\(\)|exten => m[0-9]{1,19}u[0-9]{1,19},1,Return\(\)")


@dataclass(frozen=True, slots=True)
class Route:
    """A route that is on. `numbers` E.164; `members` of its group, user ids."""

    id: int
    settings: Settings
    numbers: tuple[str, ...]
    members: tuple[int, ...]

    def __post_init__(self) -> None:
        for number in self.numbers:
            check("number", number, _E164)
        if self.id <= 0 or any(member <= 0 for member in self.members):
            raise BadPlan("private route", self.id)


@dataclass(frozen=True, slots=True)
class Share:
    """`own`: numbers of the domain that the office may show, E.164."""

    lines: Lines
    routes: tuple[Route, ...]  # by priority
    own: tuple[str, ...]


async def load(tx: PlatformTx, domain_id: int) -> Share | None:
    """None where the service is not in the plan or no route is on: calls of the office are refused then."""
    found = [one for one in await queries.routes(tx, domain_id) if one.settings.is_on]
    if not found:
        return None
    limits = await lines.in_force(tx, domain_id)
    if limits is None:
        return None
    numbers = {row["id"]: row["e164"] for row in await tx.fetch(
        "SELECT id, e164, category FROM phone_number WHERE domain_id = $1", domain_id)
        if may_be_outgoing(row["e164"], row["category"])}
    members: dict[int, list[int]] = {}
    for row in await tx.fetch("SELECT group_id, user_id FROM group_member WHERE domain_id = $1 AND group_id = "
                              "ANY($2::bigint[])", domain_id, [one.settings.group_id for one in found]):
        members.setdefault(row["group_id"], []).append(row["user_id"])
    routes = [Route(
        one.id, one.settings, tuple(sorted(numbers[number] for number in one.settings.numbers & numbers.keys())[:200]),
        tuple(sorted(members.get(one.settings.group_id or 0, ())))) for one in found]
    own = sorted(numbers.values()) if any(one.settings.allows_from for one in found) else ()
    return Share(limits, tuple(routes), tuple(own))


def render(plan: DomainPlan, share: Share) -> Objects:
    """Nothing in a blocked domain."""
    if plan.is_blocked:
        return {}
    dialled = "&".join(str(one.id) for one in share.routes if one.settings.expression)
    found = {
        "list": f"exten => list,1,Return({dialled})", "name": f"exten => name,1,Return({plan.name})",
        "lines": f"exten => lines,1,Return({share.lines.incoming}&{share.lines.outgoing})"}
    for route in share.routes:
        found |= {key: f"exten => {key},1,Return({value})" for key, value in _facts(route).items()}
    found |= {f"c{number}": f"exten => c{number},1,Return()" for number in share.own}
    return {("prv", key): line for key, line in found.items()}


def _facts(route: Route) -> dict[str, str]:
    one, name = route.settings, str(route.id)
    found = {
        f"r{name}": f"{int(one.is_group_only)}&{one.caller}&{one.cut}&{one.auth_header}&{one.history_header}",
        f"t{name}": f"{one.restriction.value}&{int(one.allows_from)}", f"n{name}": "&".join(route.numbers)}
    if one.expression:
        found[f"e{name}"] = parse(one.expression).posix
    if one.is_group_only:
        found |= {f"m{name}u{member}": "" for member in route.members}
    return found


register(Part("private_routes", load, render, {"prv": FORM}))
