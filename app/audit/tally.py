"""Totals of a history without counting its lines: kept by the sealing job, completed by what is not sealed yet.

Each question is one statement, so that a line is never counted twice or missed while it is being sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.kernel.db import PlatformTx

_SCOPES = """
FROM action_history h CROSS JOIN LATERAL (VALUES (1, h.domain_id, NULL::bigint), (2, NULL, h.pool_id),
                                                 (3, NULL, NULL)) s (kind, domain_id, pool_id)
WHERE h.id = ANY($1::bigint[])
  AND (s.kind = 3 OR s.kind = 1 AND s.domain_id IS NOT NULL OR s.kind = 2 AND s.pool_id IS NOT NULL)
"""
_DAYS = f"""
INSERT INTO history_tally AS t (domain_id, pool_id, day, action, actor_kind, actor_id, jumped, n)
SELECT s.domain_id, s.pool_id, (h.at AT TIME ZONE 'UTC')::date, h.action, h.actor_kind, h.actor_id, h.jumped, count(*)
{_SCOPES} GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT (domain_id, pool_id, day, action, actor_kind, actor_id, jumped) DO UPDATE SET n = t.n + EXCLUDED.n
"""
_NAMES = f"""
INSERT INTO history_name AS t (domain_id, pool_id, search_name, n)
SELECT s.domain_id, s.pool_id, h.search_name, count(*) {_SCOPES} GROUP BY 1, 2, 3
ON CONFLICT (domain_id, pool_id, search_name) DO UPDATE SET n = t.n + EXCLUDED.n
"""


async def add(tx: PlatformTx, ids: Sequence[int]) -> None:
    """Count these lines in; called once for each, in the transaction that seals them."""
    await tx.execute(_DAYS, list(ids))
    await tx.execute(_NAMES, list(ids))


def whole_days(since: datetime | None, until: datetime | None) -> tuple[datetime | None, datetime | None]:
    """The UTC midnights between which every day lies within the period as a whole; None: open, equal: none."""
    first = last = None
    if since is not None:
        first = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        first += timedelta(days=1) if first < since else timedelta(0)
    if until is not None:
        last = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (first, first) if first is not None and last is not None and last < first else (first, last)
