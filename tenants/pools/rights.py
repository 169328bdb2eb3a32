"""Entering a domain from the pool, and the end of it when the right is lost [POOL-26, POOL-D7]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.auth import jump
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import PoolTx, pool_transaction
from app.kernel.errors import AppError
from tenants.pools.domains import managed

ONE_BY_ONE = 20  # more lost domains of one person than that: everything they have open inside domains ends


@dataclass(frozen=True, slots=True)
class Lost:
    """A subgroup administrator may no longer manage this domain."""

    admin_id: int
    domain_id: int


async def _may_enter(actor: Actor, domain_id: int) -> bool:
    """A supervisor any domain of the pool, others those of their subgroups; as the database has it now."""
    async with pool_transaction(actor) as tx:
        try:
            await managed(tx, domain_id)
        except AppError:
            return False
    return True


jump.register_right(ActorKind.POOL_ADMIN, _may_enter)


async def losses(tx: PoolTx, domain_ids: list[int], subgroup_id: int | None) -> list[Lost]:
    """Who loses which of these domains when they move into this subgroup; ask before they move."""
    rows = await tx.fetch(
        "SELECT s.admin_id, d.id AS domain_id FROM domain d "
        "JOIN pool_admin_subgroup s ON s.subgroup_id = d.subgroup_id "
        "WHERE d.pool_id = $1 AND d.id = ANY($2::bigint[]) AND NOT EXISTS (SELECT FROM pool_admin_subgroup n "
        "WHERE n.admin_id = s.admin_id AND n.subgroup_id = $3::bigint)", tx.pool_id, domain_ids, subgroup_id)
    return [Lost(**row) for row in rows]


async def granted(tx: PoolTx, admin_id: int) -> set[int]:
    """Domains that a subgroup administrator manages."""
    rows = await tx.fetch("SELECT d.id FROM domain d JOIN pool_admin_subgroup s ON s.subgroup_id = d.subgroup_id "
                          "WHERE d.pool_id = $1 AND s.admin_id = $2", tx.pool_id, admin_id)
    return {row["id"] for row in rows}


async def end_lost(lost: Iterable[Lost]) -> None:
    """Sessions inside domains that are no longer theirs. Call it after the commit."""
    found: dict[int, list[int]] = {}
    for one in lost:
        found.setdefault(one.admin_id, []).append(one.domain_id)
    for admin_id, domain_ids in found.items():
        for domain_id in domain_ids if len(domain_ids) <= ONE_BY_ONE else (None,):
            await jump.end_for(ActorKind.POOL_ADMIN, admin_id, domain_id)
