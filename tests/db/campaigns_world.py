"""Campaigns with operators at work, without a telephone network."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from app.modules.campaigns import clients, queries, service, work
from app.modules.campaigns.queries import Client, Found
from app.modules.campaigns.service import Settings
from billing.services import service as services
from tenants.calls import orders
from tenants.users.operators import CONTACT_CENTRE
from tests.db import billing_factories as world
from tests.db.services_world import a_company, a_service

SERVICE = a_service(CONTACT_CENTRE, "operator")


async def an_owner() -> Actor:
    actor = await a_company(SERVICE, money="1000")
    async with domain_transaction(actor) as tx:
        await services.connect(tx, CONTACT_CENTRE)
    return actor


async def a_group(actor: Actor, name: str = "Mobile", *members: int) -> int:
    async with domain_transaction(actor) as tx:
        group_id = await tx.fetchval("INSERT INTO call_group (domain_id, name, algorithm) VALUES ($1, $2, 'acd_random') "
                                     "RETURNING id", tx.domain_id, name)
        for user_id in members:
            await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id) VALUES ($1, $2, $3)", tx.domain_id,
                             group_id, user_id)
    return group_id


async def an_operator(actor: Actor, login: str, extension: str) -> int:
    user_id = await world.a_user(actor, login, extension, is_operator=True)
    await at_work(actor, user_id)
    return user_id


async def at_work(actor: Actor, user_id: int) -> None:
    async with domain_transaction(actor) as tx:
        await tx.execute("INSERT INTO operator_session (domain_id, user_id, signed_in_at, seen_at) "
                         "VALUES ($1, $2, $3, $3)", tx.domain_id, user_id, tx.now)
        await tx.execute("INSERT INTO operator_state_interval (domain_id, user_id, state, started_at) "
                         "VALUES ($1, $2, 'waiting', $3)", tx.domain_id, user_id, tx.now)


def settings(group_id: int | None, **changes: Any) -> Settings:
    now = clock.now()
    values: dict[str, Any] = {
        "name": "Оповещение об акции", "attempts": 3, "method": "sequential", "group_id": group_id,
        "max_talk_minutes": None, "info_url": "", "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(days=14)}
    return Settings(**(values | changes))


class Working:
    """An active campaign of a group with two operators."""

    def __init__(self, actor: Actor, campaign_id: int, operators: tuple[int, int]) -> None:
        self.actor, self.id, (self.anna, self.boris) = actor, campaign_id, operators

    async def add(self, name: str, *numbers: str) -> int:
        async with domain_transaction(self.actor) as tx:
            return await clients.add(tx, self.id, clients.typed_client(name, numbers, ""))

    async def client(self, client_id: int) -> Client:
        async with domain_transaction(self.actor) as tx:
            return await queries.client(tx, self.id, client_id)

    async def clients(self, **found: Any) -> list[Client]:
        async with domain_transaction(self.actor) as tx:
            return (await queries.clients(tx, self.id, Found(**found), order="c.id", limit=100, offset=0))[0]

    async def take(self, user_id: int) -> str:
        """Name of the client that the operator is given, "" for none."""
        async with domain_transaction(self.actor) as tx:
            found = await work.take_next(tx, user_id, self.id)
            return found.client.name if found else ""

    async def do(self, act: Any, *args: Any) -> Any:
        async with domain_transaction(self.actor) as tx:
            return await act(tx, *args)

    async def order(self, user_id: int) -> Any:
        async with domain_transaction(self.actor) as tx:
            return await tx.fetchrow("SELECT o.* FROM call_order o JOIN campaign_client c ON c.domain_id = o.domain_id "
                                     "AND c.order_id = o.id WHERE o.domain_id = $1 AND c.held_by = $2", tx.domain_id,
                                     user_id)

    async def end(self, user_id: int, result: str, talked: int = 0, *, reason: str = "") -> None:
        """The call of this operator ends so; the worker is told."""
        order_id = (await self.order(user_id))["id"]
        async with domain_transaction(self.actor) as tx:
            answered = result in ("connected", "not_connected", "cancelled")
            await tx.execute("UPDATE call_order SET state = 'calling', begun_at = $3, first_at = CASE WHEN $4 THEN $3::timestamptz END "
                             "WHERE domain_id = $1 AND id = $2", tx.domain_id, order_id, tx.now, answered)
            await orders.settle(tx, order_id, result, reason=reason, talk_seconds=talked)
            order = await orders.find(tx, order_id)
            assert order is not None
            await work.call_ended(tx, order)

    async def called(self, user_id: int, result: str, talked: int = 0) -> None:
        await self.do(work.call, user_id)
        await self.end(user_id, result, talked)


async def a_campaign(actor: Actor | None = None, **changes: Any) -> Working:
    actor = actor or await an_owner()
    operators = (await an_operator(actor, "anna", "701"), await an_operator(actor, "boris", "702"))
    group_id = await a_group(actor, "Mobile", *operators)
    async with domain_transaction(actor) as tx:
        campaign_id = await service.create(tx, settings(group_id, **changes))
        await service.switch(tx, campaign_id, True)
    return Working(actor, campaign_id, operators)
