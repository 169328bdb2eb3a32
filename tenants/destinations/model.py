"""A destination of calls as a value, and the name by which a domain's dialplan knows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

DIAL = re.compile(r"[0-9*#+]{1,20}")
NUMBER = re.compile(r"\+?[0-9]{2,20}")


class Kind(Enum):
    USER = "user"
    GROUP = "group"
    IVR = "ivr"
    VOICEMAIL = "voicemail"  # of a user or a group
    FAX = "fax"  # of a user or a group
    PRIVATE_ROUTE = "private_route"  # a number of the office's own PBX
    NUMBER = "number"  # any telephone number, as a user of the domain would dial it
    HANGUP = "hangup"  # busy tone


OWNED = frozenset({Kind.VOICEMAIL, Kind.FAX})
DIALLED = frozenset({Kind.PRIVATE_ROUTE, Kind.NUMBER})
OWNERS = ("user", "group")


@dataclass(frozen=True, slots=True)
class Destination:
    """`owner` (user, group) of a voicemail or fax, `id` of every object, `number` of what is dialled.

    Stored as the columns target_kind, target_owner, target_id, target_number.

    Raises:
        ValueError: the parts do not fit together.
    """

    kind: Kind
    id: int | None = None
    owner: str = ""
    number: str = ""

    def __post_init__(self) -> None:
        needs_id = self.kind is not Kind.HANGUP and self.kind not in DIALLED
        if needs_id != (self.id is not None) or (self.id is not None and self.id <= 0):
            raise ValueError("id")
        if (self.owner in OWNERS) != (self.kind in OWNED) or (self.owner and self.owner not in OWNERS):
            raise ValueError("owner")
        form = {Kind.PRIVATE_ROUTE: DIAL, Kind.NUMBER: NUMBER}.get(self.kind)
        if (form is None) != (self.number == "") or (form is not None and not form.fullmatch(self.number)):
            raise ValueError("number")

    @property
    def object_kind(self) -> str:
        """Whose deletion takes this destination away: user, group, ivr, or "" for none."""
        return self.owner or (self.kind.value if self.id is not None else "")

    @property
    def code(self) -> str:
        """The extension in `[d<id>-to]` that takes the call over: u7, g7, i7, vu7, vg7, fu7, fg7, x.

        What is dialled has a letter and its characters: n84951234567, p101; + is written 00 and # is written h.
        """
        if self.kind is Kind.HANGUP:
            return "x"
        if self.kind in DIALLED:
            return f"{self.kind.value[0]}{self.number.replace('+', '00').replace('#', 'h')}"
        letter = {Kind.USER: "u", Kind.GROUP: "g", Kind.IVR: "i", Kind.VOICEMAIL: "v", Kind.FAX: "f"}[self.kind]
        return f"{letter}{self.owner[:1]}{self.id}"


def from_columns(row: Mapping[str, object]) -> Destination | None:
    """Of a row with the four columns; None where nothing is set (a target that was deleted)."""
    kind = row["target_kind"]
    if kind is None:
        return None
    number, owner = str(row["target_number"] or ""), str(row["target_owner"] or "")
    target_id = row["target_id"]
    return Destination(Kind(str(kind)), target_id if isinstance(target_id, int) else None, owner, number)
