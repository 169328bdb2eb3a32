"""Two companies with the same login and extension on one node: nobody sees, dials or bills the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from tenants.domains import service as domains
from tenants.users import credentials
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.db.factories import STAFF
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@dataclass
class Two:
    a: Company
    b: Company


@pytest.fixture(scope="module")
async def two(stack: Stack, carrier: Carrier) -> Two:
    return Two(*await asyncio.gather(a_company(stack, balance="10.00"), a_company(stack, balance="20.00")))


@pytest.mark.req("USR-28")
async def test_same_login_and_extension_stay_apart(two: Two) -> None:
    """Each 102 reaches the 101 of its own company only."""
    phones = {company.name: (await company.registered("ivanov"), await company.registered("petrov"))
              for company in (two.a, two.b)}
    async with phones[two.a.name][0].answering() as in_a, phones[two.b.name][0].answering() as in_b:
        assert (await phones[two.a.name][1].call("101", hold=0.3)).code == 200
        assert (len(in_a.calls), len(in_b.calls)) == (1, 0)
        assert (await phones[two.b.name][1].call("101", hold=0.3)).code == 200
        assert (len(in_a.calls), len(in_b.calls)) == (1, 1)
    for company in (two.a, two.b):
        [row] = await company.journal(1)
        assert (row["user_id"], row["peer_user_id"]) == (company.people["petrov"], company.people["ivanov"])


async def test_credentials_of_one_company_open_nothing_of_the_other(two: Two) -> None:
    """Same login; the password of B is another one after it was changed, and A's opens neither door of B."""
    async with domain_transaction(two.b.actor) as tx:
        await credentials.set_password(tx, two.b.people["ivanov"], "another1horse")
    await two.b.live()
    assert await two.b.phone("ivanov").register() == 401
    assert (await two.b.phone("ivanov").call("102")).code == 401
    assert await two.b.phone("ivanov", "another1horse").register() == 200
    assert await two.a.phone("ivanov").register() == 200
    assert await two.a.phone("ivanov", "another1horse").register() == 401
    stranger = two.a.phone("petrov")  # who he is, but at whose address?
    assert await stranger.register(target=two.b.name) in (403, 404)
    assert two.b.name not in await two.a.stack.node.rx(f"pjsip show contacts like sip:petrov@127.0.0.1:{stranger.port}")
    async with domain_transaction(two.b.actor) as tx:
        await credentials.set_password(tx, two.b.people["ivanov"], "correct1horse")
    await two.b.live()
    assert await two.b.phone("ivanov").register() == 200


async def test_nothing_dialled_leaves_the_company(two: Two) -> None:
    """Addresses of the other company are read as what they begin with, inside one's own."""
    ivanov_a, ivanov_b = await two.a.registered("ivanov"), await two.b.registered("ivanov")
    petrov = await two.a.registered("petrov")
    before = len(await two.b.calls())
    async with ivanov_a.answering() as in_a, ivanov_b.answering() as in_b:
        assert (await petrov.call("101", target=two.b.name, hold=0.3)).code == 200
        assert (len(in_a.calls), len(in_b.calls)) == (1, 0)
        for dialled in ("ivanov", f"ivanov%40{two.b.name}"):
            call = await petrov.call(dialled, target=two.b.name)
            assert call.code in (404, 484), dialled
        assert (await petrov.call("150")).code == 484
        assert (len(in_a.calls), len(in_b.calls)) == (1, 0)
    assert len(await two.b.calls()) == before


async def test_each_pays_its_own_calls(two: Two, carrier: Carrier) -> None:
    number = outside_number()
    before = {company.id: len(await company.calls()) for company in (two.a, two.b)}
    for company in (two.a, two.b):
        assert (await (await company.registered("petrov")).call(f"8{number}", hold=0.3)).code == 200
    first, second = carrier.calls_to(f"7{number}")
    assert f"<sip:{two.a.number}@" in first.invite.header("From")
    assert f"<sip:{two.b.number}@" in second.invite.header("From")
    for company, balance in ((two.a, "8.50"), (two.b, "18.50")):
        call = (await company.journal(before[company.id] + 1))[-1]
        assert (call["b_number"], call["a_number"], call["cost"]) == (f"7{number}", company.number, Decimal("1.50"))
        assert await company.balance() == Decimal(balance)


async def test_incoming_numbers_reach_their_own_company(two: Two, carrier: Carrier) -> None:
    ivanov_a, ivanov_b = await two.a.registered("ivanov"), await two.b.registered("ivanov")
    silent = await two.b.another_number()
    await two.b.live()
    async with ivanov_a.answering() as in_a, ivanov_b.answering() as in_b:
        assert (await carrier.call_in(two.b.number, "74957776655", hold=0.3)).code == 200
        assert (len(in_a.calls), len(in_b.calls)) == (0, 1)
        assert (await carrier.call_in(two.a.number, "74957776655", hold=0.3)).code == 200
        assert (len(in_a.calls), len(in_b.calls)) == (1, 1)
        assert (await carrier.call_in(silent, "74957776655")).code == 486
        assert (await carrier.call_in("74959990000", "74957776655")).code == 486
        assert (len(in_a.calls), len(in_b.calls)) == (1, 1)


@pytest.mark.req("FIN-D1")
async def test_blocked_company_may_only_call_for_help(stack: Stack, carrier: Carrier) -> None:
    """Calls in progress go on; new ones of any kind do not begin."""
    company = await a_company(stack, balance="10.00", people=(("ivanov", "201"), ("petrov", "202")))
    ivanov, petrov, number = await company.registered("ivanov"), await company.registered("petrov"), outside_number()
    async with petrov.answering() as answering:
        talks = [asyncio.create_task(ivanov.call(dialled, hold=8)) for dialled in ("202", f"8{number}")]
        await carrier.answered(f"7{number}")
        async with platform_transaction(STAFF) as tx:
            await domains.start_block(await tx.enter_domain(company.id), "administrative", "test")
        await company.live()
        for dialled in ("202", f"8{outside_number()}"):
            call = await ivanov.call(dialled)
            assert (call.code, call.early_media) == (403, True)
        assert (await carrier.call_in(company.number, "74957776655")).code == 403
        ended = await asyncio.gather(*talks)
        assert [(call.code, call.ended_here) for call in ended] == [(200, True)] * 2
        assert all(7.5 < call.talk_seconds < 10 for call in ended)
        assert len(answering.calls) == 1
    for dialled in ("101", "102", "103", "104", "112"):
        helped = len(carrier.calls_to(f"sip:{dialled}"))
        assert (await ivanov.call(dialled, hold=0.1)).code == 200
        assert len(carrier.calls_to(f"sip:{dialled}")) == helped + 1
    assert await ivanov.register() == 200
    await company.journal(10)
    assert await company.balance() == Decimal("8.50")
