"""The action history of one domain with a million lines: each filter, as a page over HTTP; sealing and checking."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from app.audit import seals
from app.auth.passwords import hash_password
from app.kernel.db import platform_transaction
from app.web.lists import cursor_after
from bench.ground import own_ground
from bench.report import Figure, Section
from bench.seed import BENCH, PASSWORD, a_node, a_tariff, domains_with_users
from bench.visitor import Visitor, judged

LINES, TARGET_MS = 1_000_000, 200
_SEED = """
INSERT INTO action_history (domain_id, at, actor_kind, actor_id, actor_login, actor_name, ip, action, object_type,
                            object_id, object_name, changes)
SELECT $1, now() - n * interval '20 seconds', CASE WHEN n % 10 = 0 THEN 'staff' ELSE 'user' END, n % 40,
       'user' || n % 40, 'Пользователь ' || n % 40, '10.0.0.1',
       (ARRAY['user_created', 'user_changed', 'user_deleted', 'number_changed', 'signed_in', 'password_changed',
              'sign_in_failed'])[1 + n % 7], 'user', n % 5000, 'Сотрудник Иванов Пётр ' || n % 5000,
       '{"display_name": ["a", "b"], "extension": ["101", "102"]}'
FROM generate_series(1, $2::int) n
"""


async def measure(scale: float) -> Section:
    lines = int(LINES * scale)
    async with own_ground("history") as ground:
        node_id, tariff = await a_node(ground.owner, "pbx1"), await a_tariff(ground.owner)
        ids = await domains_with_users(ground.owner, node_id, tariff, domains=3, users=50, prefix="history")
        seeded = await _seed(ground.owner, ids, lines)
        sealed, checked = await _seal_and_check()
        await ground.owner.execute("VACUUM (ANALYZE) history_unsealed, history_tally, history_name, history_word")
        stack = ground.stack("history")
        await stack.begin("web")
        await stack.ready()
        domain = str(await ground.owner.fetchval("SELECT name FROM domain WHERE id = $1", ids[0]))
        await ground.owner.execute("UPDATE domain_user SET password_hash = $2 WHERE domain_id = $1 AND login = 'user1'",
                                   ids[0], hash_password(PASSWORD))
        middle = await ground.owner.fetchrow("SELECT at, id FROM action_history WHERE domain_id = $1 "
                                             "ORDER BY at DESC, id DESC OFFSET $2 LIMIT 1", ids[0], lines // 2)
        assert middle is not None
        async with Visitor(stack.web_url) as visitor:
            await visitor.sign_in("", login="user1", domain=domain, password=PASSWORD)
            figures = [judged(what, await visitor.times("/history/actions", 30, has=has, **params), TARGET_MS)
                       for what, has, params in _cases(lines, cursor_after(middle["at"], middle["id"]))]
            exported = await _export(visitor)
    total = lines + lines // 10
    figures += [Figure("Export of all as CSV", f"{lines / exported:.0f} lines/s, {exported:.0f} s"),
                Figure("Writing a line, as the owner in one statement", f"{seeded / total * 1e6:.0f} µs"),
                Figure("Sealing", f"{total / sealed:.0f} lines/s"),
                Figure("Checking the whole chain", f"{total / checked:.0f} lines/s, {checked:.0f} s")]
    return Section("Action history", figures, [
        f"{lines:,} lines of one domain (7 actions, 40 people, 5,000 objects, 231 days), {lines // 10:,} of another. "
        "One request at a time with the session cookie: filter values, rows, exact total, the 50 rows as a page "
        "fragment; 30 requests each.",
        "Every line is sealed; the check reads, digests and links every one of them.",
    ])


async def _export(visitor: Visitor) -> float:
    """Seconds until the last line has come."""
    began, count, size = time.perf_counter(), 0, 0
    async with visitor.client.stream("GET", "/history/actions/export", timeout=600) as answer:
        async for chunk in answer.aiter_bytes():
            count, size = count + chunk.count(b"\r\n"), size + len(chunk)
    if answer.status_code != 200 or not count:
        raise RuntimeError(f"export: {answer.status_code}, {size} bytes")
    return time.perf_counter() - began


def _cases(lines: int, middle: str) -> list[tuple[str, str, dict[str, str]]]:
    """`middle`: the cursor that a browser sends after half of the lines."""
    return [
        ("No filter", "list-results", {}), ("Today", "list-results", {"period": "today"}),
        ("30 days", "list-results", {"period": "30"}), ("An action (1/7)", "list-results", {"action": "user_deleted"}),
        ("A person (1/40)", "list-results", {"user": "user:7"}),
        ("The provider (1/10)", "list-results", {"user": "provider"}),
        ("A word in every name", "list-results", {"q": "иванов"}),
        ("A word in 1/1000", "list-results", {"q": "777"}),
        ("A word in none", "data-total=\"0\"", {"q": "nothing like it"}),
        ("Person, action, word, 45 days", "list-results",
         {"user": "user:7", "action": "user_changed", "q": "7", "period": "45"}),
        (f"The rows after {lines // 2:,}", "list-results", {"offset": str(lines // 2), "after": middle}),
    ]


async def _seed(owner: asyncpg.Connection, ids: list[int], lines: int) -> float:
    began = time.perf_counter()
    await owner.execute(_SEED, ids[0], lines, timeout=600)
    await owner.execute(_SEED, ids[1], lines // 10, timeout=600)
    seconds = time.perf_counter() - began
    await owner.execute("VACUUM (ANALYZE) action_history", timeout=600)  # as autovacuum does for inserted lines
    return seconds


async def _seal_and_check() -> tuple[float, float]:
    began = time.perf_counter()
    while True:
        async with platform_transaction(BENCH) as tx:
            if not await seals.seal(tx, 10_000):
                break
        await asyncio.sleep(0)
    sealed = time.perf_counter() - began
    began = time.perf_counter()
    async with platform_transaction(BENCH) as tx:
        found = await seals.verify(tx)
    if found.broken:
        raise RuntimeError(f"the chain is broken: {found.broken}")
    return sealed, time.perf_counter() - began
