"""Use cases of pickup groups; each reaches the PBX at once [PICK-04…13]."""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _
from tenants.pickup import queries
from tenants.users.rules import one_line, text_problem

LONGEST_NAME = 64


async def create(tx: DomainTx, name: str, members: Sequence[int]) -> int:
    """Members leave the groups they were in [PICK-06]. Raises InvalidFields."""
    await _lock(tx)
    name = _checked(name)
    try:
        async with tx.savepoint():
            group_id = await tx.fetchval("INSERT INTO pickup_group (domain_id, name) VALUES ($1, $2) RETURNING id",
                                         tx.domain_id, name)
    except UniqueViolationError as taken:
        raise _taken(name) from taken
    moved = await _put(tx, group_id, members)
    await history.record(tx, "pickup_group_created", "pickup_group", object_id=group_id, object_name=name,
                         changes={"members": ("", ", ".join(moved))})
    await provisioning.want_new_generation(tx, "pickup_group_created")
    return group_id


async def rename(tx: DomainTx, group_id: int, name: str) -> None:
    """Raises NotFound, InvalidFields."""
    await _lock(tx)
    before = await queries.group(tx, group_id)
    name = _checked(name)
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE pickup_group SET name = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                             group_id, name)
    except UniqueViolationError as taken:
        raise _taken(name) from taken
    if name != before.name:
        await history.record(tx, "pickup_group_changed", "pickup_group", object_id=group_id, object_name=name,
                             changes={"name": (before.name, name)})


async def set_members(tx: DomainTx, group_id: int, members: Sequence[int]) -> None:
    """Exactly these; who is left out is in no group then. Raises NotFound, InvalidFields."""
    await _lock(tx)
    before = await queries.group(tx, group_id)
    await tx.execute("UPDATE domain_user SET pickup_group_id = NULL WHERE domain_id = $1 AND pickup_group_id = $2 "
                     "AND NOT id = ANY($3::bigint[])", tx.domain_id, group_id, list(members))
    await _put(tx, group_id, members)
    after = await queries.group(tx, group_id)
    if after.names != before.names:
        await history.record(tx, "pickup_group_changed", "pickup_group", object_id=group_id, object_name=after.name,
                             changes={"members": (", ".join(before.names), ", ".join(after.names))})
        await provisioning.want_new_generation(tx, "pickup_group_changed")


async def move(tx: DomainTx, group_id: int | None, members: Sequence[int]) -> int:
    """Bulk: into one group, or out of whatever group each is in [PICK-09…11]; how many users."""
    await _lock(tx)
    name = (await queries.group(tx, group_id)).name if group_id is not None else ""
    moved = await _put(tx, group_id, members)
    await history.record(tx, "pickup_group_changed", "pickup_group", object_id=group_id, object_name=name,
                         changes={"members": ("", ", ".join(moved)) if group_id else (", ".join(moved), "")})
    await provisioning.want_new_generation(tx, "pickup_group_changed")
    return len(moved)


async def delete(tx: DomainTx, group_id: int) -> None:
    """Its members stay users and are in no group [PICK-13]. Raises NotFound."""
    await _lock(tx)
    before = await queries.group(tx, group_id)
    await tx.execute("DELETE FROM pickup_group WHERE domain_id = $1 AND id = $2", tx.domain_id, group_id)
    await history.record(tx, "pickup_group_deleted", "pickup_group", object_id=group_id, object_name=before.name,
                         changes={"members": (", ".join(before.names), "")})
    await provisioning.want_new_generation(tx, "pickup_group_deleted")


async def _lock(tx: DomainTx) -> None:
    """Changes of one domain's groups wait for each other."""
    await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)


async def _put(tx: DomainTx, group_id: int | None, members: Sequence[int]) -> list[str]:
    """Names of the users that are in the group now. Raises InvalidFields: one of them is not of this domain."""
    rows = await tx.fetch("UPDATE domain_user SET pickup_group_id = $2 WHERE domain_id = $1 AND id = ANY($3::bigint[]) "
                          "RETURNING display_name", tx.domain_id, group_id, list(members))
    if len(rows) != len(set(members)):
        text = _("Choose users of the domain.")
        raise InvalidFields("members", text, fields={"members": text})
    return sorted(row["display_name"] for row in rows)


def _checked(name: str) -> str:
    name = one_line(name)
    problem = text_problem(name, LONGEST_NAME, required=True)
    if problem:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields={"name": problem})
    return name


def _taken(name: str) -> InvalidFields:
    text = _("There is a pickup group %(name)s already") % {"name": name}
    return InvalidFields("taken", text, fields={"name": text})
