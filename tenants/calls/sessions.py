"""The identifier of a call for the outside [API-07]: the same in events, answers and exports, whoever asks.

It is made of what the node calls the call, so nothing has to be kept: 48 bits say when to look for it (or which
order of the system placed it), 74 bits are a hash that tells it from others of that moment.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.kernel.db import DomainTx

_EPOCH = re.compile(r"([0-9]{9,11})\.[0-9]+$")
_ORDER = re.compile(r"order-([0-9]{1,13})")
_IS_ORDER = 1 << 47
_HASH = (1 << 74) - 1
BEFORE, AFTER = timedelta(seconds=5), timedelta(minutes=10)  # of the first record, from the identifier's moment


@dataclass(frozen=True, slots=True)
class CallKey:
    node_id: int
    linkedid: str


def session_id(node_id: int, linkedid: str, began_at: datetime) -> UUID:
    """`began_at` counts only where the node's own name of the call does not tell a moment."""
    ordered = _ORDER.fullmatch(linkedid)
    if ordered:
        return order_session(int(ordered[1]))
    told = _EPOCH.search(linkedid)
    seconds = int(told[1]) if told else int(began_at.timestamp())
    return _uuid(seconds % _IS_ORDER, _hash(f"{node_id}|{linkedid}"))


def order_session(order_id: int) -> UUID:
    """Known before the call is placed [API-62]."""
    return _uuid(_IS_ORDER | order_id, _hash(f"order|{order_id}"))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:10], "big") & _HASH


def _uuid(moment: int, digest: int) -> UUID:
    return UUID(int=moment << 80 | 8 << 76 | (digest >> 62) << 64 | 2 << 62 | digest & ((1 << 62) - 1))


def _digest_of(session: UUID) -> int:
    return (session.int >> 64 & 0xFFF) << 62 | session.int & ((1 << 62) - 1)


def parse(text: object) -> UUID | None:
    try:
        return UUID(text) if isinstance(text, str) and len(text) <= 45 else None
    except ValueError:
        return None


async def find(tx: DomainTx, session: UUID) -> CallKey | None:
    """The finished call of this domain; None: none, another domain's, or still under way."""
    moment, digest = session.int >> 80, _digest_of(session)
    if moment & _IS_ORDER:
        order_id = moment ^ _IS_ORDER
        if session != order_session(order_id):
            return None
        row = await tx.fetchrow(
            "SELECT c.node_id, c.linkedid FROM call_order o JOIN call c ON c.domain_id = o.domain_id "
            "AND c.started_at BETWEEN o.created_at - interval '5 seconds' AND o.created_at + interval '1 day' "
            "AND c.linkedid = $3 WHERE o.domain_id = $1 AND o.id = $2 LIMIT 1", tx.domain_id, order_id,
            f"order-{order_id}")
        return CallKey(*row) if row else None
    try:
        around = datetime.fromtimestamp(moment, UTC)
        since, until = around - BEFORE, around + AFTER
    except (ValueError, OverflowError, OSError):
        return None
    rows = await tx.fetch("SELECT DISTINCT node_id, linkedid FROM call WHERE domain_id = $1 AND started_at BETWEEN $2 "
                          "AND $3", tx.domain_id, since, until)
    return _first_with(digest, (CallKey(*row) for row in rows))


def _first_with(digest: int, keys: Iterable[CallKey]) -> CallKey | None:
    return next((key for key in keys if _hash(f"{key.node_id}|{key.linkedid}") == digest), None)
