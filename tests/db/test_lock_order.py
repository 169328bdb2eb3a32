"""The domain's row is locked before its account, whoever changes money: two at once wait, and neither is torn down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from billing.accounts.blocks import start_block
from billing.accounts.state import lock
from billing.holds import service as holds
from pbx_provisioning.authorise.question import Allow
from pbx_provisioning.intake.service import take_in
from tenants.domains import service as domains
from tests.db import billing_factories as world
from tests.db.factories import STAFF

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


async def waiting(tx: DomainTx) -> None:
    """Until somebody waits for this transaction."""
    for _ in range(200):
        if await tx.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted "
                             "AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("nobody waits")


class Other:
    """Work in a transaction of its own, which begins when it is told to: a task of an open one would be part of it."""

    def __init__(self, work: Callable[[], Awaitable[Any]]) -> None:
        self._go = asyncio.Event()
        self._task = asyncio.create_task(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        await self._go.wait()
        return await work()

    async def begins_and_waits(self, tx: DomainTx) -> None:
        self._go.set()
        await waiting(tx)

    async def ends(self) -> Any:
        return await self._task


@pytest.mark.req("SVC-D4")
async def test_a_trial_call_that_is_closed_while_a_service_is_connected() -> None:
    company = await world.a_company(commercial=False)
    answer = await company.authorise()
    assert isinstance(answer, Allow)

    async def close() -> None:
        async with domain_transaction(company.actor) as tx:
            await holds.mark_answered(tx, answer.hold_id, channel="PJSIP/t1-1", at=tx.now)
            assert await holds.close_orphan(tx, answer.hold_id)

    other = Other(close)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
        await other.begins_and_waits(tx)
        await lock(tx)
    await other.ends()


@pytest.mark.req("SVC-D4", "ACC-D3")
async def test_the_record_of_a_trial_call_that_outlived_the_trial() -> None:
    company = await world.a_company(commercial=False)
    answer = await company.authorise(uniqueid=(channel := world.channel()))
    assert isinstance(answer, Allow)
    async with platform_transaction(STAFF) as tx:
        tariff = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", company.id)
        await domains.switch_to_commercial(await tx.enter_domain(company.id), tariff_id=tariff, scheme="credit")
    other = Other(lambda: take_in(company.node_id, [world.a_record(company, uniqueid=channel, hold=answer.hold_id)]))
    async with domain_transaction(company.actor) as tx:
        await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)
        await other.begins_and_waits(tx)
        assert await tx.fetchval("SELECT true FROM account WHERE domain_id = $1 FOR NO KEY UPDATE NOWAIT", tx.domain_id)
    await other.ends()


@pytest.mark.req("FIN-D11")
async def test_limits_that_change_while_the_domain_is_blocked_or_calls() -> None:
    company = await world.a_company()

    async def change() -> None:
        async with platform_transaction(STAFF) as tx:
            await domains.change_limits(await tx.enter_domain(company.id), max_users=50, max_paid_calls=5,
                                        credit_max=None)

    other = Other(change)
    async with domain_transaction(company.actor) as tx:
        await lock(tx)
        await other.begins_and_waits(tx)
        assert await start_block(tx, "financial", "balance")
    await other.ends()
