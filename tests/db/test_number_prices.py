"""Numbers priced by category: counted by the category's own service where the plan has it."""

from __future__ import annotations

import itertools
import time
from decimal import Decimal

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from billing.services import service as services
from tenants.numbers import inventory
from tests.db.billing_factories import pay
from tests.db.factories import STAFF, a_domain, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

_next = itertools.count(78100000000 + int(time.time() * 100) % 80_000_000)
CITY = {"service": "additional_number", "level": "special", "monthly": 100, "connection": 1, "included": 1}
TOLL_FREE = {"service": "additional_number_toll_free", "level": "special", "monthly": 1000, "connection": 20}


async def given(actor: Actor, *categories: str) -> list[int]:
    ids: list[int] = []
    for category in categories:
        async with platform_transaction(STAFF) as tx:
            ids.append(await tx.fetchval("INSERT INTO phone_number (e164, category) VALUES ($1, $2) RETURNING id",
                                         str(next(_next)), category))
            await inventory.give(tx, ids[-1], actor.domain_id)
    return ids


async def quantities(actor: Actor) -> dict[str, int]:
    async with domain_transaction(actor) as tx:
        return {row.code: row.quantity for row in await services.rows(tx) if "number" in row.code}


async def connections(actor: Actor) -> list[tuple[str, Decimal]]:
    async with domain_transaction(actor) as tx:
        return [tuple(row) for row in await tx.fetch(
            "SELECT p.service, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id AND e.account = 'domain' "
            "WHERE p.domain_id = $1 AND p.kind = 'connection' ORDER BY p.id", tx.domain_id)]


@pytest.mark.req("NUM-51")
async def test_a_category_with_its_own_price_is_counted_apart() -> None:
    actor = await a_domain(tariff_id=await a_tariff(services=[CITY, TOLL_FREE]))
    await pay(actor, "5000")
    ids = await given(actor, "city", "toll_free", "city", "mobile")
    assert await connections(actor) == [("additional_number_toll_free", Decimal(-20)), ("additional_number", Decimal(-1)),
                                        ("additional_number", Decimal(-1))]
    assert await quantities(actor) == {"additional_number": 2, "additional_number_toll_free": 1}
    async with platform_transaction(STAFF) as tx:
        await inventory.take_back(tx, ids[1])
    assert await quantities(actor) == {"additional_number": 2, "additional_number_toll_free": 0}


@pytest.mark.req("NUM-51")
async def test_without_a_price_of_its_own_a_category_counts_among_the_others() -> None:
    actor = await a_domain(tariff_id=await a_tariff(services=[CITY]))
    await pay(actor, "5000")
    await given(actor, "city", "toll_free", "mobile")
    assert await quantities(actor) == {"additional_number": 2}
