"""Call records into calls, postings and balances; and calls authorised, under load."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import dataclass, replace

from app.kernel.db import platform_transaction
from bench.billing_world import BENCH, World, make_world, place_holds, record
from pbx_provisioning.authorise.question import Allow, Question
from pbx_provisioning.authorise.service import authorise
from pbx_provisioning.intake.service import take_in

_count = itertools.count(1)


@dataclass(frozen=True, slots=True)
class IntakeFigures:
    """Every record is an answered outside call with a hold: the dearest kind."""

    records: int
    batch: int
    streams: int
    domains: int
    seconds: float
    fsync: str

    @property
    def per_second(self) -> float:
        return self.records / self.seconds


async def measure_intake(*, records: int = 30_000, batch: int = 1_000, streams: int = 2,
                         domains: int = 200) -> IntakeFigures:
    """Streams are nodes' agents: each sends the next batch when the last is safe."""
    world = await make_world(domains)
    made = [record(world, number) for number in range(records)]
    holds = await place_holds(world, made)
    made = [replace(one, hold=str(hold)) for one, hold in zip(made, holds, strict=True)]
    batches = [made[at:at + batch] for at in range(0, records, batch)]
    await take_in(world.node_id, [record(world, number) for number in range(50)])  # rates into memory
    waiting = iter(batches)

    async def stream() -> None:
        for one in waiting:
            await take_in(world.node_id, one)

    began = time.perf_counter()
    await asyncio.gather(*(stream() for _ in range(streams)))
    seconds = time.perf_counter() - began
    async with platform_transaction(BENCH) as tx:
        fsync = await tx.fetchval("SELECT current_setting('fsync') || '/' || current_setting('synchronous_commit')")
        posted = await tx.fetchval("SELECT count(*) FROM call WHERE node_id = $1 AND posting_id IS NOT NULL",
                                   world.node_id)
        held = await tx.fetchval("SELECT sum(held) FROM account WHERE domain_id = ANY($1::bigint[])", world.domains)
    if posted != records + 50 or held != 0:
        raise RuntimeError(f"{posted} of {records} posted, {held} still held")
    return IntakeFigures(records, batch, streams, domains, seconds, fsync)


@dataclass(frozen=True, slots=True)
class AuthoriseFigures:
    """Milliseconds from question to answer, hold placed and committed."""

    calls: int
    parallel: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds


async def measure_authorise(*, calls: int = 3_000, parallel: int = 4, domains: int = 200,
                            per_second: float = 0) -> AuthoriseFigures:
    """`parallel` askers one call after another; `per_second` > 0 paces them instead of asking flat out."""
    world = await make_world(domains)
    await _ask(world, 0)
    times: list[float] = []
    numbers = iter(range(calls))
    began = time.perf_counter()

    async def asker() -> None:
        for number in numbers:
            if per_second:
                await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            start = time.perf_counter()
            await _ask(world, number)
            times.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(asker() for _ in range(parallel)))
    seconds = time.perf_counter() - began
    times.sort()
    return AuthoriseFigures(calls, parallel, seconds, *(times[int(len(times) * part)] for part in (.5, .95, .99)))


async def _ask(world: World, number: int) -> None:
    place = number % len(world.domains)
    answer = await authorise(Question(world.node, world.domains[place], world.users[place], "84951234567",
                                      f"bench.{os.getpid()}.{time.time_ns()}.{next(_count)}"))
    if not isinstance(answer, Allow):
        raise RuntimeError(f"denied: {answer}")
