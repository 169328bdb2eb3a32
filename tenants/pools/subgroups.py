"""Subgroups and the bulk operations on domains: a supervisor's alone [POOL-27…35, POOL-D8]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record, UniqueViolationError

from app.audit import history
from app.kernel.db import PoolTx
from app.kernel.errors import Forbidden, InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.pools.domains import rights_of
from tenants.pools.rights import Lost, losses
from tenants.pools.rules import SUPERVISOR, check_subgroup_name


@dataclass(frozen=True, slots=True)
class Moved:
    """`lost` goes to `rights.end_lost` after the commit."""

    domains: int
    lost: Sequence[Lost] = ()



async def create(tx: PoolTx, name: str) -> int:
    """An empty subgroup. Raises Forbidden, InvalidFields (reserved or taken)."""
    await _only_supervisor(tx)
    return await _create(tx, name)


async def rename(tx: PoolTx, subgroup_id: int, name: str) -> None:
    """Raises Forbidden, InvalidFields, NotFound."""
    await _only_supervisor(tx)
    before, cleaned = await known(tx, subgroup_id), check_subgroup_name(name)
    if cleaned == before["name"]:
        return
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE pool_subgroup SET name = $3 WHERE pool_id = $1 AND id = $2", tx.pool_id,
                             subgroup_id, cleaned)
    except UniqueViolationError as taken:
        raise _taken() from taken
    await history.record(tx, "subgroup_renamed", "subgroup", object_id=subgroup_id, object_name=cleaned,
                         changes={"name": (before["name"], cleaned)})


async def delete(tx: PoolTx, subgroup_id: int) -> Moved:
    """Its domains stand without a group afterwards, and it leaves every access list [POOL-34, POOL-D8]."""
    await _only_supervisor(tx)
    before = await known(tx, subgroup_id)
    rows = await tx.fetch("SELECT id FROM domain WHERE pool_id = $1 AND subgroup_id = $2 ORDER BY id FOR NO KEY UPDATE",
                          tx.pool_id, subgroup_id)
    moved = await _move(tx, [row["id"] for row in rows], None)
    await tx.execute("DELETE FROM pool_subgroup WHERE pool_id = $1 AND id = $2", tx.pool_id, subgroup_id)
    await history.record(tx, "subgroup_deleted", "subgroup", object_id=subgroup_id, object_name=before["name"])
    return moved


async def move(tx: PoolTx, domain_ids: Sequence[int], subgroup_id: int) -> Moved:
    """Into a subgroup; all or nothing [POOL-30]. Those that are there already do not count as moved."""
    await _only_supervisor(tx)
    await known(tx, subgroup_id)
    return await _move(tx, await _all_known(tx, domain_ids), subgroup_id)


async def move_to_new(tx: PoolTx, domain_ids: Sequence[int], name: str) -> Moved:
    """Into a subgroup made for them [POOL-29]."""
    await _only_supervisor(tx)
    ids = await _all_known(tx, domain_ids)
    return await _move(tx, ids, await _create(tx, name))


async def remove_from_group(tx: PoolTx, domain_ids: Sequence[int]) -> Moved:
    """To "No group"; those that are there already are skipped [POOL-31, POOL-32].

    Raises:
        Refused: all of them are there already.
    """
    await _only_supervisor(tx)
    moved = await _move(tx, await _all_known(tx, domain_ids), None)
    if not moved.domains:
        raise Refused("no_group", _("The chosen domains are in no group"))
    return moved


async def known(tx: PoolTx, subgroup_id: int) -> Record:
    """Raises NotFound: "No group" is none, and another pool's does not exist here."""
    row = await tx.fetchrow("SELECT id, name FROM pool_subgroup WHERE pool_id = $1 AND id = $2", tx.pool_id,
                            subgroup_id)
    if row is None:
        raise NotFound("subgroup", _("There is no such group"))
    return row


async def _only_supervisor(tx: PoolTx) -> None:
    if (await rights_of(tx)).role != SUPERVISOR:
        raise Forbidden("forbidden", _("You may not do this."))


async def _create(tx: PoolTx, name: str) -> int:
    cleaned = check_subgroup_name(name)
    try:
        async with tx.savepoint():
            subgroup_id = await tx.fetchval("INSERT INTO pool_subgroup (pool_id, name) VALUES ($1, $2) RETURNING id",
                                            tx.pool_id, cleaned)
    except UniqueViolationError as taken:
        raise _taken() from taken
    await history.record(tx, "subgroup_created", "subgroup", object_id=subgroup_id, object_name=cleaned)
    return subgroup_id


async def _all_known(tx: PoolTx, domain_ids: Sequence[int]) -> list[int]:
    wanted = sorted(set(domain_ids))
    if not wanted:
        raise Refused("nothing_chosen", _("Choose at least one domain"))
    rows = await tx.fetch("SELECT id FROM domain WHERE pool_id = $1 AND id = ANY($2::bigint[]) ORDER BY id "
                          "FOR NO KEY UPDATE", tx.pool_id, wanted)
    if len(rows) != len(wanted):
        raise NotFound("domain", _("One of the chosen domains is no longer in the pool. Nothing was changed."))
    return wanted


async def _move(tx: PoolTx, ids: Sequence[int], subgroup_id: int | None) -> Moved:
    """One line in the history per domain [POOL-D10], written in one statement: a move may take in a thousand."""
    rows = await tx.fetch(
        "SELECT d.id, d.name, g.name AS subgroup FROM domain d LEFT JOIN pool_subgroup g ON g.id = d.subgroup_id "
        "WHERE d.pool_id = $1 AND d.id = ANY($2::bigint[]) AND d.subgroup_id IS DISTINCT FROM $3::bigint", tx.pool_id,
        list(ids), subgroup_id)
    if not rows:
        return Moved(0)
    moved = [row["id"] for row in rows]
    new = (await known(tx, subgroup_id))["name"] if subgroup_id else None
    lost = await losses(tx, moved, subgroup_id)
    await tx.execute("UPDATE domain SET subgroup_id = $3 WHERE pool_id = $1 AND id = ANY($2::bigint[])", tx.pool_id,
                     moved, subgroup_id)
    await history.record_many(tx, "domain_moved", "domain", [
        history.Item(row["id"], row["name"], {"subgroup": (row["subgroup"], new)}) for row in rows])
    return Moved(len(moved), lost)


def _taken() -> InvalidFields:
    return InvalidFields("taken", _("There is such a group already"),
                         fields={"name": _("There is such a group already")})
