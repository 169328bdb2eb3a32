"""What happens in a call, told while it happens [API-03…07]: from the node's channel events to new, calling, connected,
disconnected, end. Pure; only calls that the dialplan announces ("SwCall") are followed, all others cost a glance.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

MARK = "SwCall"
COLUMNS = 13
FORGET_SECONDS = 12 * 3600.0  # no call is that long: its end was missed
_TRUNK = re.compile(r"PJSIP/t[0-9]+-[0-9a-f]{8}")
_PHONE = re.compile(r"PJSIP/([a-z0-9._-]{1,64})@[a-z0-9.-]{1,253}-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Happening:
    """`state`: new, calling, connected, disconnected, end. `user_id`/`login`/`number`: who rings, answered or left (a
    user's id, his login where only that is known, or a number outside). `cause`: Q.850, 0 unknown."""

    domain_id: int
    linkedid: str
    seq: int
    state: str
    at: float
    direction: str
    from_user: int
    from_number: str
    to_number: str
    user_id: int = 0
    login: str = ""
    number: str = ""
    cause: int = 0
    talked: tuple[int, ...] = ()  # users who took part, told at the end


@dataclass(slots=True)
class Course:
    """One call of one domain so far. `ringing`, `talking`: channel → [user id, login, number]."""

    domain_id: int
    direction: str
    from_user: int
    from_number: str
    to_number: str
    began: float
    seq: int = 0
    cause: int = 0
    ringing: dict[str, list[Any]] = field(default_factory=dict)
    talking: dict[str, list[Any]] = field(default_factory=dict)
    talked: list[int] = field(default_factory=list)


class Courses:
    """`feed(line)` for every line of the file, in order."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Course]] = {}

    def feed(self, line: str) -> list[Happening]:
        cells = line.split('","', 5)
        if len(cells) < 6 or (cells[4] not in self.calls and MARK not in line):
            return []
        fields = next(csv.reader([line]), [])
        if len(fields) < COLUMNS or not _is_number(fields[2]):
            return []
        event, at, linkedid, channel = fields[1], float(fields[2]), fields[4], fields[5]
        if fields[11] == MARK:  # such an event bears its own name as its type
            return self._announced(fields, at, linkedid, channel)
        found: list[Happening] = []
        for course in self.calls.get(linkedid, ()):
            found += self._happened(course, fields, event, at, linkedid, channel)
        if event == "LINKEDID_END":
            self.calls.pop(linkedid, None)
        return found

    def _announced(self, fields: list[str], at: float, linkedid: str, channel: str) -> list[Happening]:
        words = str(_extra(fields[12]).get("extra", fields[12])).split("|")
        if words[0] == "new" and len(words) == 6 and words[1].isdigit():
            return self._begin(linkedid, at, int(words[1]), words[2], int(words[3] or 0), words[4], words[5])
        if words[0] != "calling" or len(words) != 3:
            return []
        domain, _, user = words[1].partition(".")
        if not domain.isdigit() or not user.isdigit():
            return []
        found: list[Happening] = []
        if linkedid.startswith("order-"):  # placed by the system: its first event is the ringing of the first party
            found += self._begin(linkedid, at, int(domain), "out", int(user), "", "")
        for course in self.calls.get(linkedid, ()):
            if course.domain_id == int(domain):
                who = [int(user), "", words[2]]
                is_new = who not in course.ringing.values()
                course.ringing[channel] = who
                if is_new:
                    found.append(_tell(course, linkedid, "calling", at, who))
        return found

    def _begin(self, linkedid: str, at: float, domain_id: int, direction: str, user: int, number: str,
               dialled: str) -> list[Happening]:
        known = self.calls.setdefault(linkedid, [])
        if any(course.domain_id == domain_id for course in known):
            return []
        course = Course(domain_id, "out" if direction == "emergency" else direction, user, number, dialled, at)
        known.append(course)
        return [_tell(course, linkedid, "new", at)]

    def _happened(self, course: Course, fields: list[str], event: str, at: float, linkedid: str,
                  channel: str) -> list[Happening]:
        if event == "ANSWER":
            who = course.ringing.pop(channel, None)
            if who is None and fields[3] != linkedid and _TRUNK.fullmatch(channel):
                who = [0, "", course.to_number]
            return self._joined(course, linkedid, at, channel, who)
        if event == "PICKUP":
            taker = str(_extra(fields[12]).get("pickup_channel", ""))
            named = _PHONE.fullmatch(taker)
            return self._joined(course, linkedid, at, channel, [0, named[1], ""] if named else None)
        if event == "HANGUP":
            cause = _extra(fields[12]).get("hangupcause", 0)
            cause = cause if isinstance(cause, int) and 0 <= cause < 1000 else 0
            course.ringing.pop(channel, None)
            if fields[3] == linkedid or not course.cause:
                course.cause = cause or course.cause
            who = course.talking.pop(channel, None)
            return [_tell(course, linkedid, "disconnected", at, who, cause)] if who else []
        if event == "LINKEDID_END":
            left = [_tell(course, linkedid, "disconnected", at, who, course.cause) for who in course.talking.values()]
            return [*left, _tell(course, linkedid, "end", at, None, course.cause)]
        return []

    @staticmethod
    def _joined(course: Course, linkedid: str, at: float, channel: str, who: list[Any] | None) -> list[Happening]:
        if who is None or channel in course.talking:
            return []
        course.talking[channel] = who
        if who[0] and who[0] not in course.talked:
            course.talked.append(who[0])
        return [_tell(course, linkedid, "connected", at, who)]

    def forget_old(self, now: float) -> None:
        for linkedid in [one for one, courses in self.calls.items()
                         if all(now - course.began > FORGET_SECONDS for course in courses)]:
            del self.calls[linkedid]

    def kept(self) -> dict[str, Any]:
        """For a file; `restore` takes it back."""
        return {linkedid: [asdict(course) for course in courses] for linkedid, courses in self.calls.items()}

    def restore(self, kept: dict[str, Any]) -> None:
        self.calls = {linkedid: [Course(**course) for course in courses] for linkedid, courses in kept.items()}


def _tell(course: Course, linkedid: str, state: str, at: float, who: list[Any] | None = None,
          cause: int = 0) -> Happening:
    course.seq += 1
    user, login, number = who or (0, "", "")
    return Happening(course.domain_id, linkedid, course.seq, state, at, course.direction, course.from_user,
                     course.from_number, course.to_number, user, login, number, cause,
                     tuple(course.talked) if state == "end" else ())


def _extra(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and len(text) < 24
