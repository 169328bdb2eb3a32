"""Revenue by day, taken from the ledger once: what came after each domain's mark is added to the sums."""

from __future__ import annotations

from app.kernel import parameters
from app.kernel.db import PlatformTx

LOCK = "revenue_sums"

_BEHIND = """
SELECT a.domain_id, coalesce(m.through, 0) AS through FROM account a
LEFT JOIN revenue_mark m ON m.domain_id = a.domain_id
WHERE EXISTS (SELECT FROM posting p WHERE p.domain_id = a.domain_id AND p.id > coalesce(m.through, 0))
ORDER BY a.domain_id LIMIT $1
"""
_TAKE_IN = f"""
WITH young AS MATERIALIZED (
    SELECT b.domain_id, p.* FROM ({_BEHIND}) b CROSS JOIN LATERAL (
        SELECT p.id, (p.at AT TIME ZONE $3)::date AS day, p.kind, p.service, (
            SELECT e.amount FROM entry e WHERE e.posting_id = p.id AND e.account = 'revenue') AS amount
        FROM posting p WHERE p.domain_id = b.domain_id AND p.id > b.through ORDER BY p.id LIMIT $2) p
), days AS (
    INSERT INTO revenue_day AS known (day, kind, service, lines, amount)
    SELECT day, kind, service, count(*), sum(amount) FROM young WHERE amount <> 0 GROUP BY 1, 2, 3
    ON CONFLICT (day, kind, service) DO UPDATE SET lines = known.lines + excluded.lines,
        amount = known.amount + excluded.amount
), domains AS (
    INSERT INTO revenue_domain_day AS known (domain_id, day, lines, amount)
    SELECT domain_id, day, count(*), sum(amount) FROM young WHERE amount <> 0 GROUP BY 1, 2
    ON CONFLICT (day, domain_id) DO UPDATE SET lines = known.lines + excluded.lines,
        amount = known.amount + excluded.amount
), marks AS (
    INSERT INTO revenue_mark (domain_id, through) SELECT domain_id, max(id) FROM young GROUP BY 1
    ON CONFLICT (domain_id) DO UPDATE SET through = excluded.through
)
SELECT count(*) FROM young
"""


async def take_in(tx: PlatformTx, *, domains: int, lines: int) -> int:
    """Add the next lines of so many domains, so many of each.

    Returns:
        How many lines there were; 0 also while somebody else is at it.
    """
    if not await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtext($1))", LOCK):
        return 0
    zone = await parameters.get(tx, "billing.timezone")
    return await tx.fetchval(_TAKE_IN, domains, lines, zone)


async def is_behind(tx: PlatformTx) -> bool:
    """Whether some line is not in the sums yet."""
    return bool(await tx.fetch(_BEHIND, 1))
