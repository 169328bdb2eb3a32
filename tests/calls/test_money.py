"""Nobody talks on money that is not there, and what is there is talked to its end."""

from __future__ import annotations

import asyncio
from calendar import monthrange
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import platform_transaction
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.rules import Scheme
from tenants.domains import service as domains
from tests.calls.world import Carrier, Company, a_company, a_tariff_by_second, outside_number
from tests.db.billing_factories import blocks
from tests.db.factories import STAFF, a_tariff
from tests.stack import Stack

pytestmark = pytest.mark.anyio


async def _at_once(company: Company, count: int) -> tuple[list, list]:
    """So many calls at the same moment: (put through, refused)."""
    phone = await company.registered()
    calls = await asyncio.gather(*(phone.call(f"8{outside_number()}", hold=4) for _ in range(count)))
    return [call for call in calls if call.code == 200], [call for call in calls if call.code != 200]


async def test_thirty_calls_at_once_on_money_for_one(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, balance="1.50")
    through, refused = await _at_once(company, 30)
    assert len(through) == 1
    assert [call.code for call in refused] == [403] * 29
    assert all(call.early_media and call.answered_at is None for call in refused)
    rows = await company.journal(30)
    assert sorted(row["refusal"] for row in rows) == [""] + ["funds"] * 29
    assert await company.entries() == [Decimal("1.50"), Decimal("-1.50")]
    assert (await company.balance(), await company.differences()) == (0, [])


async def test_ten_calls_at_once_on_credit_for_two(stack: Stack, carrier: Carrier) -> None:
    """400.00 a minute and a credit limit of 1 000.00: two calls, and the limit is not passed."""
    company = await a_company(stack, tariff_id=await a_tariff(("7", "400")))
    async with platform_transaction(STAFF) as tx:
        await domains.change_terms(await tx.enter_domain(company.id), scheme=Scheme.CREDIT,
                                   credit_limit=Money.parse("1000"))
    through, refused = await _at_once(company, 10)
    assert (len(through), {call.code for call in refused}) == (2, {403})
    await company.journal(10)
    assert (await company.balance(), await company.differences()) == (Decimal("-800.00"), [])


async def test_call_ends_with_its_money_and_lives_on_with_a_payment(stack: Stack, carrier: Carrier) -> None:
    """1.00 a second: 5.00 are five seconds; 6.00 and, during the call, 4.00 more are ten."""
    tariff = await a_tariff_by_second("1.00")
    poor, saved = await asyncio.gather(*(a_company(stack, balance=money, tariff_id=tariff)
                                         for money in ("5.00", "6.00")))
    await asyncio.gather(_five_seconds(poor, carrier), _ten_seconds(saved, carrier))


async def _five_seconds(company: Company, carrier: Carrier) -> None:
    number = outside_number()
    call = await (await company.registered()).call(f"8{number}")
    paid = await carrier.call_to(f"7{number}")
    print(f"ended {paid.talk_seconds - 5:+.2f} s after its money")
    assert 4.5 < paid.talk_seconds < 7
    assert call.ended_here is False  # the caller hears why, then the node hangs up
    [row] = await company.journal(1)
    assert (row["talk_seconds"], row["cost"], await company.balance()) == (5, Decimal("5.00"), 0)


async def _ten_seconds(company: Company, carrier: Carrier) -> None:
    number, phone = outside_number(), await company.registered()
    call = asyncio.create_task(phone.call(f"8{number}"))
    await carrier.answered(f"7{number}")
    await asyncio.sleep(1)
    await company.pay("4.00")
    paid = await carrier.call_to(f"7{number}", timeout=20)
    assert 9.5 < paid.talk_seconds < 12
    await call
    [row] = await company.journal(1)
    assert (row["talk_seconds"], row["cost"], await company.balance()) == (10, Decimal("10.00"), 0)


@pytest.mark.req("FIN-D1", "FIN-D3")
async def test_a_payment_into_the_block_waits_for_the_call_that_still_talks(stack: Stack, carrier: Carrier) -> None:
    """1.00 a second; the call holds all of the 5.00. A debit of 6.00 blocks, 4.00 would do but for the call, which ends
    after two or three seconds."""
    company = await a_company(stack, balance="5.00", tariff_id=await a_tariff_by_second("1.00"))
    number, phone = outside_number(), await company.registered()
    call = asyncio.create_task(phone.call(f"8{number}", hold=2))
    await carrier.answered(f"7{number}")
    async with platform_transaction(STAFF) as tx:
        await accounts.correct(await tx.enter_domain(company.id), key="test", amount=Money.parse("-6.00"), reason="test")
    await company.pay("4.00")
    held = await company.fetchval("SELECT held FROM account WHERE domain_id = $1")
    assert (await blocks(company.actor), await company.balance(), held) == (["financial"], 3, 5)
    await call
    [row] = await company.journal(1)
    assert (await blocks(company.actor), await company.held()) == ([], 0)
    assert (await company.balance(), await company.differences()) == (3 - row["cost"], [])


@pytest.mark.req("FIN-60", "FIN-61", "FIN-62", "FIN-11", "FIN-D4")
async def test_call_talks_its_minutes_then_the_guaranteed_payment_then_the_balance_away(
        stack: Stack, carrier: Carrier) -> None:
    """1.00 a second; 4 s of the package, 3.00 of the bucket and 5.00 of the balance are twelve seconds."""
    rate = {"prefix": "7", "destination": "Russia", "price": "1.00", "unit_seconds": 1, "first_increment": 1,
            "next_increment": 1, "package_applies": True}
    today = clock.now().astimezone(ZoneInfo("Europe/Moscow")).date()
    days = monthrange(today.year, today.month)[1]
    month = round(Decimal(3) * days / (days - today.day + 1), 2)  # of which 3.00 are left for today and later
    company = await a_company(stack, balance="8.00", tariff_id=await a_tariff(rate, included_minutes=1, mgp=month))
    assert (await company.balance(), await company.entries()) == (Decimal("5.00"), [Decimal("8.00"), Decimal("-3.00")])
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET package_seconds_left = 4 WHERE domain_id = $1", company.id)
    number = outside_number()
    await (await company.registered()).call(f"8{number}")
    paid = await carrier.call_to(f"7{number}", timeout=20)
    assert 11.5 < paid.talk_seconds < 14
    [row] = await company.journal(1)
    charge = row["charge"]
    assert (row["talk_seconds"], row["cost"], charge["package_seconds"], charge["mgp"]) == (
        12, Decimal("8.00"), 4, 3_000_000)
    assert (await company.entries())[2:] == [Decimal("-5.00")]
    assert (await company.balance(), await company.differences()) == (0, [])
    async with company.panel() as browser:
        await browser.shows("/finance/", "MGP spent during the current day 3.00 ₽ Remaining MGP 0.00 ₽", "-8.00 ₽")
        await browser.shows(f"/calls/{row['id']}", "8.00 ₽", "Paid from the MGP 3.00 ₽ Paid from the balance 5.00 ₽")
