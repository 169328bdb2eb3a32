"""Decisions of the CRM integrations: who is rung, whose object it is, what a template gives [CRM-12…16, CRM-32]."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

AMO, BITRIX = "amocrm", "bitrix24"
RING_SECONDS = 20  # of the smart attempt, before the rules of the line
LOOK_SECONDS = 2.6  # the node waits 3
UNITS = {"minutes": 1, "hours": 60, "days": 1440}
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Manager:
    """A person of the CRM. `user_id`: whose phone rings for him, None for nobody's."""

    id: int  # our row
    crm_user_id: str
    name: str
    user_id: int | None
    is_marked: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Contact:
    """What a CRM knows of a number. `owner`: id of its person, "" for nobody."""

    id: str
    name: str
    owner: str
    kind: str = "contact"  # Bitrix24 has leads, too


def manager_to_ring(contact: Contact | None, managers: Collection[Manager],
                    exceptions: Collection[int] = ()) -> Manager | None:
    """Whom the smart contact manager rings; None: the rules of the line [CRM-15, T-12, T-13, T-35]."""
    if contact is None or not contact.owner:
        return None
    owner = next((one for one in managers if one.crm_user_id == contact.owner), None)
    if owner is not None and owner.id in exceptions:
        return None
    if owner is not None and owner.user_id is not None and not owner.is_gone:
        return owner
    marked = next((one for one in managers if one.is_marked and one.user_id is not None), None)
    return None if marked is None or marked.id in exceptions else marked


def owner_of_object(managers: Collection[Manager], *, contact: Contact | None, talked: Manager | None,
                    same_as_contact: bool) -> str:
    """CRM user who gets an object; the marked manager where nobody can be derived; "" without one [CRM-13, CRM-16]."""
    known = {one.crm_user_id for one in managers if not one.is_gone}
    mapped = {one.crm_user_id for one in managers if one.user_id is not None and not one.is_gone}
    if same_as_contact and contact is not None and contact.owner in known & mapped:
        return contact.owner
    if talked is not None:
        return talked.crm_user_id
    return next((one.crm_user_id for one in managers if one.is_marked), "")


def owner_of_lead(managers: Collection[Manager], *, direction: str, answered: bool, contact: Contact | None,
                  talked: Manager | None, caller: Manager | None) -> str:
    """The four rows of CRM-32."""
    marked = next((one.crm_user_id for one in managers if one.is_marked), "")
    if direction == "out":
        return caller.crm_user_id if caller else marked
    if contact is not None and contact.owner:
        return contact.owner
    if answered and talked is not None:
        return talked.crm_user_id
    return marked


def filled(template: str, phone: str) -> str:
    """`${phone}` is the only variable; anything else is text."""
    return template.replace("${phone}", phone)


def new_name(wanted: str, taken: Collection[str]) -> str:
    """The name, or the name with the first free number from 2 [CRM-12]."""
    used = {name.lower() for name in taken}
    if wanted.lower() not in used:
        return wanted
    for number in range(2, len(used) + 3):
        found = f"{wanted[:LONGEST_NAME - 1 - len(str(number))]} {number}"
        if found.lower() not in used:
            return found
    raise AssertionError("unreachable")


def deadline(ended_at: datetime, amount: int, unit: str) -> datetime:
    return ended_at + timedelta(minutes=amount * UNITS[unit])


def event_kind(direction: str, answered: bool) -> str:
    """incoming, outgoing, missed; "" for calls that make nothing [CRM-16]."""
    if direction == "in":
        return "incoming" if answered else "missed"
    return "outgoing" if direction == "out" else ""


def fields_of(lines: str) -> dict[str, str]:
    """`<id>=<value>` by line."""
    found: dict[str, str] = {}
    for line in lines.splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"[A-Za-z0-9_]{1,40}", name.strip()):
            found[name.strip()] = value.strip()[:500]
    return found


def tags_of(text: str) -> list[str]:
    return [tag.strip()[:100] for tag in text.split(",") if tag.strip()][:20]


def is_on(setting: Mapping[str, object]) -> bool:
    return bool(setting.get("on"))
