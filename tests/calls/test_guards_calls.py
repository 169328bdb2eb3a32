"""Fraud guards on real calls: what is refused is announced and journalled, and nothing but paid calls is touched."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction
from billing.guards.settings import Amounts, Lists, save_amounts, save_lists
from tenants.forwarding.rules import Kind
from tests.calls.test_forwarding_calls import main_rule, rule
from tests.calls.test_transfers import two_phones
from tests.calls.world import Carrier, Company, _until, a_company, a_tariff_by_second, outside_number
from tests.stack import Stack

pytestmark = pytest.mark.anyio


async def limit(company: Company, *, cap: str | None = None, per_minute: int | None = None) -> None:
    async with domain_transaction(company.actor) as tx:
        await save_amounts(tx, Amounts(None if cap is None else Decimal(cap), per_minute, None))


async def forbid(company: Company, *prefixes: str) -> None:
    async with domain_transaction(company.actor) as tx:
        await save_lists(tx, Lists("\n".join(prefixes), "", None, None, None))


async def _others_go_through(company: Company) -> None:
    """Internal and emergency calls."""
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    async with petrov.answering():
        assert (await ivanov.call("102", hold=0.3)).code == 200
    assert (await ivanov.call("112", hold=0.3)).code == 200


async def test_a_burst_beyond_the_calls_of_a_minute(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, balance="100.00")
    await limit(company, per_minute=3)
    phone = await company.registered()
    calls = await asyncio.gather(*(phone.call(f"8{outside_number()}", hold=2) for _ in range(8)))
    await _others_go_through(company)
    assert sorted(call.code for call in calls) == [200] * 3 + [503] * 5
    assert all(call.early_media and call.answered_at is None for call in calls if call.code == 503)
    rows = await company.journal(10)
    assert sorted(row["refusal"] for row in rows if row["direction"] == "out") == [""] * 3 + ["guard_rate"] * 5
    assert {row["direction"] for row in rows} == {"out", "internal", "emergency"}
    assert (await company.balance(), await company.differences()) == (Decimal("95.50"), [])


async def test_a_forbidden_number_in_every_form_by_transfer_and_by_forwarding(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, balance="100.00")
    number, mobile = outside_number(), outside_number()
    await forbid(company, "+44", f"8-{number}", f"+7{mobile}")
    await main_rule(company, "petrov", ring=5)
    await rule(company, "petrov", Kind.LANDLINE, f"+7{mobile}", priority=20)
    await company.live()
    phone = await company.registered()
    forms = ("810442079460021", "+442079460021", f"8{number}", f"+7{number}", f"7{number}", number.removeprefix("495"))
    for dialled in forms:
        call = await phone.call(dialled)
        assert (call.code, call.early_media, call.answered_at) == (403, True, None), dialled
    async with two_phones(company) as (ivanov, petrov):
        talk = await ivanov.call("102")
        colleague = await petrov.taken()
        await asyncio.sleep(0.3)  # until they hear each other
        await colleague.refer(f"8{number}")
        await talk.over(12)
    assert (await phone.call("102", ring=15)).code != 200  # petrov is away: his mobile would be next
    rows = await company.journal(len(forms) + 3)
    refused = [row for row in rows if row["direction"] == "out"]
    assert {row["refusal"] for row in refused} == {"guard_forbidden"}
    assert {row["kind"] for row in refused} >= {"", "transferred", "redirected"}
    assert [carrier.calls_to(one) for one in ("442079460021", f"7{number}", f"7{mobile}")] == [[], [], []]
    assert await company.balance() == 100
    async with company.panel() as browser:
        await browser.shows("/calls", "Call protection: forbidden destination")


async def test_the_day_s_money_ends_a_running_call_and_stops_paid_calls(stack: Stack, carrier: Carrier) -> None:
    """1.00 a second, 100.00 on the account and 5.00 for the day."""
    company = await a_company(stack, balance="100.00", tariff_id=await a_tariff_by_second("1.00"))
    await limit(company, cap="5.00")
    number, phone = outside_number(), await company.registered()
    await phone.call(f"8{number}")
    paid = await carrier.call_to(f"7{number}")
    print(f"ended {paid.talk_seconds - 5:+.2f} s after the day's money")
    assert 4.5 < paid.talk_seconds < 7
    [row] = await company.journal(1)
    assert (row["talk_seconds"], row["cost"], await company.balance()) == (5, Decimal("5.00"), Decimal("95.00"))
    assert (await phone.call(f"8{outside_number()}")).code == 403

    async def stopped() -> bool:
        return await company.fetchval("SELECT count(*) = 1 FROM guard_stop WHERE domain_id = $1 AND ended_at IS NULL")

    await _until(stopped, "paid calls stopped")
    assert (await phone.call(f"8{outside_number()}")).code == 403
    await _others_go_through(company)
    await limit(company, cap="8.00")  # raised: it goes on
    more = outside_number()
    assert (await phone.call(f"8{more}", hold=1)).code == 200
    rows = await company.journal(6)
    assert [row["refusal"] for row in rows if row["refusal"]][-1] == "guard_stopped"
    assert await company.differences() == []
