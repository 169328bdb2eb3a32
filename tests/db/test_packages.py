"""The minute package: given once a month, used by calls before money, never twice."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from billing.books.checks import check_books
from billing.holds import service as holds
from billing.packages.queries import buckets
from billing.subscriptions import run
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import Company, a_company, a_record, channel
from tests.db.factories import STAFF, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")


async def a_package_company(minutes: int, *, balance: str = "0", increment: int = 60) -> Company:
    """1.50 a minute; every row takes package minutes."""
    tariff = await a_tariff({"prefix": "7", "price": "1.50", "package_applies": True, "first_increment": increment,
                             "next_increment": increment}, included_minutes=minutes)
    company = await a_company(balance, tariff_id=tariff)
    await set_left(company, minutes * 60)
    return company


async def set_left(company: Company, seconds: int) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET package_seconds_left = $2, package_from = least(package_from, "
                         "package_until - interval '28 days') WHERE domain_id = $1", company.id, seconds)


async def left(company: Company) -> int | None:
    async with domain_transaction(company.actor) as tx:
        return (await buckets(tx)).package_seconds


async def the_call(company: Company, uniqueid: str):
    row = await company.fetchrow("SELECT cost, charge, posting_id, rating FROM call WHERE uniqueid = $1", uniqueid)
    assert row
    return row


async def assert_books(company: Company) -> None:
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == company.id] == []


@pytest.mark.req("FIN-60", "FIN-62", "FIN-15")
async def test_the_package_pays_first_and_money_the_rest() -> None:
    """3 minutes in the package, a call of 250 s: three increments from it, two of 1.50 in money."""
    company = await a_package_company(3, balance="100")
    answer = await company.authorise(uniqueid=(uniqueid := channel()))
    assert isinstance(answer, Allow)
    held = await company.fetchrow("SELECT amount, seconds, package_seconds FROM hold WHERE id = $1", answer.hold_id)
    assert held
    assert held["package_seconds"] == 120  # a slice, so that other calls find some
    record = a_record(company, talked=250, uniqueid=uniqueid, hold=answer.hold_id)
    for _repeat in range(3):
        await take_in(company.node_id, [record])
    call = await the_call(company, uniqueid)
    assert (call["cost"], call["charge"]["package_seconds"], call["charge"]["posted"]) == (
        Decimal("3.00"), 180, 3_000_000)
    assert await company.balance() == Decimal("97.00")
    assert await left(company) == 0
    await assert_books(company)


@pytest.mark.req("FIN-60", "FIN-61")
async def test_a_call_wholly_out_of_the_package_posts_nothing() -> None:
    company = await a_package_company(10)
    answer = await company.authorise(uniqueid=(uniqueid := channel()))
    assert isinstance(answer, Allow)  # without a kopeck on the account
    await take_in(company.node_id, [a_record(company, talked=65, uniqueid=uniqueid, hold=answer.hold_id)])
    call = await the_call(company, uniqueid)
    assert (call["cost"], call["posting_id"], call["rating"], call["charge"]["package_seconds"]) == (
        0, None, "rated", 120)
    assert await left(company) == 480
    unheld = a_record(company, talked=60)  # the panel was away when it began
    await take_in(company.node_id, [unheld])
    assert await left(company) == 420


@pytest.mark.req("FIN-60")
async def test_parallel_calls_share_the_package_and_use_no_second_twice() -> None:
    company = await a_package_company(10)
    answers = await asyncio.gather(*(company.authorise() for _ in range(8)))
    allowed = [one for one in answers if isinstance(one, Allow)]
    assert 2 <= len(allowed) < 8
    assert {one.reason for one in answers if isinstance(one, Deny)} == {"funds"}
    talks = {one.hold_id: one.max_seconds for one in allowed}
    for _round in range(8):
        for hold_id in talks:
            async with domain_transaction(company.actor) as tx:
                talks[hold_id] = int(await holds.extend(tx, hold_id, talked_seconds=talks[hold_id]))
    assert sum(talks.values()) <= 600
    row = await company.fetchrow("SELECT sum(package_seconds) AS kept FROM hold WHERE domain_id = $1 "
                                 "AND released_at IS NULL", company.id)
    assert row
    assert row["kept"] <= 600
    records = [a_record(company, talked=talks[one.hold_id], hold=one.hold_id, uniqueid=channel()) for one in allowed]
    await asyncio.gather(take_in(company.node_id, records), take_in(company.node_id, records[::-1]))
    assert await left(company) == 600 - sum(talks.values())
    assert await company.balance() == 0
    await assert_books(company)


@pytest.mark.req("FIN-60")
async def test_a_call_whose_exchange_went_down_uses_the_package() -> None:
    company = await a_package_company(10, balance="10")
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    async with domain_transaction(company.actor) as tx:
        await holds.mark_answered(tx, answer.hold_id, channel="x", at=tx.now - timedelta(seconds=100))
        await tx.execute("UPDATE hold SET seen_at = $2 WHERE id = $1", answer.hold_id, tx.now)
        assert await holds.close_orphan(tx, answer.hold_id)
    assert await left(company) == 480
    assert await company.balance() == Decimal("10.00")


@pytest.mark.req("FIN-15")
async def test_a_month_begins_with_a_full_package_exactly_once() -> None:
    company = await a_package_company(100)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
        await tx.execute("UPDATE account SET billed_through = '2031-03-30', package_seconds_left = 77, "
                         "package_from = '2031-03-01 00:00+03', package_until = '2031-04-01 00:00+03' "
                         "WHERE domain_id = $1", company.id)
    with clock.at(datetime(2031, 3, 31, 23, 59, 59, tzinfo=MOSCOW)):
        await run.run_until_today()
        assert await left(company) == 77
    with clock.at(datetime(2031, 4, 1, 0, 0, 0, tzinfo=MOSCOW)):
        assert await left(company) == 0  # the rest has expired, even before the run
        await run.run_until_today()
        assert await left(company) == 6_000
        await set_left(company, 5_000)
        await run.run_until_today()
        assert await left(company) == 5_000
    with clock.at(datetime(2031, 6, 2, 12, 0, tzinfo=MOSCOW)):  # days off
        await run.run_until_today()
        assert await left(company) == 6_000


@pytest.mark.req("FIN-15")
async def test_activation_gives_the_share_of_the_month() -> None:
    tariff = await a_tariff(included_minutes=300)
    with clock.at(datetime(2026, 4, 16, 12, 0, tzinfo=MOSCOW)):
        company = await a_company(tariff_id=tariff)
        assert await left(company) == 9_000  # 15 days of 30
        plain = await a_company()
        assert await left(plain) is None  # a tariff without a package has no such line


@pytest.mark.req("FIN-60", "FIN-15")
async def test_a_call_over_the_end_of_the_month_uses_what_it_reserved_then() -> None:
    """3 minutes reserved on the 31st pay 180 s of 250; the new month's package stays whole."""
    company = await a_package_company(12, balance="100")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")
        await tx.execute("UPDATE account SET billed_through = '2031-03-31', package_from = '2031-03-01 00:00+03', "
                         "package_until = '2031-04-01 00:00+03' WHERE domain_id = $1", company.id)
    begun = datetime(2031, 3, 31, 23, 58, tzinfo=MOSCOW)
    with clock.at(begun):
        answer = await company.authorise(uniqueid=(uniqueid := channel()))
    assert isinstance(answer, Allow)
    held = await company.fetchrow("SELECT package_seconds FROM hold WHERE id = $1", answer.hold_id)
    assert held
    assert held["package_seconds"] == 180
    with clock.at(begun + timedelta(seconds=251)):
        await run.run_until_today()
        await take_in(company.node_id, [a_record(company, talked=250, uniqueid=uniqueid, hold=answer.hold_id,
                                                 ended=begun + timedelta(seconds=250))])
        assert await left(company) == 720
    call = await the_call(company, uniqueid)
    assert (call["cost"], call["charge"]["package_seconds"]) == (Decimal("3.00"), 180)
    assert await company.balance() == Decimal("97.00")
    await assert_books(company)


async def test_calls_that_the_package_does_not_pay_leave_it_alone() -> None:
    company = await a_package_company(10, balance="100")
    tariff = await a_tariff()  # its rows do not take package minutes
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", company.id, tariff)
    answer = await company.authorise(uniqueid=(uniqueid := channel()))
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, talked=65, uniqueid=uniqueid, hold=answer.hold_id)])
    assert (await the_call(company, uniqueid))["cost"] == Decimal("3.00")
    assert await left(company) == 600
