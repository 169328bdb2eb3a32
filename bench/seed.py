"""Domains with users by the thousand, written as the services would leave them; passwords are not hashed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from app.kernel.actors import Actor, ActorKind
from app.kernel.db import platform_transaction
from pbx_provisioning.apply import files
from pbx_provisioning.plan.load import Wanted, load_plan
from pbx_provisioning.render.objects import dialplan_file, digest, render

PASSWORD = "bench1secret"
BENCH = Actor.system(name="bench")
_DOMAINS = """
WITH made AS (
    INSERT INTO domain (name, display_name, company_name, mode, pbx_node_id, area_code, max_users)
    SELECT $2 || n || '.bench.example', 'Bench ' || n, 'Bench ' || n, 'commercial', $3, '495', 100000
    FROM generate_series(1, $1::int) n RETURNING id),
money AS (INSERT INTO account (domain_id, number, tariff_id, balance)
    SELECT id, 40000000 + id, $4, 1000000 FROM made)
SELECT id FROM made ORDER BY id
"""
_USERS = """
INSERT INTO domain_user (domain_id, login, display_name, extension, position, email, password_hash, sip_ha1, is_admin)
SELECT d.id, 'user' || n, 'Иванов Пётр ' || n, 200 + n, 'Менеджер ' || n % 7, 'user' || n || '@bench.example', '-',
       md5('user' || n || ':' || d.name || ':' || $3), n = 1
FROM domain d CROSS JOIN generate_series(1, $2::int) n WHERE d.id = ANY($1::bigint[])
"""


async def a_node(owner: asyncpg.Connection, name: str) -> int:
    return await owner.fetchval("INSERT INTO pbx_node (name, sip_host) VALUES ($1, '127.0.0.1') RETURNING id", name)


async def a_tariff(owner: asyncpg.Connection) -> int:
    async with owner.transaction():
        tariff = await owner.fetchval("INSERT INTO tariff (name) VALUES ('Bench') RETURNING id")
        version = await owner.fetchval(
            "INSERT INTO tariff_version (tariff_id, number) VALUES ($1, 1) RETURNING id", tariff)
        await owner.execute("INSERT INTO tariff_rate (version_id, prefix, destination, price) "
                            "VALUES ($1, '7', 'Russia', 1.5)", version)
        await owner.execute("UPDATE tariff_version SET state = 'published', valid_from = now() - interval '1 year' "
                            "WHERE id = $1", version)
    return tariff


async def domains_with_users(owner: asyncpg.Connection, node_id: int, tariff_id: int, *, domains: int, users: int,
                             prefix: str, tell: bool = True) -> list[int]:
    """Users are user1 (administrator), user2 …, extensions 201, 202 …; the node's agent is told at the end.

    Args:
        tell: False leaves out the row that the agent hears of (see `as_applied`).
    """
    async with owner.transaction():
        rows = await owner.fetch(_DOMAINS, domains, prefix, node_id, tariff_id)
        ids = [row["id"] for row in rows]
        await owner.execute(_USERS, ids, users, PASSWORD)
        if tell:
            await owner.execute("INSERT INTO provisioning_state (domain_id) SELECT unnest($1::bigint[])", ids)
    await owner.execute("ANALYZE domain; ANALYZE domain_user; ANALYZE provisioning_state; ANALYZE internal_number")
    return ids


async def as_applied(owner: asyncpg.Connection, ids: list[int], folder: Path) -> None:
    """What the agent would have left behind for these domains: rows, recorded objects, dialplan files.

    Rendered by the agent's own functions; only the steps of writing are taken together.
    """
    moment = datetime.now(UTC)
    objects: list[tuple[int, str, str, str]] = []
    states: list[tuple[int, int, int, str]] = []
    for domain_id in ids:
        async with platform_transaction(BENCH) as tx:
            plan = await load_plan(tx, Wanted(domain_id, 0, 1, 0, None, moment, "", "", ""))
        found = render(plan)
        objects += [(domain_id, kind, key, body) for (kind, key), body in found.items()]
        states.append((domain_id, 1, 1, digest(found)))
        files.replace(folder / f"d{domain_id}.conf", dialplan_file(domain_id, found))
    async with owner.transaction():
        await owner.copy_records_to_table("provisioned_object", records=objects,
                                          columns=["domain_id", "kind", "key", "body"])
        await owner.copy_records_to_table("provisioning_state", records=states,
                                          columns=["domain_id", "desired", "applied", "hash"])
        await owner.execute(
            "INSERT INTO asterisk.endpoint SELECT r.* FROM provisioned_object o, "
            "jsonb_populate_record(NULL::asterisk.endpoint, o.body::jsonb) r "
            "WHERE o.kind = 'endpoint' AND o.domain_id = ANY($1::bigint[])", ids)


async def all_live(owner: asyncpg.Connection, node_id: int) -> bool:
    """Whether every domain of the node is as wanted."""
    return not await owner.fetchval(
        "SELECT EXISTS (SELECT FROM provisioning_state p JOIN domain d ON d.id = p.domain_id "
        "WHERE d.pbx_node_id = $1 AND p.applied < p.desired)", node_id)


def administrator(domain_id: int) -> Actor:
    return Actor(ActorKind.DOMAIN_USER, 0, "admin", "Administrator", domain_id)
