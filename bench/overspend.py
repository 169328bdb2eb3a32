"""Parallel calls, top-ups and restarts on one small balance after another: nobody may talk on money that is not there.

The services are the product's: authorise, answer, extend, take the record in; each step may be cut off anywhere and is
then repeated, as the node repeats it. The server's connections are broken now and then, too.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from bench.ground import Ground, own_ground
from bench.report import Figure, Section
from bench.seed import BENCH
from billing.accounts import service as accounts
from billing.books.checks import check_books
from billing.holds import service as holds
from pbx_provisioning.authorise.question import Allow
from pbx_provisioning.intake.service import take_in
from tests.db import billing_factories as factories
from tests.faults import plan

SCENARIOS, AT_ONCE, TARIFFS, SEED = 1_000, 6, 12, 20_261_121
CUT_OFF = 0.04  # of the steps
DIALLED = ("84951", "88121", "89161", "8101212")
_LOST = (asyncio.CancelledError, OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
         asyncpg.AdminShutdownError, asyncpg.QueryCanceledError, asyncpg.InternalClientError)


@dataclass(slots=True)
class Found:
    """`overspent`: below the floor, at any moment, over all domains; `least` room that was ever left."""

    calls: int = 0
    refused: int = 0
    topups: int = 0
    restarts: int = 0
    exhausted: int = 0  # scenarios in which somebody was refused or cut for want of money
    overspent: Decimal = Decimal(0)
    problems: list[str] = field(default_factory=list)


class Scenario:
    """One domain with a little money and several people who call at once."""

    def __init__(self, company, floor: Decimal, rng: random.Random, found: Found) -> None:
        self.company, self.floor, self.rng, self.found = company, floor, rng, found
        self.is_short = False

    async def run(self) -> None:
        people = [self._person() for _ in range(self.rng.randint(2, 10))]
        await asyncio.gather(*people, *(self._top_up(number) for number in range(self.rng.randrange(3))))
        self.found.exhausted += self.is_short
        row = await self._step(self.company.account)
        if row["held"]:
            self.found.problems.append(f"domain {self.company.id}: {row['held']} held by nobody")

    async def _step(self, do: Callable[[], Awaitable[Any]]) -> Any:
        """Until it is done, cut off at some point now and then; afterwards the account is looked at."""
        while True:
            task = asyncio.ensure_future(do())
            if self.rng.random() < CUT_OFF:
                await asyncio.sleep(self.rng.uniform(0, 0.01))
                task.cancel()
            try:
                answer = await task
                break
            except _LOST:
                self.found.restarts += 1
                await asyncio.sleep(0.01)
        await self._look()
        return answer

    async def _look(self) -> None:
        with suppress(*_LOST):
            row = await self.company.account()
            self.found.overspent += max(self.floor - (row["balance"] - row["held"]), Decimal(0))

    async def _person(self) -> None:
        for _attempt in range(self.rng.randint(1, 3)):
            await asyncio.sleep(self.rng.uniform(0, 0.05))
            await self._call(self.rng.choice(DIALLED) + f"{self.rng.randrange(10**6):06}")

    async def _call(self, digits: str) -> None:
        uniqueid = factories.channel()
        answer = await self._step(lambda: self.company.authorise(digits, uniqueid=uniqueid))
        if not isinstance(answer, Allow):
            self.found.refused += 1
            self.is_short |= answer.reason == "funds"
            return
        begun, allowed, talked = clock.now(), answer.max_seconds, 0
        for _more in range(self.rng.randrange(4)):
            talked = self.rng.randint(talked, allowed)
            allowed = await self._step(lambda seconds=talked: self._extended(answer.hold_id, begun, seconds))
        talked = self.rng.choice((allowed, self.rng.randint(talked, allowed)))
        self.is_short |= talked == allowed
        record = replace(
            factories.a_record(self.company, talked=talked, uniqueid=uniqueid, hold=answer.hold_id,
                               ended=begun + timedelta(seconds=talked)), b_number=answer.b_number)
        for _copy in range(self.rng.randint(1, 3)):
            await self._step(lambda: take_in(self.company.node_id, [record]))
        self.found.calls += 1

    async def _extended(self, hold_id: int, begun: datetime, talked: int) -> int:
        async with domain_transaction(self.company.actor) as tx:
            await holds.mark_answered(tx, hold_id, channel="PJSIP/t1-2", at=begun)
            return (await holds.extend(tx, hold_id, talked_seconds=talked)).seconds

    async def _top_up(self, number: int) -> None:
        await asyncio.sleep(self.rng.uniform(0, 0.2))
        external_id, amount = f"over {self.company.id} {number}", Money(Decimal(self.rng.randrange(1, 3_000)) / 100)

        async def pay() -> None:
            async with platform_transaction(BENCH) as tx:
                await accounts.record_payment(await tx.enter_domain(self.company.id), external_id=external_id,
                                              amount=amount, source="Bank", description="top-up")

        for _copy in range(self.rng.randint(1, 3)):
            await self._step(pay)
        self.found.topups += 1


async def _a_scenario(ground: Ground, tariffs: Sequence[int], rng: random.Random, found: Found) -> Scenario:
    """Prepaid, or on credit with a limit; some with a few minutes of a package."""
    company = await factories.a_company(f"{rng.randrange(1, 6_000) / 100}", tariff_id=rng.choice(tariffs))
    floor = Decimal(0)
    if rng.random() < 0.3:
        floor = Decimal(-rng.randint(1, 30))
        await ground.owner.execute("UPDATE account SET scheme = 'credit', credit_limit = $2 WHERE domain_id = $1",
                                   company.id, -floor)
    if rng.random() < 0.3:
        await ground.owner.execute(
            "UPDATE account SET package_seconds_left = $2, package_from = now() - interval '1 day', "
            "package_until = now() + interval '1 day' WHERE domain_id = $1", company.id, rng.randrange(600))
    return Scenario(company, floor, rng, found)


async def _break_connections(url: str) -> None:
    """One of the application's, twice a second."""
    owner = await asyncpg.connect(url)
    try:
        while True:
            await asyncio.sleep(0.5)
            await owner.execute("SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE usename "
                                "= 'switchroom_app' ORDER BY random() LIMIT 1) one")
    finally:
        await owner.close()


