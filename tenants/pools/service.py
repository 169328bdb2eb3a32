"""What the provider does with pools [POOL-D5]: create, set up, fill, empty, delete; reset a supervisor's password.

All take a `PlatformTx`. The pool's own administrators work through `domains`, `subgroups`, `administrators`.
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Record, UniqueViolationError

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.kernel.provisioning import want_new_generation
from tenants.pools import administrators
from tenants.pools.domains import lock_routes
from tenants.pools.rules import (
    SUPERVISOR,
    NewAdministrator,
    PoolSettings,
    check_pool,
    raise_for,
    route_problem,
)

__all__ = ["NewAdministrator", "PoolSettings", "add_domain", "change_pool", "create_pool", "delete_pool",
           "remove_domain", "reset_factor", "reset_supervisor_password"]


async def create_pool(tx: PlatformTx, settings: PoolSettings, supervisor: NewAdministrator) -> int:
    """A pool with its first supervisor; the pool's id.

    `supervisor.role` and `subgroup_ids` do not count: the first one is a supervisor. Errors of the supervisor's
    fields keep their names: login, display_name, email, phone, password.

    Raises:
        InvalidFields: names every wrong or taken field.
    """
    wanted = check_pool(settings)
    try:
        async with tx.savepoint():
            pool_id = await tx.fetchval(
                "INSERT INTO pool (name, route_number_length, dial_expression) VALUES ($1, $2, $3) RETURNING id",
                wanted.name, wanted.route_number_length, wanted.dial_expression)
    except UniqueViolationError as taken:
        raise _name_taken() from taken
    await history.record(tx, "pool_created", "pool", object_id=pool_id, object_name=wanted.name, pool_id=pool_id,
                         changes={"route_number_length": (None, wanted.route_number_length),
                                  "dial_expression": (None, wanted.dial_expression)})
    await administrators.create(tx, pool_id, supervisor, role=SUPERVISOR)
    return pool_id


async def change_pool(tx: PlatformTx, pool_id: int, settings: PoolSettings) -> None:
    """Name, length of route numbers, dial expression. Another length leaves existing numbers as they are
    [POOL-D6]; another expression gives every domain of the pool a new configuration.

    Raises:
        InvalidFields, NotFound
    """
    wanted, before = check_pool(settings), await _pool(tx, pool_id)
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE pool SET name = $2, route_number_length = $3, dial_expression = $4 WHERE id = $1",
                             pool_id, wanted.name, wanted.route_number_length, wanted.dial_expression)
    except UniqueViolationError as taken:
        raise _name_taken() from taken
    changes = {name: (before[name], getattr(wanted, name))
               for name in ("name", "route_number_length", "dial_expression")}
    if all(old == new for old, new in changes.values()):
        return
    await history.record(tx, "pool_changed", "pool", object_id=pool_id, object_name=wanted.name, pool_id=pool_id,
                         changes=changes)
    if before["dial_expression"] != wanted.dial_expression:
        for row in await tx.fetch("SELECT id FROM domain WHERE pool_id = $1 ORDER BY id", pool_id):
            await want_new_generation(await tx.enter_domain(row["id"]), f"pool_changed {wanted.name}")


async def add_domain(tx: PlatformTx, pool_id: int, domain_id: int, route_number: str = "") -> None:
    """Put a domain that is in no pool into this one, without a subgroup.

    Raises:
        InvalidFields: the route number breaks POOL-D6 (field `route_number`).
        NotFound: no such pool or domain.
        Refused: the domain is in a pool already.
    """
    pool = await _pool(tx, pool_id, lock=True)
    domain = await _domain(tx, domain_id)
    if domain["pool_id"] is not None:
        raise Refused("in_a_pool", _("The domain %(name)s is in a pool already") % {"name": domain["name"]})
    number = route_number.strip()
    await lock_routes(tx, pool_id)
    taken = [row["route_number"] for row in await tx.fetch(
        "SELECT route_number FROM domain WHERE pool_id = $1 AND route_number IS NOT NULL", pool_id)]
    raise_for({"route_number": route_problem(number, pool["route_number_length"], taken)})
    await tx.execute("UPDATE domain SET pool_id = $2, route_number = $3, subgroup_id = NULL WHERE id = $1",
                     domain_id, pool_id, number or None)
    await history.record(tx, "domain_added_to_pool", "domain", object_id=domain_id, object_name=domain["name"],
                         domain_id=domain_id, pool_id=pool_id,
                         changes={"pool": (None, pool["name"]), "route_number": (None, number or None)})
    await want_new_generation(await tx.enter_domain(domain_id), "domain_added_to_pool")


async def remove_domain(tx: PlatformTx, pool_id: int, domain_id: int) -> None:
    """Take a domain out of its pool: route number and subgroup are lost, inter-domain calls stop [POOL-D5].

    Sessions of pool administrators inside it end: call `app.auth.jump.end_for(domain_id=…)` after the commit.

    Raises:
        NotFound: it is not in this pool.
    """
    pool, domain = await _pool(tx, pool_id, lock=True), await _domain(tx, domain_id)
    if domain["pool_id"] != pool_id:
        raise NotFound("domain", _("There is no such domain"))
    await tx.execute("UPDATE domain SET pool_id = NULL, route_number = NULL, subgroup_id = NULL WHERE id = $1",
                     domain_id)
    await history.record(tx, "domain_removed_from_pool", "domain", object_id=domain_id, object_name=domain["name"],
                         domain_id=domain_id, pool_id=pool_id,
                         changes={"pool": (pool["name"], None), "route_number": (domain["route_number"], None)})
    await want_new_generation(await tx.enter_domain(domain_id), "domain_removed_from_pool")


async def delete_pool(tx: PlatformTx, pool_id: int) -> Sequence[int]:
    """An empty pool with its subgroups and administrators.

    Returns:
        Ids of the administrators: `administrators.end_sessions(id)` each after the commit.

    Raises:
        NotFound
        Refused: it has domains.
    """
    pool = await _pool(tx, pool_id, lock=True)
    if await tx.fetchval("SELECT EXISTS (SELECT FROM domain WHERE pool_id = $1)", pool_id):
        raise Refused("pool_has_domains", _("The pool has domains. Take them out of it first."))
    people = await tx.fetch("SELECT id FROM pool_admin WHERE pool_id = $1", pool_id)
    for row in people:
        await administrators.sessions_must_end(tx, row["id"])
    await tx.execute("DELETE FROM pool_admin WHERE pool_id = $1", pool_id)
    await tx.execute("DELETE FROM pool_subgroup WHERE pool_id = $1", pool_id)
    await tx.execute("DELETE FROM pool WHERE id = $1", pool_id)
    await history.record(tx, "pool_deleted", "pool", object_id=pool_id, object_name=pool["name"], pool_id=pool_id)
    return [row["id"] for row in people]


async def reset_supervisor_password(tx: PlatformTx, pool_id: int, admin_id: int, password: str, *,
                                    send_credentials: bool = True) -> None:
    """A new password for a supervisor who cannot ask another one [POOL-D4]; unlocks the account.

    After the commit: `administrators.end_sessions(admin_id)`.

    Raises:
        InvalidFields: the password breaks the rule (field `password`).
        NotFound: no supervisor of this pool.
    """
    await administrators.reset_password(tx, pool_id, admin_id, password, send_credentials=send_credentials)


async def reset_factor(tx: PlatformTx, pool_id: int, admin_id: int) -> None:
    """The second factor of an administrator who has lost the phone; the pool's history tells it.

    After the commit: `administrators.end_sessions(admin_id)`.

    Raises:
        NotFound
        Refused: there is none.
    """
    await administrators.clear_factor(tx, pool_id, admin_id)


async def _pool(tx: PlatformTx, pool_id: int, *, lock: bool = False) -> Record:
    row = await tx.fetchrow("SELECT id, name, route_number_length, dial_expression FROM pool WHERE id = $1"
                            + (" FOR UPDATE" if lock else ""), pool_id)
    if row is None:
        raise NotFound("pool", _("There is no such pool"))
    return row


async def _domain(tx: PlatformTx, domain_id: int) -> Record:
    row = await tx.fetchrow("SELECT id, name, pool_id, route_number FROM domain WHERE id = $1 FOR NO KEY UPDATE",
                            domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return row


def _name_taken() -> InvalidFields:
    return InvalidFields("taken", _("Already taken"), fields={"name": _("Already taken")})
