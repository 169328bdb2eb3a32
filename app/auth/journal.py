"""What a sign-in leaves in the database, each kind of person through the door of their own.

The only module of the sign-in that opens the platform's door: the provider's staff are in no domain.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.audit import history
from app.auth.accounts import Account
from app.kernel.actors import Actor, ActorKind
from app.kernel.db import DomainTx, PlatformTx, PoolTx, domain_transaction, platform_transaction, pool_transaction

SIGNED_IN = "signed_in"  # "Вход в систему администрирования домена" [ACC-D6]
FAILED = "sign_in_failed"
LOCKED_OUT = "sign_in_locked"

TABLES = {ActorKind.DOMAIN_USER: "domain_user", ActorKind.POOL_ADMIN: "pool_admin", ActorKind.STAFF: "staff"}


@asynccontextmanager
async def door(actor: Actor) -> AsyncIterator[DomainTx | PoolTx | PlatformTx]:
    """The one through which this person reaches their own row."""
    if actor.kind is ActorKind.DOMAIN_USER:
        async with domain_transaction(actor) as tx:
            yield tx
    elif actor.kind is ActorKind.POOL_ADMIN:
        async with pool_transaction(actor) as tx:
            yield tx
    else:
        async with platform_transaction(actor) as tx:
            yield tx


async def note(account: Account, actor: Actor, action: str) -> None:
    """A line in the history, for administrators of any kind only."""
    if account.is_administrator:
        async with door(actor) as tx:
            await _record(tx, account, action)


async def confirm(account: Account, actor: Actor, new_hash: str | None) -> bool:
    """The sign-in is done: history, and the hash with today's parameters.

    Returns:
        False if the password or the account changed while the old one was being checked. The session exists
        by now, so a change that is not seen here ends it like any other.
    """
    table, person_id = TABLES[actor.kind], account.person.id
    active = "true" if actor.kind is ActorKind.DOMAIN_USER else "is_active"
    async with door(actor) as tx:
        found = await tx.fetchval(f"SELECT password_hash FROM {table} WHERE id = $1 AND {active}", person_id)
        if found != account.password_hash:
            return False
        if new_hash is not None:
            await tx.execute(f"UPDATE {table} SET password_hash = $2 WHERE id = $1 AND password_hash = $3",
                             person_id, new_hash, found)
        if account.is_administrator:
            await _record(tx, account, SIGNED_IN)
    return True


async def _record(tx: DomainTx | PoolTx | PlatformTx, account: Account, action: str) -> None:
    person = account.person
    kind = {ActorKind.DOMAIN_USER: "user"}.get(person.kind, person.kind.value)
    await history.record(tx, action, kind, object_id=person.id, object_name=person.name)
