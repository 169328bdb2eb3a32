"""Who rings on a number, and what is shown on outgoing calls."""

from __future__ import annotations

import itertools
import os

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, NotFound, Refused
from tenants.numbers import outgoing, queries, service
from tests.db.factories import STAFF, a_domain
from tests.db.test_users import a_user, generation, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

_count = itertools.count(1)


async def a_number(actor: Actor, *, start: str = "7495", category: str = "city") -> int:
    e164 = f"{start}{os.getpid() % 10_000:04}{next(_count):03}"
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("INSERT INTO phone_number (e164, category, region, domain_id, assigned_at) "
                                 "VALUES ($1, $2, 'Moscow', $3, now()) RETURNING id", e164, category, actor.domain_id)


async def set_number(actor: Actor, number_id: int, target: int | None, is_default: bool = False) -> None:
    async with domain_transaction(actor) as tx:
        await service.set_number(tx, number_id, target_user_id=target, is_default=is_default)


async def default_number(actor: Actor) -> int | None:
    return await value(actor, "SELECT default_number_id FROM domain WHERE id = $1")


@pytest.mark.req("RTE-03")
async def test_a_number_without_a_target_is_busy_until_one_is_chosen() -> None:
    actor = await a_domain()
    number, anna = await a_number(actor), await a_user(actor, "anna")
    async with domain_transaction(actor) as tx:
        assert (await queries.number(tx, number)).target_user_id is None
    before = await generation(actor)
    await set_number(actor, number, anna)
    async with domain_transaction(actor) as tx:
        found = await queries.number(tx, number)
    assert (found.target_user_id, found.target_name) == (anna, "Anna")
    assert await generation(actor) == before + 1
    changes = await value(actor, "SELECT changes FROM action_history WHERE domain_id = $1 "
                                 "AND action = 'number_changed'")
    assert changes["target"] == [None, "Anna"]
    await set_number(actor, number, anna)
    assert await generation(actor) == before + 1  # nothing changed, nothing asked for


@pytest.mark.req("NUM-08")
async def test_at_most_one_outgoing_number() -> None:
    actor = await a_domain()
    first, second = await a_number(actor), await a_number(actor)
    await set_number(actor, first, None, True)
    assert await default_number(actor) == first
    await set_number(actor, second, None, True)
    assert await default_number(actor) == second
    await set_number(actor, first, None, False)  # not the current one: nothing happens
    assert await default_number(actor) == second
    await set_number(actor, second, None, False)
    assert await default_number(actor) is None


@pytest.mark.req("NUM-09")
async def test_toll_free_is_never_outgoing() -> None:
    actor = await a_domain()
    toll_free = await a_number(actor, start="7800", category="toll_free")
    with pytest.raises(Refused) as refused:
        await set_number(actor, toll_free, None, True)
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


async def test_targets_are_people_of_the_domain() -> None:
    actor, other = await a_domain(), await a_domain()
    number, foreign = await a_number(actor), await a_user(other, "anna")
    for wrong in (foreign, 2**62):
        with pytest.raises(InvalidFields) as refused:
            await set_number(actor, number, wrong)
        assert "target_user_id" in refused.value.fields
    with pytest.raises(NotFound):
        await set_number(other, number, foreign)


async def test_search_finds_by_digits_region_and_person() -> None:
    actor = await a_domain()
    number, anna = await a_number(actor), await a_user(actor, "anna", extension="2077")
    await a_number(actor, start="7812")
    await set_number(actor, number, anna)
    async with domain_transaction(actor) as tx:
        e164 = (await queries.number(tx, number)).e164
        for like, digits in (("%ann%", ""), ("%2077%", "2077"), ("%x%", e164[1:])):
            rows, total = await queries.numbers(tx, like=like, digits=digits)
            assert ([row.id for row in rows], total) == ([number], 1)
