"""Calls between the domains of one pool, through the running product."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import uuid4

import pytest

from app.kernel import provisioning
from app.kernel.db import platform_transaction
from billing.accounts.blocks import end_block, start_block
from tenants.pools import service as pools
from tenants.pools.rules import PoolSettings
from tests.calls.world import Carrier, Company, a_company
from tests.db.factories import STAFF
from tests.stack import Stack

pytestmark = pytest.mark.anyio
ONE = (("user1", "101"),)


async def into_pool(pool_id: int | None, company: Company, route: str | None) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET pool_id = $2, route_number = $3 WHERE id = $1", company.id, pool_id, route)
        await provisioning.want_new_generation(await tx.enter_domain(company.id), "pool")


async def a_pool(length: int = 4) -> int:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("INSERT INTO pool (name, route_number_length) VALUES ($1, $2) RETURNING id",
                                 f"pool {uuid4().hex}", length)


@pytest.mark.req("POOL-01", "POOL-02", "POOL-03", "POOL-04", "POOL-05", "POOL-07", "POOL-D1", "POOL-D2")
async def test_t5_three_domains_call_each_other(stack: Stack, carrier: Carrier) -> None:
    pool_id, foreign_id = await asyncio.gather(a_pool(), a_pool())
    first, second, third, foreign, alone = await asyncio.gather(*(
        a_company(stack, people=(*ONE, ("user2", "102"))[:people], balance="5.00")
        for people in (2, 1, 1, 1, 1)))
    await asyncio.gather(into_pool(pool_id, first, "4455"), into_pool(pool_id, second, "4456"),
                         into_pool(pool_id, third, "4457"), into_pool(foreign_id, foreign, "4458"))
    await asyncio.gather(*(one.live() for one in (first, second, third, foreign)))
    for company in (first, foreign, alone):  # what is not a call inside the pool must not get out as a local number
        await company.fetch("UPDATE domain SET default_restriction = 'internal_only' WHERE id = $1")
    caller = await first.registered("user2")
    phones = await asyncio.gather(*(one.registered("user1") for one in (first, second, third, foreign, alone)))
    async with phones[0].answering() as at_1, phones[1].answering() as at_2, phones[2].answering() as at_3, \
            phones[3].answering() as at_foreign:
        calls = [await caller.call(number, hold=0.2) for number in ("4456101", "4457101", "101", "4455101")]
        assert [call.code for call in calls] == [200, 200, 200, 200]
        assert [len(at.calls) for at in (at_1, at_2, at_3)] == [2, 1, 1]
        shown = at_2.calls[0].invite.header("From")
        assert "<sip:4455102@" in shown  # what calls back
        assert "User2" in shown
        back = await phones[1].call("4455102", ring=0.1)  # rings where nobody listens: the number is right
        assert back.code in (480, 487, 503)
        # an unknown extension, another pool's domain, and a domain of no pool
        assert (await caller.call("4456999", hold=0)).code == 404
        assert (await caller.call("4458101", hold=0)).code == 403
        assert (await phones[3].call("4456101", hold=0)).code == 403
        assert (await phones[4].call("4456101", hold=0)).code == 403
        assert (len(at_2.calls), len(at_foreign.calls)) == (1, 0)
    rows = await first.journal(6)
    assert {row["direction"] for row in rows[:5]} == {"internal"}
    assert [(row["b_number"], row["result"]) for row in rows[:4]] == [
        ("4456101", "answered"), ("4457101", "answered"), ("101", "answered"), ("101", "answered")]
    assert (rows[0]["peer_domain_id"], rows[0]["peer_user_id"], rows[0]["a_number"]) == (second.id, None, "102")
    assert rows[3]["peer_user_id"] == first.people["user1"]
    [row] = [row for row in await second.journal(2) if row["user_id"] is None]
    assert (row["direction"], row["a_number"], row["b_number"], row["peer_user_id"], row["result"]) == (
        "internal", "4455102", "101", second.people["user1"], "answered")
    for company in (first, second, third):
        assert await company.balance() == Decimal("5.00")
        assert all(row["cost"] == 0 for row in await company.calls())
        assert await company.fetchval("SELECT count(*) FROM hold WHERE domain_id = $1") == 0


@pytest.mark.req("POOL-06", "POOL-D1", "POOL-D2", "POOL-D5")
async def test_expression_blocks_and_leaving_the_pool(stack: Stack, carrier: Carrier) -> None:
    pool_id = await a_pool(length=2)
    first, second, third = await asyncio.gather(*(a_company(stack, people=ONE) for _ in range(3)))
    async with platform_transaction(STAFF) as tx:
        for company, route in ((first, "45"), (second, "46"), (third, "")):
            await pools.add_domain(tx, pool_id, company.id, route)
            await (await tx.enter_domain(company.id)).execute(
                "UPDATE domain SET default_restriction = 'internal_only' WHERE id = $1", company.id)
    before = await wanted(first, second, third)
    async with platform_transaction(STAFF) as tx:
        name = await tx.fetchval("SELECT name FROM pool WHERE id = $1", pool_id)
        await pools.change_pool(tx, pool_id, PoolSettings(name, 2, "*{route}#{ext}"))
    assert await wanted(first, second, third) == [one + 1 for one in before]
    await asyncio.gather(first.live(), second.live(), third.live())
    phones = await asyncio.gather(*(one.registered("user1") for one in (first, second, third)))
    async with phones[1].answering() as at_2:
        assert (await phones[0].call("*46%23101", hold=0.1)).code == 200
        assert (await phones[2].call("*46%23101", hold=0.1)).code == 200
        assert (await phones[0].call("46101", hold=0)).code == 484  # the old way of dialling is a number outside
        async with platform_transaction(STAFF) as tx:  # a speed dial number, if an address book knew it
            await pools.change_pool(tx, pool_id, PoolSettings(name, 2, "*{route}{ext}"))
        await asyncio.gather(first.live(), second.live(), third.live())
        assert (await phones[0].call("*46101", hold=0.1)).code == 200
        assert (await phones[0].call("*47101", hold=0)).code == 404
        from_first, from_third, _last = (call.invite.header("From") for call in at_2.calls)
        assert "sip:*45%23101@" in from_first
        assert "User1" in from_third
        assert "sip:101@" not in from_third  # would call somebody else back
        async with platform_transaction(STAFF) as tx:
            await start_block(await tx.enter_domain(second.id), "administrative", "test")
        await second.live()
        assert (await phones[0].call("*46101", hold=0)).code == 403
        assert (await phones[1].call("*45101", hold=0)).code == 403
        async with platform_transaction(STAFF) as tx:
            await end_block(await tx.enter_domain(second.id), "administrative")
            await pools.remove_domain(tx, pool_id, first.id)
        await asyncio.gather(first.live(), second.live())
        assert (await phones[0].call("*46101", hold=0)).code in (403, 404)
        assert (await phones[1].call("*45101", hold=0)).code in (403, 404)
        assert len(at_2.calls) == 3


async def wanted(*companies: Company) -> list[int]:
    return [await one.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1") for one in companies]
