"""A change is saved; how long until Asterisk has it and open pages say so?"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, replace

from redis.asyncio import Redis

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from bench.ground import Ground, own_ground, until
from bench.report import Figure, Section, percentile, spread
from bench.seed import a_node, a_tariff, administrator, all_live, domains_with_users
from tenants.users import credentials, queries, service
from tenants.users.rules import NewUser, Profile

KINDS = ("created", "password", "extension")


class Ear:
    """Hears what open pages hear: which generation of which domain is live, and when."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url)
        self._waiting: dict[int, tuple[int, asyncio.Future[float]]] = {}

    async def __aenter__(self) -> Ear:
        self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        await self._pubsub.psubscribe("domain:*")
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._redis.aclose()

    async def _listen(self) -> None:
        async for message in self._pubsub.listen():
            at = time.perf_counter()
            told = json.loads(message["data"])
            domain_id = int(message["channel"].partition(b":")[2])
            wanted = self._waiting.get(domain_id)
            if told["kind"] == "provisioning" and wanted is not None and told["applied"] >= wanted[0] \
                    and not told["error"] and not wanted[1].done():
                wanted[1].set_result(at)

    def expect(self, domain_id: int, generation: int) -> asyncio.Future[float]:
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[domain_id] = generation, future
        return future


async def change(actor: Actor, kind: str, number: int, ear: Ear) -> float:
    """One change through the services; seconds from the end of its commit to the word that it is live."""
    async with domain_transaction(actor) as tx:
        user_id = await tx.fetchval("SELECT id FROM domain_user WHERE domain_id = $1 ORDER BY random() LIMIT 1",
                                    tx.domain_id)
        if kind == "created":
            await service.create_user(tx, NewUser(login=f"new{number}", display_name=f"Новый {number}",
                                                  password=f"secret{number}word"))
        elif kind == "password":
            await credentials.set_password(tx, user_id, f"changed{number}word")
        else:
            card = await queries.card(tx, user_id)
            await service.update_profile(tx, user_id, replace(
                Profile(card.display_name, card.extension, card.position, card.email, card.outgoing_number_id),
                extension=str(60_000 + number)))
        wanted = await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", tx.domain_id)
        heard = ear.expect(actor.domain_id, wanted)
    saved = time.perf_counter()
    return max(0.0, await asyncio.wait_for(heard, 30) - saved)


@dataclass(slots=True)
class Node:
    """A node with domains that are live."""

    name: str
    domains: list[int]
    node_id: int
    first_seconds: float = 0.0  # from no configuration to all of it


async def _node(ground: Ground, tariff: int, name: str, domains: int, users: int) -> Node:
    node_id = await a_node(ground.owner, name)
    stack = ground.stack(name, name)
    await stack.node.start()
    await stack.begin("agent")
    await until(lambda: _seen(ground, node_id), 30, "the agent's heartbeat")
    ids = await domains_with_users(ground.owner, node_id, tariff, domains=domains, users=users, prefix=name)
    began = time.perf_counter()
    await until(lambda: all_live(ground.owner, node_id), 300, f"{name} live")
    return Node(name, ids, node_id, time.perf_counter() - began)


async def _seen(ground: Ground, node_id: int) -> bool:
    return bool(await ground.owner.fetchval("SELECT state = 'up' FROM pbx_node WHERE id = $1", node_id))


async def _paced(node: Node, ear: Ear, changes: int, per_second: float) -> list[float]:
    """Changes arrive at random moments and do not wait for each other; one at a time per domain."""
    times: list[float] = []
    tasks: list[asyncio.Task[None]] = []
    chosen = [node.domains[n % len(node.domains)] for n in range(changes)]
    random.shuffle(chosen)
    locks = {domain_id: asyncio.Lock() for domain_id in node.domains}

    async def one(number: int) -> None:
        async with locks[chosen[number]]:
            times.append(await change(administrator(chosen[number]), KINDS[number % 3], 1000 + number, ear))

    for number in range(changes):
        tasks.append(asyncio.create_task(one(number)))
        await asyncio.sleep(random.expovariate(per_second))
    await asyncio.gather(*tasks)
    return times


