"""Money through transfers: the carrier's leg is paid from its answer to its end, by the user who caused it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction
from app.kernel.provisioning import want_new_generation
from tests.calls.sipp.softphone import SoftPhone, softphone
from tests.calls.world import PASSWORD, Carrier, Company, a_company, a_tariff_by_second, outside_number
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def two_phones(company: Company) -> AsyncIterator[tuple[SoftPhone, SoftPhone]]:
    async with (softphone("ivanov", company.name, PASSWORD, company.stack.sip) as ivanov,
                softphone("petrov", company.name, PASSWORD, company.stack.sip) as petrov):
        yield ivanov, petrov


async def _no_contradiction(company: Company, paid: Decimal, start: str) -> None:
    assert await company.balance() == Decimal(start) - paid
    assert (await company.differences(), await company.held(), await company.put_aside()) == ([], 0, 0)


async def test_a_transferred_call_is_paid_to_its_end(stack: Stack, carrier: Carrier) -> None:
    """The caller hands his call to a colleague and hangs up; then money for more is paid in, and then it ends."""
    company = await a_company(stack, balance="3.00", tariff_id=await a_tariff_by_second("1.00"))
    number = outside_number()
    async with two_phones(company) as (ivanov, petrov):
        talk = await ivanov.call(f"8{number}")
        assert talk.code == 200
        await asyncio.sleep(0.5)
        assert await talk.refer("102") == 202
        colleague = await petrov.taken()
        await talk.bye()
        await company.pay("2.00")
        outside = await carrier.call_to(f"7{number}", timeout=20)
        await colleague.over()  # after the announcement
    assert 4.5 < outside.talk_seconds < 6.5
    rows = await company.journal(2)
    paid = [row for row in rows if row["direction"] == "out"]
    assert [(row["talk_seconds"], row["cost"], row["user_id"], row["kind"]) for row in paid] == [
        (5, Decimal("5.00"), company.people["ivanov"], "")]
    assert [(row["cost"], row["kind"]) for row in rows if row["direction"] == "internal"] == [(0, "transferred")]
    await _no_contradiction(company, Decimal("5.00"), "5.00")


@pytest.mark.req("SET-20")
async def test_transfer_to_an_outside_number_is_charged_to_who_transfers(stack: Stack, carrier: Carrier) -> None:
    """By REFER, by REFER of two calls, and by keys; a restricted user transfers nowhere outside."""
    company = await a_company(stack, balance="50.00")
    blind, attended, dialled, refused = (outside_number() for _ in range(4))
    async with two_phones(company) as (ivanov, petrov):
        talk = await ivanov.call("102")
        colleague = await petrov.taken()
        await asyncio.sleep(0.3)  # until they hear each other
        await colleague.refer(f"8{blind}")  # petrov transfers, ivanov talks on
        await carrier.answered(f"7{blind}")
        await colleague.bye()
        await talk.bye()
        talk = await ivanov.call("102")
        colleague = await petrov.taken()
        second = await ivanov.call(f"8{attended}")
        assert await talk.refer(f"8{attended}", replaces=second) == 202
        await asyncio.sleep(0.3)
        await talk.bye()
        await second.bye()
        await asyncio.sleep(0.3)
        await colleague.bye()
        await carrier.call_to(f"7{attended}")
        talk = await ivanov.call("102")
        colleague = await petrov.taken()
        await colleague.keys(f"#1#8{dialled}#")
        await carrier.answered(f"7{dialled}")
        await asyncio.sleep(0.3)
        await colleague.bye()
        await asyncio.sleep(0.3)
        await talk.bye()
        await carrier.call_to(f"7{dialled}")
        rows = await company.journal(6)
        async with domain_transaction(company.actor) as tx:
            await tx.execute("UPDATE domain_user SET outgoing_restriction = 'internal_only' WHERE domain_id = $1 "
                             "AND id = $2", tx.domain_id, company.people["petrov"])
            await want_new_generation(tx, "test")
        await company.live()
        talk = await ivanov.call("102")
        colleague = await petrov.taken()
        await asyncio.sleep(0.3)  # until they hear each other
        await colleague.refer(f"8{refused}")
        await talk.over(12)
    assert carrier.calls_to(f"7{refused}") == []
    paid = {row["b_number"]: row for row in rows if row["direction"] == "out"}
    assert {number: (row["user_id"], row["kind"], row["cost"]) for number, row in paid.items()} == {
        f"7{blind}": (company.people["petrov"], "transferred", Decimal("1.50")),
        f"7{attended}": (company.people["ivanov"], "", Decimal("1.50")),
        f"7{dialled}": (company.people["petrov"], "transferred", Decimal("1.50"))}
    await _no_contradiction(company, Decimal("4.50"), "50.00")


@pytest.mark.req("SET-20", "SET-21")
async def test_conference_and_changed_codes(stack: Stack, carrier: Carrier) -> None:
    """A participant from outside is paid by who added him; a saved code counts for the next call."""
    company = await a_company(stack, balance="50.00")
    number = outside_number()
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain SET dtmf_conference_add = '0330' WHERE id = $1", tx.domain_id)
        await want_new_generation(tx, "test")
    await company.live()
    async with two_phones(company) as (ivanov, petrov):
        talk = await ivanov.call("102")
        colleague = await petrov.taken()
        talk.sing(loud=False)
        colleague.sing(loud=False)
        await asyncio.sleep(0.3)
        await talk.keys(f"#0330#8{number}#")
        await carrier.answered(f"7{number}")
        await talk.bye()
        await asyncio.sleep(1)
        assert not colleague.ended.is_set()
        await colleague.bye()
        outside = await carrier.call_to(f"7{number}")
        assert outside.talk_seconds > 0.8
    rows = await company.journal(2)
    assert [(row["user_id"], row["kind"], row["cost"]) for row in rows if row["direction"] == "out"] == [
        (company.people["ivanov"], "conference", Decimal("1.50"))]


async def test_nobody_pays_for_a_leg_without_a_listener(stack: Stack, carrier: Carrier) -> None:
    """The target of a transfer and the user hang up in the same moment: the other party is not left alone."""
    company = await a_company(stack, balance="50.00", tariff_id=await a_tariff_by_second("0.01"))
    number = outside_number()
    async with two_phones(company) as (ivanov, petrov):
        talk = await ivanov.call(f"8{number}")
        await asyncio.sleep(0.3)
        await talk.keys("#1#102#")
        colleague = await petrov.taken()
        await colleague.bye()
        await talk.bye()
        await carrier.call_to(f"7{number}", timeout=20)
