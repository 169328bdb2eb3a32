"""The part of a plan that says how calls to one user go on [FWD-17…24]; checked like everything in `model.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import available_timezones

from app.kernel.db import PlatformTx
from pbx_provisioning.plan.checks import BadPlan, check
from tenants.forwarding.rules import Kind, Rule, Span, windows
from tenants.forwarding.service import rule_of

_ACCOUNT = re.compile(r"[a-z0-9._-]{1,64}@[a-z0-9.-]{1,253}")
_E164 = re.compile(r"[1-9][0-9]{6,14}")
_SOUND = re.compile(r"([0-9a-f]{64})?")
_GREETING = re.compile(r"off|none|system|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Leg:
    """A contact number. No spans: at any time."""

    priority: int
    is_external: bool
    target: str
    ring_seconds: int
    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        check("contact number", self.target, _E164 if self.is_external else _ACCOUNT)
        if not 1 <= self.priority <= 99 or not 5 <= self.ring_seconds <= 180:
            raise BadPlan("contact number", self.target)


@dataclass(frozen=True, slots=True)
class Scheme:
    """Legs by priority. `greeting`: file, "" for none; `voicemail`: off, none, system or the greeting's file."""

    legs: tuple[Leg, ...]
    zone: str
    greeting: str = ""
    has_ringback: bool = False
    voicemail: str = "off"

    def __post_init__(self) -> None:
        check("greeting", self.greeting, _SOUND)
        check("voicemail", self.voicemail, _GREETING)
        if self.zone not in available_timezones():
            raise BadPlan("time zone", self.zone)


@dataclass(frozen=True, slots=True)
class Reach:
    """What differs from user to user: how long the only number rings, or a whole scheme; the music on hold."""

    ring_seconds: int = 40
    scheme: Scheme | None = None
    has_hold: bool = False


INITIAL = Reach()


@dataclass(slots=True)
class _Found:
    rules: list[Rule] = field(default_factory=list)
    sounds: dict[str, str] = field(default_factory=dict)


async def load_reach(tx: PlatformTx, domain_id: int, domain: str, zone: str) -> tuple[Mapping[int, Reach], bool]:
    """Users who are not at the beginning's settings, and whether the domain has its own music on hold."""
    found: dict[int, _Found] = {}
    sounds = await tx.fetch("SELECT user_id, slot, sha256 FROM audio WHERE domain_id = $1", domain_id)
    for row in sounds:
        if row["user_id"] is not None:
            found.setdefault(row["user_id"], _Found()).sounds[row["slot"]] = row["sha256"]
    users = await tx.fetch(
        "SELECT u.id, u.login, u.voicemail_on, u.voicemail_greeting_on FROM domain_user u WHERE u.domain_id = $1 "
        "AND (u.voicemail_on OR u.id = ANY($2::bigint[]) OR u.id IN (SELECT r.user_id FROM forwarding_rule r "
        "WHERE r.domain_id = $1 AND (r.kind <> 'main' OR r.ring_seconds <> 40 OR NOT r.is_enabled "
        "OR r.periods <> '[]')))", domain_id, list(found))
    rules = await tx.fetch(
        "SELECT r.user_id, r.id, r.kind, r.number, r.priority, r.ring_seconds, r.is_enabled, r.periods "
        "FROM forwarding_rule r WHERE r.domain_id = $1 AND r.user_id = ANY($2::bigint[]) AND (r.kind <> 'sip' "
        "OR EXISTS (SELECT FROM domain t JOIN domain_user a ON a.domain_id = t.id JOIN domain o ON o.id = $1 "
        "WHERE t.name = split_part(r.number, '@', 2) AND a.login = split_part(r.number, '@', 1) "
        "AND (t.id = o.id OR t.pool_id = o.pool_id))) "
        "ORDER BY r.user_id, r.priority, r.id", domain_id, [row["id"] for row in users])
    for row in rules:
        found.setdefault(row["user_id"], _Found()).rules.append(rule_of(row))
    reach = {row["id"]: _reach(found[row["id"]], f"{row['login']}@{domain}", zone, is_on=row["voicemail_on"],
                               greets=row["voicemail_greeting_on"]) for row in users}
    return reach, any(row["user_id"] is None for row in sounds)


def _reach(found: _Found, account: str, zone: str, *, is_on: bool, greets: bool) -> Reach:
    sounds, has_hold = found.sounds, "hold" in found.sounds
    is_plain = len(found.rules) == 1 and found.rules[0].is_initial
    if is_plain and not is_on and not {"greeting", "ringback"} & sounds.keys():
        return Reach(found.rules[0].ring_seconds, None, has_hold)
    voicemail = "off" if not is_on else "none" if not greets else sounds.get("vm_greeting", "system")
    legs = tuple(Leg(rule.priority, rule.kind.is_external, account if rule.kind is Kind.MAIN else rule.number,
                     rule.ring_seconds, windows(rule.periods)) for rule in found.rules if rule.is_enabled)
    return Reach(scheme=Scheme(legs, zone, sounds.get("greeting", ""), "ringback" in sounds, voicemail),
                 has_hold=has_hold)
