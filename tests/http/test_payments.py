"""The forms of the finance page."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from billing.accounts.state import lock
from tests.db.factories import STAFF, a_domain
from tests.db.test_lock_order import Other
from tests.http.browser import Browser
from tests.http.people import Someone, a_user

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


async def signed_in(client: Browser, scheme: str = "prepaid") -> Someone:
    actor = await a_domain()
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET scheme = $2 WHERE domain_id = $1", actor.domain_id, scheme)
    admin = await a_user(actor, "admin", is_admin=True)
    client.cookies.set("lang", "ru")
    await client.sign_in(admin.login, admin.domain)
    return admin


async def send(client: Browser, path: str, **data: str):
    return await client.post(path, data=data, headers={"X-CSRF-Token": await client.csrf("/finance"),
                                                       "HX-Request": "true"})


@pytest.mark.req("FIN-18", "FIN-20", "FIN-21", "FIN-24")
async def test_a_promised_payment_is_taken_on_the_page(client: Browser) -> None:
    admin = await signed_in(client)
    html = (await client.get("/finance")).text
    assert "Обещанный платёж" in html
    assert "от 50" in html.lower() or "От 50" in html
    assert (await send(client, "/finance/promised", amount="49,99")).status_code == 422
    answer = await send(client, "/finance/promised", amount="1 000,50")
    assert answer.status_code == 200, answer.text
    assert answer.headers["hx-redirect"] == "/finance"
    html = (await client.get("/finance")).text
    assert 'value="1000.50"' in html
    assert "Обещанный плат" in (await client.get("/finance/payments")).text
    async with domain_transaction(admin.actor) as tx:
        assert str(await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id)) == "1000.50"


@pytest.mark.req("FIN-21", "SVC-D4")
async def test_a_promised_payment_and_a_connection_at_once_wait_for_each_other(client: Browser) -> None:
    admin = await signed_in(client)
    other = Other(lambda: send(client, "/finance/promised", amount="100"))
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("SELECT FROM domain WHERE id = $1 FOR NO KEY UPDATE", tx.domain_id)  # as a connection does
        await other.begins_and_waits(tx)
        await lock(tx)
    assert (await other.ends()).status_code == 200


@pytest.mark.req("FIN-34")
async def test_a_prepaid_domain_is_told_why_there_is_no_limit(client: Browser) -> None:
    await signed_in(client)
    answer = await send(client, "/finance/credit-limit", limit="1000")
    assert answer.status_code == 409
    assert "кредитной схеме" in answer.text


@pytest.mark.req("FIN-35", "FIN-37", "FIN-41")
async def test_the_limit_is_set_and_shown(client: Browser) -> None:
    await signed_in(client, "unlimited")
    assert (await send(client, "/finance/credit-limit", limit="1500")).status_code == 409
    assert (await send(client, "/finance/credit-limit", limit="1500", confirmed="on")).status_code == 200
    html = (await client.get("/finance")).text
    assert "1500.00" in html
    assert "Кредитная" in html


async def test_a_plain_user_takes_no_money(client: Browser) -> None:
    user = await a_user()
    await client.sign_in(user.login, user.domain)
    token = await client.csrf("/me")
    for path, data in (("/finance/promised", {"amount": "100"}), ("/finance/credit-limit", {"limit": "1000"})):
        assert (await client.post(path, data=data, headers={"X-CSRF-Token": token})).status_code == 403
