"""Terms of a tariff come into force by themselves: fees, connections, packages and calls before and after a version."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.settings import settings
from billing.tariffs.plan import ADDITIONAL_USER, Level, Plan
from billing.tariffs.terms import plan, plan_at, plan_of, plans_of
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake.service import take_in
from tenants.users import fees as user_fees
from tests.db import billing_factories as world
from tests.db.billing_factories import run_at
from tests.db.factories import STAFF, a_domain, a_tariff, a_version
from tests.db.test_billing_run import APRIL_16, MOSCOW, a_company, fees

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

APRIL_20 = datetime(2031, 4, 20, tzinfo=MOSCOW)


async def tariff_of(actor: Actor) -> int:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", tx.domain_id)


@pytest.mark.req("FIN-04")
async def test_a_fee_the_day_before_and_on_the_day_of_a_new_version() -> None:
    """30.00 a month until the 19th, 60.00 from the 20th, also when the run is days late."""
    actor = await a_company(APRIL_16)
    await a_version(await tariff_of(actor), valid_from=APRIL_20, user_monthly=60)
    await run_at(APRIL_20 + timedelta(days=1, hours=9))
    assert await fees(actor) == [(date(2031, 4, 17), Decimal("-1.00")), (date(2031, 4, 18), Decimal("-1.00")),
                                 (date(2031, 4, 19), Decimal("-1.00")), (date(2031, 4, 20), Decimal("-2.00")),
                                 (date(2031, 4, 21), Decimal("-2.00"))]


@pytest.mark.req("USR-23")
async def test_a_new_user_pays_by_the_terms_in_force_at_that_moment() -> None:
    actor = await a_company(APRIL_16, users=2)
    await a_version(await tariff_of(actor), valid_from=APRIL_20, user_monthly=60, user_connection=7)
    for moment, monthly, connection in ((APRIL_20 - timedelta(seconds=1), 30, 0), (APRIL_20, 60, 7)):
        with clock.at(moment):
            async with domain_transaction(actor) as tx:
                cost = (await user_fees.quote_new_user(tx)).cost
        assert (cost.monthly.amount, cost.connection.amount) == (monthly, connection)


@pytest.mark.req("FIN-57", "FIN-62")
async def test_a_call_is_priced_by_the_version_in_force_when_it_begins() -> None:
    """1.50 a minute before, 4.00 from the moment on; a call allowed before keeps its price."""
    company = await world.a_company("100")
    tariff_id = await tariff_of(company.actor)
    border = datetime.now(MOSCOW) + timedelta(days=2)
    after = await a_version(tariff_id, ("7", "4"), valid_from=border)
    with clock.at(border - timedelta(seconds=5)):
        uniqueid = world.channel()
        allowed = await company.authorise(uniqueid=uniqueid)
    assert isinstance(allowed, Allow)
    with clock.at(border + timedelta(minutes=5)):
        await take_in(company.node_id, [
            world.a_record(company, uniqueid=uniqueid, hold=allowed.hold_id, ended=border + timedelta(minutes=2)),
            world.a_record(company, ended=border - timedelta(seconds=1)),
            world.a_record(company, ended=border + timedelta(seconds=66))])
        later = await company.authorise()
    assert isinstance(later, Allow)
    assert (await company.fetchrow("SELECT version_id FROM hold WHERE id = $1", later.hold_id))["version_id"] == after
    costs = [row["cost"] for row in [await company.fetchrow(
        "SELECT cost FROM call WHERE domain_id = $1 ORDER BY id LIMIT 1 OFFSET $2", company.id, n) for n in range(3)]]
    assert sorted(costs) == [Decimal("3.00"), Decimal("3.00"), Decimal("8.00")]


async def test_a_tariff_with_terms_but_without_rates_refuses_calls_and_charges_fees() -> None:
    tariff_id = await a_tariff(user_monthly=30)
    async with platform_transaction(STAFF) as tx:
        version_id = await tx.fetchval("INSERT INTO tariff_version (tariff_id, number) VALUES ($1, 2) RETURNING id",
                                       tariff_id)
        await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = '2001-01-01' WHERE id = $1",
                         version_id)
    company = await world.a_company("100", tariff_id=tariff_id)
    assert await company.authorise() == Deny("no_rate")


async def test_terms_of_a_moment() -> None:
    tariff_id = await a_tariff(included_minutes=10, mgp="99.50", discount_percent="2.5", user_monthly=30, services=[
        {"service": "crm", "level": "special", "monthly": "10.01", "connection": 5, "cycle": "monthly", "included": 2}])
    later = await a_version(tariff_id, valid_from=APRIL_20, included_minutes=20)
    await a_version(tariff_id, valid_from=None, included_minutes=30)
    actor = await a_domain(tariff_id=tariff_id)
    before = APRIL_20 - timedelta(microseconds=1)
    async with domain_transaction(actor) as tx:
        assert (await plan_of(tx, datetime(1999, 1, 1, tzinfo=MOSCOW))).version_id is None
        old, new = await plan_of(tx, before), await plan_at(tx, tariff_id, APRIL_20)
        assert (await plans_of(tx, {tx.domain_id: APRIL_20}))[tx.domain_id] == new == await plan(tx, later)
        assert await plan(tx, None) == Plan()
    assert (old.included_minutes, old.mgp.amount, old.discount_percent) == (10, Decimal("99.50"), Decimal("2.50"))
    assert (new.included_minutes, new.mgp.amount, set(new.services)) == (20, 0, {ADDITIONAL_USER})
    crm = old.services["crm"]
    assert (crm.level, crm.monthly.amount, crm.charged(5), crm.charged(1)) == (Level.SPECIAL, Decimal("10.01"), 3, 0)


@pytest.mark.req("FIN-62")
@pytest.mark.parametrize("change", [
    "UPDATE tariff_version SET mgp = 1 WHERE id = $1", "UPDATE tariff_version SET state = 'draft' WHERE id = $1",
    "UPDATE tariff_version SET valid_from = now() WHERE id = $1", "DELETE FROM tariff_version WHERE id = $1",
    "UPDATE plan_service SET monthly = 0 WHERE version_id = $1", "DELETE FROM plan_service WHERE version_id = $1",
    "INSERT INTO plan_service (version_id, service, level) VALUES ($1, 'crm', 'special')"])
async def test_published_terms_are_never_changed_by_anybody(change: str) -> None:
    version_id = await a_version(await a_tariff())
    owner = await asyncpg.connect(settings().database_owner_url)
    try:
        with pytest.raises(asyncpg.RaiseError):
            await owner.execute(change, version_id)
    finally:
        await owner.close()
