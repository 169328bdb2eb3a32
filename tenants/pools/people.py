"""Reading the administrators of a pool [POOL-36]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import PoolTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.lists import ListQuery


@dataclass(frozen=True, slots=True)
class Administrator:
    """One line of the list; `subgroups` are names, empty for a supervisor."""

    id: int
    login: str
    display_name: str
    email: str
    phone: str
    role: str
    is_active: bool
    subgroup_ids: list[int]
    subgroups: list[str]
    has_factor: bool


_SELECT = """
SELECT a.id, a.login, a.display_name, a.email, a.phone, a.role, a.is_active,
       array_remove(array_agg(g.id ORDER BY lower(g.name)), NULL) AS subgroup_ids,
       array_remove(array_agg(g.name ORDER BY lower(g.name)), NULL) AS subgroups,
       a.totp_secret IS NOT NULL AS has_factor
FROM pool_admin a LEFT JOIN pool_admin_subgroup s ON s.admin_id = a.id LEFT JOIN pool_subgroup g ON g.id = s.subgroup_id
WHERE a.pool_id = $1
"""


async def administrators(tx: PoolTx, query: ListQuery) -> tuple[list[Administrator], int]:
    found = "AND ($2::text IS NULL OR a.login ILIKE $2 OR a.display_name ILIKE $2 OR a.email ILIKE $2)"
    total = await tx.fetchval(f"SELECT count(*) FROM pool_admin a WHERE a.pool_id = $1 {found}", tx.pool_id,
                              query.like())
    rows = await tx.fetch(f"{_SELECT} {found} GROUP BY a.id ORDER BY {query.order_by('a.id')} LIMIT $3 OFFSET $4",
                          tx.pool_id, query.like(), query.limit, query.offset)
    return [Administrator(**row) for row in rows], total


async def administrator(tx: PoolTx, admin_id: int) -> Administrator:
    """Raises NotFound, for somebody of another pool too."""
    row = await tx.fetchrow(f"{_SELECT} AND a.id = $2 GROUP BY a.id", tx.pool_id, admin_id)
    if row is None:
        raise NotFound("pool_admin", _("There is no such administrator"))
    return Administrator(**row)


async def subgroup_choices(tx: PoolTx) -> list[tuple[int, str]]:
    rows = await tx.fetch("SELECT id, name FROM pool_subgroup WHERE pool_id = $1 ORDER BY lower(name), id", tx.pool_id)
    return [(row["id"], row["name"]) for row in rows]
