"""Reading pickup groups and their members."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _

NAMES_SHOWN = 6  # members named in a row of the list


@dataclass(frozen=True, slots=True)
class GroupRow:
    """`names`: the first members, in order of name."""

    id: int
    name: str
    members: int
    names: list[str]


@dataclass(frozen=True, slots=True)
class Person:
    """`group_id` None: in no group."""

    id: int
    display_name: str
    extension: str
    login: str
    group_id: int | None
    group_name: str


async def groups(tx: DomainTx, *, like: str | None = None, order: str = "lower(g.name), g.id", limit: int | None = None,
                 offset: int = 0) -> tuple[list[GroupRow], int]:
    """Groups whose name or a member's matches, empty ones too [PICK-08]; and how many there are."""
    where = ("g.domain_id = $1 AND ($2::text IS NULL OR g.name ILIKE $2 OR EXISTS (SELECT FROM domain_user u "
             "WHERE u.domain_id = g.domain_id AND u.pickup_group_id = g.id AND u.display_name ILIKE $2))")
    total = await tx.fetchval(f"SELECT count(*) FROM pickup_group g WHERE {where}", tx.domain_id, like)
    rows = await tx.fetch(
        "SELECT g.id, g.name, m.members, m.names FROM pickup_group g CROSS JOIN LATERAL (SELECT count(*) AS members, "
        f"coalesce((array_agg(u.display_name ORDER BY lower(u.display_name), u.id))[1:{NAMES_SHOWN}], '{{}}') AS names "
        "FROM domain_user u WHERE u.domain_id = g.domain_id AND u.pickup_group_id = g.id) m "
        f"WHERE {where} ORDER BY {order} LIMIT $3 OFFSET $4", tx.domain_id, like, limit, offset)
    return [GroupRow(**row) for row in rows], total


async def group(tx: DomainTx, group_id: int) -> GroupRow:
    """Raises NotFound, for another domain's group too."""
    row = await tx.fetchrow(
        "SELECT g.id, g.name, count(u.id) AS members, coalesce(array_agg(u.display_name ORDER BY "
        "lower(u.display_name), u.id) FILTER (WHERE u.id IS NOT NULL), '{}') AS names FROM pickup_group g "
        "LEFT JOIN domain_user u ON u.domain_id = g.domain_id AND u.pickup_group_id = g.id "
        "WHERE g.domain_id = $1 AND g.id = $2 GROUP BY g.id", tx.domain_id, group_id)
    if row is None:
        raise NotFound("pickup_group", _("There is no such pickup group"))
    return GroupRow(**row)


async def people(tx: DomainTx) -> list[Person]:
    """Everybody of the domain with the group they are in [PICK-07]."""
    rows = await tx.fetch(
        "SELECT u.id, u.display_name, u.extension, u.login, g.id AS group_id, coalesce(g.name, '') AS group_name "
        "FROM domain_user u LEFT JOIN pickup_group g ON g.domain_id = u.domain_id AND g.id = u.pickup_group_id "
        "WHERE u.domain_id = $1 ORDER BY lower(u.display_name), u.id", tx.domain_id)
    return [Person(**row) for row in rows]


async def pickup_number(tx: DomainTx) -> str:
    """"" when picking up is switched off."""
    return await tx.fetchval("SELECT pickup_number FROM domain WHERE id = $1", tx.domain_id)
