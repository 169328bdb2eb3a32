"""Requests as the domain's start page and the provider's console show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.kernel.db import DomainTx, PlatformTx


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One line of the list. `excess`: users, seconds, mgp → by how much; `currency` of the mgp."""

    id: int
    domain_id: int
    domain: str
    company: str
    asked_at: datetime
    asked_by: str
    tariff: str
    excess: Mapping[str, Any]
    currency: str
    done_at: datetime | None
    done_by: str


_ROWS = """
SELECT r.id, r.domain_id, d.name AS domain, d.company_name AS company, r.asked_at, r.asked_by, r.tariff, r.excess,
       a.currency, r.done_at, r.done_by
FROM tariff_request r JOIN domain d ON d.id = r.domain_id JOIN account a ON a.domain_id = r.domain_id
WHERE ($1 = '' OR ($1 = 'open') = (r.done_at IS NULL))
  AND ($2::text IS NULL OR d.name ILIKE $2 OR d.company_name ILIKE $2)
"""


async def open_request(tx: DomainTx) -> RequestRow | None:
    """The domain's open request."""
    row = await tx.fetchrow(f"{_ROWS} AND r.domain_id = $3 AND r.done_at IS NULL", "open", None, tx.domain_id)
    return RequestRow(**row) if row else None


async def requests(tx: PlatformTx, *, state: str, like: str | None, limit: int,
                   offset: int) -> tuple[list[RequestRow], int]:
    """Open ones first, newest first. `state`: "", open, done."""
    total = await tx.fetchval(f"SELECT count(*) FROM ({_ROWS}) found", state, like)
    rows = await tx.fetch(f"{_ROWS} ORDER BY r.done_at IS NOT NULL, r.asked_at DESC, r.id DESC LIMIT $3 OFFSET $4",
                          state, like, limit, offset)
    return [RequestRow(**row) for row in rows], total
