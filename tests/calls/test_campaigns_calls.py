"""A campaign in real calls: the operator's phone first, then the client's numbers one after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction
from app.modules.campaigns import clients, queries, service, work
from app.modules.campaigns.queries import Client
from billing.services import channels
from billing.services import service as paid
from tenants.operators import service as operators
from tenants.users import operators as roles
from tests.calls.world import Carrier, Company, a_company, outside_number
from tests.db.campaigns_world import SERVICE, settings
from tests.db.factories import a_tariff
from tests.db.services_world import a_service
from tests.stack import Stack

pytestmark = pytest.mark.anyio


async def _company(stack: Stack) -> Company:
    tariff = await a_tariff(("7", "1.50"), services=[
        SERVICE, a_service(channels.INCOMING, "special", included=1), a_service(channels.OUTGOING, "special", included=1)])
    return await a_company(stack, balance="100.00", tariff_id=tariff)


async def _until(ready: Callable[[], Awaitable[bool]], what: str, timeout: float = 20.0) -> None:
    until = time.monotonic() + timeout
    while not await ready():
        assert time.monotonic() < until, what
        await asyncio.sleep(0.1)


async def _campaign(company: Company, user_id: int, *numbers: str) -> int:
    """Of a group with this one operator, who is at work."""
    async with domain_transaction(company.actor) as tx:
        await paid.connect(tx, roles.CONTACT_CENTRE)
        await roles.set_operator(tx, user_id, True)
        group_id = await tx.fetchval("INSERT INTO call_group (domain_id, name, algorithm) VALUES ($1, 'Mobile', "
                                     "'acd_random') RETURNING id", tx.domain_id)
        await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id) VALUES ($1, $2, $3)", tx.domain_id,
                         group_id, user_id)
        campaign_id = await service.create(tx, settings(group_id, attempts=1))
        await service.switch(tx, campaign_id, True)
        await clients.add(tx, campaign_id, clients.typed_client("Николай", numbers, "Инфа"))
        await operators.sign_in(tx, user_id)
    await company.live()
    return campaign_id


async def _state(company: Company, user_id: int, state: str) -> None:
    async def there() -> bool:
        return await company.fetchval("SELECT state FROM operator_state_interval WHERE domain_id = $1 AND user_id = $2 "
                                      "AND ended_at IS NULL", user_id) == state
    await _until(there, f"the operator is {state}")


async def _client(company: Company, campaign_id: int) -> Client:
    async with domain_transaction(company.actor) as tx:
        return (await queries.clients(tx, campaign_id, queries.Found(), order="c.id", limit=1, offset=0))[0][0]


@pytest.mark.req("CMP-D11", "SVC-43")
async def test_a_client_is_called_from_the_operators_phone(stack: Stack, carrier: Carrier) -> None:
    """The first number is busy, the second answers. The call is the operator's own, takes the only outgoing channel, and
    the operator's state is "Outgoing campaign" meanwhile."""
    company = await _company(stack)
    ivanov = company.people["ivanov"]
    phone, petrov = await company.registered("ivanov"), await company.registered("petrov")
    good = outside_number()
    campaign_id = await _campaign(company, ivanov, "9990000486", f"8{good}")
    await _state(company, ivanov, "waiting")
    async with domain_transaction(company.actor) as tx:
        found = await work.take_next(tx, ivanov, campaign_id)
        assert found is not None
        assert found.client.notes == "Инфа"
        await work.call(tx, ivanov)
    async with phone.answering(hold=7.0):
        await _state(company, ivanov, "campaign")
        await carrier.answered(good, timeout=20)
        assert (await petrov.call(f"8{outside_number()}")).code == 503  # the campaign's call has the only channel

        async def talked() -> bool:
            async with domain_transaction(company.actor) as tx:
                mine = await work.held(tx, ivanov)
            return mine is not None and mine.stage == "talked"
        await _until(talked, "the conversation is over")
    await _state(company, ivanov, "waiting")
    async with domain_transaction(company.actor) as tx:
        await work.give_status(tx, ivanov, "success", None)
    one = await _client(company, campaign_id)
    assert (one.status, one.attempts, one.operator_name) == ("success", 1, "Ivanov")
    assert 2 <= one.talk_seconds <= 8
    rows = [row for row in await company.journal(2) if row["result"] == "answered" and row["direction"] == "out"]
    assert [(row["user_id"], row["kind"], row["cost"] > 0) for row in rows] == [(ivanov, "campaign", True)]
    assert await company.differences() == []
    assert clock.now() - (one.last_attempt_at or clock.now()) < timedelta(minutes=2)
