"""What a task of the auto-dialler may be and become [ADL-11, ADL-21, ADL-40…44, ADL-52]."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from app.kernel.i18n import LazyText, _, lazy

LONGEST_NAME = 50
HOURS = 7 * 24
ALWAYS = "1" * HOURS
_NAME = re.compile(r"[A-Za-zА-Яа-яЁё0-9 .,-]+")
MAX_AUDIO_BYTES = 2 * 1024 * 1024
RATE = 8000
PCM, ALAW = 1, 6  # format tags of a WAV file


class Status(Enum):
    INACTIVE = "inactive"
    PREPARING = "preparing"
    PREP_ERROR = "prep_error"
    ACTIVE = "active"
    RUNNING = "running"
    STOPPED = "stopped"
    COMPLETED = "completed"
    DELETED = "deleted"

    @property
    def label(self) -> LazyText:
        return STATUS_NAMES[self]


STATUS_NAMES = {
    Status.INACTIVE: lazy("Task is inactive"), Status.PREPARING: lazy("Preparing for work"),
    Status.PREP_ERROR: lazy("Preparation failed"), Status.ACTIVE: lazy("Task is active"),
    Status.RUNNING: lazy("Task is running"), Status.STOPPED: lazy("Task is stopped"),
    Status.COMPLETED: lazy("Task is completed"), Status.DELETED: lazy("Task is deleted"),
}


class Action(Enum):
    """A button of the task [ADL-40]."""

    START = "start"
    STOP = "stop"
    RESUME = "resume"
    DELETE = "delete"


_BUTTONS: dict[Action, dict[Status, Status]] = {
    Action.START: {Status.INACTIVE: Status.PREPARING},
    Action.STOP: {Status.ACTIVE: Status.INACTIVE, Status.RUNNING: Status.STOPPED},
    Action.RESUME: {Status.STOPPED: Status.RUNNING},
    Action.DELETE: dict.fromkeys((Status.INACTIVE, Status.ACTIVE, Status.STOPPED, Status.COMPLETED), Status.DELETED),
}
DELETABLE = tuple(_BUTTONS[Action.DELETE])
EDITABLE = frozenset({Status.INACTIVE, Status.STOPPED})  # general fields and scenario [ADL-44]
AT_WORK = frozenset({Status.PREPARING, Status.ACTIVE, Status.RUNNING})


def actions(status: Status) -> list[Action]:
    """The buttons that are shown [ADL-40]."""
    return [action for action, ways in _BUTTONS.items() if status in ways]


def after(action: Action, status: Status) -> Status | None:
    """Where a button leads from there; None: it is not permitted."""
    return _BUTTONS[action].get(status)


class Result(Enum):
    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def label(self) -> LazyText:
        return RESULT_NAMES[self]


RESULT_NAMES = {
    Result.SUCCESS: lazy("Dialling completed successfully"), Result.FAILED: lazy("Dialling completed unsuccessfully"),
    Result.IN_PROGRESS: lazy("Dialling in progress"), Result.NOT_STARTED: lazy("Dialling not started"),
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of a task by what came of them [ADL-03]."""

    delivered: int = 0
    failed: int = 0
    total: int = 0

    @property
    def progress(self) -> int:
        """Percent with a final result, 0 for an empty list [ADL-21]. 100 only when nothing is left."""
        return (self.delivered + self.failed) * 100 // self.total if self.total else 0

    @property
    def is_over(self) -> bool:
        return self.delivered + self.failed == self.total


def name_problem(name: str) -> str:
    """Why a task cannot be called so; "" when it can [ADL-11]."""
    if not name.strip():
        return _("Fill in this field.")
    if len(name) > LONGEST_NAME:
        return _("At most %(n)s characters.") % {"n": LONGEST_NAME}
    if not _NAME.fullmatch(name):
        return _("Only Latin and Cyrillic letters, digits, space, hyphen, full stop and comma.")
    return ""


def is_schedule(text: str) -> bool:
    """168 hours from Monday 0:00, each 0 or 1, one of them at least 1."""
    return len(text) == HOURS and set(text) <= {"0", "1"} and "1" in text


