"""What the dialplan tells (sw-acd.conf), as values. Whatever is not in its form is None."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from tenants.vip.rules import stored_number

_FACTS = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\|([0-9]{1,6})\|([0-9]{1,12}(?:\.[0-9]{0,9})?)?\|([0-9]{1,12})"
                    r"\|([0-9]{0,15})\|([0-9+]{0,32})\|([0-9]{0,18})")
_WHO = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})(?:\.(in|out))?")


@dataclass(frozen=True, slots=True)
class Entered:
    """A caller of a group. `number`: which time this channel comes to a group; `did`: our number that was called."""

    domain_id: int
    group_id: int
    number: int
    t_line: datetime | None
    t_group: datetime | None
    did: str
    caller_number: str
    caller_user_id: int | None

    @property
    def vip_number(self) -> str:
        """The caller's number as VIP numbers are kept; "" for none."""
        try:
            return stored_number(self.caller_number)
        except ValueError:
            return ""


def entered(facts: str) -> Entered | None:
    found = _FACTS.fullmatch(facts)
    if found is None:
        return None
    domain_id, group_id, number, line, since, did, caller, user = found.groups()
    return Entered(int(domain_id), int(group_id), int(number), _moment(line), _moment(since), did, caller,
                   int(user) if user and int(user) else None)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(float(text), UTC) if text and float(text) > 0 else None


@dataclass(frozen=True, slots=True)
class Who:
    domain_id: int
    user_id: int
    kind: str  # in, out or ""


def who(text: str) -> Who | None:
    found = _WHO.fullmatch(text)
    return Who(int(found[1]), int(found[2]), found[3] or "") if found else None


def digits(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
