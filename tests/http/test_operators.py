"""The operator's workplace as a page: who may open it, what it shows, what it asks of the engine."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from tests.http.browser import Browser, text_of
from tests.http.contact_centre import a_centre, a_group, a_group_call, a_state, an_operator
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio


async def an_open_workplace(client: Browser) -> tuple[Someone, int]:
    actor = await a_centre()
    operator = await an_operator(actor)
    group_id = await a_group(actor, "Sales", [operator.id])
    await client.sign_in(operator.login, operator.domain)
    return operator, group_id


async def post(client: Browser, path: str, **fields: Any) -> Any:
    return await client.post(path, data={"csrf_token": await client.csrf("/work"), **fields})


async def session(operator: Someone) -> dict | None:
    async with domain_transaction(operator.actor) as tx:
        row = await tx.fetchrow("SELECT * FROM operator_session WHERE domain_id = $1 AND user_id = $2", tx.domain_id,
                                operator.id)
    return dict(row) if row else None


async def change_group(actor: Actor, group_id: int, **values: Any) -> None:
    async with domain_transaction(actor) as tx:
        for name, value in values.items():
            await tx.execute(f"UPDATE call_group SET {name} = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, group_id,
                             value)


async def offered(operator: Someone, call_id: int, result: str | None = None) -> None:
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("INSERT INTO call_offer (domain_id, group_call_id, operator_id, t_offer, t_result, result) "
                         "VALUES ($1, $2, $3, $4, $5, $6)", tx.domain_id, call_id, operator.id, tx.now,
                         tx.now if result else None, result)


async def test_only_operators_have_a_workplace_and_lose_it_with_the_role(web: Any, client: Browser) -> None:
    operator, _group = await an_open_workplace(client)
    page = await client.get("/work")
    assert page.status_code == 200
    assert "You are signed out" in text_of(page.text)
    assert 'href="/work"' in (await client.get("/me", follow_redirects=True)).text  # the menu leads here
    plain = await a_user(operator.actor)
    admin = await a_user(operator.actor, is_admin=True)
    for other in (plain, admin):
        async with Browser(web, headers={"Accept-Language": "en"}) as browser:
            await browser.sign_in(other.login, other.domain)
            for path in ("/work", "/workplace/panel", "/workplace/live"):
                assert (await browser.get(path)).status_code == 403
            token = await browser.csrf("/me" if other is plain else "/users")
            assert (await browser.post("/workplace/sign-in", data={"csrf_token": token})).status_code == 403
            assert 'href="/work"' not in (await browser.get("/me", follow_redirects=True)).text
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = false WHERE domain_id = $1", tx.domain_id)
    token = await client.csrf("/me")
    assert (await client.post("/workplace/sign-in", data={"csrf_token": token})).status_code == 403
    assert await session(operator) is None


async def test_sign_in_states_and_their_names(client: Browser) -> None:
    operator, _group = await an_open_workplace(client)
    refused = await post(client, "/workplace/state", wish="break")
    assert refused.status_code == 409
    assert "Ready for calls" in text_of((await post(client, "/workplace/sign-in")).text)
    first = await session(operator)
    assert first
    assert first["wish"] == "waiting"
    assert (await post(client, "/workplace/alive")).json() == {"signed_in": True}
    for wish, name in (("break", "Технический перерыв"), ("away", "Нет на месте"), ("waiting", "Ожидаю звонок")):
        client.headers["Accept-Language"] = "ru"
        panel = (await post(client, "/workplace/state", wish=wish)).text
        found = re.search(r'aria-pressed="true"[^>]*>([^<]+)<', panel)
        assert found
        assert found[1] == name
    for wish in ("outgoing", "wrap_up", "campaign", "offline", "incoming", ""):  # not chosen by the operator
        assert (await post(client, "/workplace/state", wish=wish)).status_code in (409, 422)
    await post(client, "/workplace/sign-in")  # again: work goes on
    again = await session(operator)
    assert again
    assert again["signed_in_at"] == first["signed_in_at"]
    names = {"ringing": "Вызывается", "incoming": "Входящий вызов", "outgoing": "Исходящий вызов",
             "wrap_up": "Поствызывная обработка", "campaign": "Исходящая кампания"}
    for state, name in names.items():
        await a_state(operator.actor, operator.id, state)
        assert name in text_of((await client.get("/workplace/panel")).text)
    await post(client, "/workplace/sign-out")
    assert await session(operator) is None
    assert (await post(client, "/workplace/alive")).json() == {"signed_in": False}


@pytest.mark.req("VIP-07")
async def test_the_card_shows_group_greeting_and_vip(client: Browser) -> None:
    operator, group_id = await an_open_workplace(client)
    colleague = await an_operator(operator.actor)
    await change_group(operator.actor, group_id, greeting_text="Hello, <b>Sales</b>!")
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("INSERT INTO vip_number (domain_id, number, priority, comment) "
                         "VALUES ($1, '79160000007', 3, 'Director of <i>Alfa</i>')", tx.domain_id)
        for owner, name in ((None, "Alfa Ltd."), (operator.id, "My director"), (colleague.id, "Nobody's business")):
            await tx.execute("WITH c AS (INSERT INTO contact (domain_id, owner_id, name, speed_dial) VALUES ($1, $2, $3, '7') "
                             "RETURNING id) INSERT INTO contact_number (domain_id, contact_id, ord, kind, number) "
                             "SELECT $1, id, 0, 'work', '+79160000007' FROM c", tx.domain_id, owner, name)
    call_id = await a_group_call(operator.actor, group_id, caller="89160000007")
    await offered(operator, call_id, "timeout")
    assert "sw-work-card" not in (await client.get("/workplace/panel")).text  # missed: not his call any more
    await offered(operator, call_id)
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("UPDATE group_call SET vip_priority = 3 WHERE domain_id = $1", tx.domain_id)
    await a_state(operator.actor, operator.id, "ringing")
    panel = (await client.get("/workplace/panel")).text
    shown = text_of(panel)
    assert "Hello, <b>Sales</b>!" in shown
    assert "Director of <i>Alfa</i>" in shown
    assert "VIP" in shown
    assert "My director" in shown  # the own book comes before the company's; a colleague's is his own
    assert "Nobody" not in shown
    assert "<b>Sales" not in panel
    assert "data-pane" not in panel


async def test_the_pane_opens_on_answer_with_its_placeholders(client: Browser) -> None:
    operator, group_id = await an_open_workplace(client)
    await change_group(operator.actor, group_id, external_url=(
        "https://crm.example:8443/find?c={caller}&d={called}&g={group_id}&n={group_name}&o={operator}&i={call_id}"
        "&w={direction}"))
    call_id = await a_group_call(operator.actor, group_id, uniqueid="n1-17.5", caller="+79160000008")
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("UPDATE group_call SET number = '74950000001', group_name = 'Отдел & Co' WHERE domain_id = $1",
                         tx.domain_id)
    await offered(operator, call_id)
    assert "data-pane" not in (await client.get("/workplace/panel")).text  # not before the answer
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("UPDATE call_offer SET t_result = $2, result = 'answered' WHERE domain_id = $1", tx.domain_id, tx.now)
        await tx.execute("UPDATE group_call SET t_answer = $2, operator_id = $3 WHERE domain_id = $1", tx.domain_id, tx.now,
                         operator.id)
    page = await client.get("/work")
    url = re.search(r'data-pane="([^"]+)"', page.text)
    assert url
    assert url[1].replace("&amp;", "&") == (
        f"https://crm.example:8443/find?c=%2B79160000008&d=74950000001&g={group_id}"
        f"&n=%D0%9E%D1%82%D0%B4%D0%B5%D0%BB%20%26%20Co&o={operator.login}&i=n1-17.5&w=incoming")
    policy = page.headers["Content-Security-Policy"]
    assert "frame-src 'self' https://crm.example:8443" in policy
    assert "script-src 'self'" in policy
    assert "sandbox=" in page.text
    assert "allow-top-navigation" not in page.text
    for bad in ("javascript:alert(1)", "https://user:x@evil.example/", "https://a.example;script-src */", ""):
        await change_group(operator.actor, group_id, external_url=bad)
        page = await client.get("/work")
        assert "data-pane" not in page.text
        assert page.headers["Content-Security-Policy"].endswith("frame-src 'self'")


async def test_post_call_time_and_topic(web: Any, client: Browser, other_client: Browser) -> None:
    operator, group_id = await an_open_workplace(client)
    colleague = await an_operator(operator.actor)
    stranger, foreign_group = await an_open_workplace(other_client)
    async with domain_transaction(operator.actor) as tx:
        topics = [row["id"] for row in await tx.fetch(
            "INSERT INTO group_topic (domain_id, group_id, name, is_archived) VALUES ($1, $2, 'Order', false), "
            "($1, $2, 'Old', true) RETURNING id", tx.domain_id, group_id)]
    call_id = await a_group_call(operator.actor, group_id, operator_id=operator.id)
    others = await a_group_call(operator.actor, group_id, operator_id=colleague.id)
    foreign = await a_group_call(stranger.actor, foreign_group, operator_id=stranger.id)
    await offered(operator, call_id, "answered")
    await post(client, "/workplace/sign-in")
    panel = (await post(client, "/workplace/topic", call_id=call_id, topic_id=topics[0])).text
    assert re.search(r'<option value="\d+" selected>Order</option>', panel)
    assert "Old" not in panel
    for call, topic in ((others, topics[0]), (foreign, topics[0]), (call_id, topics[0] + 10**6), (call_id, topics[1])):
        assert (await post(client, "/workplace/topic", call_id=call, topic_id=topic)).status_code == 404
    async with domain_transaction(operator.actor) as tx:
        await tx.execute("UPDATE group_call SET t_end = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, call_id, tx.now)
        await tx.execute("UPDATE operator_session SET wrap_up_until = $2::timestamptz + interval '30 seconds' "
                         "WHERE domain_id = $1", tx.domain_id, tx.now)
    await a_state(operator.actor, operator.id, "wrap_up")
    panel = (await client.get("/workplace/panel")).text
    assert "data-until=" in panel
    assert "Ready" in text_of(panel)
    assert (await post(client, "/workplace/topic", call_id=call_id, topic_id="")).status_code == 200
    assert (await post(client, "/workplace/ready")).status_code == 200
    kept = await session(operator)
    assert kept
    assert kept["ready_at"] is not None
    await a_state(operator.actor, operator.id, "waiting")
    assert (await post(client, "/workplace/topic", call_id=call_id, topic_id=topics[0])).status_code == 409  # processed