async def _in_turn(nodes: list[Node], ear: Ear, rounds: int) -> dict[str, list[float]]:
    """The same change on each node by turns, so that a busy moment of the machine meets all of them."""
    times: dict[str, list[float]] = {node.name: [] for node in nodes}
    for number in range(rounds):
        for node in nodes:
            domain_id = random.choice(node.domains)
            times[node.name].append(
                await change(administrator(domain_id), KINDS[number % 3], 5000 + number, ear))
    return times


async def _burst(node: Node, ear: Ear, domains: int) -> float:
    """A password changed in many domains at once; seconds until the last of them is live."""
    began = time.perf_counter()
    await asyncio.gather(*(change(administrator(one), "password", 9000 + one, ear) for one in node.domains[:domains]))
    return time.perf_counter() - began


async def measure(scale: float) -> Section:
    async with own_ground("live") as ground:
        tariff = await a_tariff(ground.owner)
        wide_domains = max(4, int(200 * scale))
        nodes = [await _node(ground, tariff, "wide", wide_domains, 25),
                 await _node(ground, tariff, "small", 2, 25),
                 await _node(ground, tariff, "big", 1, int(5000 * scale))]
        await asyncio.sleep(3)
        async with Ear(ground.servers.redis.url) as ear:
            paced = await _paced(nodes[0], ear, max(20, int(200 * scale)), 5.0)
            times = await _in_turn(nodes, ear, max(9, int(60 * scale)))
            burst = await _burst(nodes[0], ear, min(50, wide_domains))
    return _section(nodes, paced, times, burst, scale)


def _section(nodes: list[Node], paced: list[float], times: dict[str, list[float]], burst: float,
             scale: float) -> Section:
    wide, big = (percentile(times[name], 0.5) / percentile(times["small"], 0.5) for name in ("wide", "big"))
    p95 = percentile(paced, 0.95)
    users = len(nodes[0].domains) * 25
    figures = [
        Figure(f"{len(paced)} changes at random moments, 5/s, node of {len(nodes[0].domains)} domains × 25 users",
               spread(paced), "p95 ≤ 1000 ms", p95 <= 1.0),
        Figure("Node of 50 users (2 domains), one change at a time", spread(times["small"])),
        Figure(f"Node of {users} users ({len(nodes[0].domains)} domains), the same", spread(times["wide"])),
        Figure(f"Domain of {int(5000 * scale)} users alone on its node, the same", spread(times["big"])),
        Figure(f"Time at {users} users on the node ÷ at 50 (medians)", f"{wide:.2f}", "≤ 1.5", wide <= 1.5),
        Figure(f"Time in a domain of {int(5000 * scale)} users ÷ at 50 (medians)", f"{big:.2f}", "≤ 1.5", big <= 1.5),
        Figure(f"A password changed in {min(50, len(nodes[0].domains))} domains at once, until the last is live, "
               "hashing included", f"{burst:.1f} s"),
        Figure(f"First configuration of {len(nodes[0].domains)} domains × 25 users", f"{nodes[0].first_seconds:.1f} s"),
    ]
    notes = [
        "From the return of the commit to the message on Redis that tells open pages the generation is live; the agent "
        "sends it after Asterisk has taken the change and the acknowledgement is committed. A third each: user "
        "created, password changed, extension changed, through the services of the panel.",
        "The agent waits 100 ms for further changes before it applies what it has; that is part of every time and of "
        "both sides of the ratios.",
        "The ratios compare three nodes (each an Asterisk and an agent of its own, on one database) in one run, "
        "changed by turns.",
    ]
    return Section("Save → live", figures, notes)
