"""One run: servers of its own (fsync on), processes that work, a hand that kills them, and the reckoning."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path

import asyncpg

from app.kernel import clock
from bench import machine
from tests.faults import check, plan, worker, world
from tests.faults.plan import PlannedCall
from tests.stack import OwnServers
from tests.stripe_stub import StripeStub

CALLS_PER_KILL = 40
POSTGRES_SHARE = 0.12  # of the kills
MOST_NOTICES = 150  # that wait; then the next portion waits
PATIENCE_SECONDS = 120  # without any progress


@dataclass(slots=True)
class Report:
    """`difference` in kopecks over all domains, without signs; `problems` name what does not add up."""

    seed: int
    kills: dict[str, int] = field(default_factory=dict)
    at_work: int = 0  # kills while records or notices were waiting
    calls: int = 0
    lines: int = 0  # of the spools: every call three times
    notices: int = 0
    payments: int = 0
    postings: int = 0
    difference: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Run:
    """`folder` is the run's own; `stub` plays Stripe in this process, which is never killed."""

    def __init__(self, folder: Path, servers: OwnServers, stub: StripeStub, seed: int, kills: int) -> None:
        self.folder, self.servers, self.stub = folder, servers, stub
        self.rng, self.kills = random.Random(seed), kills
        self.report = Report(seed)
        self.world: world.World
        self.calls: list[PlannedCall] = []
        self.bank: dict[str, tuple[str, Decimal]] = {}  # external id → domain, amount
        self._portions: list[list[str]] = []
        self._processes: dict[str, BaseProcess] = {}
        self._told: set[str] = set()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.faults.worker"])

    async def prepare(self) -> None:
        from app.kernel.db import DB

        await DB.open()
        owner = await asyncpg.connect(self.servers.postgres.owner_url)
        try:
            self.world = await world.make(owner, plan.rows(self.rng), self.stub)
            now = await owner.fetchval("SELECT now()")
            self.calls = plan.calls(self.rng, CALLS_PER_KILL * self.kills, now)
            self._portions = self._in_portions(await world.place_holds(owner, self.world, self.calls))
        finally:
            await owner.close()
            await DB.close()
        self._told |= set(self.stub.intents)
        for name in ("up", "notices", "spool-a", "spool-b"):
            (self.folder / name).mkdir()

    def _in_portions(self, holds: dict[str, int]) -> list[list[str]]:
        """Each call's line three times: once in its turn, the others up to four portions later, in any order."""
        portions: list[list[str]] = [[] for _ in range(self.kills + 4)]
        for number, call in enumerate(self.calls):
            line = world.spool_line(self.world, call, holds.get(call.uniqueid))
            for copy in range(plan.COPIES):
                portions[number // CALLS_PER_KILL + (self.rng.randrange(5) if copy else 0)].append(line)
        for portion in portions:
            self.rng.shuffle(portion)
        return portions

    # --- what happens ----------------------------------------------------------------------------------

    def begin(self, name: str) -> None:
        (self.folder / "up" / name).unlink(missing_ok=True)
        process = self._context.Process(target=worker.main, args=(
            name, self.folder, self.rng.randrange(2**32), {"node": self.world.node_id, **self.world.domains}))
        process.start()
        self._processes[name] = process

    def kill_all(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.join()

    def feed(self) -> None:
        """The next portion: records into either spool, notices of banks and of Stripe."""
        for line in self._portions.pop(0):
            with (self.folder / f"spool-{self.rng.choice('ab')}.csv").open("a") as file:
                file.write(line)
            self.report.lines += 1
        external_id = f"bank {self.report.seed} {len(self.bank)}"
        name, amount = self.rng.choice(plan.DOMAINS), Decimal(self.rng.randrange(1, 90_000)) / 100
        self.bank[external_id] = name, amount
        self._notify({"from": "bank", "domain_id": self.world.domains[name], "external_id": external_id,
                      "amount": str(amount)})
        self._refund()
        self._tell_of_stripe()

    def _refund(self) -> None:
        charges = [one for one in list(self.stub.charges.values())
                   if one["amount_refunded"] < one["amount"] and one["payment_intent"] in self._told]
        if not charges or self.rng.random() > 0.3:
            return
        charge = self.rng.choice(charges)
        amount = self.rng.randint(1, charge["amount"] - charge["amount_refunded"])
        refund = self.stub.refund(charge["payment_intent"], amount)
        self._stripe("refund.created", refund)
        self._stripe("charge.refunded", charge)

    def _tell_of_stripe(self) -> None:
        """Of every payment that succeeded since: as a session where there is one, and as an intent."""
        for session in list(self.stub.sessions.values()):
            if session["payment_status"] == "paid" and session["payment_intent"] not in self._told:
                self._stripe("checkout.session.completed", session)
        for intent in list(self.stub.intents.values()):
            if intent["status"] == "succeeded" and intent["id"] not in self._told:
                self._told.add(intent["id"])
                self._stripe("payment_intent.succeeded", intent)

    def _stripe(self, kind: str, thing: dict) -> None:
        self._notify({"from": "stripe", "body": self.stub.event(kind, thing).decode()})

    def _notify(self, told: dict[str, object]) -> None:
        """Three times; the reader takes them in no order."""
        for _copy in range(plan.COPIES):
            self.report.notices += 1
            path = self.folder / "notices" / f"{self.report.notices}"
            path.write_text(json.dumps(told))
            path.rename(path.with_suffix(".json"))

    # --- death -----------------------------------------------------------------------------------------

    def kill_one(self, number: int) -> None:
        """One process, or the whole of PostgreSQL, wherever it is just now."""
        wants_postgres = self.rng.random() < POSTGRES_SHARE or number == self.kills // 2
        victim = "postgres" if wants_postgres else self.rng.choice(worker.KINDS)
        if victim != "postgres":
            self._wait(lambda: (self.folder / "up" / victim).exists(), 60, f"{victim} is up")
        time.sleep(self.rng.uniform(0, 0.25))
        self.report.at_work += bool(self._backlog())
        if victim == "postgres":
            self._kill_postgres()
        else:
            self._processes[victim].kill()
            self._processes[victim].join()
            self.begin(victim)
        self.report.kills[victim] = self.report.kills.get(victim, 0) + 1

    def catch_up(self) -> None:
        """In a long run more must not come than is taken."""
        self._wait(lambda: world.files_left(self.folder / "notices") < MOST_NOTICES, 300, "notices are taken")

    def _kill_postgres(self) -> None:
        pid = self.servers.postgres.pid()
        assert pid is not None
        family = machine.family(pid)
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._wait(lambda: not any(_lives(one) for one in family), 30, "PostgreSQL is dead")
        # where nobody collects the dead, pg_ctl would take the process of this file for a living one
        (self.servers.postgres.folder / "postmaster.pid").unlink(missing_ok=True)
        self.servers.postgres.start()

    def _backlog(self) -> int:
        """Bytes in the spools and files of notices that nobody has taken yet."""
        return sum(self._behind(name) for name in ("spool-a", "spool-b")) + world.files_left(self.folder / "notices")

    def _behind(self, name: str) -> int:
        path = self.folder / f"{name}.csv"
        size = path.stat().st_size if path.exists() else 0
        try:
            return size - json.loads((self.folder / name / f"{name}.offset.json").read_text())["offset"]
        except (OSError, ValueError):
            return size

    def _unfinished(self) -> dict[str, object]:
        """What waits, and the last error of each process."""
        return {"bytes": [self._behind(name) for name in ("spool-a", "spool-b")],
                "notices": world.files_left(self.folder / "notices"),
                **{path.name: path.read_text() for path in (self.folder / "up").glob("*.error")}}

    def _wait(self, is_so, seconds: float, what: str) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > until:
                raise RuntimeError(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.01)

    # --- the end ---------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Nobody begins anything new; everything is delivered and every job done, then nobody works any more."""
        while self._portions:
            self.feed()
        self._processes["payer"].kill()
        self._processes["payer"].join()
        owner = await asyncpg.connect(self.servers.postgres.owner_url)
        try:
            until, quiet, least = time.monotonic() + PATIENCE_SECONDS, 0, self._backlog()
            while quiet < 5:  # what one does may give another something to do
                if self._backlog() < least:
                    until, least = time.monotonic() + PATIENCE_SECONDS, self._backlog()
                if time.monotonic() > until:
                    raise RuntimeError(f"not quiet: {self._unfinished()}")
                self._tell_of_stripe()
                today = world.day_of(clock.now(), self.world.zone)
                quiet = quiet + 1 if not self._backlog() and await world.is_quiet(owner, today) else 0
                await asyncio.sleep(0.1)
        finally:
            await owner.close()
        self.kill_all()

    async def reckon(self) -> None:
        self.report.calls = len(self.calls)
        await check.books(self)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def run(kills: int, seed: int, folder: Path) -> Report:
    """Servers are made in `folder` and removed with it."""
    from app.settings import settings
    from tests import stripe_stub

    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    with stripe_stub.running() as stub:
        servers = OwnServers(folder / "servers")
        os.environ |= {"SWITCHROOM_STATE": str(folder / "servers"), "SWITCHROOM_ENV": "test", "LOG_FORMAT": "json",
                       "DATABASE_POOL": "4", "STRIPE_SECRET_KEY": stripe_stub.KEY, "STRIPE_API_BASE": stub.url,
                       "STRIPE_WEBHOOK_SECRET": stripe_stub.WEBHOOK_SECRET}
        os.environ.pop("DATABASE_URL", None)
        one = Run(folder, servers, stub, seed, kills)
        asyncio.run(servers.start())
        try:
            os.environ |= servers.environment | {"REDIS_URL": ""}
            settings.cache_clear()
            _work(one)
        finally:
            one.kill_all()
            asyncio.run(servers.stop())
            shutil.rmtree(folder, ignore_errors=True)
    one.report.seconds = round(time.monotonic() - began, 1)
    return one.report


def _work(one: Run) -> None:
    asyncio.run(one.prepare())
    for name in worker.KINDS:
        one.begin(name)
    for number in range(one.kills):
        one.feed()
        one.kill_one(number)
        one.catch_up()
        if number % 100 == 99:
            print(f"{number + 1} kills", flush=True)
    asyncio.run(one.settle())
    asyncio.run(one.reckon())
