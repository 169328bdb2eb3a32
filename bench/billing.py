"""The daily run: 10,000 domains with 20 fees each, on an ordinary day and on the 1st, and days that are caught up."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import asyncpg

from app import features
from app.kernel import clock
from app.kernel.db import platform_transaction
from bench.ground import own_ground
from bench.report import Figure, Section
from bench.seed import BENCH, a_node, domains_with_users
from billing.books.checks import check_books
from billing.subscriptions import run

DOMAINS, FEES, USERS, TARGET_SECONDS = 10_000, 20, 5, 60
ZONE = ZoneInfo("Europe/Moscow")
ORDINARY, FIRST = datetime(2031, 4, 30, tzinfo=ZONE), datetime(2031, 5, 1, tzinfo=ZONE)
# 13 prices per domain and 7 per user, a quarter of them by the month
_SERVICES = """
INSERT INTO plan_service (version_id, service, level, monthly, cycle)
SELECT $1, CASE n WHEN 1 THEN 'additional_user' ELSE 'service_' || n END, CASE WHEN n < 8 THEN 'user' ELSE 'domain' END,
       10 + n, CASE WHEN n % 4 = 0 THEN 'monthly' ELSE 'daily' END
FROM generate_series(1, $2::int) n
"""


async def measure(scale: float) -> Section:
    domains = int(DOMAINS * scale)
    async with own_ground("billing") as ground:
        features.load_services()
        tariff = await _tariff(ground.owner)
        ids = await domains_with_users(ground.owner, await a_node(ground.owner, "pbx1"), tariff, domains=domains,
                                       users=USERS, prefix="billing")
        await _settled(ground.owner, ids, ORDINARY)
        figures = [
            _figure("An ordinary day", domains, *await _run(ORDINARY)),
            _figure("The 1st: also monthly fees, guaranteed payment, minute package", domains, *await _run(FIRST)),
            _figure("Three days off, caught up", domains, *await _run(FIRST + timedelta(days=3)), days=3)]
        async with platform_transaction(BENCH) as tx:
            wrong = [one for one in await check_books(tx) if one.what not in ("balance", "chain")]
        if wrong:
            raise RuntimeError(f"the books do not add up: {wrong[:3]}")
    return Section("Daily billing run", figures, [
        f"{domains:,} prepaid domains, {USERS} users each, on a tariff with {FEES} recurring prices (a quarter by the "
        "month), a guaranteed payment and a minute package. One process, batches of "
        f"{run.BATCH} domains, each batch a transaction; the time is that of `run_until_today`, from the first lock to "
        "the last commit. Afterwards every posting sums to zero and every bucket is paid less used."])


async def _tariff(owner: asyncpg.Connection) -> int:
    async with owner.transaction():
        tariff = await owner.fetchval("INSERT INTO tariff (name) VALUES ('Bench') RETURNING id")
        assert isinstance(tariff, int)
        version = await owner.fetchval("INSERT INTO tariff_version (tariff_id, number, mgp, included_minutes) "
                                       "VALUES ($1, 1, 300, 500) RETURNING id", tariff)
        await owner.execute(_SERVICES, version, FEES)
        await owner.execute("UPDATE tariff_version SET state = 'published', valid_from = '2020-01-01' WHERE id = $1",
                            version)
        return tariff


async def _settled(owner: asyncpg.Connection, ids: list[int], day: datetime) -> None:
    """Until the day before; the users have been there for long."""
    await owner.execute("UPDATE account SET billed_through = $2::date - 1 WHERE domain_id = ANY($1::bigint[])", ids,
                        day.date())
    await owner.execute("UPDATE domain_user SET created_at = '2030-01-01'")
    await owner.execute("VACUUM (ANALYZE) account, domain_user, posting, entry", timeout=600)


async def _run(moment: datetime) -> tuple[float, int, int]:
    """(seconds, domain days settled, postings written)."""
    async with platform_transaction(BENCH) as tx:
        before = await tx.fetchval("SELECT count(*) FROM posting")
    with clock.at(moment + timedelta(seconds=5)):
        began = time.perf_counter()
        settled = await run.run_until_today()
        taken = time.perf_counter() - began
    async with platform_transaction(BENCH) as tx:
        written = await tx.fetchval("SELECT count(*) FROM posting") - before
    return taken, settled, written


def _figure(what: str, domains: int, taken: float, settled: int, written: int, days: int = 1) -> Figure:
    return Figure(f"{what}: {settled:,} domain days, {written:,} postings", f"{taken:.1f} s",
                  f"≤ {TARGET_SECONDS * days} s", taken <= TARGET_SECONDS * days if domains == DOMAINS else None)
