"""Real calls with the integration API on: events reach the customer's system in order and signed; a call on request."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.kernel import provisioning
from app.kernel.db import domain_transaction
from app.modules.integration_api import rules, service
from app.modules.integration_api.service import Settings
from billing.services import service as services
from tests.calls.sipp.softphone import softphone
from tests.calls.world import PASSWORD, Carrier, Company, Panel, _until, a_company, outside_number
from tests.db.factories import a_tariff
from tests.db.services_world import a_service
from tests.http.integration_api_world import Receiver, a_receiver, ask, let_private_in, switch_on
from tests.http.test_integration_api_tls import a_certificate, server_side
from tests.stack import Stack

pytestmark = pytest.mark.anyio

PLAN = a_service("integration_api", "domain", 10)


async def a_company_with_api(stack: Stack, receiver: Receiver) -> tuple[Company, Settings]:
    await let_private_in()
    company = await a_company(stack, balance="1000", tariff_id=await a_tariff(("7", "1.50"), services=[PLAN]))
    async with domain_transaction(company.actor) as tx:
        await services.connect(tx, service.CODE)
    own = await switch_on(company.actor, receiver.address, external_cert=a_certificate("localhost")[0].decode())
    async with domain_transaction(company.actor) as tx:
        await provisioning.want_new_generation(tx, "api")
    await company.live()
    return company, own


def states(receiver: Receiver, session: str = "") -> list[str]:
    return [body["state"] for body in receiver.bodies() if session in ("", body["session_id"])]


async def ended(receiver: Receiver, count: int = 1) -> list[dict[str, Any]]:
    async def there() -> bool:
        return states(receiver).count("end") >= count

    await _until(there, "the end of the call")
    return receiver.bodies()


async def info(company: Company, own: Settings, session: str) -> dict[str, Any]:
    async with Panel(company.stack.web_url) as client:
        answer = (await ask(client, own, "call_info", {"session_id": session})).json()  # type: ignore[arg-type]
    assert answer["result"] == "0", answer
    return answer["info"]


@pytest.mark.req("API-03", "API-04", "API-05", "API-06", "API-07", "API-41", "API-44", "API-60")
async def test_events_of_calls(stack: Stack, carrier: Carrier, tmp_path: Path) -> None:
    async with a_receiver(server_side(tmp_path, "localhost")) as receiver:
        company, own = await a_company_with_api(stack, receiver)
        async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                    softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
            calling = asyncio.create_task(carrier.call_in(company.number, "79161234567", hold=2.5))
            talk = await ivanov.taken()
            await asyncio.sleep(0.3)
            assert await talk.refer("102") == 202
            await petrov.taken()
            assert (await calling).code == 200
            bodies = await ended(receiver)
            found = [(body["state"], body["request_pin"]) for body in bodies]
            assert found[:3] == [("new", ""), ("calling", "101"), ("connected", "101")]
            assert sorted(found[3:-1]) == [("calling", "102"), ("connected", "102"), ("disconnected", "101"),
                                           ("disconnected", "102")]
            assert found[-1] == ("end", "")
            [session] = {body["session_id"] for body in bodies}
            assert {body["type"] for body in bodies} == {"incoming"}
            assert bodies[0]["from_number"] == f"sip:79161234567@{company.name}"
            assert bodies[0]["request_number"] == f"sip:{company.number}@{company.name}"
            assert bodies[-1]["is_record"] == "false"
            for path, headers, raw in receiver.requests:
                assert path in ("/call_events", "/get_number_info")
                assert headers["x-client-id"] == own.client_id
                assert rules.is_signed(own.client_id, raw, own.key, headers["x-client-sign"])
            await company.journal(2)
            told = await info(company, own, session)
            assert (told["direction"], told["state"], told["answering_pin"]) == (1, 1, "101")
            number = outside_number()
            talk = await petrov.call(f"8{number}")
            await asyncio.sleep(0.5)
            await talk.bye()
            own_events = (await ended(receiver, 2))[len(bodies):]
            assert [body["state"] for body in own_events] == ["new", "connected", "disconnected", "end"]
            assert {(body["type"], body["from_pin"]) for body in own_events} == {("outbound", "102")}
            assert own_events[1]["request_number"].endswith(f"{number}@{company.name}")


@pytest.mark.req("API-08", "API-62")
async def test_a_call_on_request(stack: Stack, carrier: Carrier, tmp_path: Path) -> None:
    """T-11: the user's phone first, then the number; the answer names the call that the events and the journal know."""
    number = outside_number()
    async with a_receiver(server_side(tmp_path, "localhost")) as receiver:
        company, own = await a_company_with_api(stack, receiver)
        async with softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov, Panel(stack.web_url) as client:
            answer = (await ask(client, own, "call_back",  # type: ignore[arg-type]
                                {"request_number": f"+7{number}", "from_pin": "101"})).json()
            assert answer["result"] == "0"
            talk = await ivanov.taken()
            await carrier.answered(number)
            await asyncio.sleep(0.5)
            await talk.bye()
            bodies = await ended(receiver)
        assert {body["session_id"] for body in bodies} == {answer["session_id"]}
        assert [body["state"] for body in bodies][:4] == ["new", "calling", "connected", "connected"]
        assert bodies[0]["from_pin"] == "101"
        assert f"{number}@" in bodies[0]["request_number"]
        await company.journal(1)
        told = await info(company, own, answer["session_id"])
        assert (told["call_type"], told["direction"], told["state"]) == (3, 2, 1)


@pytest.mark.req("API-61", "RTE-41")
async def test_smart_routing_by_the_api(stack: Stack, carrier: Carrier, tmp_path: Path) -> None:
    """The answer's user is rung instead of the line's; without an answer, or with a wrong one, the line's rules hold."""
    async with a_receiver(server_side(tmp_path, "localhost")) as receiver:
        company, _own = await a_company_with_api(stack, receiver)
        told = ['{"result":0,"resultMessage":"","displayName":"Anna","PIN":"102"}', '{"result":0,"PIN":"999"}', "{"]
        receiver.reply = lambda path, _body: (200, told[0] if path.endswith("get_number_info") else "{}")
        async with (softphone("ivanov", company.name, PASSWORD, stack.sip) as ivanov,
                    softphone("petrov", company.name, PASSWORD, stack.sip) as petrov):
            calling = asyncio.create_task(carrier.call_in(company.number, "79161234567", hold=0.3))
            await petrov.taken()
            assert (await calling).code == 200
            [asked] = receiver.bodies("get_number_info")
            assert asked["from_number"] == f"sip:79161234567@{company.name}"
            assert asked["request_number"] == f"sip:{company.number}@{company.name}"
            for _ in range(2):
                told.pop(0)
                calling = asyncio.create_task(carrier.call_in(company.number, "79161234567", hold=0.3))
                await ivanov.taken()
                assert (await calling).code == 200
            bodies = await ended(receiver, 3)
            assert asked["session_id"] == bodies[0]["session_id"]
        rows = await company.journal(3)
        assert [row["user_id"] for row in rows] == [company.people["petrov"], *[company.people["ivanov"]] * 2]
