"""Who answered: a colleague of the same domain may have picked the call up [PICK-01, PICK-14]."""

from __future__ import annotations

import re

from pbx_provisioning.intake.records import CdrRecord

_PHONE = re.compile(r"PJSIP/([a-z0-9._-]{1,64}@[a-z0-9.-]{1,253})-[0-9a-f]{8}")
_MEMBER = re.compile(r"Local/([0-9]{1,18})@sw-group-leg-[0-9a-f]{8};1")
_MOVED = frozenset({"redirected", "transferred", "conference"})  # another one answers there as he should


def answering_account(record: CdrRecord) -> str:
    """`login@domain` of the phone that took the call straight from where it rang; "" for anything else."""
    if record.disposition != "ANSWERED" or record.direction not in ("internal", "in"):
        return ""
    if _MOVED & set(record.kind.split()):
        return ""
    found = _PHONE.fullmatch(record.dst_channel)
    return found[1] if found else ""


def answering_member(record: CdrRecord) -> int | None:
    """The member of a group who answered its call: each rings on a channel with the user's id in its name [GRP-36]."""
    if record.group_id is None or record.disposition != "ANSWERED":
        return None
    found = _MEMBER.fullmatch(record.dst_channel)
    return int(found[1]) if found else None
