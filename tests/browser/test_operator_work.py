"""The operator's workplace as it is worked in: sign in, a call comes, the external page opens, post-call time, a message."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from playwright.async_api import expect
from redis.asyncio import Redis

from app.kernel import clock
from app.kernel.db import domain_transaction
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.http.browser import PASSWORD
from tests.http.contact_centre import a_centre, a_group, a_group_call, a_state, an_operator
from tests.http.people import Someone

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def a_foreign_site() -> AsyncIterator[tuple[str, list[str]]]:
    """Its address, and what was asked of it."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode().split(" ")[1])
        body = b"<!doctype html><h1>Client 42</h1><script>try { top.location = '/gone'; } catch (e) {}</script>"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                     % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


async def ring_the_bell(operator: Someone, state: str) -> None:
    """As the engine does: first the interval, then the word to open pages."""
    await a_state(operator.actor, operator.id, state)
    redis = Redis.from_url(os.environ["REDIS_URL"])
    await redis.publish(f"domain:{operator.actor.domain_id}",
                        json.dumps({"kind": "operator", "user_id": operator.id, "state": state}))
    await redis.aclose()


async def test_a_working_day(panel: Panel) -> None:
    async with a_foreign_site() as (site, asked):
        actor = await a_centre()
        operator = await an_operator(actor)
        group_id = await a_group(actor, "Отдел продаж и сопровождения крупных клиентов", [operator.id])
        async with domain_transaction(actor) as tx:
            await tx.execute("UPDATE call_group SET greeting_text = $2, external_url = $3 WHERE domain_id = $1",
                             tx.domain_id, "Компания «Альфа», отдел продаж, добрый день!", site + "/find?c={caller}")
            await tx.execute("INSERT INTO group_topic (domain_id, group_id, name) VALUES ($1, $2, 'Заказ'), ($1, $2, 'Жалоба')",
                             tx.domain_id, group_id)
            await tx.execute("INSERT INTO vip_number (domain_id, number, priority, comment) "
                             "VALUES ($1, '79160000001', 1, 'Директор завода')", tx.domain_id)
        await panel.sign_in(operator.login, operator.domain)
        await panel.at(".sw-menu").get_by_text("Рабочее место оператора").click()
        await panel.at("#work-panel").get_by_text("Вы не на работе").wait_for()
        await panel.at("#work-panel").get_by_role("button", name="Начать работу").click()
        await panel.at(".sw-work-state").wait_for()
        await ring_the_bell(operator, "waiting")
        await expect(panel.at(".sw-work-now")).to_contain_text("Ожидаю звонок")
        await picture(panel, "work-waiting")
        for wish in ("break", "waiting"):  # by the keyboard: the focus stays where it was
            await panel.at(f"#work-wish-{wish}").press("Enter")
            await panel.at(f"#work-wish-{wish}[aria-pressed=true]").wait_for()
            await panel.until(f"document.activeElement.id === 'work-wish-{wish}'")

        call_id = await a_group_call(actor, group_id, caller="+79160000001")
        async with domain_transaction(actor) as tx:
            await tx.execute("UPDATE group_call SET vip_priority = 1, number = '74950000001', group_name = "
                             "(SELECT name FROM call_group WHERE domain_id = $1) WHERE domain_id = $1", tx.domain_id)
            await tx.execute("INSERT INTO call_offer (domain_id, group_call_id, operator_id, t_offer) VALUES ($1, $2, $3, $4)",
                             tx.domain_id, call_id, operator.id, tx.now)
        await ring_the_bell(operator, "ringing")
        card = panel.at(".sw-work-card")
        await expect(card).to_contain_text("добрый день")
        await expect(card).to_contain_text("Директор завода")
        assert not asked  # not before the answer
        async with domain_transaction(actor) as tx:
            await tx.execute("UPDATE group_call SET t_answer = $2, operator_id = $3 WHERE domain_id = $1", tx.domain_id, tx.now,
                             operator.id)
            await tx.execute("UPDATE call_offer SET t_result = $2, result = 'answered' WHERE domain_id = $1", tx.domain_id,
                             tx.now)
            message = await tx.fetchval("INSERT INTO operator_message (domain_id, title, body, author) "
                                        "VALUES ($1, 'Новые цены', 'С понедельника', 'ivanov') RETURNING id", tx.domain_id)
            await tx.execute("INSERT INTO operator_message_recipient (domain_id, message_id, user_id) VALUES ($1, $2, $3)",
                             tx.domain_id, message, operator.id)
        await ring_the_bell(operator, "incoming")
        await panel.page.frame_locator("#work-pane").get_by_text("Client 42").wait_for()
        assert asked == ["/find?c=%2B79160000001"]
        assert panel.page.url.endswith("/work")  # the foreign page leads nobody away
        await panel.at("#work-topic").select_option(label="Жалоба")
        await panel.until("document.querySelector('#work-topic').selectedOptions[0].text === 'Жалоба'")
        assert await panel.at("dialog[data-operator-message]").count() == 0  # never during a call
        await picture(panel, "work-talking")
        assert await panel.does_not_fit() == []
        assert await panel.obstacles() == []

        async with domain_transaction(actor) as tx:
            await tx.execute("UPDATE group_call SET t_end = $2 WHERE domain_id = $1", tx.domain_id, tx.now)
            await tx.execute("UPDATE operator_session SET wrap_up_until = $2 WHERE domain_id = $1", tx.domain_id,
                             clock.now() + timedelta(seconds=90))
        await ring_the_bell(operator, "wrap_up")
        await panel.at(".sw-work-wrap").wait_for()
        await panel.until("/^01:[0-2]\\d$/.test(document.querySelector('.sw-work-wrap .sw-work-clock').textContent)")
        assert len(asked) == 1  # the page of the client stays as it was
        await picture(panel, "work-wrap-up")
        dialog = panel.at("dialog[data-operator-message]")
        await dialog.wait_for()
        await dialog.locator("input[name=password]").fill(PASSWORD)
        await dialog.locator("button[type=submit]").click()
        await dialog.wait_for(state="detached")
        await panel.at(".sw-work-wrap").get_by_role("button", name="Готов").click()
        await ring_the_bell(operator, "waiting")
        await card.wait_for(state="detached")
        await panel.at("#work-panel").get_by_role("button", name="Закончить работу").click()
        await panel.at("#work-panel").get_by_text("Вы не на работе").wait_for()
        # the foreign page is asked for, and its attempt to lead away is refused
        panel.complaints[:] = [one for one in panel.complaints if not any(mark in one for mark in (
            site, "Unsafe attempt", "sandbox", "recipient window"))]
