"""The nightly reconciliation of a million postings of five hundred domains, half of them of calls."""

from __future__ import annotations

import time
from datetime import timedelta

import asyncpg

from bench.ground import own_ground
from bench.report import Figure, Section
from bench.seed import a_node, a_tariff, domains_with_users
from billing.books import service

POSTINGS, DOMAINS, NEW, FULL_SECONDS, NEW_SECONDS = 1_000_000, 500, 10_000, 300, 60
# Of each domain as many; every second one is a call of the last thirty days with its line in the journal.
_POSTINGS = """
INSERT INTO posting (domain_id, key, kind, service, quantity, at, posted_at, detail)
SELECT d.id, $1 || n || ' ' || d.id, CASE WHEN n % 2 = 0 THEN 'call' ELSE 'subscription_fee' END,
       'Destination ' || n % 40, 60, m.at, m.at, '{}'
FROM generate_series(1, $2::int) n CROSS JOIN domain d
CROSS JOIN LATERAL (SELECT now() - $3::interval * (1 - n / $2::float8) AS at) m ORDER BY n, d.id
"""
_ENTRIES = """
WITH lines AS MATERIALIZED (
    SELECT id, domain_id, -((id % 900 + 1) / 100.0)::numeric(18, 2) AS amount FROM posting WHERE key LIKE $1 || '%'
), two AS (
    SELECT l.id, l.domain_id, 'domain' AS account, l.amount,
           a.balance + sum(l.amount) OVER (PARTITION BY l.domain_id ORDER BY l.id) AS balance_after
    FROM lines l JOIN account a ON a.domain_id = l.domain_id
    UNION ALL SELECT id, domain_id, 'revenue', -amount, NULL FROM lines
)
INSERT INTO entry (posting_id, domain_id, account, amount, balance_after) SELECT * FROM two
"""
_CALLS = """
INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, a_number, b_number, started_at,
                  answered_at, ended_at, talk_seconds, result, rating, cost, posting_id)
SELECT p.domain_id, $2, 'b' || p.id, 0, 'b' || p.id, 'out', '101', '74951234567', p.at, p.at,
       p.at + interval '1 minute', 60, 'answered', 'rated', -e.amount, p.id
FROM posting p JOIN entry e ON e.posting_id = p.id AND e.account = 'domain' WHERE p.kind = 'call'
  AND p.key LIKE $1 || '%'
"""
_BALANCES = """
UPDATE account SET balance = (SELECT balance_after FROM entry e WHERE e.domain_id = account.domain_id
                              AND e.account = 'domain' ORDER BY posting_id DESC LIMIT 1)
"""


async def measure(scale: float) -> Section:
    each, fresh = int(POSTINGS * scale) // DOMAINS, max(int(NEW * scale) // DOMAINS, 1)
    async with own_ground("books") as ground:
        node_id, tariff = await a_node(ground.owner, "pbx1"), await a_tariff(ground.owner)
        await domains_with_users(ground.owner, node_id, tariff, domains=DOMAINS, users=1, prefix="books")
        await ground.owner.execute("UPDATE account SET balance = 0")  # as if it had never been paid in
        await _seed(ground.owner, node_id, "first ", each, days=30)
        whole = await _timed(full=True)
        await _seed(ground.owner, node_id, "then ", fresh, days=1)
        new, nothing, again = await _timed(full=False), await _timed(full=False), await _timed(full=True)
    return Section("Reconciliation of the books", [
        _figure(f"Everything, {each * DOMAINS:,} postings", whole, FULL_SECONDS),
        _figure(f"A night, {fresh * DOMAINS:,} new postings", new, NEW_SECONDS),
        Figure("A night without postings", f"{nothing:.1f} s"), Figure("Everything again", f"{again:.1f} s"),
    ], [f"{DOMAINS} domains, {each:,} postings each with two lines, half of them calls of thirty days in the journal. "
        "A night reads the ledger from the posting on that was found good last; once a week everything is read."])


def _figure(what: str, seconds: float, target: int) -> Figure:
    return Figure(what, f"{seconds:.1f} s", f"≤ {target} s", seconds <= target)


async def _seed(owner: asyncpg.Connection, node_id: int, key: str, each: int, *, days: int) -> None:
    await owner.execute("SELECT make_call_partitions(now() - interval '60 days', 4)")
    for sql, arguments in ((_POSTINGS, (key, each, timedelta(days=days))), (_ENTRIES, (key,)),
                           (_CALLS, (key, node_id)), (_BALANCES, ())):
        await owner.execute(sql, *arguments, timeout=900)
    await owner.execute("VACUUM (ANALYZE) posting, entry, call, account", timeout=600)


async def _timed(*, full: bool) -> float:
    began = time.perf_counter()
    outcome = await service.run(full=full)
    if outcome.differences:
        raise AssertionError(outcome.differences[:3])
    return time.perf_counter() - began
