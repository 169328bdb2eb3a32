"""Domains with users by the thousand, written as the services would leave them; passwords are not hashed."""

from __future__ import annotations

import asyncpg

from app.kernel.actors import Actor, ActorKind

PASSWORD = "bench1secret"
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
                             prefix: str) -> list[int]:
    """Users are user1 (administrator), user2 …, extensions 201, 202 …; the node's agent is told at the end."""
    async with owner.transaction():
        rows = await owner.fetch(_DOMAINS, domains, prefix, node_id, tariff_id)
        ids = [row["id"] for row in rows]
        await owner.execute(_USERS, ids, users, PASSWORD)
        await owner.execute("INSERT INTO provisioning_state (domain_id) SELECT unnest($1::bigint[])", ids)
    await owner.execute("ANALYZE domain; ANALYZE domain_user; ANALYZE provisioning_state; ANALYZE internal_number")
    return ids


async def all_live(owner: asyncpg.Connection, node_id: int) -> bool:
    """Whether every domain of the node is as wanted."""
    return not await owner.fetchval(
        "SELECT EXISTS (SELECT FROM provisioning_state p JOIN domain d ON d.id = p.domain_id "
        "WHERE d.pbx_node_id = $1 AND p.applied < p.desired)", node_id)


def administrator(domain_id: int) -> Actor:
    return Actor(ActorKind.DOMAIN_USER, 0, "admin", "Administrator", domain_id)
