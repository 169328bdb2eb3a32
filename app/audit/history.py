"""Writing the action history, in the transaction of the change itself [AUD-01]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.audit.secrets import MASK, SECRET_FIELDS, is_secret, told
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx, PoolTx

__all__ = ["SECRET_FIELDS", "Change", "Item", "exported", "record", "record_many"]

Change = tuple[object, object]  # before, after
LONGEST_NAME = 500  # characters of an object's name that are kept


@dataclass(frozen=True, slots=True)
class Item:
    """One object of `record_many`."""

    object_id: int
    object_name: str
    changes: Mapping[str, Change]


async def record(tx: DomainTx | PoolTx | PlatformTx, action: str, object_type: str, *,
                 object_id: int | None = None, object_name: str = "",
                 changes: Mapping[str, Change] | None = None, domain_id: int | None = None,
                 pool_id: int | None = None) -> None:
    """One line. Of a secret field it is told that it changed, not what it is [AUD-05].

    Args:
        changes: field → (before, after); unchanged fields are left out.
        domain_id: whose history, where the transaction does not say it.
        pool_id: the pool whose history shows it too, likewise.
    """
    await tx.execute(
        f"INSERT INTO action_history ({_COLUMNS}) "
        "VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17)",
        *_head(tx, action, object_type, domain_id, pool_id), object_id, object_name[:LONGEST_NAME],
        _told(changes or {}))


async def exported(tx: DomainTx | PoolTx | PlatformTx, what: str) -> None:
    """A list was ordered as a file; `what` names it in the reader's words [AUD-04]."""
    await record(tx, "export_ordered", "export", object_name=what)


async def record_many(tx: DomainTx | PoolTx | PlatformTx, action: str, object_type: str,
                      items: Sequence[Item]) -> None:
    """One line for each object of a bulk operation, in one statement."""
    await tx.execute(
        f"INSERT INTO action_history ({_COLUMNS}) SELECT $1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14, i.* "
        "FROM unnest($15::bigint[], $16::text[], $17::jsonb[]) i",
        *_head(tx, action, object_type, None, None), [item.object_id for item in items],
        [item.object_name[:LONGEST_NAME] for item in items], [_told(item.changes) for item in items])


_COLUMNS = ("domain_id, pool_id, at, actor_kind, actor_id, actor_login, actor_name, behalf_login, behalf_name, jumped, "
            "ip, request_id, action, object_type, object_id, object_name, changes")


def _head(tx: DomainTx | PoolTx | PlatformTx, action: str, object_type: str, domain_id: int | None,
          pool_id: int | None) -> tuple[object, ...]:
    """What all lines of one call share: the columns up to the object's type."""
    owner = tx.domain_id if isinstance(tx, DomainTx) else domain_id
    pool = tx.pool_id if isinstance(tx, PoolTx) else pool_id
    actor = tx.actor
    return (owner, pool, tx.now, actor.kind.value, actor.id, actor.login, actor.name,
            actor.behalf_login, actor.behalf_name, _has_jumped(actor), actor.ip,
            actor.request_id, action, object_type)


def _told(changes: Mapping[str, Change]) -> dict[str, list[object]]:
    return {name: [MASK, MASK] if is_secret(name) else [told(name, before), told(name, after)]
            for name, (before, after) in changes.items() if before != after}


def _has_jumped(actor: Actor) -> bool:
    """Somebody from outside who works inside the domain [POOL-D7]."""
    return actor.domain_id > 0 and actor.kind in (ActorKind.STAFF, ActorKind.POOL_ADMIN)
