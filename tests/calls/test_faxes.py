"""Faxes for real: two pages to an outside number whose calls come back to a fax number of another company."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pypdfium2
import pytest
from PIL import Image, ImageDraw

from app.kernel.db import domain_transaction, platform_transaction
from app.provider.trunks import service as trunks
from app.provider.trunks.rules import TrunkData
from app.runner.embedded import free_port
from pbx_provisioning.node.runtime import AsteriskNode
from pbx_provisioning.simulate_pstn.runner import PstnConfig, pstn_node
from tenants.destinations.model import Destination, Kind
from tenants.routing import service as routing
from tests.calls.world import Carrier, Company, _until, a_company
from tests.db.factories import STAFF
from tests.stack import Stack, free_udp_port

pytestmark = pytest.mark.anyio


def two_pages() -> bytes:
    pages = [Image.new("1", (1240, 1754), 1) for _ in range(2)]
    for number, page in enumerate(pages, 1):
        ImageDraw.Draw(page).text((100, 100), f"PAGE {number}", fill=0, font_size=120)
    book = io.BytesIO()
    pages[0].save(book, "PDF", save_all=True, append_images=pages[1:])
    return book.getvalue()


async def send(company: Company, number: str, login: str = "ivanov") -> int:
    """As a person does, in the form."""
    async with company.panel(login) as browser:
        page = (await browser.get("/me/faxes/send")).text
        token = re.search(r'<meta name="csrf-token" content="([^"]+)"', page)
        assert token
        answer = await browser.post("/me/faxes/send", data={"csrf_token": token[1], "number": number, "at": ""},
                                    files={"file": ("letter.pdf", two_pages(), "application/pdf")})
        assert answer.status_code == 303, answer.text[:500]
    return await company.fetchval("SELECT max(id) FROM fax WHERE domain_id = $1")


async def until(company: Company, fax_id: int, *states: str, timeout: float = 60, attempts: int = 0) -> dict:
    end = time.monotonic() + timeout
    while True:
        [row] = await company.fetch("SELECT * FROM fax WHERE domain_id = $1 AND id = $2", fax_id)
        if row["state"] in states and row["attempts"] >= attempts:
            return row
        assert time.monotonic() < end, (row["state"], await events(company, fax_id))
        await asyncio.sleep(0.2)


async def events(company: Company, fax_id: int) -> list[tuple[str, dict]]:
    rows = await company.fetch("SELECT event, facts FROM fax_event WHERE domain_id = $1 AND fax_id = $2 ORDER BY id",
                               fax_id)
    return [(row["event"], row["facts"]) for row in rows]


@asynccontextmanager
async def a_public_network(stack: Stack, *numbers_of_ours: str) -> AsyncIterator[AsteriskNode]:
    """A second Asterisk behind a trunk that comes first; calls to our numbers come back to us."""
    config = PstnConfig(instance=f"{stack.instance}-fax", bind_address="127.0.0.8", sip_port=free_udp_port("127.0.0.8", 5060),
                        ami_port=free_port(21_900), ami_secret="x", node_host=stack.sip[0], node_port=stack.sip[1])
    network = pstn_node(config, stack.node.asterisk, state=stack.settings.state_dir / "pstn-fax")
    network.write_config()
    lines = [f"exten => {number},1,Dial(PJSIP/${{EXTEN}}@node,60)" for number in numbers_of_ours]
    (network.etc / "extensions.d/ours.conf").write_text("\n".join(lines) + "\n")
    await network.start()
    async with platform_transaction(STAFF) as tx:
        trunk_id = await trunks.create(tx, TrunkData(await tx.fetchval(
            "SELECT id FROM pbx_node WHERE name = $1", stack.settings.node_name), f"faxes {stack.instance}",
            config.bind_address, config.sip_port, priority=1))
    try:
        await _until(lambda: _holds(stack, f"t{trunk_id}", config.bind_address), "the trunk in Asterisk")
        yield network
    finally:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE trunk SET is_active = false WHERE id = $1", trunk_id)
        await network.stop()
        shutil.rmtree(network.state, ignore_errors=True)


async def _holds(stack: Stack, trunk: str, address: str) -> bool:
    answer = await stack.node.rx(f"pjsip show endpoint {trunk}")
    return address in answer and "Unable" not in answer


@pytest.mark.req("ACC-62", "ACC-63", "ACC-D15", "FAX-13", "FAX-06", "FAX-04", "ACC-60", "FAX-03")
async def test_two_pages_go_out_and_come_in_while_the_agent_is_killed(stack: Stack, carrier: Carrier) -> None:
    sender = await a_company(stack, balance="100.00")
    receiver = await a_company(stack)
    async with domain_transaction(receiver.actor) as tx:
        await routing.route_to(tx, receiver.number_id, Destination(Kind.FAX, receiver.people["petrov"], "user"))
        await tx.execute("UPDATE domain_user SET email = 'petrov@company.example' WHERE id = $1",
                         receiver.people["petrov"])
    await receiver.live()
    async with a_public_network(stack, receiver.number) as network:
        busy, fax_id = await send(sender, "84951110001"), await send(sender, f"+{receiver.number}")
        inside = await send(sender, "102")
        failing = asyncio.gather(fails_four_times(sender, busy), fails_inside(sender, inside))
        await until(sender, fax_id, "sending")
        await _until(lambda: _is_begun(stack, fax_id), "the far side's answer")
        await stack.kill("agent")
        await stack.begin("agent")
        sent = await until(sender, fax_id, "delivered")
        assert sent["attempts"] == 1
        assert [event for event, _facts in await events(sender, fax_id)] == [
            "uploaded", "send_given", "conversion_taken", "converted", "attempt_begun", "delivered"]
        await failing
        assert network.pid
    await came_in(receiver, sender)
    paid = [row for row in await sender.journal(6) if row["result"] == "answered"]
    assert [(row["b_number"], row["user_id"]) for row in paid] == [(receiver.number, sender.people["ivanov"])]
    assert {"fax_out"} == {row["kind"] for row in await sender.calls()}
    assert await sender.balance() == Decimal("100.00") - paid[0]["cost"]
    assert len(await sender.entries()) == 2  # the payment, and the one call
    assert (await sender.differences(), await sender.put_aside()) == ([], 0)


async def _is_begun(stack: Stack, fax_id: int) -> bool:
    return f"/sw-fax/{fax_id}-1" in await stack.node.rx("database show sw-fax")


async def came_in(receiver: Company, sender: Company) -> None:
    """In the journal as a file of two pages, and in a letter."""
    await _until(lambda: _has_fax(receiver), "the received fax", 20)
    [row] = await receiver.fetch("SELECT * FROM fax WHERE domain_id = $1")
    row = await until(receiver, row["id"], "delivered")
    assert (row["user_id"], row["is_incoming"], row["pages"], row["number"]) == (
        receiver.people["petrov"], True, 2, sender.number)
    assert [event for event, _facts in await events(receiver, row["id"])] == [
        "received", "conversion_taken", "converted", "mailed", "delivered"]
    async with receiver.panel("petrov") as browser:
        stored = (await browser.get(f"/me/faxes/{row['id']}/document")).content
    assert len(pypdfium2.PdfDocument(stored)) == 2
    letters = [text for path in receiver.stack.settings.mail_folder.glob("*.eml")
               if "petrov@company.example" in (text := path.read_text())]
    assert any("application/pdf" in text for text in letters)
    [call] = await receiver.journal(1)
    assert (call["direction"], call["result"], call["kind"]) == ("in", "answered", "fax")


async def _has_fax(company: Company) -> bool:
    return bool(await company.fetch("SELECT 1 FROM fax WHERE domain_id = $1"))


async def fails_four_times(company: Company, fax_id: int) -> None:
    """A busy number: 1 + 3 attempts, then "not delivered" [T7]. The minutes between are wound back."""
    for attempt in range(1, 5):
        row = await until(company, fax_id, "ready" if attempt < 4 else "failed", attempts=attempt)
        if attempt < 4:
            assert row["next_at"] > row["worked_at"]
            async with domain_transaction(company.actor) as tx:
                await tx.execute("UPDATE fax SET next_at = now() WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
    told = await events(company, fax_id)
    assert [facts["reason"] for event, facts in told if event == "attempt_failed"] == ["busy"] * 4
    assert [event for event, _facts in told].count("retry_scheduled") == 3
    assert told[-1][0] == "not_delivered"


async def _inside_call(company: Company) -> list[dict]:
    return await company.fetch("SELECT * FROM call WHERE domain_id = $1 AND direction = 'internal'")


async def fails_inside(company: Company, fax_id: int) -> None:
    """A colleague whose phone is off: an internal call, free."""
    await until(company, fax_id, "ready", attempts=1)
    async with domain_transaction(company.actor) as tx:
        await tx.execute("UPDATE fax SET state = 'cancelled' WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
    [reason] = [facts["reason"] for event, facts in await events(company, fax_id) if event == "attempt_failed"]
    assert reason == "unreachable"
    await _until(lambda: _inside_call(company), "the record of the internal call")  # the agent may just be away
    [call] = await _inside_call(company)
    assert (call["user_id"], call["peer_user_id"], call["a_number"], call["cost"]) == (
        company.people["ivanov"], company.people["petrov"], "101", 0)
