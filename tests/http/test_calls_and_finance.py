"""The journal and the finance pages after real records."""

from __future__ import annotations

import io
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from app.kernel.db import domain_transaction
from pbx_provisioning.intake.service import take_in
from tests.db import billing_factories as world
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def company(web: Any, client: Browser) -> Someone:
    """An administrator who is signed in, with 10 roubles on the account and one call of 65 s at 1.50."""
    admin = await a_user(is_admin=True)
    await world.pay(admin.actor, "10.00")
    node_id = await world.a_node()
    record = world.a_record(world.Company(admin.actor, node_id, admin.id), talked=65, b_number="79161234567")
    await take_in(node_id, [record])
    await client.sign_in(admin.login, admin.domain)
    return admin


@pytest.mark.req("FIN-08", "FIN-44")
async def test_call_ledger_and_balance_agree(company: Someone, client: Browser) -> None:
    client.cookies.set("lang", "en")
    journal, ledger, state = [(await client.get(url)).text for url in ("/calls", "/finance/ledger", "/finance")]
    assert "3.00" in journal
    assert "1:05" in journal
    assert "3.00" in ledger
    assert "7.00" in ledger
    assert "7.00" in state
    async with domain_transaction(company.actor) as tx:
        assert str(await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id)) == "7.00"
        call_id = await tx.fetchval("SELECT id FROM call WHERE domain_id = $1", tx.domain_id)
    explained = (await client.get(f"/calls/{call_id}")).text
    assert "1.50" in explained


@pytest.mark.req("FIN-49")
async def test_exports_hold_the_rows_as_numbers(company: Someone, client: Browser) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO((await client.get("/finance/ledger/export")).content))
    rows = book.get_sheet_by_index(0).to_python()
    assert len(rows) == 2
    assert [cell for cell in rows[1] if isinstance(cell, float)] == [-3.0, 7.0]
    calls = CalamineWorkbook.from_filelike(io.BytesIO((await client.get("/calls/export")).content))
    assert len(calls.get_sheet_by_index(0).to_python()) == 2


@pytest.mark.req("FIN-50", "FIN-51")
async def test_payments_are_listed_apart_from_debits(company: Someone, client: Browser) -> None:
    client.cookies.set("lang", "en")
    assert "10.00" in (await client.get("/finance/payments")).text
    ledger = (await client.get("/finance/ledger")).text
    assert "+10.00" not in ledger
    assert "Payment /" not in ledger


async def test_search_and_filters_of_the_journal(company: Someone, client: Browser) -> None:
    client.cookies.set("lang", "en")
    for typed in ("9161234", "+7 916 123-45-67", "8 (916) 1234567"):
        found = await client.get("/calls", params={"q": typed})
        assert "916 123-45-67" in found.text, typed
    for address in ("/calls?q=%25", "/calls?direction=in", "/calls?result=missed", "/calls?q=999999"):
        assert "Nothing found" in (await client.get(address)).text, address
    assert "Nothing found" not in (await client.get("/calls?period=today&direction=out")).text
