"""What a pool's administrators change of a domain: its visible name and its route number [POOL-24, POOL-25]."""

from __future__ import annotations

from dataclasses import dataclass

from app.audit import history
from app.kernel.db import PlatformTx, PoolTx
from app.kernel.errors import Forbidden, NotFound
from app.kernel.i18n import _
from app.kernel.provisioning import want_new_generation
from tenants.pools.rules import check_display_name, may_manage, raise_for, route_problem


@dataclass(frozen=True, slots=True)
class Managed:
    """A domain of the pool that the actor may change."""

    id: int
    name: str
    display_name: str
    route_number: str | None


@dataclass(frozen=True, slots=True)
class Rights:
    """The actor as the database has them now, which may be later than their session."""

    role: str
    subgroup_ids: frozenset[int]

    def manages(self, subgroup_id: int | None) -> bool:
        return may_manage(self.role, subgroup_id, self.subgroup_ids)


async def rights_of(tx: PoolTx) -> Rights:
    """Raises Forbidden when the account is gone or locked."""
    row = await tx.fetchrow(
        "SELECT a.role, array_remove(array_agg(s.subgroup_id), NULL) AS groups FROM pool_admin a "
        "LEFT JOIN pool_admin_subgroup s ON s.admin_id = a.id WHERE a.pool_id = $1 AND a.id = $2 AND a.is_active "
        "GROUP BY a.id", tx.pool_id, tx.actor.id)
    if row is None:
        raise Forbidden("forbidden", _("You may not do this."))
    return Rights(row["role"], frozenset(row["groups"]))


async def managed(tx: PoolTx, domain_id: int) -> Managed:
    """The domain, if it is the actor's to change.

    Raises:
        NotFound: a domain of another pool, as one that never was [POOL-14].
        Forbidden: a domain of the pool outside the actor's subgroups.
    """
    rights = await rights_of(tx)
    row = await tx.fetchrow("SELECT id, name, display_name, route_number, subgroup_id FROM domain "
                            "WHERE pool_id = $1 AND id = $2", tx.pool_id, domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    if not rights.manages(row["subgroup_id"]):
        raise Forbidden("forbidden", _("This domain is not in your groups."))
    return Managed(row["id"], row["name"], row["display_name"], row["route_number"])


async def rename(tx: PoolTx, domain_id: int, name: str) -> None:
    """Raises Forbidden, InvalidFields, NotFound."""
    domain, cleaned = await managed(tx, domain_id), check_display_name(name)
    if cleaned == domain.display_name:
        return
    await tx.execute("UPDATE domain SET display_name = $3 WHERE pool_id = $1 AND id = $2", tx.pool_id, domain_id,
                     cleaned)
    await history.record(tx, "domain_renamed", "domain", object_id=domain_id, object_name=domain.name,
                         domain_id=domain_id, changes={"display_name": (domain.display_name, cleaned)})


async def change_route_number(tx: PoolTx, domain_id: int, number: str) -> None:
    """A new route number, "" for none; the other domains read it from the pool's routes [POOL-D6].

    Raises:
        Forbidden, NotFound
        InvalidFields: wrong length, taken, or one begins with the other (field `route_number`).
    """
    domain, wanted = await managed(tx, domain_id), number.strip()
    if wanted == (domain.route_number or ""):
        return
    await lock_routes(tx, tx.pool_id)
    length = await tx.fetchval("SELECT route_number_length FROM pool WHERE id = $1", tx.pool_id)
    rows = await tx.fetch("SELECT route_number FROM domain WHERE pool_id = $1 AND id <> $2 "
                          "AND route_number IS NOT NULL", tx.pool_id, domain_id)
    raise_for({"route_number": route_problem(wanted, length, (row["route_number"] for row in rows))})
    await tx.execute("UPDATE domain SET route_number = $3 WHERE pool_id = $1 AND id = $2", tx.pool_id, domain_id,
                     wanted or None)
    await history.record(tx, "route_number_changed", "domain", object_id=domain_id, object_name=domain.name,
                         domain_id=domain_id, changes={"route_number": (domain.route_number, wanted or None)})
    await want_new_generation(await tx.enter_domain(domain_id), f"route_number_changed {wanted}".strip())


async def lock_routes(tx: PoolTx | PlatformTx, pool_id: int) -> None:
    """One change of a pool's route numbers at a time: no constraint can say "not a prefix of another"."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('pool-routes:' || $1::bigint::text, 0))", pool_id)
