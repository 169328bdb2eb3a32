"""Messages of the manager interface: `Key: value` lines up to an empty line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

MAX_VALUE = 8192


@dataclass(frozen=True, slots=True)
class Message:
    """A response or an event. Keys in lower case; of a repeated key the last value is kept."""

    fields: dict[str, str]
    output: tuple[str, ...] = field(default=())  # lines of a command's answer

    def __getitem__(self, key: str) -> str:
        return self.fields.get(key.lower(), "")

    @property
    def event(self) -> str:
        return self.fields.get("event", "")

    @property
    def is_success(self) -> bool:
        return self.fields.get("response", "") in ("Success", "Follows", "Goodbye")


def parse(block: bytes) -> Message:
    """One message without its closing empty line. Lines without a colon belong to an old-style answer."""
    fields: dict[str, str] = {}
    output: list[str] = []
    for line in block.decode("utf-8", "replace").split("\r\n"):
        key, colon, value = line.partition(":")
        if not colon:
            if line:
                output.append(line)
        elif key == "Output":
            output.append(value.removeprefix(" "))
        else:
            fields[key.strip().lower()] = value.strip()
    return Message(fields, tuple(output))


def encode(name: str, action_id: str, values: Iterable[tuple[str, object]]) -> bytes:
    """An action as bytes.

    Raises:
        ValueError: a key or value would end its line and so begin a header or an action of its own.
    """
    lines = [f"Action: {_plain(name)}", f"ActionID: {_plain(action_id)}"]
    for key, value in values:
        if ":" in key:
            raise ValueError("a key with a colon")
        lines.append(f"{_plain(key)}: {_plain(str(value))}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _plain(text: str) -> str:
    if len(text) > MAX_VALUE or any(ord(one) < 32 or ord(one) == 127 or one in "\x85\u2028\u2029" for one in text):
        raise ValueError("a control character, or too long, in a manager action")
    return text
