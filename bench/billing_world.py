"""Domains with money, numbers and users, written straight into the tables: thousands in a second."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from pbx_provisioning.intake.records import CdrRecord

BENCH = Actor.system(name="bench")
RATES = 2_000
_count = itertools.count(1)


@dataclass(frozen=True, slots=True)
class World:
    """`users[i]` belongs to `domains[i]`."""

    node_id: int
    node: str
    domains: list[int]
    users: list[int]
    version_id: int


async def make_world(domains: int) -> World:
    """Prepaid domains with 1,000,000.00 each, one user and one number."""
    mark = f"{os.getpid()}{int(time.time())}"
    async with platform_transaction(BENCH) as tx:
        node = f"bench{mark}"
        node_id = await tx.fetchval("INSERT INTO pbx_node (name, sip_host) VALUES ($1, '127.0.0.1') RETURNING id", node)
        await tx.execute("INSERT INTO trunk (node_id, name, host) VALUES ($1, $2, '127.0.0.3')", node_id, node)
        tariff_id, version_id = await _tariff(tx, mark)
        ids = [row["id"] for row in await tx.fetch(
            "INSERT INTO domain (name, display_name, company_name, mode, pbx_node_id, area_code, max_paid_calls) "
            "SELECT 'd' || n || $2 || '.bench.example', 'Bench', 'Bench', 'commercial', $3, '495', 100000 "
            "FROM generate_series(1, $1::int) n RETURNING id", domains, mark, node_id)]
        await tx.execute(
            "INSERT INTO account (domain_id, number, tariff_id) SELECT id, 40000000 + id, $2 "
            "FROM unnest($1::bigint[]) id", ids, tariff_id)
        await tx.execute("INSERT INTO provisioning_state (domain_id) SELECT unnest($1::bigint[])", ids)
        await tx.execute("INSERT INTO domain_guard (domain_id, daily_cap, calls_per_minute) "
                         "SELECT unnest($1::bigint[]), 500000, 1000000", ids)  # guards at work that never refuse
        await tx.execute("UPDATE account SET balance = 1000000 WHERE domain_id = ANY($1::bigint[])", ids)
        await tx.execute(
            "WITH number AS (INSERT INTO phone_number (e164, domain_id, assigned_at) SELECT (74000000000 + id * 100 "
            "+ $2 % 100)::text, id, now() FROM unnest($1::bigint[]) id RETURNING id, domain_id) "
            "SELECT 1 FROM number", ids, os.getpid())
        users = await tx.fetch(
            "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, sip_ha1) "
            "SELECT id, 'ivanov', 'Ivanov', '101', '-', repeat('0', 32) FROM unnest($1::bigint[]) id "
            "RETURNING id, domain_id", ids)
    owner = {row["domain_id"]: row["id"] for row in users}
    return World(node_id, node, ids, [owner[domain_id] for domain_id in ids], version_id)


async def _tariff(tx: PlatformTx, mark: str) -> tuple[int, int]:
    tariff_id = await tx.fetchval("INSERT INTO tariff (name) VALUES ($1) RETURNING id", f"Bench {mark}")
    version_id = await tx.fetchval(
        "INSERT INTO tariff_version (tariff_id, number) VALUES ($1, 1) RETURNING id", tariff_id)
    await tx.execute(
        "INSERT INTO tariff_rate (version_id, prefix, destination, price) SELECT $1, 7000 + n, 'Place ' || n, 1.5 "
        "FROM generate_series(0, $2::int - 1) n", version_id, RATES)
    await tx.execute("INSERT INTO tariff_rate (version_id, prefix, destination, price) VALUES ($1, '7', 'Russia', 1.5)",
                     version_id)
    await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = now() - interval '1 year' "
                     "WHERE id = $1", version_id)
    return tariff_id, version_id


async def place_holds(world: World, records: list[CdrRecord]) -> list[int]:
    """A hold of 15 minutes for every record, as the authorisation would have placed it."""
    async with platform_transaction(BENCH) as tx:
        rows = await tx.fetch(
            "INSERT INTO hold (domain_id, node_id, uniqueid, b_number, version_id, prefix, amount, seconds) "
            "SELECT domain_id, $3, uniqueid, number, $4, '7', 22.5, 900 "
            "FROM unnest($1::bigint[], $2::text[], $5::text[]) WITH ORDINALITY AS r (domain_id, uniqueid, number, n) "
            "ORDER BY n RETURNING id",
            [record.domain_id for record in records], [record.uniqueid for record in records], world.node_id,
            world.version_id, [record.b_number for record in records])
        await tx.execute("INSERT INTO open_hold_key (domain_id, hold_id, node_id) SELECT domain_id, id, node_id "
                         "FROM hold WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        await tx.execute(
            "UPDATE account SET held = account.held + sums.held FROM (SELECT domain_id, count(*) * 22.5 AS held "
            "FROM unnest($1::bigint[]) domain_id GROUP BY 1) sums WHERE account.domain_id = sums.domain_id",
            [record.domain_id for record in records])
    return [row["id"] for row in rows]


def record(world: World, number: int, *, hold: int | str = "", now: datetime | None = None,
           uniqueid: str = "") -> CdrRecord:
    """An answered outside call of domain `number`, modulo."""
    place = number % len(world.domains)
    domain_id, user_id = world.domains[place], world.users[place]
    talked = 5 + number * 7 % 400
    end = now or clock.now()
    uniqueid = uniqueid or f"{int(time.time())}.{os.getpid()}.{next(_count)}"
    return CdrRecord(
        uniqueid=uniqueid, linkedid=uniqueid, sequence=0, account_code=f"{domain_id}.{user_id}", channel="PJSIP/a-1",
        dst_channel="PJSIP/t1-2", started_at=end - timedelta(seconds=talked + 6),
        answered_at=end - timedelta(seconds=talked), ended_at=end, duration_seconds=Decimal(talked + 6),
        billsec=Decimal(talked), disposition="ANSWERED", src="101", dst="84951234567", last_app="Dial",
        domain_id=domain_id, user_id=user_id, direction="out", a_number="101",
        b_number=f"7{495_000_0000 + number % 9_000_000:010}"[:11], trunk="t1", hold=str(hold), reason="",
        number="74950000001", is_billable=True, cause=None)
