"""Random lives of a prepaid domain through the real services: nobody spends what is not there."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from billing.books.checks import check_books
from billing.holds import service as holds
from billing.subscriptions import run
from pbx_provisioning.authorise.question import Allow
from pbx_provisioning.intake.service import take_in
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MONTH_END = datetime(2031, 4, 30, 23, 40, tzinfo=ZoneInfo("Europe/Moscow"))


@dataclass
class Talk:
    uniqueid: str
    hold_id: int
    seconds: int  # allowed
    begun: datetime


@dataclass
class Life:
    """Twenty minutes before the end of a month, and what follows."""

    chance: random.Random
    company: world.Company
    now: datetime = MONTH_END
    talks: list[Talk] = field(default_factory=list)

    async def authorise(self) -> None:
        """Several at the same moment."""
        asked = [world.channel() for _ in range(self.chance.randrange(1, 5))]
        with clock.at(self.now):
            answers = await asyncio.gather(*(self.company.authorise(uniqueid=one) for one in asked))
        self.talks += [Talk(uniqueid, answer.hold_id, answer.max_seconds, self.now)
                       for uniqueid, answer in zip(asked, answers, strict=True) if isinstance(answer, Allow)]

    async def extend(self) -> None:
        """Everybody who still talks asks for more."""
        for talk in self.talks:
            talked = int((self.now - talk.begun).total_seconds())
            if talked < talk.seconds:
                with clock.at(self.now):
                    async with domain_transaction(self.company.actor) as tx:
                        talk.seconds = int(await holds.extend(tx, talk.hold_id, talked_seconds=talked))

    async def end(self) -> None:
        """Some calls end; their records come together, twice, in any order."""
        self.chance.shuffle(self.talks)
        count = self.chance.randrange(len(self.talks) + 1)
        ended, self.talks = self.talks[:count], self.talks[count:]
        records = [world.a_record(self.company, talked=max(self._talked(talk), 1), uniqueid=talk.uniqueid,
                                  hold=talk.hold_id, ended=talk.begun + timedelta(seconds=max(self._talked(talk), 1)))
                   for talk in ended]
        with clock.at(self.now):
            await asyncio.gather(take_in(self.company.node_id, records), take_in(self.company.node_id, records[::-1]))

    def _talked(self, talk: Talk) -> int:
        return min(int((self.now - talk.begun).total_seconds()), talk.seconds)

    async def restart(self) -> None:
        """The exchange went down: what was answered is charged until it was last seen."""
        ended, self.talks = self.talks, []
        for talk in ended:
            with clock.at(self.now):
                async with domain_transaction(self.company.actor) as tx:
                    await holds.mark_answered(tx, talk.hold_id, channel="x", at=talk.begun)
                    await tx.execute("UPDATE hold SET seen_at = $2 WHERE id = $1", talk.hold_id, self.now)
                async with domain_transaction(self.company.actor) as tx:
                    await holds.close_orphan(tx, talk.hold_id)

    async def top_up(self) -> None:
        with clock.at(self.now):
            await world.pay(self.company.actor, f"{self.chance.randrange(1, 1_500) / 100:.2f}")

    async def buy(self) -> None:
        amount = Money.parse(f"{self.chance.randrange(1, 900) / 100:.2f}")
        with clock.at(self.now):
            try:
                async with domain_transaction(self.company.actor) as tx:
                    await accounts.ensure_funds(tx, amount)
                    await accounts.post(tx, Posting(world.channel(), Operation.ONE_OFF, "thing", 1, -amount, tx.now))
            except Refused:
                return

    async def fees(self) -> None:
        with clock.at(self.now):
            await run.run_until_today()

    async def later(self) -> None:
        self.now += timedelta(seconds=self.chance.randrange(1, 400))

    async def check(self) -> None:
        row = await self.company.fetchrow(
            "SELECT a.balance, a.held, a.mgp_left, a.mgp_before, (SELECT coalesce(sum(h.amount), 0) FROM hold h "
            "WHERE h.domain_id = a.domain_id AND h.released_at IS NULL) AS holds FROM account a WHERE domain_id = $1",
            self.company.id)
        assert row
        assert row["balance"] >= 0
        assert row["held"] == row["holds"] <= row["balance"] + row["mgp_left"] + row["mgp_before"]


@pytest.mark.req("FIN-D4", "FIN-60")
@pytest.mark.parametrize("seed", range(12))
async def test_no_life_ends_below_the_floor(seed: int) -> None:
    chance = random.Random(seed)
    rate = {"prefix": "7", "price": "1.50", "package_applies": True, "first_increment": chance.choice((1, 30, 60)),
            "next_increment": chance.choice((1, 6, 60)), "connection_fee": chance.choice(("0", "0.35"))}
    tariff = await a_tariff(rate, mgp=chance.choice((0, 3, 12)), included_minutes=chance.choice((0, 4)),
                            user_monthly=chance.choice((0, 90)))
    with clock.at(MONTH_END):
        company = await world.a_company("20", tariff_id=tariff)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
        await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = $1", company.id, MONTH_END.date())
    life = Life(chance, company)
    steps = (life.authorise, life.authorise, life.extend, life.extend, life.end, life.end, life.restart, life.top_up,
             life.buy, life.fees, life.later, life.later, life.later)
    for _step in range(60):
        await chance.choice(steps)()
        await life.check()
    await life.restart()
    await life.check()
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == company.id] == []
    paid = await company.fetchrow(
        "SELECT coalesce(sum(c.cost), 0) AS cost, coalesce(sum((c.charge ->> 'mgp')::bigint), 0) AS mgp, "
        "(SELECT coalesce(-sum(e.amount), 0) FROM posting p JOIN entry e ON e.posting_id = p.id "
        "AND e.account = 'domain' WHERE p.domain_id = $1 AND p.kind = 'call') AS posted "
        "FROM call c WHERE c.domain_id = $1", company.id)
    assert paid
    assert paid["cost"] == paid["posted"] + Decimal(paid["mgp"]) / 1_000_000
