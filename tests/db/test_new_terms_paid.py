"""Several changes between two paid days: nobody gets back more than was paid, and what was connected between them costs
what is in force from the next day on."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from billing.accounts.rules import Scheme
from billing.services import service
from billing.tariffs import service as tariffs
from billing.tariffs.plan import Level
from tenants.domains import service as domains
from tests.db.billing_factories import blocks, run_at
from tests.db.factories import STAFF, a_tariff, a_version
from tests.db.services_world import a_service
from tests.db.test_mgp_changes import SetZone
from tests.db.test_mgp_changes import set_zone as set_zone
from tests.db.test_new_terms import a_payer, april, change_tariff, lines, pay, run_each_day, spent
from tests.db.test_new_terms_sequences import MONEY, Company, Price

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MONTHLY: dict[str, Any] = {"fee_cycle": "monthly"}


async def another_user(actor: Actor, moment: datetime) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            await service.add_level(tx, Level.USER, 1, "user")
            await tx.execute("INSERT INTO domain_user (domain_id, login, display_name, extension, password_hash, "
                             "sip_ha1) VALUES ($1, 'late', 'Late', '299', '-', $2)", tx.domain_id, "0" * 32)


@pytest.mark.req("FIN-D2", "FIN-41")
async def test_a_scheme_changed_after_the_tariff_gives_nothing_back_for_what_paid_by_the_new_prices() -> None:
    """30.00 a day for 15 days, then 3.00; the user of the 15th has cost 3.00 from the first day."""
    actor, _old = await a_payer(user_monthly=900, **MONTHLY)
    new = await a_tariff(user_monthly=90, **MONTHLY)
    await run_each_day(1, 15)
    await change_tariff(actor, new, april(15, 12))
    await another_user(actor, april(15, 13))
    with clock.at(april(15, 14)):
        async with platform_transaction(STAFF) as tx:
            await domains.change_terms(await tx.enter_domain(actor.domain_id), scheme=Scheme.UNLIMITED,
                                       credit_limit=None)
    await run_each_day(16, 30)
    assert await spent(actor) == 450 + 45 + 48


@pytest.mark.req("FIN-D2")
@pytest.mark.parametrize(("prices", "cost"), [
    ((900, 30, 90), 450 + 45 + 1 + 45), ((30, 900, 90), 15 + 45 + 30 + 45), ((900, 30, 900), 900 + 1 + 450),
    ((30, 900, 30), 30 + 30 + 15)])
async def test_a_user_added_between_two_changes_of_the_tariff_on_a_day(prices: tuple[int, int, int], cost: int) -> None:
    """The first is there all April; the second pays the 15th by the tariff of noon."""
    first, second, third = prices
    actor, old = await a_payer(user_monthly=first, money="2000", **MONTHLY)
    other = await a_tariff(user_monthly=second, **MONTHLY)
    last = old if third == first else await a_tariff(user_monthly=third, **MONTHLY)
    await run_each_day(1, 15)
    await change_tariff(actor, other, april(15, 12))
    await another_user(actor, april(15, 13))
    await change_tariff(actor, last, april(15, 14))
    await run_each_day(16, 30)
    assert await spent(actor, "2000") == cost


@pytest.mark.req("FIN-D2")
async def test_a_user_added_before_a_version_of_the_same_day_that_the_late_run_has_charged_already() -> None:
    """900.00 until the 15th, 90.00 from the 16th on; the user of the 16th at one o'clock paid half a month of 900.00."""
    actor, tariff = await a_payer(user_monthly=900, money="2000", **MONTHLY)
    await run_each_day(1, 15)
    await another_user(actor, april(16, 1))
    version = await a_version(tariff, valid_from=None, user_monthly=90, **MONTHLY)
    with clock.at(april(16, 2)):
        async with platform_transaction(STAFF) as tx:
            await tariffs.publish(tx, version, april(16).date())
    await run_at(april(16, 3))
    await run_each_day(17, 30)
    assert await spent(actor, "2000") == 450 + 45 + 30 + 42


@pytest.mark.req("FIN-D2", "SVC-D2")
async def test_of_what_a_module_counts_the_last_charge_is_given_back() -> None:
    """Two from the 1st, nine from the 16th on: 5 days at 2.00 and at 9.00 after the second change."""
    code = "sms"
    actor, tariff = await a_payer(a_service(code, "external", 30, cycle="monthly"))
    await _counted(actor, code, 2, april(1).replace(month=3))
    await a_version(tariff, valid_from=april(16), services=[a_service(code, "external", 60, cycle="monthly")])
    await a_version(tariff, valid_from=april(21), services=[a_service(code, "external", 90, cycle="monthly")])
    await run_each_day(1, 15)
    await _counted(actor, code, 9, april(15, 12))
    await run_each_day(16, 30)
    assert await spent(actor) == 2 * 15 + 9 * 10 + 9 * 30


async def _counted(actor: Actor, code: str, number: int, moment: datetime) -> None:
    with clock.at(moment):
        async with domain_transaction(actor) as tx:
            await service.report_counter(tx, code, number, moment)


