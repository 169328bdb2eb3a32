"""Address books on the telephone: speed dial, and names of callers."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction
from tenants.directory import service
from tenants.directory.rules import COMPANY, Book, ContactData, Number
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.stack import Stack

pytestmark = pytest.mark.anyio


async def add(company: Company, name: str, number: str, digits: str, book: Book = COMPANY) -> None:
    async with domain_transaction(company.actor) as tx:
        await service.create_contact(tx, book, ContactData(name, (Number("ip", number),), speed_dial=digits))


@pytest.mark.req("ABK-04", "ACC-71")
async def test_t25_t3_speed_dial(stack: Stack, carrier: Carrier) -> None:
    """A colleague, an outside number for money, the own book before the company's, nobody."""
    company = await a_company(stack, balance="100.00")
    shared, own = outside_number(), outside_number()
    await add(company, "Petrov", "petrov", "15")
    await add(company, "Client", f"8{shared}", "16")
    await add(company, "Mine", f"+7{own}", "16", Book(company.people["petrov"]))
    await add(company, "Abroad", "+442079460018", "17")
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    async with petrov.answering():
        assert (await ivanov.call("*15", hold=0.2)).code == 200
    assert (await ivanov.call("*16", hold=0.2)).code == 200
    assert len(carrier.calls_to(f"7{shared}")) == 1
    assert (await petrov.call("*16", hold=0.2)).code == 200
    assert (len(carrier.calls_to(f"7{own}")), len(carrier.calls_to(f"7{shared}"))) == (1, 1)
    absent = await ivanov.call("*18")
    assert (absent.code, absent.early_media) == (404, True)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE domain_user SET outgoing_restriction = 'no_international' WHERE domain_id = $1 "
                         "AND id = $2", tx.domain_id, company.people["ivanov"])
    assert (await ivanov.call("*17")).code == 403
    rows = await company.journal(5)
    assert [(row["direction"], row["b_number"], row["result"]) for row in rows] == [
        ("internal", "102", "answered"), ("out", f"7{shared}", "answered"), ("out", f"7{own}", "answered"),
        ("internal", "*18", "refused"), ("out", "+442079460018", "refused")]
    assert [row["cost"] for row in rows] == [0, Decimal("1.50"), Decimal("1.50"), 0, 0]
    assert rows[0]["peer_user_id"] == company.people["petrov"]
    assert await company.balance() == Decimal("97.00")


@pytest.mark.req("ABK-01", "ACC-67")
async def test_the_phone_shows_a_callers_name(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack)
    ivanov = await company.registered("ivanov")
    await add(company, "ООО \"Ёлка\"; & Co", "+74959998801", "1")
    await add(company, "Shared", "+74959998802", "2")
    await add(company, "Own Friend", "+74959998802", "3", Book(company.people["ivanov"]))
    await add(company, "Foreign", "+74959998803", "4", Book(company.people["petrov"]))
    async with ivanov.answering() as answering:
        for caller in ("74959998801", "84959998802", "74959998803"):
            assert (await carrier.call_in(company.number, caller, hold=0.2)).code == 200
            await asyncio.sleep(0)
        shown = [call.invite.header("From").partition("<")[0].strip() for call in answering.calls]
    assert shown[:2] == ['"ООО Ёлка Co"', '"Own Friend"']
    assert "Foreign" not in shown[2]
