"""From a line in the node's spool to the posted call, by the node's real agent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from redis.asyncio import Redis

from bench import machine
from bench.billing_world import World, make_world, place_holds, record
from bench.ground import Ground, own_ground, until
from bench.intake import IntakeFigures, measure_intake
from bench.report import Figure, Section, percentile
from bench.seed import all_live
from pbx_provisioning.intake.records import CdrRecord

TARGET = 5000


def line_of(one: CdrRecord) -> str:
    """As Asterisk writes it."""
    cells = ["1", one.uniqueid, one.linkedid, one.sequence, one.account_code, one.channel, one.dst_channel,
             _time(one.started_at), _time(one.answered_at), _time(one.ended_at), f"{one.duration_seconds:f}",
             f"{one.billsec:f}", one.disposition, one.src, one.dst, one.last_app, one.domain_id, one.user_id,
             one.direction, one.a_number, one.b_number, one.trunk, one.hold, one.reason, one.number,
             "1" if one.is_billable else "", one.cause if one.cause is not None else ""]
    return ",".join(f'"{cell}"' for cell in cells) + "\n"


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.timestamp():.6f}"


async def _with_holds(world: World, count: int) -> list[CdrRecord]:
    made = [record(world, number) for number in range(count)]
    holds = await place_holds(world, made)
    return [replace(one, hold=str(hold)) for one, hold in zip(made, holds, strict=True)]


async def _posted(ground: Ground, world: World) -> int:
    return await ground.owner.fetchval("SELECT count(*) FROM call WHERE node_id = $1 AND posting_id IS NOT NULL",
                                       world.node_id)


async def _all_posted(ground: Ground, world: World, wanted: int) -> bool:
    return await _posted(ground, world) >= wanted


async def _flat_out(ground: Ground, world: World, spool: Path, count: int) -> float:
    """All lines lie in the spool, as after an outage; records per second until the last one is posted."""
    made = await _with_holds(world, count)
    text, before = "".join(map(line_of, made)), await _posted(ground, world)
    began = time.perf_counter()
    with spool.open("a") as file:
        file.write(text)
    await until(lambda: _all_posted(ground, world, before + count), 120, "the last record", every=0.05)
    seconds = time.perf_counter() - began
    if await _posted(ground, world) - before != count:
        raise RuntimeError("not every record is posted")
    return count / seconds


async def _at_pace(ground: Ground, world: World, spool: Path, *, per_second: int, seconds: float) -> list[float]:
    """Seconds from the writing of a line to the message that shows the call on open pages."""
    made = await _with_holds(world, int(per_second * seconds))
    written: dict[str, float] = {}
    delays: list[float] = []
    redis = Redis.from_url(ground.servers.redis.url)
    pubsub = redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.psubscribe("domain:*")

    async def listen() -> None:
        async for message in pubsub.listen():
            at = time.perf_counter()
            told = json.loads(message["data"])
            if told["kind"] == "call" and told["uniqueid"] in written:
                delays.append(at - written.pop(told["uniqueid"]))

    task = asyncio.create_task(listen())
    try:
        await _write_at_pace(spool, made, per_second, written)
        for _ in range(200):
            if not written:
                break
            await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await pubsub.aclose()
        await redis.aclose()
    if written:
        raise RuntimeError(f"{len(written)} records were never shown")
    return delays


async def _write_at_pace(spool: Path, made: Sequence[CdrRecord], per_second: int, written: dict[str, float]) -> None:
    began = time.perf_counter()
    for number, one in enumerate(made):
        ahead = began + number / per_second - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        with spool.open("a") as file:  # opened for every record, as Asterisk does
            file.write(line_of(one))
        written[one.uniqueid] = time.perf_counter()


async def measure(scale: float) -> Section:
    async with own_ground("records") as ground:
        world = await make_world(200)
        stack = ground.stack("records", world.node)
        await stack.node.start()
        await stack.begin("agent")
        await until(lambda: all_live(ground.owner, world.node_id), 60, "the domains live")
        spool = stack.node.cdr_file
        await _flat_out(ground, world, spool, 1000)  # rates into memory
        agent = stack.children["agent"].process
        assert agent is not None
        before = machine.cpu_seconds([agent.pid])
        rates = [await _flat_out(ground, world, spool, int(20_000 * scale)) for _ in range(3)]
        cpu = (machine.cpu_seconds([agent.pid]) - before) * 1000 / 3 / int(20_000 * scale)
        delays = await _at_pace(ground, world, spool, per_second=500, seconds=20 * scale)
        streams = await measure_intake(records=int(30_000 * scale))
        fsync = await ground.owner.fetchval(
            "SELECT 'fsync ' || current_setting('fsync') || ', synchronous_commit ' || "
            "current_setting('synchronous_commit')")
    return _section(rates, cpu, delays, streams, int(20_000 * scale), fsync)


def _section(rates: list[float], cpu: float, delays: list[float], streams: IntakeFigures, count: int,
             fsync: str) -> Section:
    rate = percentile(rates, 0.5)
    p50, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
    figures = [
        Figure(f"{count} records in the spool of one node, by its agent (median of {len(rates)} runs)",
               f"{rate:.0f} records/s ({min(rates):.0f} to {max(rates):.0f})", f"≥ {TARGET} records/s", rate >= TARGET),
        Figure("Processor time of the agent for a record", f"{cpu:.3f} ms"),
        Figure(f"{streams.streams} streams without the spool, batches of {streams.batch}",
               f"{streams.per_second:.0f} records/s"),
        Figure("At 500 records/s: line written → call shown with its cost",
               f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {max(delays) * 1000:.0f} ms", "p99 ≤ 2000 ms",
               p99 <= 2),
    ]
    return Section("CDR → balance", figures, [
        f"Every record is an answered outside call of one of 200 prepaid domains, with a hold: parsed, deduplicated, "
        f"rated, posted in double entry, hold released, balance changed, open pages told. {fsync}.",
        "The delay ends with the message on Redis that open pages hear, sent after the commit.",
    ])
