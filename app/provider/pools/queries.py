"""What the console reads of pools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.lists import ListQuery

CANDIDATES = 50  # shown at once when domains are added
LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class PoolRow:
    id: int
    name: str
    route_number_length: int
    dial_expression: str
    created_at: datetime
    domains: int
    administrators: int


@dataclass(frozen=True, slots=True)
class Member:
    """A domain of the pool."""

    id: int
    name: str
    company_name: str
    display_name: str
    route_number: str | None
    subgroup: str | None
    account: str


@dataclass(frozen=True, slots=True)
class Administrator:
    id: int
    login: str
    display_name: str
    email: str
    role: str
    is_active: bool
    has_factor: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A domain that is in no pool."""

    id: int
    name: str
    company_name: str


_POOL = ("SELECT p.id, p.name, p.route_number_length, p.dial_expression, p.created_at, "
         "(SELECT count(*) FROM domain d WHERE d.pool_id = p.id) AS domains, "
         "(SELECT count(*) FROM pool_admin a WHERE a.pool_id = p.id) AS administrators FROM pool p ")


async def pools(tx: PlatformTx, query: ListQuery) -> tuple[list[PoolRow], int]:
    where = "WHERE ($1::text IS NULL OR p.name ILIKE $1)"
    total = await tx.fetchval(f"SELECT count(*) FROM pool p {where}", query.like())
    rows = await tx.fetch(f"{_POOL} {where} ORDER BY {query.order_by('p.id')} LIMIT $2 OFFSET $3",
                          query.like(), query.limit, query.offset)
    return [PoolRow(**row) for row in rows], total


async def pool(tx: PlatformTx, pool_id: int) -> PoolRow:
    """Raises NotFound."""
    row = await tx.fetchrow(f"{_POOL} WHERE p.id = $1", pool_id)
    if row is None:
        raise NotFound("pool", _("There is no such pool"))
    return PoolRow(**row)


_MEMBERS = ("FROM domain d JOIN account a ON a.domain_id = d.id LEFT JOIN pool_subgroup g ON g.id = d.subgroup_id "
            "WHERE d.pool_id = $1 AND ($2::text IS NULL OR d.name ILIKE $2 OR d.company_name ILIKE $2 "
            "OR d.display_name ILIKE $2 OR d.route_number ILIKE $2)")


async def members(tx: PlatformTx, pool_id: int, query: ListQuery) -> tuple[list[Member], int]:
    total = await tx.fetchval(f"SELECT count(*) {_MEMBERS}", pool_id, query.like())
    rows = await tx.fetch(
        "SELECT d.id, d.name, d.company_name, d.display_name, d.route_number, g.name AS subgroup, a.number AS account "
        f"{_MEMBERS} ORDER BY {query.order_by('d.id')} LIMIT $3 OFFSET $4", pool_id, query.like(), query.limit,
        query.offset)
    return [Member(**row) for row in rows], total


async def matching(tx: PlatformTx, pool_id: int, like: str | None) -> list[int]:
    """Ids of all members that a list's search finds: a selection of "everything"."""
    rows = await tx.fetch(f"SELECT d.id {_MEMBERS} ORDER BY d.id", pool_id, like)
    return [row["id"] for row in rows]


async def names(tx: PlatformTx, pool_id: int, ids: list[int]) -> list[str]:
    rows = await tx.fetch("SELECT name FROM domain WHERE pool_id = $1 AND id = ANY($2::bigint[]) ORDER BY name",
                          pool_id, ids)
    return [row["name"] for row in rows]


async def administrators(tx: PlatformTx, pool_id: int) -> list[Administrator]:
    """Supervisors first."""
    rows = await tx.fetch(
        "SELECT id, login, display_name, email, role, is_active, totp_secret IS NOT NULL AS has_factor FROM pool_admin "
        "WHERE pool_id = $1 ORDER BY role = 'supervisor' DESC, login", pool_id)
    return [Administrator(**row) for row in rows]


async def administrator(tx: PlatformTx, pool_id: int, admin_id: int) -> Administrator:
    """Raises NotFound, for somebody of another pool too."""
    found = {one.id: one for one in await administrators(tx, pool_id)}
    if admin_id not in found:
        raise NotFound("pool_admin", _("There is no such administrator"))
    return found[admin_id]


async def candidates(tx: PlatformTx, like: str | None) -> tuple[list[Candidate], int]:
    """Domains that are in no pool, and how many match."""
    where = ("FROM domain WHERE pool_id IS NULL AND ($1::text IS NULL OR name ILIKE $1 OR company_name ILIKE $1 "
             "OR display_name ILIKE $1)")
    total = await tx.fetchval(f"SELECT count(*) {where}", like)
    rows = await tx.fetch(f"SELECT id, name, company_name {where} ORDER BY name LIMIT {CANDIDATES}", like)
    return [Candidate(**row) for row in rows], total