async def measure(scale: float) -> Section:
    count, rng, found = int(SCENARIOS * scale), random.Random(SEED), Found()
    async with own_ground("overspend") as ground:
        tariffs = [await factories.a_tariff(*map(plan.columns, plan.rows(rng))) for _ in range(TARIFFS)]
        scenarios = [await _a_scenario(ground, tariffs, random.Random(rng.randrange(2**32)), found)
                     for _ in range(count)]
        turn, began = asyncio.Semaphore(AT_ONCE), time.perf_counter()

        async def one(scenario: Scenario) -> None:
            async with turn:
                await scenario.run()

        breaker = asyncio.create_task(_break_connections(ground.servers.postgres.owner_url))
        await asyncio.gather(*map(one, scenarios))
        breaker.cancel()
        seconds = time.perf_counter() - began
        async with platform_transaction(BENCH) as tx:
            found.problems += [str(one) for one in await check_books(tx)]
    if found.problems:
        raise RuntimeError(f"{len(found.problems)} problems: {found.problems[:5]}")
    return Section("Parallel calls on little money", [
        Figure(f"Overspent in {count:,} scenarios ({found.calls:,} calls, {found.refused:,} refused, "
               f"{found.topups:,} top-ups, {found.restarts:,} steps cut off)", str(found.overspent), "0",
               found.overspent == 0),
        Figure("Scenarios in which the money ran out", str(found.exhausted)),
        Figure("Time", f"{seconds:.0f} s")], [
        "A scenario is a domain with up to 60.00, 2 to 10 people who call at once, up to two top-ups; prepaid or on "
        "credit, some with a minute package, on one of 12 random tariffs with bands, steps and free seconds. Calls are "
        "authorised, extended and taken in by the product's services in parallel transactions, each repeated up to "
        "three times and cut off at random; connections are broken twice a second.",
        f"Balance − holds is compared with the floor after every step. Seed {SEED}."])
