from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields, Refused
from tenants.domains import service
from tests.db.factories import a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.mark.req("ACC-02")
async def test_new_domain_starts_in_trial() -> None:
    actor = await a_domain(commercial=False)
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT mode, trial_seconds_left FROM domain WHERE id = $1", tx.domain_id)
    assert row is not None
    assert (row["mode"], row["trial_seconds_left"]) == ("trial", 3000)


async def test_a_name_is_given_once() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
    with pytest.raises(InvalidFields) as refused:
        await a_domain(name=name.upper())
    assert "name" in refused.value.fields


@pytest.mark.req("ACC-05")
async def test_commercial_is_one_way() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        tariff = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", tx.domain_id)
        with pytest.raises(Refused):
            await service.switch_to_commercial(tx, tariff_id=tariff, scheme="prepaid")


async def test_block_asks_for_a_generation_once() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        before = await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", tx.domain_id)
        assert await service.start_block(tx, "administrative", "asked by the police")
        assert not await service.start_block(tx, "administrative", "again")
        after = await tx.fetchval("SELECT desired FROM provisioning_state WHERE domain_id = $1", tx.domain_id)
    assert after == before + 1
