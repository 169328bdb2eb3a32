"""Phones of a large node register: SIPp with digest authentication, users picked at random."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import random
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runner.embedded import free_port
from bench import machine
from bench.ground import Ground, own_ground, until
from bench.report import Figure, Section, percentile
from bench.seed import PASSWORD, a_node, a_tariff, as_applied, domains_with_users

RATE, SECONDS = 300, 60
DOMAINS, USERS = 2000, 50
BOOT_SECONDS = 180.0
SCENARIO = Path(__file__).with_name("register.xml")


@dataclass(frozen=True, slots=True)
class Run:
    """What SIPp counted; times are milliseconds from the first REGISTER to the 200."""

    wanted: int
    succeeded: int
    failed: int
    retransmissions: int
    seconds: float
    times: list[float]
    asterisk_cpu: float  # seconds of processor time
    agent_cpu: float

    @property
    def per_second(self) -> float:
        return self.succeeded / self.seconds


async def _sipp(folder: Path, sip: tuple[str, int], count: int, rate: int) -> tuple[dict[str, str], list[float]]:
    folder.mkdir(exist_ok=True)
    await asyncio.to_thread(_write_users, folder / "users.csv", count)
    command = ["sipp", f"{sip[0]}:{sip[1]}", "-sf", str(SCENARIO), "-inf", "users.csv", "-i", "127.0.0.1",
               "-p", str(free_port(27_000)), "-r", str(rate), "-m", str(count), "-l", "20000", "-nostdin", "-nd",
               "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_rtt", "-rtt_freq", "100",
               "-trace_err", "-error_file", "errors.log"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "TERM": "dumb"})
    try:
        await asyncio.wait_for(process.wait(), count / rate * 2 + 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    with (folder / "stat.csv").open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    times = [float(line.split(";")[1]) for path in folder.glob("*_rtt.csv")
             for line in path.read_text().splitlines()[1:]]
    return last, times


def _write_users(path: Path, count: int) -> None:
    """`count` different users; the whole authentication is a field because SIPp wants it so."""
    chosen = random.sample(range(DOMAINS * USERS), min(count, DOMAINS * USERS))
    lines = ["SEQUENTIAL"]
    for one in chosen:
        login, domain = f"user{one % USERS + 1}", f"reg{one // USERS + 1}.bench.example"
        lines.append(f"{login};{domain};[authentication username={login} password={PASSWORD}]")
    path.write_text("\n".join(lines) + "\n")


def _seconds(text: str) -> float:
    hours, minutes, seconds = re.split(":", text)[:3]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


async def _run(ground: Ground, stack: Any, count: int, rate: int) -> Run:
    asterisk = [stack.node.pid]
    agent = [stack.children["agent"].process.pid]
    before, agent_before = machine.cpu_seconds(asterisk), machine.cpu_seconds(agent)
    began = time.perf_counter()
    folder = ground.folder / f"sipp-{count}"
    stat, times = await _sipp(folder, stack.sip, count, rate)
    seconds = time.perf_counter() - began
    run = Run(count, int(stat["SuccessfulCall(C)"]), int(stat["FailedCall(C)"]), int(stat["Retransmissions(C)"]),
              seconds, times, machine.cpu_seconds(asterisk) - before, machine.cpu_seconds(agent) - agent_before)
    shutil.rmtree(folder, ignore_errors=True)
    return run


async def _boot(node: Any) -> float:
    """Seconds until fully booted; `AsteriskNode.start` gives up when one question about it waits for 10 s."""
    began = time.perf_counter()
    try:
        await node.start(timeout=BOOT_SECONDS)
    except TimeoutError:
        answer = ""
        while "fully booted" not in answer:
            if time.perf_counter() - began > BOOT_SECONDS:
                raise RuntimeError(f"Asterisk is not up: {answer[-300:]}") from None
            await asyncio.sleep(0.2)
            with contextlib.suppress(TimeoutError):
                answer = await node.rx("core waitfullybooted", timeout=BOOT_SECONDS)
    return time.perf_counter() - began


async def _quiet(stack: Any) -> None:
    """Until the agent has nothing more to do."""
    pid = stack.children["agent"].process.pid
    calm = 0
    while calm < 3:
        before = machine.cpu_seconds([pid])
        await asyncio.sleep(1)
        calm = calm + 1 if machine.cpu_seconds([pid]) - before < 0.15 else 0


async def measure(scale: float) -> Section:
    async with own_ground("registrations") as ground:
        global DOMAINS
        DOMAINS = max(10, int(DOMAINS * scale))
        node_id, tariff = await a_node(ground.owner, "reg1"), await a_tariff(ground.owner)
        stack = ground.stack("reg", "reg1")
        empty = await stack.node.start()
        ids = await domains_with_users(ground.owner, node_id, tariff, domains=DOMAINS, users=USERS, prefix="reg",
                                       tell=False)
        await as_applied(ground.owner, ids, stack.node.etc / "extensions.d")
        await ground.owner.execute("ANALYZE")
        await stack.node.stop()
        full = await _boot(stack.node)
        await stack.begin("agent")
        await until(lambda: ground.owner.fetchval("SELECT state = 'up' FROM pbx_node WHERE id = $1", node_id), 60,
                    "the agent")
        began = time.perf_counter()
        await _quiet(stack)
        settled = max(0.0, time.perf_counter() - began - 3)
        count = int(RATE * SECONDS * max(scale, 0.1))
        await _run(ground, stack, count=min(600, count), rate=100)  # connections to the database
        run = await _run(ground, stack, count, RATE)
        memory = machine.memory([stack.node.pid])
    return _section(run, empty, full, settled, memory)


def _section(run: Run, empty: float, full: float, settled: float,
             memory: machine.Memory) -> Section:
    users = DOMAINS * USERS
    is_met = run.failed == 0 and run.succeeded == run.wanted and run.per_second >= RATE * 0.97
    p50, p95, p99 = (percentile(run.times, part) for part in (0.5, 0.95, 0.99))
    figures = [
        Figure(f"Registrations with digest authentication, {users:,} users of {DOMAINS:,} domains",
               f"{run.per_second:.0f}/s over {run.seconds:.0f} s", f"{RATE}/s, none failed", is_met),
        Figure("Succeeded, failed, messages repeated",
               f"{run.succeeded:,}, {run.failed}, {run.retransmissions}"),
        Figure("First REGISTER → 200 (two round trips)",
               f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, max {max(run.times):.0f} ms"),
        Figure("Processor time of Asterisk", f"{run.asterisk_cpu / run.succeeded * 1000:.2f} ms a registration, "
               f"{run.asterisk_cpu / run.seconds:.2f} cores"),
        Figure("Processor time of the agent (presence)", f"{run.agent_cpu / run.succeeded * 1000:.2f} ms a "
               f"registration, {run.agent_cpu / run.seconds:.2f} cores"),
        Figure("Memory of Asterisk", f"{memory.rss:.0f} MB RSS"),
        Figure(f"Start of Asterisk until fully booted, {users:,} endpoints", f"{full:.1f} s (empty: {empty:.1f} s)"),
        Figure("After that start, until a fresh agent has met it and checked everything", f"{settled:.0f} s"),
    ]
    return Section("Registrations", figures, [
        "Users are picked at random, each registers once; their endpoint, auth and aor are rows that Asterisk reads "
        "over ODBC at the first use. Rows, recorded objects and dialplan files are rendered by the agent's functions "
        "and written at once; the agent runs and keeps presence. SIPp runs on the same cores.",
        "The rate counts the time until SIPp's last call has ended.",
    ])
