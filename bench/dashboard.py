"""The start page of a domain with five thousand users and a million calls, as a whole page over HTTP."""

from __future__ import annotations

import time
from typing import Any

import asyncpg
import redis.asyncio as redis

from app.auth.passwords import hash_password
from app.kernel import clock
from app.kernel.db import platform_transaction
from bench.finance import LINES, seed_lines
from bench.ground import own_ground
from bench.report import Figure, Section
from bench.seed import BENCH, PASSWORD, a_node, domains_with_users
from bench.visitor import Visitor, judged
from billing.accounts import sums
from tenants.dashboard import settled
from tenants.dashboard.month import month_of

USERS, CALLS, TARGET_MS, ROUNDS = 5_000, 1_000_000, 150, 20
_SERVICES = """
INSERT INTO plan_service (version_id, service, level, monthly, included)
SELECT $1, name, level, 100, 20 FROM (VALUES ('additional_user', 'user'), ('base_fee', 'domain'),
    ('integration_api', 'domain'), ('contact_center', 'operator'), ('additional_number', 'special'),
    ('recording', 'special'), ('speech', 'special'), ('fmc', 'special'), ('callback_widget', 'special'),
    ('reminders', 'domain')) AS one (name, level)
"""
# All of them in the current month: internal, incoming and paid outgoing ones, each of talk
_CALLS = """
INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, peer_user_id, a_number,
                  b_number, started_at, answered_at, ended_at, talk_seconds, result, rating, cost, charge)
SELECT $1, $2, 'bench' || n, 0, 'bench' || n, (ARRAY['out', 'in', 'internal'])[1 + n % 3],
       $3 + (n * 7919::bigint) % $4, CASE WHEN n % 3 = 2 THEN $3 + (n * 104729::bigint) % $4 END, '201', '74951234567',
       moment, moment, moment + interval '1 minute' * (n % 9), n % 540, 'answered',
       CASE WHEN n % 3 = 0 THEN 'rated' ELSE 'free' END, CASE WHEN n % 3 = 0 THEN 1.5 ELSE 0 END,
       CASE WHEN n % 3 = 0 THEN jsonb_build_object('seconds', n % 540, 'package_seconds', 0, 'posted', 150) END
FROM (SELECT n, $5::timestamptz + ($6::timestamptz - $5::timestamptz) * (n / $7::float8) AS moment
      FROM generate_series(1, $7::int) n) made
"""
_JOURNALS = """
INSERT INTO user_call (domain_id, user_id, node_id, linkedid, part, is_incoming, is_answered, started_at, number,
                       talk_seconds)
SELECT domain_id, user_id, node_id, linkedid, CASE direction WHEN 'in' THEN 'in' ELSE 'out' END, direction = 'in', true,
       started_at, b_number, talk_seconds FROM call WHERE domain_id = $1
UNION ALL
SELECT domain_id, peer_user_id, node_id, linkedid || 'p', 'in', true, true, started_at, a_number, talk_seconds
FROM call WHERE domain_id = $1 AND peer_user_id IS NOT NULL
"""


