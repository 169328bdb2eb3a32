"""The finance pages of one domain with a million ledger lines over a year, as pages over HTTP."""

from __future__ import annotations

import time
from datetime import timedelta

import asyncpg

from app.auth.passwords import hash_password
from app.kernel import clock
from app.kernel.db import platform_transaction
from bench.ground import own_ground
from bench.report import Figure, Section
from bench.seed import BENCH, PASSWORD, a_node, a_tariff, domains_with_users
from bench.visitor import Visitor, judged
from billing.accounts import sums

LINES, PAYMENTS, TARGET_MS, ROUNDS = 1_000_000, 1_000, 150, 20
# A year: calls to 40 destinations, a fee for each day, a correction now and then; the domain's payments beside.
_POSTINGS = """
INSERT INTO posting (domain_id, key, kind, service, quantity, at, posted_at, detail)
SELECT $1, 'bench:' || n,
       CASE WHEN n % 2740 = 0 THEN 'subscription_fee' WHEN n % 100003 = 7 THEN 'correction' ELSE 'call' END,
       CASE WHEN n % 2740 = 0 THEN 'user' WHEN n % 100003 = 7 THEN 'by hand' ELSE 'Destination ' || (n * 7) % 40 END,
       CASE WHEN n % 2740 = 0 THEN 21 ELSE 1 + n % 600 END,
       now() - interval '365 days' * (1 - n / $2::float8), now() - interval '365 days' * (1 - n / $2::float8), '{}'
FROM generate_series(1, $2::int) n
"""
_ENTRIES = """
WITH lines AS MATERIALIZED (
    SELECT id, domain_id, -((id % 900 + 1) / 100.0)::numeric(18, 2) AS amount FROM posting WHERE domain_id = $1
), two AS (
    SELECT id, domain_id, 'domain' AS account, amount,
           sum(amount) OVER (ORDER BY id) AS balance_after FROM lines
    UNION ALL SELECT id, domain_id, 'revenue', -amount, NULL FROM lines
)
INSERT INTO entry (posting_id, domain_id, account, amount, balance_after) SELECT * FROM two
"""
_PAYMENTS = """
INSERT INTO payment (domain_id, external_id, kind, source, description, amount, at)
SELECT $1::bigint, 'bench ' || $1::bigint || ' ' || n, 'bank', 'Bank', 'invoice ' || n, 100,
       now() - interval '365 days' * n / $2::float8
FROM generate_series(1, $2::int) n
"""


async def measure(scale: float) -> Section:
    lines = int(LINES * scale)
    async with own_ground("finance") as ground:
        node_id, tariff = await a_node(ground.owner, "pbx1"), await a_tariff(ground.owner)
        ids = await domains_with_users(ground.owner, node_id, tariff, domains=3, users=20, prefix="finance")
        await seed_lines(ground.owner, ids, lines)
        taken = await _take_in(ground.owner, ids[0])
        stack = ground.stack("finance")
        await stack.begin("web")
        await stack.ready()
        domain = str(await ground.owner.fetchval("SELECT name FROM domain WHERE id = $1", ids[0]))
        await ground.owner.execute("UPDATE domain_user SET password_hash = $2 WHERE domain_id = $1 AND login = 'user1'",
                                   ids[0], hash_password(PASSWORD))
        async with Visitor(stack.web_url) as visitor:
            await visitor.sign_in("", login="user1", domain=domain, password=PASSWORD)
            figures = [judged(what, await visitor.times(path, ROUNDS, has=has, **params), TARGET_MS)
                       for what, path, has, params in _cases()]
    figures.append(Figure(f"Taking {lines:,} lines into the day sums, once", f"{taken:.1f} s"))
    return Section("Finance pages", figures, [
        f"One domain with {lines:,} ledger lines in a year (calls to 40 destinations, daily fees, corrections) and "
        f"{PAYMENTS:,} payments, {lines // 10:,} lines of another domain. One request at a time with the session "
        f"cookie, {ROUNDS} each: account, exact count and sums, 50 rows, the whole answer.",
        "Counts and sums come from sums per day, operation and service, which postings do not touch: a page or a job "
        "takes in the lines that are younger.",
    ])


def _cases() -> list[tuple[str, str, str, dict[str, str]]]:
    ledger, rows = "/finance/ledger", "list-results"
    found = [("Account state", "/finance", "account-breakdown", {}),
             ("Account state, an earlier month", "/finance", "account-breakdown", {"month": _earlier()})]
    found += [(f"Ledger: {key}", ledger, rows, {"period": key}) for key in ("day", "week", "month", "half", "year")]
    found += [
        ("Ledger: a day half a year ago", ledger, rows, {"from": _day(182), "to": _day(182)}),
        ("Ledger: year, search that most lines match", ledger, rows, {"period": "year", "q": "вызов"}),
        ("Ledger: year, one destination of 40", ledger, rows, {"period": "year", "q": "Destination 17"}),
        ("Ledger: year, daily fees", ledger, rows, {"period": "year", "q": "абонент"}),
        ("Ledger: year, ten corrections", ledger, rows, {"period": "year", "q": "by hand"}),
        ("Ledger: year, nothing found", ledger, rows, {"period": "year", "q": "no such operation"}),
        ("Ledger: year, lines 10,001 to 10,050", ledger, rows, {"period": "year", "offset": "10000"}),
        ("Payments: year", "/finance/payments", rows, {"period": "year"}),
        ("Payments: year, search", "/finance/payments", rows, {"period": "year", "q": "invoice 99"}),
    ]
    return found


def _day(ago: int) -> str:
    return f"{clock.now() - timedelta(days=ago):%Y-%m-%d}"


def _earlier() -> str:
    return _day(150)[:7]


async def seed_lines(owner: asyncpg.Connection, ids: list[int], lines: int) -> None:
    for domain_id, count in ((ids[0], lines), (ids[1], lines // 10)):
        await owner.execute(_POSTINGS, domain_id, count, timeout=600)
        await owner.execute(_ENTRIES, domain_id, timeout=600)
        await owner.execute(_PAYMENTS, domain_id, PAYMENTS, timeout=600)
    await owner.execute("VACUUM (ANALYZE) posting, entry, payment", timeout=600)  # as autovacuum does


async def _take_in(owner: asyncpg.Connection, domain_id: int) -> float:
    """What the job does with lines that nobody has looked at; seconds."""
    began = time.perf_counter()
    async with platform_transaction(BENCH) as tx:
        await sums.bring_up(await tx.enter_domain(domain_id))
    taken = time.perf_counter() - began
    await owner.execute("VACUUM (ANALYZE) ledger_day, ledger_mark", timeout=600)
    return taken