@pytest.mark.req("FIN-D2")
async def test_a_price_raised_by_a_setting_is_not_given_back() -> None:
    """30.00 were paid for April with a month's storage; on the 15th a year's is chosen, from the 16th it costs 6.00
    instead of 30.00 a month, and as much more as that storage does."""
    actor, tariff = await a_payer(a_service("recording", "special", 30, cycle="monthly"))
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE domain_user SET recording_on = true WHERE domain_id = $1", tx.domain_id)
    await a_version(tariff, valid_from=april(16), services=[a_service("recording", "special", 6, cycle="monthly")])
    await run_each_day(1, 15)
    async with platform_transaction(STAFF) as tx:
        percent = await tx.fetchval("SELECT max(percent) FROM recording_tier")
        months = await tx.fetchval("SELECT max(months) FROM recording_tier WHERE percent = $1", percent)
        await tx.execute("INSERT INTO recording_setting (domain_id, months) VALUES ($1, $2)", actor.domain_id, months)
    assert percent > 100
    await run_at(april(16, 1))
    assert await lines(actor) == [(1, 1, -30), (16, -1, 15), (16, 1, -Decimal(3 * percent) / 100)]


@pytest.mark.req("FIN-D2")
async def test_a_month_paid_in_another_zone_is_given_back(set_zone: SetZone) -> None:
    """60.00 for April, of which 15 days are left; from the 16th on 1.00 a day."""
    actor, tariff = await a_payer(user_monthly=60, **MONTHLY)
    await a_version(tariff, valid_from=april(16), user_monthly=30)
    await run_each_day(1, 10)
    await set_zone("UTC")
    for day in range(11, 17):
        await run_at(april(day, 9))
    assert await lines(actor) == [(1, 1, -60), (16, 1, -1), (16, -1, 30)]


@pytest.mark.req("FIN-D3", "FIN-D4")
async def test_a_block_that_ends_on_the_day_of_another_tariff_ends_for_its_guaranteed_payment() -> None:
    """300.00 a month from the 10th on, 21 of 30 days: 209.99 are not enough."""
    actor, _old = await a_payer(user_monthly=30, money="1")
    await run_each_day(1, 9)
    new = await a_tariff(user_monthly=30, mgp=300)
    await run_at(april(10, 1))
    await change_tariff(actor, new, april(10, 12))
    await pay(actor, "210.99", april(10, 13))
    assert await blocks(actor) == ["financial"]
    await pay(actor, "0.01", april(10, 14))
    assert (await blocks(actor), await spent(actor, "212")) == ([], 1 + 210 + 1)
    await pay(actor, "20", april(10, 15))
    await run_each_day(11, 30)
    assert await spent(actor, "232") == 212 + 20


class Restless(Company):
    """Several things happen on a day, after its run."""

    known: dict[int, Price]

    def any_price(self) -> Price:
        return Price(self.chance.choice((0, 30, 300, 900)), self.chance.choice(("daily", "monthly", "monthly")),
                     self.chance.randint(0, 3), 0)

    async def busy(self, day: int) -> None:
        self.owed += self.price.day(self.users)
        if day == 1 or self.chance.random() < 0.7:
            await run_at(april(day, 1))
        for hour in sorted(self.chance.sample(range(2, 20), self.chance.randint(0, 4))):
            await self.chance.choice((self._user, self._tariff, self._back, self._version, self._scheme))(
                april(day, hour))

    async def _user(self, moment: datetime) -> None:
        await self._another_user(moment)

    async def _tariff(self, moment: datetime) -> None:
        self.price = self.any_price()
        self.tariff = await a_tariff(**self.price.terms())
        self.known[self.tariff] = self.price
        await change_tariff(self.actor, self.tariff, moment)

    async def _back(self, moment: datetime) -> None:
        self.tariff, self.price = self.chance.choice(list(self.known.items()))
        await change_tariff(self.actor, self.tariff, moment)

    async def _version(self, moment: datetime) -> None:
        """At once; the day was paid before."""
        await run_at(moment.replace(hour=1))
        self.price = self.any_price()
        version = await a_version(self.tariff, valid_from=None, **self.price.terms())
        with clock.at(moment):
            async with platform_transaction(STAFF) as tx:
                await tariffs.publish(tx, version, moment.date())
        self.known[self.tariff] = self.price

    async def _scheme(self, moment: datetime) -> None:
        scheme = self.chance.choice((Scheme.PREPAID, Scheme.UNLIMITED))
        with clock.at(moment):
            async with platform_transaction(STAFF) as tx:
                await domains.change_terms(await tx.enter_domain(self.actor.domain_id), scheme=scheme,
                                           credit_limit=None)


@pytest.mark.req("FIN-D2", "FIN-04")
@pytest.mark.parametrize("seed", range(8))
async def test_a_month_costs_what_its_days_cost_with_several_changes_a_day(seed: int) -> None:
    chance = random.Random(seed)
    price = Price(60, chance.choice(("daily", "monthly")), 1, 0)
    actor, tariff = await a_payer(users=2, money=str(MONEY), **price.terms())
    company = Restless(actor, tariff, price, chance)
    company.known = {tariff: price}
    for day in range(1, 31):
        await company.busy(day)
    await run_at(april(30, 23))
    assert await spent(actor, str(MONEY)) == company.owed
