"""Use cases of trunks. A change tells the node's agent in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import ForeignKeyViolationError, UniqueViolationError

from app.audit import history
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from app.provider.trunks.rules import TrunkData

_TOLD = ("node_id", "name", "host", "port", "username", "transport", "number_style", "priority", "max_calls",
         "is_active")


@dataclass(frozen=True, slots=True)
class Trunk:
    """A trunk without its password, which is never read back."""

    id: int
    node_id: int
    node: str
    name: str
    host: str
    port: int
    username: str
    has_password: bool
    transport: str
    number_style: str
    priority: int
    max_calls: int
    is_active: bool
    created_at: datetime
    is_last_active: bool  # no other active one at its node


_SELECT = """
SELECT t.id, t.node_id, n.name AS node, t.name, t.host, t.port, t.username, t.password <> '' AS has_password,
       t.transport, t.number_style, t.priority, t.max_calls, t.is_active, t.created_at,
       t.is_active AND NOT EXISTS (SELECT FROM trunk o WHERE o.node_id = t.node_id AND o.is_active AND o.id <> t.id)
           AS is_last_active
FROM trunk t JOIN pbx_node n ON n.id = t.node_id
"""


async def trunks(tx: PlatformTx) -> list[Trunk]:
    """All of them in the order in which calls try them, node by node."""
    return [Trunk(**row) for row in await tx.fetch(_SELECT + "ORDER BY n.name, t.priority, t.id")]


async def trunk(tx: PlatformTx, trunk_id: int) -> Trunk:
    row = await tx.fetchrow(_SELECT + "WHERE t.id = $1", trunk_id)
    if row is None:
        raise _no_trunk()
    return Trunk(**row)


async def create(tx: PlatformTx, new: TrunkData) -> int:
    """Raises InvalidFields when the name is taken or the node is gone."""
    sql = ("INSERT INTO trunk (node_id, name, host, port, username, transport, number_style, priority, max_calls, "
           "is_active, password) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) RETURNING id")
    trunk_id = await _write(tx, sql, *_values(new), new.password or "")
    await history.record(tx, "trunk_created", "trunk", object_id=trunk_id, object_name=new.name, changes={
        name: (None, getattr(new, name)) for name in _TOLD})
    return trunk_id


async def update(tx: PlatformTx, trunk_id: int, wanted: TrunkData, *, is_sure: bool) -> None:
    """Calls in progress go on; new ones use the new values.

    Raises:
        Refused: it would leave the node without an active trunk and the reader did not say so.
    """
    await _lock_node_of(tx, trunk_id)
    before = await trunk(tx, trunk_id)
    if before.is_last_active and not is_sure and (not wanted.is_active or wanted.node_id != before.node_id):
        raise _last_one(before)
    sql = ("UPDATE trunk SET node_id = $1, name = $2, host = $3, port = $4, username = $5, transport = $6, "
           "number_style = $7, priority = $8, max_calls = $9, is_active = $10, "
           "password = COALESCE($11, password) WHERE id = $12 RETURNING id")
    await _write(tx, sql, *_values(wanted), wanted.password, trunk_id)
    changes: dict[str, tuple[object, object]] = {
        name: (getattr(before, name), getattr(wanted, name)) for name in _TOLD}
    if wanted.password is not None:
        changes["password"] = ("old", "new")
    await history.record(tx, "trunk_changed", "trunk", object_id=trunk_id, object_name=wanted.name, changes=changes)


async def delete(tx: PlatformTx, trunk_id: int, *, is_sure: bool) -> None:
    """Raises Refused when it is the node's last active one and the reader did not say so."""
    await _lock_node_of(tx, trunk_id)
    before = await trunk(tx, trunk_id)
    if before.is_last_active and not is_sure:
        raise _last_one(before)
    await tx.execute("DELETE FROM trunk WHERE id = $1", trunk_id)
    await history.record(tx, "trunk_deleted", "trunk", object_id=trunk_id, object_name=before.name, changes={
        name: (getattr(before, name), None) for name in _TOLD})


def _values(data: TrunkData) -> tuple[object, ...]:
    return tuple(getattr(data, name) for name in _TOLD)


async def _write(tx: PlatformTx, sql: str, *values: object) -> int:
    try:
        async with tx.savepoint():
            return await tx.fetchval(sql, *values)
    except UniqueViolationError as taken:
        text = _("There is a trunk with this name already")
        raise InvalidFields("taken", text, fields={"name": text}) from taken
    except ForeignKeyViolationError as missing:
        text = _("Choose one of the listed values.")
        raise InvalidFields("node", text, fields={"node_id": text}) from missing


async def _lock_node_of(tx: PlatformTx, trunk_id: int) -> None:
    """Two people must not switch off the last two trunks at once."""
    await tx.execute("SELECT FROM pbx_node WHERE id = (SELECT node_id FROM trunk WHERE id = $1) FOR UPDATE", trunk_id)


def _last_one(trunk: Trunk) -> Refused:
    return Refused("last_trunk", _("“%(name)s” is the last active trunk of %(node)s: without it no call leaves. "
                                   "Tick the confirmation if you mean it.")
                   % {"name": trunk.name, "node": trunk.node})


def _no_trunk() -> NotFound:
    return NotFound("trunk", _("There is no such trunk"))
