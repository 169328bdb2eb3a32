"""Schemes of users on real calls: tiers, parallel ringing, busy, outside legs, circles."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.kernel.db import domain_transaction
from tenants.forwarding import service
from tenants.forwarding.rules import Kind, Period
from tenants.forwarding.service import RuleData
from tests.calls.world import PEOPLE, Carrier, Company, _until, a_company, outside_number
from tests.stack import Stack

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("long_calls")]


async def rule(company: Company, login: str, kind: Kind, number: str, *, priority: int = 5, ring: int = 5,
               periods: tuple[Period, ...] = (), is_enabled: bool = True) -> None:
    async with domain_transaction(company.actor) as tx:
        await service.add_rule(tx, company.people[login],
                               RuleData(kind, number, priority, ring, is_enabled, periods))


async def main_rule(company: Company, login: str, *, ring: int = 5, priority: int = 10, is_enabled: bool = True) -> None:
    async with domain_transaction(company.actor) as tx:
        scheme = await service.scheme_of(tx, company.people[login])
        [main] = [one for one in scheme.rules if one.kind is Kind.MAIN]
        await service.change_rule(tx, scheme.user_id, main.id, RuleData(Kind.MAIN, "", priority, ring, is_enabled, ()))


@pytest.mark.req("FWD-18", "FWD-20", "FWD-25", "FWD-34", "ACC-43", "USR-58")
async def test_no_answer_goes_on_outside_at_the_domain_s_cost(stack: Stack, carrier: Carrier) -> None:
    """TC-13 with a second tier: the phone rings its own time, then the mobile, as an outgoing call of the domain."""
    company = await a_company(stack, balance="100.00")
    mobile = f"7{outside_number()}"
    await main_rule(company, "ivanov", ring=5)
    await rule(company, "ivanov", Kind.LANDLINE, f"+{mobile}", priority=20)
    await company.live()
    ivanov = await company.registered("ivanov")
    async with ivanov.answering(after=30.0):
        call = await carrier.call_in(company.number, "74959998877", hold=1.2)
    assert call.code == 200
    assert call.answered_at is not None
    assert 4 < call.answered_at - call.started_at < 9
    [leg] = carrier.calls_to(mobile)
    assert f"<sip:{company.number}@" in leg.invite.header("From")
    rows = await company.journal(3)
    redirected = [row for row in rows if row["kind"] == "redirected"]
    assert [(row["direction"], row["b_number"], row["user_id"]) for row in redirected] == [
        ("out", mobile, company.people["ivanov"])]
    assert redirected[0]["cost"] > 0
    assert {row["direction"] for row in rows if row not in redirected} == {"in"}


@pytest.mark.req("FWD-08", "FWD-21", "FWD-22", "FWD-24")
async def test_busy_and_ringing_together(stack: Stack, carrier: Carrier) -> None:
    """Busy ends the scheme, a rejection too; in a tier of several only when all are busy."""
    company = await a_company(stack, balance="100.00", people=(*PEOPLE, ("sidorov", "103")))
    never = f"7{outside_number()}"
    await rule(company, "ivanov", Kind.LANDLINE, f"+{never}", priority=20)
    await company.live()
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    sidorov = await company.registered("sidorov")
    for code in (486, 603):
        async with ivanov.refusing(code):
            assert (await sidorov.call("101")).code == 486, code
    await rule(company, "ivanov", Kind.SIP, f"petrov@{company.name}", priority=10)
    await rule(company, "petrov", Kind.LANDLINE, f"+7{outside_number()}", priority=1)  # not run for a leg of ivanov's
    await company.live()
    async with ivanov.refusing(486), petrov.refusing(603):
        assert (await sidorov.call("101")).code == 486
    async with ivanov.refusing(486), petrov.answering() as colleague:
        call = await sidorov.call("101", hold=0.3)
        assert call.code == 200
        assert len(colleague.calls) == 1
    assert carrier.calls_to(never) == []
    rows = await company.journal(5)
    assert {row["direction"] for row in rows} == {"internal"}
    assert [row["result"] for row in rows if row["result"] == "answered"] == ["answered"]


@pytest.mark.req("FWD-12", "FWD-13", "FWD-25", "ACC-D2", "USR-58")
async def test_a_leg_that_may_not_be_placed_is_skipped(stack: Stack, carrier: Carrier) -> None:
    """No money; then money, but the hours of the number are over and another one is off."""
    company = await a_company(stack)
    poor, closed, off = (f"7{outside_number()}" for _ in range(3))
    now = datetime.now(ZoneInfo("Europe/Moscow"))
    other_days = frozenset({1, 2, 3, 4, 5, 6, 7} - {now.isoweekday(), (now + timedelta(minutes=5)).isoweekday()})
    await rule(company, "ivanov", Kind.LANDLINE, f"+{poor}", priority=1, ring=10)
    await rule(company, "ivanov", Kind.LANDLINE, f"+{closed}", priority=2, periods=(Period(other_days, 0, 1440),))
    await rule(company, "ivanov", Kind.LANDLINE, f"+{off}", priority=3, is_enabled=False)
    await company.live()
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    async with ivanov.answering():
        call = await petrov.call("101", hold=0.3)
        assert call.code == 200
        assert not call.early_media  # the refusal is not told to the caller
        await company.pay("10.00")
        assert (await petrov.call("101", hold=0.3)).code == 200
    assert len(carrier.calls_to(poor)) == 1
    assert carrier.calls_to(closed) == carrier.calls_to(off) == []
    today = Period(frozenset({now.isoweekday(), (now + timedelta(minutes=5)).isoweekday()}), 0, 1440)
    await rule(company, "petrov", Kind.LANDLINE, f"+{closed}", priority=1, periods=(today,))
    await company.live()
    assert (await ivanov.call("102", hold=0.3)).code == 200
    assert len(carrier.calls_to(closed)) == 1


async def _answered(carrier: Carrier, number: str, wanted: int) -> bool:
    return len([call for call in carrier.calls_to(number) if call.answered_at]) >= wanted


@pytest.mark.req("FWD-25")
async def test_a_circle_comes_to_an_end(stack: Stack, carrier: Carrier) -> None:
    """A number that three running forwards lead to may be a circle: its own user's outside numbers are left out."""
    company = await a_company(stack, balance="100.00")
    other = await company.another_number(target="petrov")
    far = f"7{outside_number()}"
    await main_rule(company, "ivanov", is_enabled=False)
    await main_rule(company, "petrov", is_enabled=False)
    await rule(company, "ivanov", Kind.LANDLINE, f"+{other}")
    await rule(company, "petrov", Kind.LANDLINE, f"+{far}")
    await company.live()
    assert (await carrier.call_in(other, "74959998877", hold=0.2)).code == 200
    talks = []
    for number in range(3):
        talks.append(asyncio.create_task(carrier.call_in(company.number, f"7495999887{number}", hold=4.0)))
        await _until(lambda wanted=number + 1: _answered(carrier, other, wanted), "a forwarded call")
    assert (await carrier.call_in(other, "74959998877", hold=0.2)).code != 200
    assert [call.code for call in await asyncio.gather(*talks)] == [200] * 3
    assert len(carrier.calls_to(far)) == 1
