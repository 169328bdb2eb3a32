"""Writing the action history, in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Mapping

from app.kernel.db import DomainTx, PlatformTx, PoolTx

Change = tuple[object, object]  # before, after

SECRET_FIELDS = frozenset({"password", "password_hash", "sip_ha1", "secret"})


async def record(tx: DomainTx | PoolTx | PlatformTx, action: str, object_type: str, *,
                 object_id: int | None = None, object_name: str = "",
                 changes: Mapping[str, Change] | None = None, domain_id: int | None = None,
                 pool_id: int | None = None) -> None:
    """One line. Values of secret fields become "***": that they changed is told, not what they are.

    Args:
        changes: field → (before, after); unchanged fields are left out.
        domain_id: whose history, where the transaction does not say it.
    """
    owner = tx.domain_id if isinstance(tx, DomainTx) else domain_id
    pool = tx.pool_id if isinstance(tx, PoolTx) else pool_id
    told = {name: ["***", "***"] if name in SECRET_FIELDS else [_plain(before), _plain(after)]
            for name, (before, after) in (changes or {}).items() if before != after}
    actor = tx.actor
    await tx.execute(
        "INSERT INTO action_history (domain_id, pool_id, at, actor_kind, actor_id, actor_login, actor_name, ip, "
        "request_id, action, object_type, object_id, object_name, changes) "
        "VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)",
        owner, pool, tx.now, actor.kind.value, actor.id, actor.login, actor.name, actor.ip, actor.request_id,
        action, object_type, object_id, object_name, told)


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
