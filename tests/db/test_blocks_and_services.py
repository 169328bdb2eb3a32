"""Any order of connecting, disconnecting, blocks, payments and nights against a plain count: what exists on a day of
service is paid for it once, and nothing is paid for blocked days [FIN-D1…D3, SVC-31, SVC-34]."""

from __future__ import annotations

import random
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.books.checks import check_books
from billing.services import channels, service
from billing.subscriptions import run
from tests.db import billing_factories as world
from tests.db.billing_factories import blocks
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service, balance, ledger, settled_through

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

START = datetime(2032, 1, 27, 8, 0, tzinfo=ZoneInfo("Europe/Moscow"))  # the days go on into February
API, MONTHLY = "integration_api", "reminders"
MONEY = Decimal(120)
# service → price a month, of a connection, included, whether charged by the month
PRICES = {API: (Decimal(310), Decimal(1), 0, False), MONTHLY: (Decimal(155), Decimal(2), 0, True),
          channels.INCOMING: (Decimal(62), Decimal(0), 1, False)}


@dataclass
class Plain:
    """Instances that cost, and how many of them nobody has paid for because a block came first."""

    now: datetime = START
    there: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRICES, 0))
    owed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PRICES, 0))
    money: Decimal = MONEY
    paid: list[tuple[str, str, int, Decimal]] = field(default_factory=list)
    is_blocked: bool = False

    def unit(self, code: str) -> Decimal:
        """Today's, or that of the rest of the month."""
        price, _connection, _included, is_monthly = PRICES[code]
        days = monthrange(self.now.year, self.now.month)[1]
        share = price * (days - self.now.day + 1) / days if is_monthly else price / days
        return share.quantize(Decimal("0.01"), ROUND_HALF_UP)

    def may_grow(self, code: str, added: int) -> bool:
        return not self.is_blocked and self.money >= added * (PRICES[code][1] + self.unit(code))

    def grow(self, code: str, added: int) -> None:
        self.there[code] += added
        self._pay("connection", code, added, PRICES[code][1])
        self._pay("subscription_fee", code, added, self.unit(code))

    def shrink(self, code: str, removed: int) -> None:
        self.there[code] -= removed
        self.owed[code] = min(self.owed[code], self.there[code])
        self._pay("disconnection", code, -removed, Decimal(0))

    def credit(self, amount: Decimal) -> None:
        self.money += amount
        due = sum((number * self.unit(code) for code, number in self.owed.items()), Decimal(0))
        if self.is_blocked and self.money >= due:
            self.is_blocked = False
            self._settle()

    def midnight(self) -> None:
        self.now = (self.now + timedelta(days=1)).replace(hour=0, minute=1)
        for code, number in self.there.items():
            if not PRICES[code][3] or self.now.day == 1:
                self.owed[code] = number
        if self.is_blocked:
            return
        if sum((number * self.unit(code) for code, number in self.owed.items()), Decimal(0)) > self.money:
            self.is_blocked = True
        else:
            self._settle()

    def _settle(self) -> None:
        for code, number in self.owed.items():
            if number:
                self._pay("subscription_fee", code, number, self.unit(code))
            self.owed[code] = 0

    def _pay(self, kind: str, code: str, quantity: int, unit: Decimal) -> None:
        amount = -quantity * unit if kind != "disconnection" else Decimal(0)
        self.money += amount
        self.paid.append((kind, code, quantity, amount))


@dataclass
class Both:
    """Every step is done to the company and to the plain count."""

    actor: Actor
    chance: random.Random
    plain: Plain = field(default_factory=Plain)

    async def step(self) -> None:
        self.plain.now += timedelta(minutes=5)
        match self.chance.choice(("switch", "switch", "switch", "channels", "channels", "pay", "debit", "night", "night")):
            case "switch":
                await self._switch(self.chance.choice((API, MONTHLY)))
            case "channels":
                await self._channels(self.chance.randint(1, 4))
            case "pay":
                amount = Decimal(self.chance.randint(1, 120))
                with clock.at(self.plain.now):
                    await world.pay(self.actor, str(amount))
                self.plain.credit(amount)
            case "debit":
                await self._debit(Decimal(self.chance.randint(1, 100)))
            case _:
                self.plain.midnight()
                with clock.at(self.plain.now):
                    await run.run_until_today()

    async def _switch(self, code: str) -> None:
        async def connect(tx) -> None:
            await service.connect(tx, code)

        if self.plain.there[code]:
            with clock.at(self.plain.now):
                async with domain_transaction(self.actor) as tx:
                    assert await service.disconnect(tx, code)
            self.plain.shrink(code, 1)
        else:
            await self._grown(code, 1, connect)

    async def _channels(self, number: int) -> None:
        async def change(tx) -> None:
            await channels.change(tx, channels.INCOMING, number)

        added = number - 1 - self.plain.there[channels.INCOMING]
        if added > 0:
            await self._grown(channels.INCOMING, added, change)
        elif added < 0:
            with clock.at(self.plain.now):
                async with domain_transaction(self.actor) as tx:
                    await change(tx)
            self.plain.shrink(channels.INCOMING, -added)

    async def _grown(self, code: str, added: int, action) -> None:
        """Refused exactly when the plain count is blocked or has not enough money."""
        may = self.plain.may_grow(code, added)
        with clock.at(self.plain.now):
            try:
                async with domain_transaction(self.actor) as tx:
                    await action(tx)
            except Refused:
                assert not may
                return
        assert may
        self.plain.grow(code, added)

    async def _debit(self, amount: Decimal) -> None:
        with clock.at(self.plain.now):
            async with platform_transaction(STAFF) as tx:
                await accounts.correct(await tx.enter_domain(self.actor.domain_id), key=world.channel(),
                                       amount=Money(-amount), reason="test")
        self.plain.money -= amount
        self.plain.is_blocked = self.plain.is_blocked or self.plain.money < 0


@pytest.mark.req("FIN-D1", "FIN-D2", "FIN-D3", "SVC-31", "SVC-34")
@pytest.mark.parametrize("seed", range(10))
async def test_what_is_there_is_paid_once(seed: int) -> None:
    levels = {channels.INCOMING: "special"}
    with clock.at(START):
        actor = await a_company(*(a_service(
            code, levels.get(code, "domain"), price, connection, included=included,
            cycle="monthly" if is_monthly else "daily")
            for code, (price, connection, included, is_monthly) in PRICES.items()), money=str(MONEY))
    await settled_through([actor], START)
    both = Both(actor, random.Random(seed))
    for number in range(60):
        await both.step()
        found = (await balance(actor), bool(await blocks(actor)))
        assert found == (both.plain.money, both.plain.is_blocked), number
    assert sorted(row for row in await ledger(actor) if row[0] != "correction") == sorted(both.plain.paid)
    async with platform_transaction(STAFF) as tx:
        assert not [one for one in await check_books(tx) if one.domain_id == actor.domain_id]
