"""Any sequence of connecting, disconnecting, adding and removing against a plain count of what is owed."""

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
from billing.books.checks import check_books
from billing.services import channels, service
from billing.subscriptions import run
from tenants.users import operators
from tests.db import billing_factories as world
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service, balance, ledger, settled_through

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

START = datetime(2032, 1, 29, 8, 0, tzinfo=ZoneInfo("Europe/Moscow"))  # the days go on into February
# service → monthly, connection, included
PRICES = {"integration_api": (Decimal("416.67"), Decimal("5"), 0), "contact_center": (Decimal("70"), Decimal("1.5"), 0),
          channels.INCOMING: (Decimal("33.33"), Decimal("2"), 2), "reminders": (Decimal(0), Decimal(0), 0)}
MONEY = Decimal(150)


@dataclass
class Plain:
    """What the company has and owes, by the words of the manual."""

    counts: dict[str, int] = field(default_factory=lambda: {channels.INCOMING: 2})
    paid: list[tuple[str, str, int, Decimal]] = field(default_factory=list)

    @property
    def money(self) -> Decimal:
        return MONEY + sum((row[3] for row in self.paid), Decimal(0))

    def chargeable(self, code: str) -> int:
        return max(self.counts.get(code, 0) - PRICES[code][2], 0)

    def day_fee(self, code: str, now: datetime) -> Decimal:
        return (PRICES[code][0] / monthrange(now.year, now.month)[1]).quantize(Decimal("0.01"), ROUND_HALF_UP)

    def grow(self, code: str, to: int, now: datetime) -> bool:
        """False: the money does not do and nothing happens."""
        before = self.chargeable(code)
        added = max(to - PRICES[code][2], 0) - before
        cost = added * (PRICES[code][1] + self.day_fee(code, now))
        if cost > self.money:
            return False
        self.counts[code] = to
        if added:
            self.paid += [("connection", code, added, -added * PRICES[code][1]),
                          ("subscription_fee", code, added, -added * self.day_fee(code, now))]
        return True

    def shrink(self, code: str, to: int, *, at_least: int = 0) -> None:
        before = self.chargeable(code)
        self.counts[code] = to
        if gone := max(before - self.chargeable(code), at_least):
            self.paid.append(("disconnection", code, -gone, Decimal(0)))

    def new_day(self, now: datetime) -> bool:
        """Today's fees, or False when they cannot be paid."""
        rows = [("subscription_fee", code, self.chargeable(code), -self.chargeable(code) * self.day_fee(code, now))
                for code in PRICES]
        rows = [row for row in rows if row[3]]
        if -sum((row[3] for row in rows), Decimal(0)) > self.money:
            return False
        self.paid += rows
        return True


@dataclass
class Steps:
    """One random company; every step is done to both sides."""

    actor: Actor
    people: list[int]
    chance: random.Random
    plain: Plain = field(default_factory=Plain)

    async def step(self, now: datetime) -> None:
        kind = self.chance.choice(("switch", "switch", "again", "operator", "operator", "channels", "channels"))
        async with domain_transaction(self.actor) as tx:
            if kind in ("switch", "again"):
                await self._switch(tx, self.chance.choice(("integration_api", "reminders")), now, repeat=kind == "again")
            elif kind == "operator":
                await self._operator(tx, now)
            else:
                await self._channels(tx, self.chance.randint(1, 7), now)

    async def _switch(self, tx, code: str, now: datetime, *, repeat: bool) -> None:
        is_on = self.plain.counts.get(code, 0)
        if is_on and not repeat:
            assert await service.disconnect(tx, code)
            self.plain.shrink(code, 0, at_least=1)
        elif is_on:
            assert not await service.connect(tx, code)
        else:
            await self._tried(service.connect(tx, code), self.plain.grow(code, 1, now))

    async def _operator(self, tx, now: datetime) -> None:
        user, count = self.chance.choice(self.people), self.plain.counts.get("contact_center", 0)
        is_operator = await tx.fetchval("SELECT is_operator FROM domain_user WHERE id = $1", user)
        if is_operator:
            await operators.set_operator(tx, user, False)
            self.plain.shrink("contact_center", count - 1)
        else:
            await self._tried(operators.set_operator(tx, user, True), self.plain.grow("contact_center", count + 1, now))

    async def _channels(self, tx, number: int, now: datetime) -> None:
        if number > self.plain.counts[channels.INCOMING]:
            await self._tried(channels.change(tx, channels.INCOMING, number),
                              self.plain.grow(channels.INCOMING, number, now))
        else:
            await channels.change(tx, channels.INCOMING, number)
            self.plain.shrink(channels.INCOMING, number)

    async def _tried(self, action, may: bool) -> None:
        """Refused exactly when the plain count has not enough money."""
        if may:
            assert await action is not False
            return
        with pytest.raises(Refused) as refused:
            await action
        assert refused.value.code == "funds"
        raise _Undone


class _Undone(Exception):
    """The transaction of a refused step is rolled back, as by a page."""


@pytest.mark.req("SVC-31", "SVC-34", "SVC-D4", "SVC-D7", "SVC-D9", "FIN-47")
@pytest.mark.parametrize("seed", range(8))
async def test_the_ledger_is_what_the_plain_count_says(seed: int) -> None:
    with clock.at(START):
        actor = await a_company(*(a_service(
            code, {"contact_center": "operator", channels.INCOMING: "special"}.get(code, "domain"), monthly, connection,
            included=included) for code, (monthly, connection, included) in PRICES.items()), money=str(MONEY))
        people = [await world.a_user(actor, f"user{number}", str(201 + number)) for number in range(4)]
    await settled_through([actor], START)
    steps = Steps(actor, people, random.Random(seed))
    now = START
    for number in range(40):
        now += timedelta(hours=1)
        if number % 8 == 7:
            now = (now + timedelta(days=1)).replace(hour=1)
            can_pay = steps.plain.new_day(now)
            with clock.at(now):
                await run.run_until_today()
            if not can_pay:
                break
        with clock.at(now):
            try:
                await steps.step(now)
            except _Undone:
                continue
    assert sorted(await ledger(actor)) == sorted(steps.plain.paid)
    assert await balance(actor) == steps.plain.money >= 0
    async with platform_transaction(STAFF) as tx:
        assert not [one for one in await check_books(tx) if one.domain_id == actor.domain_id]
