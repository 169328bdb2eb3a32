"""Voice scenarios as data of a domain's dialplan; what is done with it: `node/templates/sw-ivr.conf` [IVR-70, IVR-71].

`i<scenario>` in `[d<id>-to]` begins; in `[d<id>-ivr]` every menu and every reaction is one line that returns a value.
Only ids, digests and digits enter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.kernel.db import PlatformTx
from pbx_provisioning.features.parts import Objects, Part, register
from pbx_provisioning.plan.model import DomainPlan
from pbx_provisioning.render import destinations
from tenants.destinations.model import Kind
from tenants.ivr import queries
from tenants.ivr.rules import DEFAULT, TIMEOUT, Action, Branch, Scenario

LETTERS = {DEFAULT: "d", TIMEOUT: "t", "*": "ks", "#": "kh"}
Sounds = Mapping[int, tuple[str, int]]  # prompt → digest, milliseconds

_ACTION = (r"(repeat|back|hangup|gone|dial|menu\|[0-9]{1,19}|audio\|[0-9a-f]{64}|out\|\+?[0-9]{2,20}"
           rf"|to\|{destinations.CODE})")
FORM = re.compile(r"exten => m[0-9]{1,19},1,Return\(([0-9a-f]{64})?\|[0-9]{1,7}\)"
                  rf"|exten => m[0-9]{{1,19}}(k[0-9sh]|d|t),1,Return\({_ACTION}\)")


@dataclass(frozen=True, slots=True)
class Share:
    """`sounds`: (prompt, digest of what is played, its milliseconds). Nobody enters those of `deleted`."""

    timeout_seconds: int
    errors: int
    scenarios: tuple[Scenario, ...]
    sounds: tuple[tuple[int, str, int], ...]
    deleted: frozenset[int] = frozenset()


async def load(tx: PlatformTx, domain_id: int) -> Share | None:
    scenarios = await tx.fetch("SELECT id, deleted_at FROM ivr_scenario WHERE domain_id = $1 ORDER BY id", domain_id)
    if not scenarios:
        return None
    menus = await tx.fetch("SELECT scenario_id, id, name, is_main, audio_id FROM ivr_menu WHERE domain_id = $1 "
                           "ORDER BY scenario_id, NOT is_main, id", domain_id)
    branches = await tx.fetch("SELECT * FROM ivr_branch WHERE domain_id = $1 ORDER BY menu_id, trigger", domain_id)
    sounds = await tx.fetch("SELECT id, sha256, milliseconds FROM prompt WHERE domain_id = $1 AND is_used ORDER BY id",
                            domain_id)
    limits = await tx.fetchrow("SELECT ivr_timeout_seconds, ivr_errors FROM domain WHERE id = $1", domain_id)
    assert limits is not None
    found: dict[int, tuple[list[Any], list[Any]]] = {row["id"]: ([], []) for row in scenarios}
    for menu in menus:
        found[menu["scenario_id"]][0].append(menu)
    for branch in branches:
        found[branch["scenario_id"]][1].append(branch)
    built = tuple(queries.put_together(row["id"], "", *found[row["id"]]) for row in scenarios)
    used = {one for scenario in built for one in scenario.audio_ids}
    return Share(limits["ivr_timeout_seconds"], limits["ivr_errors"], built,
                 tuple(tuple(row) for row in sounds if row["id"] in used),
                 frozenset(row["id"] for row in scenarios if row["deleted_at"]))


def render(plan: DomainPlan, share: Share) -> Objects:
    """Nothing in a blocked domain."""
    found: Objects = {}
    if plan.is_blocked:
        return found
    sounds = {prompt: (digest, milliseconds) for prompt, digest, milliseconds in share.sounds}
    for scenario in share.scenarios:
        begin = f"{plan.domain_id},{scenario.id},{scenario.main.id},{share.errors},{share.timeout_seconds}"
        if scenario.id not in share.deleted:
            found["to", f"i{scenario.id}"] = f"exten => i{scenario.id},1,Gosub(sw-ivr,s,1({begin}))"
        for menu in scenario.menus:
            digest, milliseconds = sounds.get(menu.audio_id or 0, ("", 0))
            lines = [f"exten => m{menu.id},1,Return({digest}|{milliseconds})"]
            lines += [f"exten => m{menu.id}{_letter(branch.trigger)},1,Return({_action(plan, branch, sounds)})"
                      for branch in menu.branches]
            found["ivr", f"m{menu.id}"] = "\n".join(lines)
    return found


def _letter(trigger: str) -> str:
    return LETTERS.get(trigger) or f"k{trigger}"


def _action(plan: DomainPlan, branch: Branch, sounds: Sounds) -> str:
    match branch.action:
        case Action.REDIRECT:
            return _redirect(plan, branch)
        case Action.AUDIO:
            sound = sounds.get(branch.audio_id or 0)
            return f"audio|{sound[0]}" if sound else "repeat"
        case Action.MENU:
            return f"menu|{branch.menu_id}"
        case Action.DIAL_EXTENSION:
            return "dial"
        case _:
            return branch.action.value


def _redirect(plan: DomainPlan, branch: Branch) -> str:
    """A number is dialled by the domain; all else has a code of its own. "gone": the object was deleted."""
    if branch.target is None:
        return "gone"
    if branch.target.kind is Kind.NUMBER:
        return f"out|{branch.target.number}"
    code = destinations.code(plan, branch.target)
    return f"to|{code}" if code else "gone"


register(Part("ivr", load, render, {"ivr": FORM}))
