"""Calls as programs see them: all records of one call are one line [API-65, API-67, API-69]."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from app.kernel.db import DomainTx
from app.modules.integration_api.rules import last_digits, sip_uri
from tenants.calls.sessions import CallKey, session_id

KIND = "api_callback"  # of orders, and the word in their records
_DIRECTIONS = {"in": 1, "out": 2, "emergency": 2, "internal": 3}
COLUMNS = ("session_id", "call_type", "direction", "state", "orig_number", "orig_pin", "dest_number",
           "answering_sipuri", "answering_pin", "start_call_date", "duration", "is_voicemail", "is_record", "is_fax",
           "status_code", "status_string")
_STATUS = {17: "busy", 16: "cancelled", 18: "no answer", 19: "no answer", 20: "subscriber absent",
           21: "call rejected", 1: "unallocated number", 28: "invalid number", 34: "no channel available"}
_SELECT = """
SELECT c.node_id, c.linkedid, c.direction, c.user_id, c.peer_user_id, c.a_number, c.b_number, c.started_at,
       c.answered_at, c.ended_at, c.talk_seconds, c.result, c.hangup_cause, c.refusal, c.kind,
       u.extension AS pin, u.login, p.extension AS peer_pin, p.login AS peer_login,
       EXISTS (SELECT FROM call_recording r WHERE r.domain_id = c.domain_id AND r.node_id = c.node_id
               AND r.linkedid = c.linkedid) AS is_record
FROM call c
LEFT JOIN domain_user u ON u.domain_id = c.domain_id AND u.id = c.user_id
LEFT JOIN domain_user p ON p.domain_id = c.domain_id AND p.id = c.peer_user_id
WHERE c.domain_id = $1
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """`direction`: 0 all, 1 incoming, 2 outgoing, 3 internal; `state`: 0 all, 1 accepted, 2 not."""

    since: datetime
    until: datetime
    direction: int = 0
    state: int = 0
    phone: str = ""


def summary(rows: Sequence[Any], domain: str) -> dict[str, Any]:
    """One call of its records, oldest first."""
    head = rows[0]
    answered = [row for row in rows if row["result"] == "answered"]
    words = {word for row in rows for word in row["kind"].split()}
    first = answered[0] if answered else None
    sip, pin = _who_answered(first, domain)
    orig = head["a_number"] if head["direction"] != "internal" else head["login"] or head["a_number"]
    cause = 0 if first else head["hangup_cause"]
    return {
        "session_id": str(session_id(head["node_id"], head["linkedid"], head["started_at"])),
        "call_type": 3 if words & {KIND, "crm_call", "widget"} else 1,
        "direction": _DIRECTIONS.get(head["direction"], 3), "state": 1 if first else 2,
        "orig_number": sip_uri(orig, domain), "orig_pin": head["pin"] if head["direction"] != "in" else None,
        "dest_number": sip_uri(head["b_number"], domain), "answering_sipuri": sip, "answering_pin": pin,
        "start_call_date": int(head["started_at"].timestamp()), "duration": _duration(answered),
        "session_log": _log(rows), "is_voicemail": "voicemail" in words, "is_record": any(
            row["is_record"] for row in answered), "is_fax": "fax" in words,
        "status_code": cause, "status_string": (head["refusal"] or _STATUS.get(cause, "")) if cause else ""}


def _who_answered(row: Any | None, domain: str) -> tuple[str | None, str | None]:
    if row is None:
        return None, None
    login, pin = (row["login"], row["pin"]) if row["direction"] == "in" else (row["peer_login"], row["peer_pin"])
    if row["direction"] in ("out", "emergency"):
        return sip_uri(row["b_number"], domain), None
    return sip_uri(login or row["b_number"], domain), pin


def _duration(answered: Sequence[Any]) -> int:
    if len(answered) < 2:
        return answered[0]["talk_seconds"] if answered else 0
    span = max(row["ended_at"] for row in answered) - min(row["answered_at"] or row["ended_at"] for row in answered)
    return int(span.total_seconds())


