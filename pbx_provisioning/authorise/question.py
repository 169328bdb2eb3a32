"""The node's question at call set-up, its signature, and the answer's one line of text."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tenants.numbers.rules import Restriction

WINDOW_SECONDS = 30  # between the node's clock and ours

_FORMS = {
    "node": re.compile(r"[A-Za-z0-9._-]{1,64}"),
    "domain": re.compile(r"[0-9]{1,18}"),
    "user": re.compile(r"[0-9]{1,18}"),
    "digits": re.compile(r"[0-9+]{1,40}"),
    "uniqueid": re.compile(r"[!-{}~]{1,80}"),  # printable, without | that separates the message
    "ts": re.compile(r"[0-9]{1,12}"),
    "sig": re.compile(r"[0-9a-fA-F]{40}"),
}
_LIMITS = {one.value: one for one in Restriction}
_E164 = re.compile(r"[1-9][0-9]{6,14}")


class BadQuestion(ValueError):
    """Not a question of one of our nodes; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Question:
    """Checked and signed. `digits` as dialled: digits and +. `user_id` 0: the domain itself calls."""

    node: str
    domain_id: int
    user_id: int
    digits: str
    uniqueid: str
    is_redirected: bool = False  # a leg of a forwarding scheme; unsigned: it can only take a right away
    limit: Restriction = Restriction.NONE  # of a private route; unsigned: it can only take a right away
    caller_id: str = ""  # a number of the domain to be shown instead; unsigned: others than its own are ignored


@dataclass(frozen=True, slots=True)
class Deny:
    """`reason` picks the announcement: funds, blocked, restricted, no_rate, number, trial, limit, trunk, error or one
    of the guards'."""

    reason: str

    def line(self) -> str:
        return f"deny|{self.reason}"


@dataclass(frozen=True, slots=True)
class Allow:
    """`trunks`: endpoint names joined by &; `offline_seconds`: talk a domain on credit may have without us."""

    hold_id: int
    max_seconds: int
    caller_id: str
    trunks: str
    b_number: str
    offline_seconds: int

    def line(self) -> str:
        return (f"allow|{self.hold_id}|{self.max_seconds}|{self.caller_id}|{self.trunks}|{self.b_number}|"
                f"{self.offline_seconds}")


Answer = Allow | Deny


def sign(message: str, key1: str, key2: str) -> str:
    """Nested keyed hash: what SHA1() of the dialplan can compute, without the weakness of one keyed hash."""
    inner = hashlib.sha1(f"{key1}:{message}".encode()).hexdigest()
    return hashlib.sha1(f"{key2}:{inner}".encode()).hexdigest()


def read_question(query: Mapping[str, str], *, key1: str, key2: str, now: float) -> Question:
    """Raises BadQuestion: a field is missing or malformed, the signature is wrong, or the moment is too far off."""
    found: dict[str, str] = {}
    for name, form in _FORMS.items():
        value = query.get(name, "")
        if not form.fullmatch(value):
            raise BadQuestion(f"field {name}")
        found[name] = value
    message = "|".join(found[name] for name in ("node", "domain", "user", "digits", "uniqueid", "ts"))
    if not hmac.compare_digest(sign(message, key1, key2), found["sig"].lower()):
        raise BadQuestion("signature")
    if abs(now - int(found["ts"])) > WINDOW_SECONDS:
        raise BadQuestion("moment")
    return Question(found["node"], int(found["domain"]), int(found["user"]), found["digits"], found["uniqueid"],
                    "redirected" in query.get("kind", ""), _LIMITS.get(query.get("limit", ""), Restriction.NONE),
                    query["cid"] if _E164.fullmatch(query.get("cid", "")) else "")
