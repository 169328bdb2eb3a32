"""From a line in the node's spool to the posted call, by the node's real agent."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from redis.asyncio import Redis

from bench import machine
from bench.billing_world import World, make_world, place_holds, record
from bench.ground import Ground, own_ground, until, with_old_log
from bench.intake import IntakeFigures, measure_intake
from bench.report import Figure, Section, percentile
from bench.seed import all_live
from pbx_provisioning.intake.records import CdrRecord

if TYPE_CHECKING:
    from tests.stack import Stack

TARGET = 10_000
SUSTAINED_SECONDS, SLICE_SECONDS = 60, 10
PACE = 2_000  # records/s for the delay
PORTION = 20_000


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


@dataclass(frozen=True, slots=True)
class Sustained:
    """Records posted in `seconds`, and in each slice of them; `cpu_ms` of the agent for a record."""

    records: int
    seconds: float
    slices: Sequence[float]
    cpu_ms: float

    @property
    def per_second(self) -> float:
        return self.records / self.seconds


async def _fill(world: World, spool: Path, count: int) -> None:
    """As many lines, written while nobody reads them."""
    with spool.open("a") as file:
        for done in range(0, count, PORTION):
            file.write("".join(map(line_of, await _with_holds(world, min(PORTION, count - done)))))


def _shipped(state: Path) -> int:
    """Bytes that the agent has committed."""
    try:
        return json.loads((state / "switchroom.offset.json").read_text())["offset"]
    except (OSError, ValueError):
        return 0


async def _flat_out(ground: Ground, world: World, stack: Stack, seconds: float) -> Sustained:
    """All lines lie in the spool, as after an outage; the minute begins when the agent has taken the first."""
    spool, state = stack.node.cdr_file, stack.settings.state_dir / "agent"
    await _fill(world, spool, int(seconds * TARGET * 1.3))
    await ground.owner.execute("VACUUM (ANALYZE) hold, account", timeout=600)  # as autovacuum does
    size, start = spool.stat().st_size, _shipped(state)
    await stack.begin("agent")

    async def has_begun() -> bool:
        return _shipped(state) > start

    await until(has_begun, 120, "the first records")
    agent = stack.children["agent"].process
    assert agent is not None
    cpu, first, began = machine.cpu_seconds([agent.pid]), await _posted(ground, world), time.perf_counter()
    marks = [(began, _shipped(state))]
    while time.perf_counter() - began < seconds and _shipped(state) < size:
        await asyncio.sleep(0.1)
        if time.perf_counter() - marks[-1][0] >= SLICE_SECONDS:
            marks.append((time.perf_counter(), _shipped(state)))
    passed = time.perf_counter() - began
    records = await _posted(ground, world) - first
    cpu = machine.cpu_seconds([agent.pid]) - cpu
    a_line = size / sum(1 for _ in spool.open("rb"))
    slices = [(after - before) / a_line / (end - begin)
              for (begin, before), (end, after) in pairwise(marks)] or [records / passed]

    async def is_empty() -> bool:
        return _shipped(state) >= size

    await until(is_empty, 600, "the last record", every=0.5)
    return Sustained(records, passed, slices, cpu * 1000 / records)


async def _at_pace(ground: Ground, world: World, spool: Path, *, per_second: int, seconds: float) -> list[float]:
    """Seconds from the writing of a line to the message that shows the call on open pages. Of a batch a page hears
    once, so what shows a call shows those of its domain before it."""
    made = await _with_holds(world, int(per_second * seconds))
    written: dict[int, deque[tuple[str, float]]] = {domain_id: deque() for domain_id in world.domains}
    delays: list[float] = []
    redis = Redis.from_url(ground.servers.redis.url)
    pubsub = redis.pubsub(ignore_subscribe_messages=True)
    await pubsub.psubscribe("domain:*")

    async def listen() -> None:
        async for message in pubsub.listen():
            at, told = time.perf_counter(), json.loads(message["data"])
            waiting = written.get(int(message["channel"].rpartition(b":")[2]))
            if told["kind"] != "call" or not waiting or all(told["uniqueid"] != uniqueid for uniqueid, _ in waiting):
                continue
            shown = ""
            while shown != told["uniqueid"]:
                shown, when = waiting.popleft()
                delays.append(at - when)

    task = asyncio.create_task(listen())
    try:
        await _write_at_pace(spool, made, per_second, written)
        for _ in range(400):
            if not any(written.values()):
                break
            await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await pubsub.aclose()
        await redis.aclose()
    if any(written.values()):
        raise RuntimeError(f"{sum(map(len, written.values()))} records were never shown")
    return delays


async def _write_at_pace(spool: Path, made: Sequence[CdrRecord], per_second: int,
                         written: Mapping[int, deque[tuple[str, float]]]) -> None:
    began = time.perf_counter()
    for number, one in enumerate(made):
        ahead = began + number / per_second - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        assert one.domain_id is not None
        written[one.domain_id].append((one.uniqueid, time.perf_counter()))
        with spool.open("a") as file:  # opened for every record, as Asterisk does
            file.write(line_of(one))


async def measure(scale: float) -> Section:
    async with own_ground("records") as ground:
        await with_old_log(ground.owner, 2048)
        world = await make_world(200)
        stack = ground.stack("records", world.node)
        await stack.node.start()
        await stack.begin("agent")
        await until(lambda: all_live(ground.owner, world.node_id), 60, "the domains live")
        await stack.kill("agent")
        found = await _flat_out(ground, world, stack, SUSTAINED_SECONDS * scale)
        delays = await _at_pace(ground, world, stack.node.cdr_file, per_second=PACE, seconds=20 * scale)
        await stack.kill("agent")
        streams = await measure_intake(records=int(30_000 * scale))
        fsync = await ground.owner.fetchval(
            "SELECT 'fsync ' || current_setting('fsync') || ', synchronous_commit ' || "
            "current_setting('synchronous_commit') || ', full_page_writes ' || current_setting('full_page_writes')")
    return _section(found, delays, streams, fsync)


def _section(found: Sustained, delays: list[float], streams: IntakeFigures, fsync: str) -> Section:
    p50, p99 = percentile(delays, 0.5), percentile(delays, 0.99)
    figures = [
        Figure(f"Records in the spool of one node, taken in by its agent for {found.seconds:.0f} s",
               f"{found.per_second:.0f} records/s, slowest {SLICE_SECONDS} s {min(found.slices):.0f}",
               f"≥ {TARGET} records/s", found.per_second >= TARGET),
        Figure("Processor time of the agent for a record", f"{found.cpu_ms:.3f} ms"),
        Figure(f"{streams.streams} streams without the spool, batches of {streams.batch}",
               f"{streams.per_second:.0f} records/s"),
        Figure(f"At {PACE} records/s: line written → call shown with its cost",
               f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, max {max(delays) * 1000:.0f} ms", "p99 ≤ 2000 ms",
               p99 <= 2),
    ]
    return Section("CDR → balance", figures, [
        f"Every record is an answered outside call of one of 200 prepaid domains, with a hold: parsed, deduplicated, "
        f"rated, posted in double entry, hold released, balance changed, open pages told. {fsync}.",
        "A call counts when it is committed with its posting. The delay ends with the message on Redis that open pages "
        "hear, sent after the commit; the writer of the lines and the listener share the cores.",
        "PostgreSQL has segments of its log to write over, as a server that has run for a while.",
    ])
