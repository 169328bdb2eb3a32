"""People who can sign in."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from functools import cache

from app.auth.passwords import hash_password, sip_ha1
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF, a_domain, domain_name
from tests.http.browser import PASSWORD

_count = itertools.count(1)


@dataclass(frozen=True)
class Someone:
    id: int
    login: str
    domain: str = ""
    actor: Actor = STAFF
    pool_id: int = 0


@cache
def _hash() -> str:
    return hash_password(PASSWORD)


async def a_user(actor: Actor | None = None, login: str = "", *, is_admin: bool = False, email: str = "",
                 password_hash: str = "", locale: str = "") -> Someone:
    """A person of a domain whose password is `PASSWORD`."""
    actor = actor or await a_domain()
    number = next(_count)
    login = login or f"anna{number}"
    domain = await domain_name(actor)
    async with domain_transaction(actor) as tx:
        user_id = await tx.fetchval(
            "INSERT INTO domain_user (domain_id, login, display_name, extension, email, password_hash, sip_ha1, "
            "is_admin, locale) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) RETURNING id", tx.domain_id, login, login.title(),
            str(1000 + number), email, password_hash or _hash(), sip_ha1(login, domain, PASSWORD), is_admin, locale)
    return Someone(user_id, login, domain, actor)


async def a_staff_member(role: str = "administrator", *, is_active: bool = True) -> Someone:
    login = f"staff{os.getpid()}-{next(_count)}"
    async with platform_transaction(STAFF) as tx:
        staff_id = await tx.fetchval(
            "INSERT INTO staff (login, display_name, password_hash, role, is_active) VALUES ($1,$1,$2,$3,$4) "
            "RETURNING id", login, _hash(), role, is_active)
    return Someone(staff_id, login)


async def a_pool_admin(role: str = "supervisor", *, is_active: bool = True) -> Someone:
    login = f"pool{os.getpid()}-{next(_count)}"
    async with platform_transaction(STAFF) as tx:
        pool_id = await tx.fetchval("INSERT INTO pool (name) VALUES ($1) RETURNING id", f"Pool of {login}")
        admin_id = await tx.fetchval(
            "INSERT INTO pool_admin (pool_id, login, display_name, password_hash, role, is_active) "
            "VALUES ($1,$2,$2,$3,$4,$5) RETURNING id", pool_id, login, _hash(), role, is_active)
    return Someone(admin_id, login, pool_id=pool_id)


async def history_of(someone: Someone) -> list[tuple[str, str, int | None, str]]:
    """(action, login of the actor, object, IP) of the domain's sign-in lines, oldest first."""
    async with domain_transaction(someone.actor) as tx:
        rows = await tx.fetch("SELECT action, actor_login, object_id, ip FROM action_history WHERE domain_id = $1 "
                              "AND action LIKE 'sign%' ORDER BY id", tx.domain_id)
    return [tuple(row) for row in rows]
