"""Call processing groups as data of a domain's dialplan; what is done with it: `sw-groups.conf` [GRP-22…38].

`g<group>`, `vg<group>` and `fg<group>` in `[d<id>-to]` begin; a group's number stands among the domain's extensions; in
`[d<id>-group]` stand each group's settings and the plain plan of members without a forwarding scheme.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.kernel.db import PlatformTx
from pbx_provisioning.features import parts
from pbx_provisioning.features.parts import Objects
from pbx_provisioning.plan.checks import BadPlan, check
from pbx_provisioning.plan.model import DomainPlan

MOST_MEMBERS = 300  # that ring at once; they stand in one line of the dialplan
WHOLE_TIME = 300  # seconds: the group's own time is never longer
_SOUND = re.compile(r"([0-9a-f]{64})?")
_EXTENSION = re.compile(r"([0-9]{1,5})?")
_WAY = {"none": "none", "all": "all", "acd_random": "acd", "acd_longest_idle": "acd", "acd_least_occupied": "acd"}
FORM = re.compile(
    r"exten => g[0-9]{1,19},[1-7],(Return\(\)|Set\(SW_GROUP_(WAY=(none|all|acd)|SECONDS=[0-9]{1,3}"
    r"|SOUND=([0-9a-f]{64})?|MUSIC=(p[0-9]{1,19})?|BOX=(off|system|[0-9a-f]{64})"
    r"|MEMBERS=([0-9]{1,19}(&[0-9]{1,19}){0,299})?)\))"
    r"|exten => u[0-9]{1,19},[12],(Return\(\)|Set\(SW_PLAN=10:p:300:[a-z0-9._-]{1,64}@[a-z0-9.-]{1,253}&\))")


@dataclass(frozen=True, slots=True)
class Group:
    """`way`: none, all, acd. `voicemail`: off, system or the file of its greeting; `music`: the melody's prompt."""

    id: int
    extension: str
    way: str
    ring_seconds: int
    greeting: str
    music: int | None
    voicemail: str
    members: tuple[int, ...]

    def __post_init__(self) -> None:
        check("extension", self.extension, _EXTENSION)
        check("greeting", self.greeting, _SOUND)
        if self.voicemail not in ("off", "system"):
            check("voicemail", self.voicemail, _SOUND)
        if self.way not in _WAY.values() or not 5 <= self.ring_seconds <= WHOLE_TIME:
            raise BadPlan("group", self.id)


async def load(tx: PlatformTx, domain_id: int) -> tuple[Group, ...] | None:
    rows = await tx.fetch(
        "SELECT g.id, coalesce(g.extension, '') AS extension, g.algorithm, g.ring_seconds, g.ringback_prompt_id, "
        "g.voicemail_on, g.voicemail_greeting_on, coalesce(s.sha256, '') AS greeting, coalesce(v.sha256, '') AS box, "
        f"ARRAY(SELECT m.user_id FROM group_member m WHERE m.domain_id = g.domain_id AND m.group_id = g.id "
        f"ORDER BY m.priority, m.user_id LIMIT {MOST_MEMBERS}) AS members FROM call_group g "
        "LEFT JOIN prompt s ON s.domain_id = g.domain_id AND s.id = g.greeting_prompt_id "
        "LEFT JOIN prompt v ON v.domain_id = g.domain_id AND v.id = g.vm_prompt_id "
        "WHERE g.domain_id = $1 ORDER BY g.id", domain_id)
    return tuple(Group(
        row["id"], row["extension"], _WAY[row["algorithm"]], row["ring_seconds"], row["greeting"],
        row["ringback_prompt_id"], ((row["voicemail_greeting_on"] and row["box"]) or "system") if row["voicemail_on"]
        else "off", tuple(row["members"])) for row in rows) or None


def render(plan: DomainPlan, groups: tuple[Group, ...]) -> Objects:
    """Nothing in a blocked domain."""
    found: Objects = {}
    if plan.is_blocked:
        return found
    users = {user.id: user for user in plan.users}
    domain = plan.domain_id
    for group in groups:
        code = f"g{group.id}"
        for name, context in ((code, "sw-group"), (f"v{code}", "sw-group-voicemail"), (f"f{code}", "sw-group-fax")):
            found["to", name] = f"exten => {name},1,Gosub({context},s,1({domain},{group.id}))"
        if group.extension:
            found["extension", group.extension] = (
                f"exten => {group.extension},1,Gosub(sw-inner-to,s,1({domain},{code}))")
        found["group", code] = _numbered(code, _settings(group, [one for one in group.members if one in users]))
        for user in (users[one] for one in group.members if one in users):
            if group.way == "all" and user.reach.scheme is None:
                plain = f"Set(SW_PLAN=10:p:{WHOLE_TIME}:{user.login}@{plan.name}&)"
                found["group", f"u{user.id}"] = _numbered(f"u{user.id}", [plain, "Return()"])
    return found


def _settings(group: Group, members: list[int]) -> list[str]:
    values = {
        "WAY": group.way, "SECONDS": group.ring_seconds, "SOUND": group.greeting,
        "MUSIC": f"p{group.music}" if group.music else "", "BOX": group.voicemail,
        "MEMBERS": "&".join(map(str, members)) if group.way == "all" else ""}
    return [*(f"Set(SW_GROUP_{name}={value})" for name, value in values.items()), "Return()"]


def _numbered(name: str, steps: list[str]) -> str:
    return "\n".join(f"exten => {name},{number},{step}" for number, step in enumerate(steps, 1))


parts.register(parts.Part("groups", load, render, {"group": FORM}))
