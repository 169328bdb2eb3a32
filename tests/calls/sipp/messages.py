"""Read SIPp's message trace: what was sent and received, and when."""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_RULE = re.compile(r"^-{20,} (\S+ [\d:.]+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message. `at` is local wall-clock time in seconds since 1970."""

    at: float
    sent: bool
    text: str

    @property
    def first_line(self) -> str:
        return self.text.split("\n", 1)[0].strip()

    @property
    def code(self) -> int | None:
        found = re.match(r"SIP/2\.0 (\d{3})", self.first_line)
        return int(found[1]) if found else None

    @property
    def method(self) -> str:
        """Method of a request; of an answer, the method it answers."""
        return self.header("CSeq").partition(" ")[2] if self.code else self.first_line.partition(" ")[0]

    def header(self, name: str) -> str:
        found = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)\s*$", self.text, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""


def read_trace(path: Path) -> list[Message]:
    """Messages in order; a trace still being written gives what is there."""
    if not path.exists():
        return []
    parts = _RULE.split(path.read_text(errors="replace"))[1:]
    messages = []
    for stamp, body in zip(parts[::2], parts[1::2], strict=False):
        heading, _, text = body.strip().partition("\n")
        if "message sent" not in heading and "message received" not in heading:
            continue
        at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S.%f").astimezone().timestamp()
        messages.append(Message(at, "sent" in heading, text.strip()))
    return messages
