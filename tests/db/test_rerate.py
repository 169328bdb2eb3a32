"""Calls without a rate are charged once the tariff is mended, each once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.kernel.db import platform_transaction
from app.provider.records import jobs, rerate
from billing.books.checks import Scope, differences
from billing.tariffs import service as tariffs
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import Company, a_company, a_record
from tests.db.card_world import hand_on
from tests.db.factories import STAFF, a_tariff, a_version

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

assert jobs.order, "its handlers are registered"
GERMAN = "4930123456"
NOW = datetime.now(UTC)


async def an_unrated_call(company: Company, *, talked: float = 65, ended: datetime | None = None) -> None:
    await take_in(company.node_id, [a_record(company, talked=talked, b_number=GERMAN, ended=ended)])


async def a_stranded_company(balance: str = "100") -> tuple[Company, int]:
    """Its tariff has no rate for Germany."""
    tariff_id = await a_tariff(("7", "1.50"))
    company = await a_company(balance, tariff_id=tariff_id)
    await an_unrated_call(company, ended=NOW - timedelta(days=1))
    return company, tariff_id


async def rate(company: Company) -> rerate.Outcome:
    async with platform_transaction(STAFF) as tx:
        return await rerate.rate_again(tx, company.id)


async def calls(company: Company) -> list[tuple[str, Decimal, bool]]:
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT rating, cost, posting_id FROM call WHERE domain_id = $1 ORDER BY started_at",
                              company.id)
    return [(row["rating"], row["cost"], row["posting_id"] is not None) for row in rows]


async def agree(company: Company) -> bool:
    async with platform_transaction(STAFF) as tx:
        return await differences(tx, Scope.whole([company.id])) == []


@pytest.mark.req("FIN-57", "FIN-62")
async def test_a_later_version_charges_the_call_at_its_own_time_and_once() -> None:
    company, tariff_id = await a_stranded_company()
    assert (await rate(company)).rated == 0
    version = await a_version(tariff_id, ("7", "1.50"), ("49", "2.00"), valid_from=NOW - timedelta(hours=1))
    await a_version(tariff_id, ("7", "1.50"), ("49", "9.00"), valid_from=NOW - timedelta(minutes=1))
    outcomes = await asyncio.gather(*(rate(company) for _time in range(3)))
    assert sorted(one.rated for one in outcomes) == [0, 0, 1]
    assert await calls(company) == [("rated", Decimal("4.00"), True)]
    assert await company.balance() == 96
    row = await company.fetchrow(
        "SELECT p.at, p.quantity, p.service, c.answered_at, c.charge FROM posting p JOIN call c ON c.posting_id = p.id "
        "WHERE p.domain_id = $1 AND p.kind = 'call'", company.id)
    assert row
    assert row["at"] == row["answered_at"]
    assert (row["quantity"], row["service"]) == (65, "to 49")
    assert (row["charge"]["version"], row["charge"]["prefix"]) == (version, "49")
    said = await company.fetchrow("SELECT changes FROM action_history WHERE domain_id = $1 AND action = 'calls_rated'",
                                  company.id)
    assert said
    assert said["changes"]["amount"] == [None, "-4.00"]
    assert await agree(company)


@pytest.mark.req("FIN-57")
async def test_a_version_of_the_past_or_the_future_does_not_count() -> None:
    company, tariff_id = await a_stranded_company()
    await a_version(tariff_id, ("49", "2.00"), valid_from=NOW - timedelta(days=30))
    await a_version(tariff_id, ("7", "1.50"), valid_from=NOW - timedelta(days=20))
    await a_version(tariff_id, ("49", "3.00"), valid_from=NOW + timedelta(days=1))
    assert (await rate(company)).rated == 0
    assert await calls(company) == [("unrated", Decimal(0), False)]


@pytest.mark.req("FIN-57")
async def test_the_record_that_comes_again_charges_nothing_more() -> None:
    tariff_id = await a_tariff(("7", "1.50"))
    company = await a_company("100", tariff_id=tariff_id)
    record = a_record(company, talked=65, b_number=GERMAN, ended=NOW - timedelta(hours=2))
    await take_in(company.node_id, [record])
    await a_version(tariff_id, ("49", "2.00"), valid_from=NOW - timedelta(hours=1))
    await rate(company)
    await take_in(company.node_id, [record])
    assert await company.balance() == 96
    assert len(await calls(company)) == 1


@pytest.mark.req("FIN-57", "FIN-D1")
async def test_the_charge_may_block_the_domain() -> None:
    company, tariff_id = await a_stranded_company("3")
    await a_version(tariff_id, ("49", "2.00"), valid_from=NOW - timedelta(hours=1))
    await rate(company)
    row = await company.fetchrow("SELECT kind FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL", company.id)
    assert row
    assert row["kind"] == "financial"
    assert await company.balance() == -1


@pytest.mark.req("FIN-57", "FIN-61")
async def test_a_free_rate_ends_the_waiting_without_a_posting() -> None:
    company, tariff_id = await a_stranded_company()
    await a_version(tariff_id, ("49", "0"), valid_from=NOW - timedelta(hours=1))
    assert (await rate(company)).rated == 1
    assert await calls(company) == [("rated", Decimal(0), False)]
    assert await agree(company)


@pytest.mark.req("FIN-57")
async def test_publishing_a_version_charges_by_itself() -> None:
    company, tariff_id = await a_stranded_company()
    await an_unrated_call(company, talked=5, ended=datetime.now(UTC))
    other, _tariff = await a_stranded_company()
    version = await a_version(tariff_id, ("49", "2.00"), valid_from=None)
    async with platform_transaction(STAFF) as tx:
        today = await tx.fetchval("SELECT (now() AT TIME ZONE 'Europe/Moscow')::date")
        await tariffs.publish(tx, version, today)
    await hand_on()
    assert [rating for rating, _cost, _posted in await calls(company)] == ["rated", "rated"]
    assert await company.balance() == 94
    assert [rating for rating, _cost, _posted in await calls(other)] == ["unrated"]


async def test_many_calls_are_charged_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rerate, "AT_ONCE", 2)
    company, tariff_id = await a_stranded_company()
    for hour in range(4):
        await an_unrated_call(company, ended=NOW - timedelta(hours=20 - hour))
    await a_version(tariff_id, ("49", "2.00"), valid_from=NOW - timedelta(hours=1))
    async with platform_transaction(STAFF) as tx:
        await jobs.order(tx, company.id, rerate.START)
    await hand_on()
    assert [rating for rating, _cost, _posted in await calls(company)] == ["rated"] * 5
    assert await company.balance() == 80
