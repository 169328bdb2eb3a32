"""Who is in a group [GRP-28…30, GRP-50…58]. Changes hold from the next call on [GRP-57]."""

from __future__ import annotations

from collections.abc import Sequence

from app.audit import history
from app.kernel import provisioning
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.groups import queries
from tenants.groups.rules import DEFAULT_PRIORITY, check_priority

OBJECT = "group"


async def put(tx: DomainTx, group_id: int, user_ids: Sequence[int]) -> list[str]:
    """Add these to a group; names of those who were not in it. Raises InvalidFields: one is not of this domain."""
    wanted = sorted(set(user_ids))
    known = await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1 AND id = ANY($2::bigint[])",
                              tx.domain_id, wanted)
    if known != len(wanted):
        text = _("Choose users of the domain.")
        raise InvalidFields("members", text, fields={"members": text})
    rows = await tx.fetch(
        "WITH new AS (INSERT INTO group_member (domain_id, group_id, user_id, priority, added_at) "
        "SELECT $1, $2, id, $4, $5 FROM unnest($3::bigint[]) AS id ON CONFLICT DO NOTHING RETURNING user_id) "
        "SELECT u.display_name FROM domain_user u JOIN new n ON n.user_id = u.id WHERE u.domain_id = $1 "
        "ORDER BY lower(u.display_name), u.id", tx.domain_id, group_id, wanted, DEFAULT_PRIORITY, tx.now)
    return [row["display_name"] for row in rows]


async def take_out(tx: DomainTx, group_id: int, user_ids: Sequence[int]) -> list[str]:
    """Names of those who were in it. A call in progress is not interrupted."""
    rows = await tx.fetch(
        "WITH gone AS (DELETE FROM group_member WHERE domain_id = $1 AND group_id = $2 AND user_id = ANY($3::bigint[]) "
        "RETURNING user_id) SELECT u.display_name FROM domain_user u JOIN gone n ON n.user_id = u.id "
        "WHERE u.domain_id = $1 ORDER BY lower(u.display_name), u.id", tx.domain_id, group_id, list(user_ids))
    return [row["display_name"] for row in rows]


async def add(tx: DomainTx, group_id: int, user_ids: Sequence[int]) -> int:
    """How many were added; other memberships stay [GRP-56]. Raises NotFound, InvalidFields."""
    group = await queries.card(tx, group_id, lock=True)
    return await _told(tx, group_id, group.name, await put(tx, group_id, user_ids), [])


async def exclude(tx: DomainTx, group_id: int, user_ids: Sequence[int]) -> int:
    """How many left. Raises NotFound."""
    group = await queries.card(tx, group_id, lock=True)
    return await _told(tx, group_id, group.name, [], await take_out(tx, group_id, user_ids))


async def set_members(tx: DomainTx, group_id: int, user_ids: Sequence[int]) -> int:
    """Exactly these; who stays keeps the priority [GRP-55]. How many changed. Raises NotFound, InvalidFields."""
    group = await queries.card(tx, group_id, lock=True)
    before = await queries.member_ids(tx, group_id)
    gone = await take_out(tx, group_id, [one for one in before if one not in set(user_ids)])
    return await _told(tx, group_id, group.name, await put(tx, group_id, user_ids), gone)


async def set_priority(tx: DomainTx, group_id: int, user_id: int, priority: int) -> None:
    """Raises NotFound, InvalidFields; Refused: the algorithm knows no priorities [GRP-29]."""
    check_priority(priority)
    group = await queries.card(tx, group_id, lock=True)
    if not group.algorithm.is_acd:
        raise Refused("no_priorities", _("Priorities are used by ACD algorithms only."))
    before = await tx.fetchrow(
        "SELECT m.priority, u.display_name FROM group_member m JOIN domain_user u ON u.domain_id = m.domain_id "
        "AND u.id = m.user_id WHERE m.domain_id = $1 AND m.group_id = $2 AND m.user_id = $3", tx.domain_id, group_id,
        user_id)
    if before is None:
        raise NotFound("user", _("There is no such user"))
    if before["priority"] == priority:
        return
    await tx.execute("UPDATE group_member SET priority = $4 WHERE domain_id = $1 AND group_id = $2 AND user_id = $3",
                     tx.domain_id, group_id, user_id, priority)
    await history.record(tx, "group_changed", OBJECT, object_id=group_id, object_name=group.name, changes={
        "member": (before["display_name"], before["display_name"]), "priority": (before["priority"], priority)})
    await provisioning.want_new_generation(tx, f"group_changed {group_id}")


async def require_members(tx: DomainTx, group_id: int, user_ids: Sequence[int]) -> list[int]:
    """Those ticked in a group's list. Raises NotFound: one is not in it; InvalidFields: nobody is ticked."""
    if not user_ids:
        raise InvalidFields("nothing_chosen", _("Choose at least one."))
    await queries.card(tx, group_id)
    known = set(await queries.member_ids(tx, group_id))
    if not known >= set(user_ids):
        raise NotFound("user", _("There is no such user"))
    return sorted(set(user_ids))


async def _told(tx: DomainTx, group_id: int, name: str, added: list[str], gone: list[str]) -> int:
    if added or gone:
        await history.record(tx, "group_changed", OBJECT, object_id=group_id, object_name=name,
                             changes={"members": (", ".join(gone), ", ".join(added))})
        await provisioning.want_new_generation(tx, f"group_changed {group_id}")
    return len(added) + len(gone)
