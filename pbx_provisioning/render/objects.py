"""The objects of a domain's configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from pbx_provisioning.features import load_all, parts
from pbx_provisioning.plan.model import COMMANDS, DomainPlan, User
from pbx_provisioning.render import reach, scheme

Key = tuple[str, str]  # kind, key
Objects = dict[Key, str]

KEPT_USERS = 12_000  # rendered users are remembered: of a large company usually one has changed
CODECS = "alaw,ulaw,g722"
MAX_CONTACTS = 10
# Order of the parts in a domain's dialplan file; every kind but "endpoint" is dialplan.
SECTIONS = ("rest", "code", "extension", "conf", "scheme", "to", "route", "did")


def render(plan: DomainPlan) -> Objects:
    """All objects of the domain. Two plans that are equal give equal bytes."""
    found: Objects = {}
    logins = set()
    for user in plan.users:
        account, endpoint, extension = _user_objects(plan.domain_id, plan.name, plan.language, plan.has_hold, user)
        found["endpoint", account] = endpoint
        found["extension", user.extension] = extension
        if user.is_restricted:  # asked only while the panel, which knows the exact rule, does not answer
            found["conf", f"u{user.id}"] = f"exten => u{user.id},1,Return(restricted)"
        if user.is_recorded:
            sides = "sides" if user.is_analysed else ""
            found["conf", f"rec{user.id}"] = f"exten => rec{user.id},1,Return({sides})"
        if user.reach.scheme is not None:
            found["scheme", f"u{user.id}"] = scheme.lines(user.id, user.reach.scheme)
        logins.add(user.login)
    if "anonymous" not in logins:  # a user of that name is asked for a password like everyone
        found["endpoint", f"anonymous@{plan.name}"] = _stranger(plan)
    found["rest", "users"] = reach.includes(plan)
    found |= reach.codes(plan)
    found |= reach.routes(plan)
    if plan.main_number is not None:
        found["conf", "cid"] = f"exten => cid,1,Return({plan.main_number})"
    for key, limit in (("chin", plan.channels_in), ("chout", plan.channels_out)):
        if limit is not None:
            found["conf", key] = f"exten => {key},1,Return({limit})"
    if plan.commands != COMMANDS:  # the dialplan knows those by itself
        found["conf", "dtmf"] = f"exten => dtmf,1,Return({'&'.join(plan.commands)})"
    return found | parts.render(plan, plan.parts)


def _row(domain_id: int, realm: str, language: str, *, login: str, user_id: str, ha1: str, context: str,
         caller_id: str, hold: str = "", devices: str = "") -> str:
    """A row of asterisk.endpoint as JSON. The plan checked every value: nothing in it needs quoting."""
    code = f"{domain_id}.{'0' if user_id == 'null' else user_id}"
    return (f'{{"id": "{login}@{realm}", "domain_id": {domain_id}, "user_id": {user_id}, '
            f'"auth_user": "{login}", "realm": "{realm}", "ha1": "{ha1}", "context": "{context}", '
            f'"accountcode": "{code}", "callerid": "{caller_id}", "language": "{language}", '
            f'"max_contacts": {MAX_CONTACTS}, "allow": "{CODECS}", "moh_suggest": "{hold}", "devices": "{devices}"}}')


@lru_cache(maxsize=KEPT_USERS)
def _user_objects(domain_id: int, realm: str, language: str, has_hold: bool, user: User) -> tuple[str, str, str]:
    """Id and body of a user's endpoint, and the extension's line."""
    account = f"{user.login}@{realm}"
    endpoint = _row(domain_id, realm, language, login=user.login, user_id=str(user.id), ha1=user.ha1,
                    context=f"d{domain_id}-users", caller_id=f'\\"{user.name or user.login}\\" <{user.extension}>',
                    hold=f"u{user.id}" if user.reach.has_hold else f"d{domain_id}" if has_hold else "",
                    devices=" ".join(f"{name}:{ha1}" for name, ha1 in user.devices))
    target = (f"sw-user-scheme,s,1({domain_id},{user.id})" if user.reach.scheme else
              f"sw-user,s,1({account},{user.id},{user.reach.ring_seconds})")
    return account, endpoint, f"exten => {user.extension},1,Gosub({target})"


def _stranger(plan: DomainPlan) -> str:
    return _row(plan.domain_id, plan.name, plan.language, login="anonymous", user_id="null", ha1=plan.stranger_ha1,
                context="sw-nowhere", caller_id="<>")


def dialplan_file(domain_id: int, objects: Mapping[Key, str]) -> str:
    """The text of `extensions.d/d<id>.conf`, put together from the domain's objects."""
    load_all()
    bodies: dict[str, list[tuple[str, str]]] = {kind: [] for kind in (*SECTIONS, *parts.contexts())}
    for (kind, key), body in objects.items():
        if kind != "endpoint":
            bodies[kind].append((key, body))
    lines = [f"; Domain {domain_id}. Written by the agent; changes made here are undone.", f"[d{domain_id}-users]"]
    lines += [body for _key, body in sorted(bodies["rest"])]
    named = {"code": "codes", "extension": "ext", "conf": "conf", "scheme": "scheme"}
    for kind, name in (named | {kind: kind for kind in parts.contexts()}).items():
        if bodies[kind]:
            lines += ["", f"[d{domain_id}-{name}]", *(body for _key, body in sorted(bodies[kind]))]
    lines += ["", f"[d{domain_id}-to]", "include => sw-to-common", *(body for _key, body in sorted(bodies["to"]))]
    if bodies["route"]:  # the first one is the heading
        lines += ["", *(body for _key, body in sorted(bodies["route"]))]
    if bodies["did"]:
        lines += ["", "[sw-did]", *(body for _key, body in sorted(bodies["did"]))]
    return "\n".join(lines) + "\n"


def digest(objects: Mapping[Key, str]) -> str:
    """SHA-256 over all objects in order, hex."""
    total = hashlib.sha256()
    total.update("\0".join([f"{key[0]}\0{key[1]}\0{objects[key]}" for key in sorted(objects)]).encode())
    return total.hexdigest()
