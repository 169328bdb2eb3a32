"""A pool of 1,000 domains in 40 subgroups: the list, the search, portions and bulk moves over HTTP."""

from __future__ import annotations

import time

from app.auth.passwords import hash_password
from bench.ground import Ground, own_ground, with_old_log
from bench.report import Section
from bench.seed import PASSWORD, a_node, a_tariff, domains_with_users
from bench.visitor import Visitor, judged

DOMAINS, GROUPS, TARGET_MS, ROUNDS = 1_000, 40, 100, 30


async def measure(scale: float) -> Section:
    domains = max(GROUPS, int(DOMAINS * scale))
    async with own_ground("pools") as ground:
        groups, ids = await _a_pool(ground, domains)
        await with_old_log(ground.owner, 256)
        stack = ground.stack("pools")
        await stack.begin("web")
        await stack.ready()
        async with Visitor(stack.web_url) as visitor:
            await visitor.sign_in("/group", login="chief", password=PASSWORD)
            whole = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                page = await visitor.client.get("/group")
                whole.append(time.perf_counter() - began)
                assert page.text.count('name="ids"') == min(100, domains)
            figures = [judged(f"The list: headings and the first 100 rows ({len(page.content) / 1000:.0f} kB)", whole,
                              TARGET_MS)]
            for what, has, params in (("Search, 11 found", 'name="ids"', {"q": "филиал 77"}),
                                      ("Search, all found", 'name="ids"', {"q": "филиал"}),
                                      ("Search, none found", "data-total=\"0\"", {"q": "no such"})):
                figures.append(judged(what, await visitor.times("/group", ROUNDS, has=has, **params), TARGET_MS))
            figures.append(judged("The next rows of a group", await visitor.times(
                "/group/rows", ROUNDS, has='name="ids"', subgroup=str(groups[-1])), TARGET_MS))
            figures.append(judged(f"Dialog of a bulk move of all {domains}", await visitor.times(
                "/group/bulk/move", ROUNDS, has='name="ids"', all="/group"), TARGET_MS))
            for count in (50, domains):
                chosen = [str(one) for one in ids[:count]]
                moves = [await visitor.post("/group/bulk/move", {
                    "ids": chosen, "subgroup_id": str(groups[number % 2])}) for number in range(ROUNDS)]
                figures.append(judged(f"Bulk move of {count} domains", moves, TARGET_MS))
    return Section("Domain pool", figures, [
        f"{domains:,} domains in {GROUPS} subgroups, 10 users each, a supervisor and 20 subgroup administrators with 5 "
        f"subgroups each. One request at a time, {ROUNDS} each. A move writes one line of the history per domain and "
        "ends sessions inside domains that an administrator has lost.",
        "PostgreSQL has segments of its log to write over, as a server that has run for a while.",
    ])


async def _a_pool(ground: Ground, domains: int) -> tuple[list[int], list[int]]:
    owner = ground.owner
    node_id, tariff = await a_node(owner, "pbx1"), await a_tariff(owner)
    ids = await domains_with_users(owner, node_id, tariff, domains=domains, users=10, prefix="pool")
    pool_id = await owner.fetchval("INSERT INTO pool (name) VALUES ('Bench') RETURNING id")
    rows = await owner.fetch("INSERT INTO pool_subgroup (pool_id, name) SELECT $1, 'Группа ' || n "
                             "FROM generate_series(1, $2::int) n RETURNING id", pool_id, GROUPS)
    groups = [row["id"] for row in rows]
    await owner.execute(
        "UPDATE domain d SET pool_id = $1, subgroup_id = ($2::bigint[])[1 + o.n % $3], "
        "route_number = lpad(o.n::text, 4, '0'), display_name = 'Филиал ' || o.n "
        "FROM unnest($4::bigint[]) WITH ORDINALITY AS o (id, n) WHERE d.id = o.id", pool_id, groups, GROUPS, ids)
    await owner.execute("INSERT INTO pool_admin (pool_id, login, display_name, password_hash, role) "
                        "VALUES ($1, 'chief', 'Chief', $2, 'supervisor')", pool_id, hash_password(PASSWORD))
    people = await owner.fetch(
        "INSERT INTO pool_admin (pool_id, login, display_name, password_hash, role) SELECT $1, 'sub' || n, "
        "'Sub ' || n, '-', 'subgroup_admin' FROM generate_series(1, 20) n RETURNING id", pool_id)
    await owner.executemany("INSERT INTO pool_admin_subgroup (pool_id, admin_id, subgroup_id) VALUES ($1, $2, $3)", [
        (pool_id, row["id"], groups[(number * 7 + step) % GROUPS]) for number, row in enumerate(people)
        for step in range(5)])
    await owner.execute("ANALYZE")
    return groups, ids