async def measure(scale: float) -> Section:
    calls = int(CALLS * scale)
    async with own_ground("dashboard") as ground:
        node_id, tariff = await a_node(ground.owner, "pbx1"), await _tariff(ground.owner)
        large = await domains_with_users(ground.owner, node_id, tariff, domains=1, users=USERS, prefix="large")
        small = await domains_with_users(ground.owner, node_id, tariff, domains=2, users=40, prefix="small")
        await _seed(ground.owner, node_id, large[0], calls)
        await seed_lines(ground.owner, [large[0], small[0]], int(LINES * scale))
        taken = await _take_in(ground.owner, large[0])
        stack = ground.stack("dashboard")
        await stack.begin("web")
        await stack.ready()
        cache = redis.from_url(ground.servers.redis.url)
        figures = []
        for what, domain_id in (("5,000 users", large[0]), ("40 users", small[0])):
            domain = await _administrator(ground.owner, domain_id)
            async with Visitor(stack.web_url) as visitor:
                await visitor.sign_in("", login="user1", domain=domain, password=PASSWORD)
                figures.append(judged(f"{what}, nothing kept", await _times(visitor, cache, forget=True), TARGET_MS))
                figures.append(judged(f"{what}, figures kept for a minute", await _times(visitor, cache), TARGET_MS))
        await cache.aclose()
    figures += [Figure(f"Taking {calls:,} calls of the month into the sums, once", f"{taken:.1f} s")]
    return Section("Start page", figures, [
        f"One domain with {USERS:,} users, {calls:,} calls in the current month (a third of them paid, the minute "
        f"package used up) and {int(LINES * scale):,} ledger lines in a year, ten services in the tariff; another with "
        f"40 users and a tenth of the lines. The whole page in Russian, one request at a time, {ROUNDS} each.",
        "Talk that is some hours old stands in a sum per user; money in sums per day. \"Nothing kept\": before each "
        "request Redis forgets what the page had put there.",
    ])


async def _tariff(owner: asyncpg.Connection) -> int:
    async with owner.transaction():
        tariff: Any = await owner.fetchval("INSERT INTO tariff (name) VALUES ('Bench') RETURNING id")
        version = await owner.fetchval("INSERT INTO tariff_version (tariff_id, number, included_minutes) "
                                       "VALUES ($1, 1, 100) RETURNING id", tariff)
        await owner.execute(_SERVICES, version)
        await owner.execute("UPDATE tariff_version SET state = 'published', valid_from = now() - interval '1 year' "
                            "WHERE id = $1", version)
    return tariff


async def _seed(owner: asyncpg.Connection, node_id: int, domain_id: int, calls: int) -> None:
    first = await owner.fetchval("SELECT min(id) FROM domain_user WHERE domain_id = $1", domain_id)
    begins, _ends = month_of(clock.now(), "Europe/Moscow")
    for table in ("call", "user_call"):  # what they do for each record is not measured here
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    await owner.execute(_CALLS, domain_id, node_id, first, USERS, begins, clock.now(), calls, timeout=600)
    await owner.execute(_JOURNALS, domain_id, timeout=600)
    for table in ("call", "user_call"):
        await owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    await owner.execute("VACUUM (ANALYZE) call, user_call", timeout=600)  # as autovacuum does


async def _take_in(owner: asyncpg.Connection, domain_id: int) -> float:
    """What the first look, or the job, does with a month that nobody has looked at; seconds."""
    async with platform_transaction(BENCH) as tx:
        await sums.bring_up(await tx.enter_domain(domain_id))
    began = time.perf_counter()
    async with platform_transaction(BENCH) as tx:
        bound = await tx.enter_domain(domain_id)
        for what in settled.What:
            await settled.bring_up(bound, what, month_of(bound.now, "Europe/Moscow")[0])
    taken = time.perf_counter() - began
    await owner.execute("VACUUM (ANALYZE) month_talk, month_mark, ledger_day", timeout=600)
    return taken


async def _administrator(owner: asyncpg.Connection, domain_id: int) -> str:
    await owner.execute("UPDATE domain_user SET password_hash = $2 WHERE domain_id = $1 AND login = 'user1'", domain_id,
                        hash_password(PASSWORD))
    return str(await owner.fetchval("SELECT name FROM domain WHERE id = $1", domain_id))


async def _times(visitor: Visitor, cache: redis.Redis, *, forget: bool = False) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        if forget:
            for key in [key async for key in cache.scan_iter("dashboard:*")]:
                await cache.delete(key)
        began = time.perf_counter()
        page = await visitor.client.get("/")
        found.append(time.perf_counter() - began)
        if page.status_code != 200 or 'id="dashboard-access"' not in page.text:
            raise RuntimeError(f"the start page: {page.status_code}")
    return found
