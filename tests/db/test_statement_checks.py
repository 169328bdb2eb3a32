"""What a foreign key would check row by row, checked once for a statement."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, domain_transaction, platform_transaction
from pbx_provisioning.intake import service as intake
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def post(tx: DomainTx | PlatformTx, *domain_ids: int) -> None:
    await tx.execute("INSERT INTO posting (domain_id, key, kind, at) SELECT id, 'x', 'one_off', now() "
                     "FROM unnest($1::bigint[]) id", list(domain_ids))


async def test_a_posting_needs_an_account() -> None:
    actor = await a_domain()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with platform_transaction(STAFF) as tx:
            await post(tx, actor.domain_id, 2**40)
    async with domain_transaction(actor) as tx:
        await post(tx, actor.domain_id)


async def a_line(tx: DomainTx | PlatformTx, domain_id: int, user_id: int) -> None:
    await tx.execute("INSERT INTO user_call (domain_id, user_id, node_id, linkedid, part, is_incoming, started_at) "
                     "VALUES ($1, $2, 1, 'l', 'in', true, $3)", domain_id, user_id, datetime(2026, 3, 1, tzinfo=UTC))


async def test_a_users_journal_needs_its_user_of_that_domain() -> None:
    one, other = await world.a_company(), await world.a_company()
    for user_id in (2**40, other.user_id):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with platform_transaction(STAFF) as tx:
                await a_line(tx, one.id, user_id)
    async with domain_transaction(one.actor) as tx:
        await a_line(tx, one.id, one.user_id)


async def test_the_journal_goes_with_its_user_and_nobody_elses() -> None:
    one, other = await world.a_company("10"), await world.a_company("10")
    for company in (one, other):
        await intake.take_in(company.node_id, [world.a_record(company)])
    async with domain_transaction(one.actor) as tx:
        await tx.execute("DELETE FROM domain_user WHERE domain_id = $1 AND id = $2", one.id, one.user_id)
    assert await lines(one.actor) == 0
    assert await lines(other.actor) == 1
    assert (await one.fetchrow("SELECT count(*) FROM call WHERE domain_id = $1", one.id))[0] == 1


async def lines(actor: Actor) -> int:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT count(*) FROM user_call WHERE domain_id = $1", tx.domain_id)


async def test_a_record_may_name_a_hold_of_another_channel() -> None:
    """The call was transferred: the hold of the first channel is the one that ends."""
    company = await world.a_company("100")
    answer = await company.authorise()
    await intake.take_in(company.node_id, [world.a_record(company, hold=answer.hold_id)])
    account = await company.account()
    assert account["held"] == 0
    assert account["balance"] == 97
