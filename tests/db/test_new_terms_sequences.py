"""Any sequence of versions, tariffs and new users against a plain count: each day costs what is in force on it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from billing.books.checks import check_books
from billing.services import service
from billing.tariffs import service as tariffs
from billing.tariffs.plan import Level
from tests.db.billing_factories import run_at
from tests.db.factories import STAFF, a_tariff, a_version
from tests.db.services_world import balance
from tests.db.test_new_terms import a_payer, april, change_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MONEY, DAYS = 100_000, 30


@dataclass(frozen=True)
class Price:
    """Of a user, and the guaranteed payment: multiples of 30 per month, so that April's days come out even."""

    monthly: int
    cycle: str
    included: int
    mgp: int

    def day(self, users: int) -> Decimal:
        return Decimal(max(users - self.included, 0) * self.monthly) / DAYS

    def terms(self) -> dict[str, Any]:
        return {"user_monthly": self.monthly, "fee_cycle": self.cycle, "included_users": self.included,
                "mgp": self.mgp}


@dataclass
class Company:
    """The real one, and what it owes by the plain count."""

    actor: Actor
    tariff: int
    price: Price
    chance: random.Random
    users: int = 2
    owed: Decimal = Decimal(0)
    coming: dict[int, Price] = field(default_factory=dict)
    guaranteed: int = 0  # of the month, as far as it is paid until its end

    def any_price(self) -> Price:
        return Price(self.chance.choice((0, 30, 60, 90)), self.chance.choice(("daily", "monthly")),
                     self.chance.randint(0, 3),
                     self.chance.choice((0, 300, 600, 900)))

    def guarantee(self, day: int) -> None:
        """From this day on it is at least that of the terms."""
        self.owed += Decimal(max(self.price.mgp - self.guaranteed, 0) * (DAYS + 1 - day)) / DAYS
        self.guaranteed = max(self.guaranteed, self.price.mgp)

    async def day(self, day: int) -> None:
        self.price = self.coming.pop(day, self.price)
        self.owed += self.price.day(self.users)
        self.guarantee(day)
        if day == 1 or self.chance.random() < 0.6:
            await run_at(april(day, 1))
        if self.chance.random() < 0.25:
            await self._other_tariff(day)
        elif self.chance.random() < 0.25 and day < DAYS:
            await self._other_version(day)
        if self.chance.random() < 0.3:
            await self._another_user(april(day, 15))

    async def _other_tariff(self, day: int) -> None:
        self.price = self.any_price()
        self.coming.clear()  # of the tariff that was
        self.tariff = await a_tariff(**self.price.terms())
        await change_tariff(self.actor, self.tariff, april(day, 12))
        self.guarantee(day)  # at once; the fees from the next day on

    async def _other_version(self, day: int) -> None:
        """From the next day on, or at once: then it has been in force since midnight, and this day is paid."""
        price = self.any_price()
        if day + 1 in self.coming or self.chance.random() < 0.5:
            self.coming[day + 1] = price
            await a_version(self.tariff, valid_from=april(day + 1), **price.terms())
            return
        await run_at(april(day, 2))
        version = await a_version(self.tariff, valid_from=None, **price.terms())
        with clock.at(april(day, 11)):
            async with platform_transaction(STAFF) as tx:
                await tariffs.publish(tx, version, april(day).date())
        self.price = price

    async def _another_user(self, moment: datetime) -> None:
        with clock.at(moment):
            async with domain_transaction(self.actor) as tx:
                await service.add_level(tx, Level.USER, 1, "user")
                await tx.execute(
                    "INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, sip_ha1) "
                    "VALUES ($1, $2, $2, $3, '-', $4)", tx.domain_id, f"late{self.users}", str(300 + self.users),
                    "0" * 32)
        self.owed += self.price.day(self.users + 1) - self.price.day(self.users)
        self.users += 1


@pytest.mark.req("FIN-D2", "FIN-04")
@pytest.mark.parametrize("seed", range(10))
async def test_a_month_costs_what_its_days_cost(seed: int) -> None:
    chance = random.Random(seed)
    price = Price(60, chance.choice(("daily", "monthly")), 1, 300)
    actor, tariff = await a_payer(users=2, money=str(MONEY), **price.terms())
    company = Company(actor, tariff, price, chance)
    for day in range(1, DAYS + 1):
        await company.day(day)
    await run_at(april(DAYS, 23))
    assert MONEY - await balance(actor) == company.owed
    async with platform_transaction(STAFF) as tx:
        assert not [one for one in await check_books(tx) if one.domain_id == actor.domain_id]
