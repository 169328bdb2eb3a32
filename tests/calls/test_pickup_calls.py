"""Answering for a colleague by the pickup number, through the running product."""

from __future__ import annotations

import asyncio

import pytest

from app.kernel import provisioning
from app.kernel.db import domain_transaction
from tests.calls.world import Company, a_company
from tests.stack import Stack

pytestmark = pytest.mark.anyio
PEOPLE = (("anna", "101"), ("boris", "102"), ("clara", "103"), ("dora", "104"), ("erik", "105"))


async def group(company: Company, name: str, *logins: str) -> None:
    async with domain_transaction(company.actor) as tx:
        group_id = await tx.fetchval("INSERT INTO pickup_group (domain_id, name) VALUES ($1, $2) RETURNING id",
                                     tx.domain_id, name)
        await tx.execute("UPDATE domain_user SET pickup_group_id = $3 WHERE domain_id = $1 AND login = ANY($2)",
                         tx.domain_id, list(logins), group_id)
        await provisioning.want_new_generation(tx, "pickup")


@pytest.mark.req("PICK-01", "PICK-14")
async def test_only_a_member_of_the_same_group_gets_the_ringing_call(stack: Stack) -> None:
    company, other = await asyncio.gather(a_company(stack, people=PEOPLE), a_company(stack, people=PEOPLE[:2]))
    await group(company, "Room 1", "anna", "boris")
    await group(company, "Room 2", "clara")
    await group(other, "Room 1", "anna", "boris")
    await asyncio.gather(company.live(), other.live())
    anna, boris, clara, dora, erik = await asyncio.gather(*(company.registered(login) for login, _ in PEOPLE))
    stranger = await other.registered("boris")
    assert (await boris.call("*8", hold=0)).code == 480  # nothing rings
    async with anna.ringing() as ringing:
        calling = asyncio.create_task(erik.call("101", hold=1.5))
        await ringing.wait_for_calls(1)
        refused = await asyncio.gather(*(one.call("*8", hold=0) for one in (clara, dora, stranger)))
        assert [call.code for call in refused] == [480, 480, 480]
        taken = await boris.call("*8")  # ended by the caller
        call = await calling
    assert (taken.code, call.code) == (200, 200)
    assert call.talk_seconds > 1
    assert not taken.ended_here
    rows = await company.journal(5)
    [talk] = [row for row in rows if row["result"] == "answered"]
    assert (talk["user_id"], talk["peer_user_id"]) == (company.people["erik"], company.people["boris"])
