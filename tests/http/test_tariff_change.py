"""The provider gives a domain another tariff: amounts and losses in sight, in force at once."""

from __future__ import annotations

import re

import pytest

from app.kernel.db import platform_transaction
from app.kernel.i18n import format_money
from app.kernel.money import Money
from tests.db.billing_factories import a_company
from tests.db.factories import STAFF, a_tariff, a_version
from tests.http.browser import Browser
from tests.http.provider_help import a_console, value

pytestmark = pytest.mark.anyio
FMC = {"service": "fmc", "level": "special", "monthly": 70}
API = {"service": "integration_api", "level": "domain", "monthly": "416.67"}


def money(amount: str) -> str:
    return format_money(Money.parse(amount))


async def _connected(domain_id: int, service: str) -> bool:
    return await value("SELECT EXISTS (SELECT FROM domain_service WHERE domain_id = $1 AND service = $2 "
                       "AND disconnected_at IS NULL)", domain_id, service)


@pytest.mark.req("SVC-D10")
async def test_amounts_and_what_is_lost_are_shown_and_then_happen(client: Browser) -> None:
    console = await a_console(client)
    old = await a_tariff(user_monthly=100, services=[FMC, API], included_minutes=100)
    new = await a_tariff(user_monthly=60, services=[FMC], included_minutes=300, discount_percent=5)
    company = await a_company("1000", tariff_id=old)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO domain_service (domain_id, service, connected_at) VALUES ($1, $2, $3)",
                         company.id, "integration_api", tx.now)
    card = f"/provider/domains/{company.id}"
    dialog = (await console.get(f"{card}/change/tariff")).text
    assert dialog.count(money("516.67")) == 2  # nothing is chosen yet
    offer = (await console.get(f"{card}/change/tariff/cost?tariff_id={new}")).text
    for shown in (money("516.67"), money("60.00"), "100", "300", "Integration API"):
        assert shown in offer, shown
    mark = re.search(r'name="quoted" value="([^"]*)"', offer)
    assert mark

    await a_version(new, user_monthly=61, services=[FMC])  # the amounts change before the click
    changed = await console.post(f"{card}/tariff", tariff_id=str(new), quoted=mark[1])
    assert money("61.00") in changed.text
    assert "hx-redirect" not in changed.headers
    assert await value("SELECT tariff_id FROM account WHERE domain_id = $1", company.id) == old
    mark = re.search(r'name="quoted" value="([^"]*)"', changed.text)
    assert mark
    done = await console.post(f"{card}/tariff", tariff_id=str(new), quoted=mark[1])
    assert done.headers["hx-redirect"] == card
    assert await value("SELECT tariff_id FROM account WHERE domain_id = $1", company.id) == new
    assert not await _connected(company.id, "integration_api")


async def test_who_may_not_and_what_is_not_there(client: Browser) -> None:
    console = await a_console(client)
    company = await a_company()
    card = f"/provider/domains/{company.id}"
    for chosen, status in (("999999999", 422), ("x", 404), ("9" * 19, 404), ("", 404)):
        assert (await console.get(f"{card}/change/tariff/cost?tariff_id={chosen}")).status_code == status, chosen
    assert (await console.post(f"{card}/tariff", tariff_id="999999999")).status_code == 422
    assert (await console.post("/provider/domains/999999999/tariff", tariff_id=str(await a_tariff()))).status_code == 404
    reader = await a_console(client, "support")
    assert (await reader.get(f"{card}/change/tariff")).status_code == 403
    assert (await reader.post(f"{card}/tariff", tariff_id="1")).status_code == 403


@pytest.mark.req("FIN-D4")
async def test_what_the_guaranteed_payment_takes_at_once_is_shown_and_then_taken(client: Browser) -> None:
    console = await a_console(client)
    company = await a_company("1000", tariff_id=await a_tariff())
    new = await a_tariff(mgp=300)
    card = f"/provider/domains/{company.id}"
    text = "minimum guaranteed payment is charged at once"
    assert text not in (await console.get(f"{card}/change/tariff")).text
    offer = (await console.get(f"{card}/change/tariff/cost?tariff_id={new}")).text
    assert text in offer
    mark = re.search(r'name="quoted" value="([^"]*)"', offer)
    assert mark
    await console.post(f"{card}/tariff", tariff_id=str(new), quoted=mark[1])
    taken = 1000 - await value("SELECT balance FROM account WHERE domain_id = $1", company.id)
    assert 0 < taken <= 300
    assert money(str(taken)) in offer
    assert await value("SELECT mgp_left FROM account WHERE domain_id = $1", company.id) == taken
