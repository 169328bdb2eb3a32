"""The page of number management: filters, pages, selection, dialogs; and the provider's side of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.db import platform_transaction
from tests.db.factories import STAFF
from tests.db.test_number_shop import a_buyer, in_stock, row_of
from tests.http.browser import Browser
from tests.http.people import a_user
from tests.http.provider_help import a_console
from tests.http.test_users import errors, post

pytestmark = pytest.mark.anyio


async def _numbers(count: int, grade: str) -> list[tuple[int, str]]:
    return [await in_stock("1.00" if place else "99.50", grade) for place in range(count)]


@pytest.mark.req("NUM-41", "NUM-48", "NUM-54")
async def test_t29_pages_selection_and_cost(client: Browser) -> None:
    admin = await a_user(await a_buyer(), login="admin", is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    client.cookies["lang"] = "en"
    async with platform_transaction(STAFF) as tx:
        await tx.execute("DELETE FROM phone_number WHERE grade = 'platinum' AND domain_id IS NULL")
    numbers = await _numbers(21, "platinum")
    assert "Connect 8800" in (await client.get("/numbers")).text
    base = {"kind": "toll_free", "grade": "platinum"}
    first = (await client.get("/numbers/available", params=base)).text
    assert len(re.findall(r"<tr><td>", first)) == 10
    assert all(f'name="page" value="{page}"' in first for page in (1, 2, 3))
    assert ">Next<" in first
    picked = (await client.get("/numbers/available", params=base | {
        "was": "toll_free|platinum|", "page": "3", "numbers": numbers[0][1]})).text
    assert "Connection cost of numbers:" in picked
    assert "99.50" in picked  # the chip outlives the page it was ticked on
    assert f'name="numbers" value="{numbers[0][1]}" checked' in picked
    assert len(re.findall(r"<tr><td>", picked)) == 1
    other = (await client.get("/numbers/available", params={"kind": "city", "was": "toll_free|platinum|", "at": "3",
                                                            "numbers": numbers[0][1]})).text
    assert 'name="at" value="1"' in other  # another kind begins at its first page, the selection stays
    assert f'value="{numbers[0][1]}" checked' in other
    dialog = await client.get("/numbers/connect", params={"numbers": numbers[0][1]}, headers={
        "HX-Request": "true", "HX-Target": "modal-body"})
    assert "Connection of numbers" in dialog.text
    mark = re.search(r'name="mark" value="([^"]+)"', dialog.text)
    assert mark
    stale = await post(client, "/numbers/connect", numbers=numbers[0][1], mark="1/1/1|1")
    assert stale.headers["hx-retarget"] == "#number-cost"
    answer = await post(client, "/numbers/connect", numbers=numbers[0][1], mark=mark[1])
    assert answer.headers["hx-redirect"] == "/numbers"
    page = (await client.get("/numbers")).text
    assert "additional" in page
    assert f"/numbers/{numbers[0][0]}/delete" in page
    asked = (await client.get(f"/numbers/{numbers[0][0]}/delete")).text
    assert "Disconnecting an additional number" in asked
    await post(client, f"/numbers/{numbers[0][0]}/delete")
    assert "In reserve until" in (await client.get("/numbers")).text
    await post(client, f"/numbers/{numbers[0][0]}/extend")
    assert f"/numbers/{numbers[0][0]}/extend" not in (await client.get("/numbers")).text


async def test_foreign_and_impossible_numbers(client: Browser) -> None:
    admin = await a_user(await a_buyer(), login="admin", is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    number_id, _e164 = await in_stock()
    assert (await post(client, f"/numbers/{number_id}/delete")).status_code == 404
    assert (await post(client, f"/numbers/{number_id}/extend")).status_code == 404
    for numbers in ([], ["x"], ["70000000000"], ["' OR 1=1 --"], ["1"] * 3):
        answer = await post(client, "/numbers/connect", {"numbers": numbers, "mark": ""})
        assert answer.status_code in (409, 422), numbers
    for query in ({"page": "-1"}, {"page": "x"}, {"kind": "<b>", "grade": "x", "digits": "%%"}, {"page": "999999"}):
        assert (await client.get("/numbers/available", params=query)).status_code == 200


async def test_the_provider_prices_and_books(client: Browser) -> None:
    buyer = await a_buyer()
    console = await a_console(client)
    client.cookies["lang"] = "en"
    number_id, e164 = await in_stock()
    asked = (await console.get(f"/provider/numbers/price?ids={number_id}")).text
    assert e164[-2:] in asked
    assert (await console.post("/provider/numbers/price", ids=str(number_id), price="777.50", grade="bronze")
            ).status_code == 200
    row = await row_of(number_id)
    assert (str(row["connection_price"]), row["grade"]) == ("777.50", "bronze")
    assert (await console.post("/provider/numbers/price", ids=str(number_id), price="-1")).status_code == 422
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    past = await console.post(f"/provider/numbers/{number_id}/book", domain_id=str(buyer.domain_id), until="2020-01-01")
    assert errors(past).keys() == {"until"}
    assert (await console.post(f"/provider/numbers/{number_id}/book", domain_id=str(buyer.domain_id), until=tomorrow)
            ).status_code == 200
    assert "Booked until" in (await console.get(f"/provider/numbers?q={e164}")).text
    await console.post(f"/provider/numbers/{number_id}/unbook")
    assert (await row_of(number_id))["held_for"] is None


@pytest.mark.req("NUM-04")
async def test_purchases_that_the_provider_has_closed(client: Browser, other_client: Browser) -> None:
    buyer = await a_buyer()
    admin = await a_user(buyer, login="admin", is_admin=True)
    await client.sign_in(admin.login, admin.domain)
    client.cookies["lang"] = "en"
    number_id, e164 = await in_stock()
    assert 'href="/numbers"' in (await client.get("/routing")).text
    console = await a_console(other_client)
    await console.post(f"/provider/domains/{buyer.domain_id}/limits", max_users="200", max_paid_calls="50",
                       number_purchases="off")
    assert 'href="/numbers"' not in (await client.get("/routing")).text  # neither menu nor button
    page = (await client.get("/numbers")).text
    assert "contact the support" in page
    assert "/numbers/available" not in page
    assert (await post(client, "/numbers/connect", numbers=e164)).status_code == 403
    assert (await row_of(number_id))["domain_id"] is None
