"""Who rings on a number, and what is shown on outgoing calls."""

from __future__ import annotations

import itertools
import os

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import Refused
from tenants.numbers import outgoing
from tenants.routing import queries, service
from tenants.routing.rules import Filter
from tests.db.factories import STAFF, a_domain
from tests.db.test_users import value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

_count = itertools.count(1)


async def a_number(actor: Actor, *, start: str = "7495", category: str = "city") -> int:
    e164 = f"{start}{os.getpid() % 10_000:04}{next(_count):03}"
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("INSERT INTO phone_number (e164, category, region, domain_id, assigned_at) "
                                 "VALUES ($1, $2, 'Moscow', $3, now()) RETURNING id", e164, category, actor.domain_id)


async def set_number(actor: Actor, number_id: int, is_default: bool = False) -> None:
    async with domain_transaction(actor) as tx:
        await service.save_settings(tx, number_id, mode=Filter.OFF, is_default=is_default)


async def default_number(actor: Actor) -> int | None:
    return await value(actor, "SELECT default_number_id FROM domain WHERE id = $1")


@pytest.mark.req("NUM-08")
async def test_at_most_one_outgoing_number() -> None:
    actor = await a_domain()
    first, second = await a_number(actor), await a_number(actor)
    await set_number(actor, first, True)
    assert await default_number(actor) == first
    await set_number(actor, second, True)
    assert await default_number(actor) == second
    await set_number(actor, first, False)  # not the current one: nothing happens
    assert await default_number(actor) == second
    await set_number(actor, second, False)
    assert await default_number(actor) is None


@pytest.mark.req("NUM-09")
async def test_toll_free_is_never_outgoing() -> None:
    actor = await a_domain()
    toll_free = await a_number(actor, start="7800", category="toll_free")
    with pytest.raises(Refused) as refused:
        await set_number(actor, toll_free, True)
    assert "8-800" in refused.value.message
    async with domain_transaction(actor) as tx:
        offered = [number_id for number_id, _shown in await outgoing.outgoing_choices(tx)]
    assert toll_free not in offered


@pytest.mark.req("NUM-09")
async def test_without_a_choice_the_oldest_ordinary_number_is_shown() -> None:
    actor = await a_domain()
    await a_number(actor, start="7800", category="toll_free")
    oldest = await a_number(actor)
    await a_number(actor)
    await value(actor, "UPDATE domain SET default_number_id = NULL WHERE id = $1")
    async with domain_transaction(actor) as tx:
        found = await outgoing.domain_outgoing(tx)
        assert found.is_fallback
        assert found.shown == (await queries.number(tx, oldest)).shown