def works_at(schedule: str, zone: str, moment: datetime) -> bool:
    """Whether the task may call at that moment, by the clock of its own zone."""
    local = moment.astimezone(ZoneInfo(zone))
    return schedule[local.weekday() * 24 + local.hour] == "1"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a start or a resumption is judged by [ADL-D6]. `problem`: why money does not permit it, or ""."""

    has_caller: bool
    has_audio: bool
    numbers: int
    ends_at: datetime | None
    now: datetime
    money: str = ""


def unready(ready: Readiness) -> list[str]:
    """Everything that keeps the task from being started, in the reader's words."""
    problems = []
    if not ready.has_caller:
        problems.append(_("Choose the caller ID for outgoing calls: it is not set."))
    if not ready.has_audio:
        problems.append(_("Add the voice message."))
    if not ready.numbers:
        problems.append(_("The number list is empty."))
    if ready.ends_at is not None and ready.ends_at <= ready.now:
        problems.append(_("The end date must be in the future."))
    if ready.money:
        problems.append(ready.money)
    return problems


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a number as it ended. `is_made`: the network was asked; a call that found no free channel is no
    attempt [ADL-37]."""

    is_made: bool
    talk_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Next:
    """What a number is after an attempt; `at`: when it is tried again."""

    result: Result
    attempts: int
    at: datetime | None = None


def judge(attempt: Attempt, *, before: int, limit: int, success_seconds: int, retry: timedelta, now: datetime) -> Next:
    """`before`: attempts made until now; `retry`: how long until the next one [ADL-52]."""
    if not attempt.is_made:
        return Next(Result.IN_PROGRESS if before else Result.NOT_STARTED, before, now + retry)
    made = before + 1
    if attempt.talk_seconds >= success_seconds:
        return Next(Result.SUCCESS, made)
    if made >= limit:
        return Next(Result.FAILED, made)
    return Next(Result.IN_PROGRESS, made, now + retry)


def room(concurrency: int, calling: int, free_channels: int | None) -> int:
    """How many calls may begin now [ADL-37]; None: the domain's channels are not limited."""
    most = max(concurrency - calling, 0)
    return most if free_channels is None else max(min(most, free_channels), 0)


def audio_problem(content: bytes) -> str:
    """Why a file cannot be the voice message; "" when it can: WAV, mono, 8 kHz, A-law or 16 bit [ADL-36, ADL-D4]."""
    if len(content) > MAX_AUDIO_BYTES:
        return _("The file is larger than 2 MB.")
    found = _wav_format(content)
    if found is None:
        return _("This is not a WAV file.")
    tag, channels, rate, bits = found
    if channels != 1:
        return _("The file is not mono.")
    if rate != RATE:
        return _("The sampling rate is %(rate)s Hz and must be 8000 Hz.") % {"rate": rate}
    if (tag, bits) not in ((ALAW, 8), (PCM, 16)):
        return _("The sound must be A-law PCM or 16 bit linear PCM.")
    return ""


def _wav_format(content: bytes) -> tuple[int, int, int, int] | None:
    """Format tag, channels, rate, bits of the chunk "fmt "."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    stream = io.BytesIO(content)
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        kind, size = struct.unpack("<4sI", head)
        body = stream.read(min(size, 64))
        if kind == b"fmt " and len(body) >= 16:
            tag, channels, rate, _bytes, _align, bits = struct.unpack("<HHIIHH", body[:16])
            return tag, channels, rate, bits
        stream.seek(max(size - len(body), 0) + size % 2, 1)
    return None


def digits_searched(text: str) -> str:
    """The first digits that the list is searched by: spaces, brackets, dashes and a leading +7 do not count
    [ADL-53, ADL-D9]."""
    text = text.strip()
    return "".join(sign for sign in text.removeprefix("+7") if sign.isascii() and sign.isdigit())


def names_of(statuses: Collection[Status]) -> str:
    return ", ".join(f"«{status.label}»" for status in statuses)
