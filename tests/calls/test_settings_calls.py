"""General settings take effect in the running product, without a restart."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from tenants.settings import service
from tests.calls.world import Carrier, a_company, outside_number
from tests.http.test_settings import FIELDS
from tests.stack import Stack

pytestmark = pytest.mark.anyio


@pytest.mark.req("SET-06", "SET-10", "SET-11")
async def test_t28_restriction_number_pickup_code_and_language(stack: Stack, carrier: Carrier) -> None:
    company = await a_company(stack, balance="100")
    ivanov, petrov = await company.registered("ivanov"), await company.registered("petrov")
    other = await company.another_number()
    other_id = await company.fetchval("SELECT id FROM phone_number WHERE domain_id = $1 AND e164 = $2", other)
    await company.fetch("UPDATE domain_user SET outgoing_restriction = 'none' WHERE domain_id = $1 AND login = 'petrov'")

    async def save(**changes: str) -> None:
        async with domain_transaction(company.actor) as tx:
            await service.save(tx, FIELDS | changes)
        await company.live()

    await save(default_number_id=str(other_id))
    number = outside_number()
    assert (await ivanov.call(f"8{number}", hold=0.1)).code == 200
    assert other in (await carrier.call_to(number)).invite.header("From")
    await save(default_number_id="")  # not specified: the main number, which is the oldest
    number = outside_number()
    assert (await ivanov.call(f"8{number}", hold=0.1)).code == 200
    assert company.number in (await carrier.call_to(number)).invite.header("From")

    await save(default_restriction="no_international", pickup_number="*77", locale="en")
    assert (await ivanov.call("810442079460000", hold=0)).code == 403
    assert (await petrov.call("810442079460001", hold=0.1)).code == 200  # a setting of his own
    await company.add_user("sidorov", "103")
    await company.live()
    assert (await (await company.registered("sidorov")).call("810442079460000", hold=0)).code == 403
    assert (await ivanov.call("*77", hold=0)).code == 480  # the code is known, nothing rings
    assert (await ivanov.call("*8", hold=0)).code == 404  # the old one is an unused speed dial number
    shown = await stack.node.rx(f"pjsip show endpoint ivanov@{company.name}")
    assert "language                           : en" in shown
    await save(pickup_number="")
    assert (await ivanov.call("*77", hold=0)).code == 404