def _log(rows: Sequence[Any]) -> str:
    """`0:ct:<number>;5:cc:<number>;8:cd:<number>;`"""
    began, steps = rows[0]["started_at"], []
    for row in rows:
        number = row["pin"] if row["direction"] == "in" and row["pin"] else row["b_number"]
        steps.append((row["started_at"], "ct", row["b_number"]))
        if row["result"] == "answered" and row["answered_at"]:
            steps.append((row["answered_at"], "cc", number))
        steps.append((row["ended_at"], "cd", number))
    steps.sort(key=lambda step: step[0])
    return "".join(f"{int((at - began).total_seconds())}:{code}:{number};" for at, code, number in steps)


async def one(tx: DomainTx, key: CallKey, domain: str) -> dict[str, Any] | None:
    rows = await tx.fetch(_SELECT + "AND c.node_id = $2 AND c.linkedid = $3 ORDER BY c.started_at, c.id", tx.domain_id,
                          key.node_id, key.linkedid)
    return summary(rows, domain) if rows else None


async def matching(tx: DomainTx, wanted: Filters, domain: str) -> list[dict[str, Any]]:
    """Calls that began in the interval, by time. A day at a time: a year of a large company is long."""
    found: list[dict[str, Any]] = []
    since = wanted.since
    while since < wanted.until:
        until = min(since + timedelta(days=1), wanted.until)
        # of a call that began just before midnight the later records belong to the day before
        rows = await tx.fetch(_SELECT + "AND c.started_at >= $2 AND c.started_at < $3 ORDER BY c.node_id, c.linkedid, "
                              "c.started_at, c.id", tx.domain_id, since, until + timedelta(hours=1))
        groups = [list(group) for _key, group in groupby(rows, lambda row: (row["node_id"], row["linkedid"]))]
        day = [group for group in groups if since <= group[0]["started_at"] < until
               and not await _began_before(tx, group[0], since)]
        found += sorted((summary(group, domain) for group in day if _matches(group, wanted)),
                        key=lambda call: call["start_call_date"])
        since = until
    return found


async def _began_before(tx: DomainTx, row: Any, moment: datetime) -> bool:
    if row["started_at"] - moment > timedelta(hours=1):
        return False
    return await tx.fetchval("SELECT EXISTS (SELECT FROM call WHERE domain_id = $1 AND node_id = $2 AND linkedid = $3 "
                             "AND started_at >= $4 AND started_at < $5)", tx.domain_id, row["node_id"],
                             row["linkedid"], moment - timedelta(hours=2), moment)


def _matches(rows: Sequence[Any], wanted: Filters) -> bool:
    if wanted.direction and _DIRECTIONS.get(rows[0]["direction"], 3) != wanted.direction:
        return False
    if wanted.state and (1 if any(row["result"] == "answered" for row in rows) else 2) != wanted.state:
        return False
    digits = last_digits(wanted.phone)
    return not digits or any(digits == last_digits(number) for row in rows for number in (
        row["a_number"], row["b_number"], row["pin"] or "", row["peer_pin"] or ""))


def csv_row(call: dict[str, Any]) -> list[str]:
    return [_cell(call[name]) for name in COLUMNS]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def csv_lines(calls: Iterable[dict[str, Any]]) -> str:
    """UTF-8 text with header; values are ids, numbers and our own words: nothing in them needs quoting but `;`."""
    lines = [";".join(COLUMNS)] + [";".join(cell.replace(";", ",") for cell in csv_row(call)) for call in calls]
    return "\n".join(lines) + "\n"


async def charges(tx: DomainTx, user_id: int, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Outgoing calls of a user with what they cost [API-67]."""
    rows = await tx.fetch(
        "SELECT b_number, started_at, talk_seconds, charge, cost FROM call WHERE domain_id = $1 AND user_id = $2 "
        "AND direction = 'out' AND started_at >= $3 AND started_at < $4 ORDER BY started_at, id", tx.domain_id, user_id,
        since, until)
    return [{"number": row["b_number"], "date": row["started_at"], "duration": row["talk_seconds"],
             "charged_interval": _billed(row["charge"], row["talk_seconds"]), "cost": f"{Decimal(row['cost']):.2f}"}
            for row in rows]


def _billed(charge: object, seconds: int) -> int:
    """Seconds that were paid for, as the calculation of the charge says."""
    if not isinstance(charge, dict):
        return 0
    if "trial_seconds" in charge:
        return int(charge["trial_seconds"])
    lines = charge.get("lines") or []  # [at second, how many increments, seconds of each, …]
    return sum(int(line[1]) * int(line[2]) for line in lines) if lines else seconds
