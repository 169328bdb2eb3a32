"""What web, worker and agent hold when nobody uses them."""

from __future__ import annotations

import asyncio

from bench import machine
from bench.ground import own_ground
from bench.loadgen import signed_in
from bench.report import Figure, Section
from bench.seed import a_node, a_tariff, domains_with_users


async def measure(scale: float) -> Section:
    async with own_ground("memory") as ground:
        node_id = await a_node(ground.owner, "pbx1")
        tariff = await a_tariff(ground.owner)
        ids = await domains_with_users(ground.owner, node_id, tariff, domains=3, users=15, prefix="mem")
        stack = ground.stack("mem")
        await stack.start()
        await signed_in(ground, stack.web_url, ids[0])
        await asyncio.sleep(max(2.0, 10 * scale))
        parts = {name: machine.memory(machine.family(_pid(child))) for name, child in stack.children.items()}
        asterisk = machine.memory([stack.node.pid or 0])
    pss, rss = sum(one.pss for one in parts.values()), sum(one.rss for one in parts.values())
    figures = [Figure(name, f"{one.pss:.0f} MB PSS, {one.rss:.0f} MB RSS") for name, one in parts.items()]
    figures += [Figure("Together", f"{pss:.0f} MB PSS, {rss:.0f} MB RSS", "RSS ≤ 400 MB", rss <= 400),
                Figure("Asterisk beside them", f"{asterisk.pss:.0f} MB PSS, {asterisk.rss:.0f} MB RSS")]
    return Section("Idle memory", figures, [
        "10 s after the start, a sign-in and one full page; 3 domains × 15 users. PSS counts a page that n processes "
        "share 1/n, RSS counts it n times; the target is held against RSS, the larger."])


def _pid(child) -> int:
    assert child.process is not None
    return child.process.pid
