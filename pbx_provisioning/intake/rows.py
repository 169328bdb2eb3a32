"""From a record to the row of a call: pure, and tolerant of whatever a node writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pbx_provisioning.intake.picked import answering_account, answering_member
from pbx_provisioning.intake.records import CdrRecord

REFUSALS = frozenset({"funds", "blocked", "restricted", "no_rate", "number", "trial", "limit", "trunk", "error",
                      "no_rule", "hangup_rule", "black_list", "not_in_white_list", "no_channel", "no_line",
                      "absent", "pickup", "guard_cap", "guard_rate", "guard_parallel",
                      "guard_forbidden", "guard_new", "guard_stopped"})
NO_CHANNEL = "no_channel"
NO_LINE = "no_line"  # of private routes
DIRECTIONS = frozenset({"internal", "out", "in", "emergency"})
_RESULTS = {"BUSY": "busy", "NO ANSWER": "no_answer", "FAILED": "failed", "CONGESTION": "failed"}
_CAUSES = {"answered": 16, "busy": 17, "no_answer": 19}
_TRUNK = re.compile(r"t([0-9]{1,18})")
_ACCOUNT_CODE = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})")
_E164 = re.compile(r"[1-9][0-9]{6,14}")


@dataclass(slots=True)  # not frozen: made 10,000 times a second; treat as a value
class Call:
    """A finished call before it has a price. `talk_ms` from answer to end, not negative."""

    record: CdrRecord
    domain_id: int
    user_id: int | None
    peer_user_id: int | None
    direction: str
    a_number: str
    b_number: str
    trunk_id: int | None
    result: str
    hangup_cause: int
    refusal: str
    talk_ms: int
    kind: str = ""
    peer_domain_id: int | None = None
    group_id: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.record.uniqueid, self.record.sequence

    @property
    def is_chargeable(self) -> bool:
        """Outgoing and answered. Whether money or trial seconds pay is decided later."""
        return self.direction == "out" and self.result == "answered"

    @property
    def is_attempt(self) -> bool:
        """One trunk could not take the call; the next is tried, or a record with a refusal follows."""
        return self.direction == "out" and self.result == "failed" and not self.refusal

    @property
    def has_e164(self) -> bool:
        return _E164.fullmatch(self.b_number) is not None


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of the ids and extensions in a batch."""

    domains: frozenset[int]
    user_domains: Mapping[int, int]  # user → domain
    extensions: Mapping[tuple[int, str], int]  # (domain, extension) → user
    own_extensions: Mapping[int, str] = field(default_factory=dict)  # user → extension
    accounts: Mapping[str, int] = field(default_factory=dict)  # login@domain that answered → user


def owner_of(record: CdrRecord) -> tuple[int | None, int | None]:
    """(domain, user) as the dialplan told, else by the endpoint's account code, which a phone cannot choose."""
    if record.domain_id is not None:
        return record.domain_id, record.user_id
    code = _ACCOUNT_CODE.fullmatch(record.account_code)
    return (int(code[1]) or None, int(code[2]) or None) if code else (None, None)


def is_by_product(record: CdrRecord) -> bool:
    """Of a channel on which nobody called anybody: transfers and conferences leave such records beside those of the
    calls, and a phone's channel ("leg") beside that of the outside call placed from it."""
    return (record.domain_id is None and not record.direction) or record.direction == "leg"


def to_call(record: CdrRecord, known: Known) -> Call | None:
    """None when no domain of ours owns it. A user of another domain is not believed."""
    domain_id, user_id = owner_of(record)
    if domain_id is None or domain_id not in known.domains:
        return None
    if user_id is not None and known.user_domains.get(user_id, domain_id) != domain_id:
        user_id = None
    direction = record.direction if record.direction in DIRECTIONS else "internal"
    answered = record.disposition == "ANSWERED" and record.answered_at is not None
    if answered and _was_picked_up(record, direction):
        answered, result = False, "no_answer"
    else:
        result = "answered" if answered else _unanswered(record, direction)
    is_own = direction == "internal" and record.peer_domain_id is None
    peer = known.extensions.get((domain_id, record.b_number)) if is_own else None
    taker = (known.accounts.get(answering_account(record)) or answering_member(record)) if answered else None
    if taker is not None and known.user_domains.get(taker) == domain_id:
        peer, user_id = (taker, user_id) if direction == "internal" else (peer, taker)
    if not answered:  # an answer without ANSWERED is our announcement's: nobody talked
        record = replace(record, answered_at=None) if record.answered_at else record
    return Call(
        record=record, domain_id=domain_id, user_id=user_id, peer_user_id=peer, direction=direction,
        a_number=_first(record.number if direction == "out" else "", record.a_number, record.src),
        b_number=_first(record.b_number, record.dst), trunk_id=_trunk_id(record.trunk), result=result,
        hangup_cause=record.cause if record.cause is not None else _CAUSES.get(result, 0),
        refusal=record.reason if not answered else "", talk_ms=_talk_ms(record), kind=record.kind,
        peer_domain_id=record.peer_domain_id, group_id=record.group_id)


def _was_picked_up(record: CdrRecord, direction: str) -> bool:
    """A colleague took the call: Asterisk sometimes ends the record of the phone that rang as answered in that very
    instant, and tells the talk in the colleague's record [PICK-14]."""
    return direction in ("internal", "in") and record.ended_at == record.answered_at


def _unanswered(record: CdrRecord, direction: str) -> str:
    if record.reason in REFUSALS:  # who calls in while no channel is free hears the busy tone [SVC-D6]
        is_busy = (direction == "in" and record.reason == NO_CHANNEL) or record.reason == NO_LINE
        return "busy" if is_busy else "refused"
    return _RESULTS.get(record.disposition, "failed")


def _first(*texts: str) -> str:
    return next((text for text in texts if text), "")[:64]


def _trunk_id(name: str) -> int | None:
    found = _TRUNK.fullmatch(name)
    return int(found[1]) if found else None


def _talk_ms(record: CdrRecord) -> int:
    if record.answered_at is None:
        return 0
    talk = record.ended_at - record.answered_at
    return max(talk.days * 86_400_000 + talk.seconds * 1000 + talk.microseconds // 1000, 0)
