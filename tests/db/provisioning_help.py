"""The database half of what the agent does, for tests without Asterisk."""

from __future__ import annotations

import hashlib
from pathlib import Path

from app.kernel import provisioning
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from pbx_provisioning.agent.reconciler import AGENT
from pbx_provisioning.apply import store
from pbx_provisioning.apply.step import Step, prepare
from pbx_provisioning.plan.load import load_wanted, one_snapshot


async def add_user(tx: DomainTx, login: str, extension: str, password: str = "secret") -> int:
    """A row as the users' service writes it, without fees and password hashing."""
    name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
    ha1 = hashlib.md5(f"{login}:{name}:{password}".encode()).hexdigest()
    return await tx.fetchval(
        "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, sip_ha1) "
        "VALUES ($1, $2, $2, $3, 'x', $4) RETURNING id", tx.domain_id, login, extension, ha1)


async def change(actor: Actor, sql: str, *args: object, reason: str = "test") -> None:
    """`$1` of the statement is the domain."""
    async with domain_transaction(actor) as tx:
        await tx.execute(sql, tx.domain_id, *args)
        await provisioning.want_new_generation(tx, reason)


async def apply_now(actor: Actor, folder: Path | None = None) -> Step | None:
    """Prepare, write, acknowledge; with `folder` the dialplan file too."""
    path = folder / f"d{actor.domain_id}.conf" if folder else None
    async with platform_transaction(AGENT) as tx:
        await one_snapshot(tx)
        wanted = await load_wanted(tx, actor.domain_id)
        assert wanted is not None
        current = path.read_text() if path and path.exists() else None
        step = await prepare(tx, wanted, known=None, repair=False, current_file=current)
    if step is None:
        return None
    async with platform_transaction(AGENT) as tx:
        await store.write_endpoints(tx, actor.domain_id, step.bodies, step.gone)
        if path and step.dialplan is not None:
            path.write_text(step.dialplan)
        if step.is_new:
            await store.acknowledge(tx, wanted, step.changes, digest=step.digest, objects=len(step.objects))
    return step
