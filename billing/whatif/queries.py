"""Runs of what-if and their sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Calls that were rated again. Without a rate: `unrated_then` at the time, `unrated` by the tried version."""

    calls: int
    before: Decimal
    after: Decimal
    unrated_then: int
    unrated: int

    @property
    def difference(self) -> Decimal:
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Sums):
    """`tariff` is the one whose domains' calls are rated again, by version `number` of `version_tariff`."""

    id: int
    version_id: int
    number: int
    version_tariff: str
    tariff: str
    currency: str
    first_on: date
    last_on: date
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    domains: int
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSums(Sums):
    domain_id: int
    name: str
    company: str
    account: str


_RUNS = """
SELECT r.id, r.version_id, v.number, vt.name AS version_tariff, t.name AS tariff, t.currency, r.first_on, r.last_on,
       r.created_at, r.created_by, r.finished_at, s.*
FROM whatif_run r JOIN tariff_version v ON v.id = r.version_id JOIN tariff vt ON vt.id = v.tariff_id
JOIN tariff t ON t.id = r.tariff_id
CROSS JOIN LATERAL (
    SELECT count(*) AS domains, count(w.calls) AS done, COALESCE(sum(w.calls), 0)::bigint AS calls,
           COALESCE(sum(w.before), 0) AS before, COALESCE(sum(w.after), 0) AS after,
           COALESCE(sum(w.unrated_then), 0)::bigint AS unrated_then, COALESCE(sum(w.unrated), 0)::bigint AS unrated
    FROM whatif_domain w WHERE w.run_id = r.id) s
"""


async def run(tx: PlatformTx, run_id: int) -> Run:
    """Raises NotFound."""
    row = await tx.fetchrow(_RUNS + "WHERE r.id = $1", run_id)
    if row is None:
        raise NotFound("whatif", _("There is no such trial"))
    return Run(**row)


async def runs_of(tx: PlatformTx, version_id: int, limit: int = 20) -> list[Run]:
    """Newest first."""
    return [Run(**row) for row in await tx.fetch(
        _RUNS + "WHERE r.version_id = $1 ORDER BY r.id DESC LIMIT $2", version_id, limit)]


async def sums(tx: PlatformTx, run_id: int, *, search: str = "", order: str = "d.name", limit: int | None = None,
               offset: int = 0) -> tuple[list[DomainSums], int]:
    """Of the domains that are done: one page and the number of all that match.

    Args:
        order: our own SQL.
    """
    found = ("FROM whatif_domain w JOIN domain d ON d.id = w.domain_id JOIN account a ON a.domain_id = w.domain_id "
             "WHERE w.run_id = $1 AND w.calls IS NOT NULL "
             "AND ($2 = '' OR strpos(lower(d.name || ' ' || d.company_name || ' ' || a.number), lower($2)) > 0)")
    rows = await tx.fetch(
        "SELECT w.domain_id, d.name, d.company_name AS company, a.number AS account, w.calls, w.before, w.after, "
        f"w.unrated_then, w.unrated {found} ORDER BY {order}, w.domain_id LIMIT $3 OFFSET $4",
        run_id, search, limit, offset)
    return [DomainSums(**row) for row in rows], await tx.fetchval(f"SELECT count(*) {found}", run_id, search)
