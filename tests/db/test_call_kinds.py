"""What a record says of a transferred call gets into the journal; what is no call does not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from pbx_provisioning.intake.service import take_in
from tenants.calls.queries import JournalFilter, journal
from tests.db.billing_factories import a_company, a_record
from tests.db.factories import STAFF

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def test_kind_and_other_company_are_kept() -> None:
    company = await a_company("100")
    record = a_record(company, kind="transferred", peer_domain_id=77, peer_user_id=8)
    await take_in(company.node_id, [record])
    row = await company.fetchrow("SELECT kind, peer_domain_id FROM call WHERE domain_id = $1", company.id)
    assert row is not None
    assert dict(row) == {"kind": "transferred", "peer_domain_id": 77}


async def test_by_products_are_neither_calls_nor_put_aside() -> None:
    company = await a_company("100")
    nobodys = a_record(company, direction="", domain_id=None, user_id=None)
    leg = a_record(company, direction="leg")
    await take_in(company.node_id, [nobodys, leg])
    assert await company.fetchrow("SELECT FROM call WHERE domain_id = $1", company.id) is None
    async with platform_transaction(STAFF) as tx:
        assert not await tx.fetchval("SELECT count(*) FROM record_quarantine WHERE uniqueid = ANY($1)",
                                     [nobodys.uniqueid, leg.uniqueid])


async def test_a_paid_leg_is_never_hidden_in_the_journal() -> None:
    """One conversation: a phone that rang, the call that was answered, and the leg it was transferred to."""
    company = await a_company("100")
    now = datetime.now(UTC)
    rang = a_record(company, direction="in", talked=0, ended=now, is_billable=False)
    answered = a_record(company, uniqueid=rang.uniqueid, direction="in", ended=now, is_billable=False, sequence=1)
    leg = a_record(company, linkedid=rang.uniqueid, ended=now, kind="transferred")
    await take_in(company.node_id, [rang, answered, leg])
    async with domain_transaction(company.actor) as tx:
        rows, _total = await journal(tx, JournalFilter())
    assert sorted((row.direction, row.result) for row in rows) == [("in", "answered"), ("out", "answered")]
