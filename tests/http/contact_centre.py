"""A company with the contact centre on, its groups and operators."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from billing.services import service
from tests.db.services_world import a_company, a_service
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

PLAN = a_service("contact_center", "operator", 0)
_count = itertools.count(1)


async def a_centre(*, connected: bool = True) -> Actor:
    """Its plan has the contact centre, which is switched on."""
    actor = await a_company(PLAN, money="1000")
    if connected:
        async with domain_transaction(actor) as tx:
            await service.connect(tx, "contact_center")
    return actor


async def an_administrator(client: Browser, *, language: str = "en", connected: bool = True) -> Someone:
    admin = await a_user(await a_centre(connected=connected), is_admin=True)
    client.headers["Accept-Language"] = language
    await client.sign_in(admin.login, admin.domain)
    return admin


async def an_operator(actor: Actor, login: str = "") -> Someone:
    someone = await a_user(actor, login)
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND id = $2", tx.domain_id,
                         someone.id)
    return someone


async def a_group(actor: Actor, name: str, members: Sequence[int] = (), algorithm: str = "acd_longest_idle") -> int:
    async with domain_transaction(actor) as tx:
        group_id = await tx.fetchval("INSERT INTO call_group (domain_id, name, algorithm) VALUES ($1, $2, $3) "
                                     "RETURNING id", tx.domain_id, name, algorithm)
        await tx.executemany("INSERT INTO group_member (domain_id, group_id, user_id) VALUES ($1, $2, $3)",
                             [(tx.domain_id, group_id, user_id) for user_id in members])
    return group_id


async def a_state(actor: Actor, user_id: int, state: str) -> None:
    """The operator is in this state from now on."""
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE operator_state_interval SET ended_at = $3 WHERE domain_id = $1 AND user_id = $2 "
                         "AND ended_at IS NULL", tx.domain_id, user_id, tx.now)
        await tx.execute("INSERT INTO operator_state_interval (domain_id, user_id, state, started_at) "
                         "VALUES ($1, $2, $3, $4)", tx.domain_id, user_id, state, tx.now)


async def a_group_call(actor: Actor, group_id: int, *, operator_id: int | None = None, uniqueid: str = "",
                       linkedid: str = "", caller: str = "79160000001") -> int:
    """A call that waits, or that the operator has answered."""
    uniqueid = uniqueid or f"made-{next(_count)}"
    async with domain_transaction(actor) as tx:
        return await tx.fetchval(
            "INSERT INTO group_call (domain_id, node_id, uniqueid, linkedid, group_id, group_name, caller_number, t_line, "
            "t_group, t_answer, operator_id, operator_name) SELECT $1, d.pbx_node_id, $2, $3, $4, 'Group', $5, $6, $6, "
            "CASE WHEN $7::bigint IS NULL THEN NULL ELSE $6::timestamptz END, $7, '' FROM domain d WHERE d.id = $1 "
            "RETURNING id", tx.domain_id, uniqueid, linkedid or uniqueid, group_id, caller, tx.now, operator_id)


async def told(actor: Actor) -> list[tuple[str, str]]:
    """(action, object) of the domain's history, oldest first, sign-ins left out."""
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT action, object_name FROM action_history WHERE domain_id = $1 "
                              "AND action NOT LIKE 'sign%' ORDER BY id", tx.domain_id)
    return [tuple(row) for row in rows]
