"""Real calls of a company connected with amoCRM: the responsible manager rings first, the call stands in the contact."""

from __future__ import annotations

import asyncio

import pytest

from app.kernel.db import domain_transaction
from app.modules.crm import accounts, setup
from tests.calls.sipp.softphone import softphone
from tests.calls.world import PASSWORD, Carrier, _until, a_company
from tests.db.factories import a_tariff
from tests.http.crm_world import PLAN, a_crm
from tests.stack import Stack

pytestmark = pytest.mark.anyio

CLIENT = "79161110077"


@pytest.mark.req("CRM-15")
async def test_the_smart_manager(stack: Stack, carrier: Carrier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line rings ivanov; the contact's manager is petrov. While petrov has no phone the rules of the line hold."""
    company = await a_company(stack, balance="1000", tariff_id=await a_tariff(("7", "1.50"), services=[PLAN]))
    async with a_crm(monkeypatch, f"calls{company.id}") as crm:
        crm.contacts[f"+{CLIENT}"] = ("5", "Ivan", "12")
        found = await accounts.confirm(company.actor, await accounts.begin("amocrm", crm.host, "authorization_code", "x"))
        await setup.read_people(company.actor, "amocrm")
        async with domain_transaction(company.actor) as tx:
            people = {one.crm_user_id: one.id for one in await setup.managers(tx, found.id)}
            await setup.save_managers(tx, found, {people["11"]: "101", people["12"]: "102"}, people["11"])
            scenario = await setup.add_scenario(tx, found)
            await setup.save_scenario(tx, found, scenario, lines=[company.number_id], smart=True, exceptions=[], events={})
            await setup.switch(tx, found, scenario, True)
        await company.live()

        async def call_in() -> None:
            calling = asyncio.create_task(carrier.call_in(company.number, CLIENT, hold=1.0))
            await taken()
            assert (await calling).code == 200

        async with softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov:
            taken = ivanov.taken
            await call_in()
            async with softphone("petrov", company.name, PASSWORD, stack.sip) as petrov:
                taken = petrov.taken
                await call_in()
        rows = await company.journal(2)
        assert [row["user_id"] for row in rows] == [company.people["ivanov"], company.people["petrov"]]

        async def noted() -> bool:
            return len(crm.of("calls")) == 2

        await _until(noted, "the calls in the CRM")
        first, second = crm.of("calls")
        assert (first["phone"], first["call_status"], first["responsible_user_id"]) == (CLIENT, 4, 11)
        assert second["responsible_user_id"] == 12
        assert first["duration"] >= 1
