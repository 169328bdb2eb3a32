"""A call record as the node's spool holds it: one CSV line, columns by position.

The order is a contract with `node/templates/cdr_custom.conf`; new columns come at the end only.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

VERSION = "1"
COLUMNS = 27  # of the oldest spools; 30 with a kind and another company at the end of calls, 31 with a group
MAX_LINE = 16_384
_LONGEST_TEXT, _LONGEST_ID = 160, 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KIND = re.compile(r"[a-z_]{1,20}")


class BadRecord(ValueError):
    """The line is no call record; it is put aside, never lost and never in the way."""


@dataclass(slots=True, unsafe_hash=True)  # not frozen: read 10,000 times a second; treat as a value
class CdrRecord:
    """Times are aware UTC, durations exact seconds. Ids that the node did not know are None.

    `user_id` is our caller; of an incoming call the user it rang at. `sw_*` of the dialplan come without
    the prefix. `hold` is the digits of a hold, "offline" (the panel did not answer), or "".
    """

    uniqueid: str
    linkedid: str
    sequence: int
    account_code: str
    channel: str
    dst_channel: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    duration_seconds: Decimal
    billsec: Decimal
    disposition: str  # ANSWERED, NO ANSWER, BUSY, FAILED, CONGESTION
    src: str
    dst: str
    last_app: str
    domain_id: int | None
    user_id: int | None
    direction: str  # internal, out, in, emergency; "" when the call never got that far
    a_number: str
    b_number: str
    trunk: str
    hold: str
    reason: str  # why the call was refused
    number: str  # our number: caller ID of an outgoing call, dialled number of an incoming one
    is_billable: bool
    cause: int | None  # Q.850
    kind: str = ""  # words: transferred, conference, voicemail …
    peer_domain_id: int | None = None
    peer_user_id: int | None = None
    group_id: int | None = None  # that the call came to

    @property
    def hold_id(self) -> int | None:
        return _whole(self.hold) if self.hold.isdigit() else None


def parse_line(line: str) -> CdrRecord:
    """Raises BadRecord; never anything else."""
    if len(line) > MAX_LINE:
        raise BadRecord("too long")
    cells = split_cells(line)
    if len(cells) < COLUMNS:
        raise BadRecord("too few columns")
    if cells[0] != VERSION:
        raise BadRecord("unknown version")
    try:
        return _record(cells)
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise BadRecord(str(error)[:200]) from error


def split_cells(line: str) -> list[str]:
    """Asterisk quotes every cell, so a line without a quote inside of a cell is cut at once, five times as fast."""
    cells = line[1:-1].split('","')
    if line[:1] == line[-1:] == '"' and len(line) > 1 and line.count('"') == 2 * len(cells):
        return cells
    try:
        rows = list(csv.reader([line], strict=True))
    except csv.Error as error:
        raise BadRecord(f"not CSV: {error}") from error
    return rows[0] if len(rows) == 1 else []


def _record(cells: list[str]) -> CdrRecord:
    start, end = _time(cells[7]), _time(cells[9])
    if start is None or end is None or not cells[1]:
        raise BadRecord("no times or no unique id")
    uniqueid, linkedid, sequence = _id(cells[1]), _id(cells[2] or cells[1]), _whole(cells[3])
    if sequence is None or sequence > 2**31 - 1:
        raise BadRecord("sequence")
    cause = _whole(cells[26])
    kind, peer_domain, peer_user = cells[27:30] if len(cells) > 29 else (*cells[27:], "", "", "")[:3]
    is_plain = "".join(cells).isprintable() and max(map(len, cells)) <= _LONGEST_TEXT  # as good as always
    text = cells if is_plain else [_text(cell) for cell in cells]
    return CdrRecord(
        uniqueid, linkedid, sequence, text[4], text[5], text[6], start, _time(cells[8]), end,
        _seconds(cells[10]), _seconds(cells[11]), text[12], text[13], text[14], text[15], _big(cells[16]),
        _big(cells[17]), text[18], text[19], text[20], text[21], text[22], text[23], text[24],
        cells[25] == "1", cause if cause is not None and cause < 1000 else None, _kinds(kind) if kind else "",
        _big(peer_domain), _big(peer_user), _big(cells[30]) if len(cells) > 30 else None)


def _kinds(text: str) -> str:
    """The words of it, each once, in order."""
    return " ".join(dict.fromkeys(word for word in text[:160].split() if _KIND.fullmatch(word)))


def _id(text: str) -> str:
    if len(text) > _LONGEST_ID or not text.isascii() or not text.isprintable():
        raise BadRecord("unique id")
    return text


def _text(text: str) -> str:
    """Phones put what they like into some fields: control characters go, the length is bounded."""
    cut = text[:_LONGEST_TEXT]
    return cut if cut.isprintable() else "".join(one for one in cut if one.isprintable())


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _big(text: str) -> int | None:
    return _whole(text) or None


def _time(text: str) -> datetime | None:
    """Seconds since 1970 with a fraction, or Asterisk's own form in UTC; "" and 0 are no time."""
    if not text or (text[0] == "0" and text.strip("0.") == ""):
        return None
    if "-" in text:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    whole, _dot, fraction = text.partition(".")
    if not whole.isdigit() or len(whole) > 11 or (fraction and not fraction.isdigit()):
        raise BadRecord("time")
    return _EPOCH + timedelta(0, int(whole), int((fraction + "000000")[:6]))


def _seconds(text: str) -> Decimal:
    value = Decimal(text or "0")
    if not value.is_finite() or not 0 <= value < 10_000_000:
        raise BadRecord("duration")
    return value
