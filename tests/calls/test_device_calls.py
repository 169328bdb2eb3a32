"""A hardware phone with what it fetched: it signs in with its own account, calls as its user, and is out when detached."""

from __future__ import annotations

import re

import pytest

from app.kernel.db import domain_transaction
from tenants.devices import service
from tests.calls.sipp.softphone import softphone
from tests.calls.world import PASSWORD, _until, a_company
from tests.stack import Stack

pytestmark = pytest.mark.anyio
MAC, SERIAL = "0015650D0E01", "SNCALLS01"


async def test_a_phone_signs_in_with_what_it_fetched(stack: Stack) -> None:
    company = await a_company(stack)
    async with domain_transaction(company.actor) as tx:
        device = await service.add(tx, MAC, SERIAL)
        await service.bind(tx, device, company.people["ivanov"])
    await company.live()
    async with company.panel() as panel:
        config = (await panel.get(f"/provision/{SERIAL}/{MAC.lower()}.cfg")).text
    values = dict(re.findall(r"account\.1\.(\w+) = (\S*)", config))
    assert values["auth_name"] == f"d{device}-1"
    async with (softphone("ivanov", company.name, values["password"], stack.sip, account=values["auth_name"]) as phone,
                softphone("ivanov", company.name, PASSWORD, stack.sip),  # his other phone, with his own password
                softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
        talk = await phone.call("102")
        answered = await petrov.taken()
        assert talk.code == 200
        assert answered.invite is not None
        assert "<sip:101@" in answered.invite.header("From")
        await talk.bye()
        async with domain_transaction(company.actor) as tx:
            await service.want_update(tx, device)

        async def told() -> bool:
            return any(event.startswith("check-sync") for event in phone.told)

        await _until(told, "the phone is told to fetch its configuration")
        async with domain_transaction(company.actor) as tx:
            await service.detach(tx, device)
        await company.live()
    async with (softphone("ivanov", company.name, values["password"], stack.sip, account=values["auth_name"],
                          registered=False) as phone):
        assert await phone.register() in (401, 403)
    async with softphone("ivanov", company.name, PASSWORD, stack.sip) as phone:
        assert phone.port
    assert [row["user_id"] for row in await company.journal(1)] == [company.people["ivanov"]]
