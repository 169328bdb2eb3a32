"""Call records in quarantine and calls without a rate, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import PlatformTx


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A record that cannot become a call."""

    id: int
    node: str
    uniqueid: str
    reason: str
    error: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Unrated:
    """A paid call that no row of the tariff covers [FIN-57]."""

    id: int
    started_at: datetime
    domain_id: int
    domain: str
    a_number: str
    b_number: str
    talk_seconds: int
    tariff: str
    refusal: str


async def quarantined(tx: PlatformTx, *, reason: str, limit: int, offset: int) -> tuple[list[Quarantined], int]:
    where = "WHERE ($1 = '' OR q.reason = $1)"
    total = await tx.fetchval(f"SELECT count(*) FROM record_quarantine q {where}", reason)
    rows = await tx.fetch(
        "SELECT q.id, n.name AS node, q.uniqueid, q.reason, q.error, q.received_at FROM record_quarantine q "
        f"JOIN pbx_node n ON n.id = q.node_id {where} ORDER BY q.received_at DESC, q.id DESC LIMIT $2 OFFSET $3",
        reason, limit, offset)
    return [Quarantined(**row) for row in rows], total


_UNRATED = """
FROM call c JOIN domain d ON d.id = c.domain_id JOIN account a ON a.domain_id = c.domain_id
JOIN tariff t ON t.id = a.tariff_id WHERE c.rating = 'unrated' AND ($1::bigint IS NULL OR t.id = $1)
"""


async def unrated(tx: PlatformTx, *, tariff_id: int | None, limit: int, offset: int) -> tuple[list[Unrated], int]:
    total = await tx.fetchval(f"SELECT count(*) {_UNRATED}", tariff_id)
    rows = await tx.fetch(
        "SELECT c.id, c.started_at, c.domain_id, d.name AS domain, c.a_number, c.b_number, c.talk_seconds, "
        f"t.name AS tariff, c.refusal {_UNRATED} ORDER BY c.started_at DESC, c.id DESC LIMIT $2 OFFSET $3",
        tariff_id, limit, offset)
    return [Unrated(**row) for row in rows], total
