"""The page of VIP numbers."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from tenants.vip import service
from tests.http.browser import Browser, text_of
from tests.http.contact_centre import an_administrator, told
from tests.http.people import Someone, a_user
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio
URL = "/groups/vip"


async def rows(admin: Someone) -> list[tuple[str, int, str]]:
    async with domain_transaction(admin.actor) as tx:
        return [(row.number, row.priority, row.comment) for row in (await service.vips(tx))[0]]


async def ids(admin: Someone) -> dict[str, int]:
    async with domain_transaction(admin.actor) as tx:
        return {row.number: row.id for row in (await service.vips(tx))[0]}


@pytest.mark.req("VIP-01", "VIP-02", "VIP-03", "VIP-04", "VIP-05")
async def test_life_of_a_vip_number(client: Browser) -> None:
    admin = await an_administrator(client)
    assert "No VIP numbers yet" in (await client.get(URL)).text
    assert "VIP number" in text_of((await client.get(f"{URL}/new")).text)
    assert (await post(client, URL, number="8 (495) 123-45-67", priority="5", comment=" The  boss ")).status_code == 200
    assert (await post(client, URL, number="+86 139 1234 5678", priority="1000")).status_code == 200
    assert (await post(client, URL, number="101", priority="1", comment="x" * 255)).status_code == 200
    assert await rows(admin) == [("101", 1, "x" * 255), ("74951234567", 5, "The boss"), ("8613912345678", 1000, "")]
    for same in ("+7 495 123-45-67", "84951234567", "74951234567"):
        assert errors(await post(client, URL, number=same, priority="7")).keys() == {"number"}, same
    for number, priority, comment, wrong in (
            ("12", "1", "", "number"), ("1" * 16, "1", "", "number"), ("sip:a@b", "1", "", "number"),
            ("${SHELL(id)}", "1", "", "number"), ("٣٣٣٣", "1", "", "number"), ("", "1", "", "number"),
            ("555", "0", "", "priority"), ("555", "1001", "", "priority"), ("555", "1.5", "", "priority"),
            ("555", "", "", "priority"), ("555", "1", "x" * 256, "comment"), ("555", "1", "a\nb", "comment")):
        answer = await post(client, URL, number=number, priority=priority, comment=comment)
        assert errors(answer).keys() == {wrong}, (number, priority, comment)
    found = await ids(admin)
    page = text_of((await client.get(URL)).text)
    assert page.index("101") < page.index("+7 495 123-45-67") < page.index("+86 139 1234 5678")
    assert "The boss" in page
    only = (await client.get(URL, params={"q": "+7 (495)"})).text
    assert "The boss" in only
    assert "xxx" not in only
    boss = f"{URL}/{found['74951234567']}"
    assert 'value="The boss"' in (await client.get(boss)).text
    assert (await post(client, boss, number="+74951234568", priority="2", comment="<b>")).status_code == 200
    assert errors(await post(client, boss, number="101", priority="2")).keys() == {"number"}
    assert "&lt;b&gt;" in (await client.get(URL)).text
    assert "Delete" in (await client.get(f"{boss}/delete")).text
    assert ("74951234568", 2, "<b>") in await rows(admin)
    assert (await post(client, f"{boss}/delete")).status_code == 200
    assert [row[0] for row in await rows(admin)] == ["101", "8613912345678"]
    assert (await post(client, f"{boss}/delete")).status_code == 404
    assert [action for action, _name in (await told(admin.actor))[-5:]] == [
        "vip_number_created", "vip_number_created", "vip_number_created", "vip_number_changed", "vip_number_deleted"]


async def test_the_callers_entry_is_found_however_the_line_writes_the_number(client: Browser) -> None:
    admin = await an_administrator(client)
    await post(client, URL, number="84951234567", priority="3", comment="The boss")
    async with domain_transaction(admin.actor) as tx:
        for caller in ("74951234567", "+74951234567", "84951234567"):
            assert (await service.of_caller(tx, caller)) is not None, caller
        assert await service.of_caller(tx, "anonymous") is None
        assert await service.of_caller(tx, "74951234568") is None
        await service.end_all(tx)
        assert (await service.vips(tx))[1] == 0


async def test_nobody_else_sees_the_sections(client: Browser, other_client: Browser) -> None:
    """A plain user has no such pages; an administrator of another company finds nothing."""
    admin = await an_administrator(client)
    await post(client, URL, number="101", priority="1", comment="Secret caller")
    vip = (await ids(admin))["101"]
    plain = await a_user(admin.actor)
    await other_client.sign_in(plain.login, plain.domain)
    for address in ("/groups", "/groups/messages", URL, "/groups/live", "/groups/live/groups", "/groups/live/stream"):
        assert (await other_client.get(address)).status_code == 403, address
    assert "/groups/" not in (await other_client.get("/me")).text
    await other_client.post("/sign-out")
    stranger = await an_administrator(other_client)
    assert (await other_client.get(f"{URL}/{vip}")).status_code == 404
    assert (await post(other_client, f"{URL}/{vip}", number="102", priority="1")).status_code == 404
    assert (await post(other_client, f"{URL}/{vip}/delete")).status_code == 404
    assert "Secret caller" not in (await other_client.get(URL)).text
    assert await rows(stranger) == []
    assert (await rows(admin))[0][0] == "101"


async def test_without_the_contact_centre_a_notice_leads_to_it(client: Browser) -> None:
    await an_administrator(client, connected=False)
    assert (await client.get("/groups")).status_code == 200  # in every domain
    for address in ("/groups/messages", "/groups/vip", "/groups/live", "/groups/live/groups"):
        page = await client.get(address)
        assert page.status_code in (403, 409), address
        assert "#service-contact_center" in page.text, address
    refused = await post(client, URL, number="101", priority="1")
    assert refused.status_code == 403
