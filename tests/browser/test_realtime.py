"""Live tables without a reload, and a message that blocks the operator's workplace."""

from __future__ import annotations

import asyncio

import pytest

from app.kernel.db import domain_transaction
from tenants.operator_messages import service as messages
from tenants.telling import tell
from tests.browser.panel import Panel
from tests.http.browser import PASSWORD
from tests.http.contact_centre import a_centre, a_group, a_group_call, a_state, an_operator
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


async def seems_right(panel: Panel) -> None:
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []


@pytest.mark.req("RT-02")
async def test_the_tables_follow_what_happens(panel: Panel) -> None:
    """A told change is there within a moment, one that nobody told of after three seconds; the time ticks."""
    actor = await a_centre()
    admin, anna = await a_user(actor, is_admin=True), await an_operator(actor, "anna")
    await an_operator(actor, "boris")
    group = await a_group(actor, "Продажи", [anna.id])
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/groups/live")
    row = panel.at(f"[data-operator='{anna.id}']")
    assert await row.get_attribute("data-state") == "offline"
    await panel.page.evaluate("window.never_reloaded = true")
    await a_state(actor, anna.id, "waiting")
    await a_group_call(actor, group, operator_id=anna.id)
    await tell(actor.domain_id, "operator_state")
    await panel.until(f"document.querySelector(\"[data-operator='{anna.id}']\").dataset.state === 'waiting'", seconds=2)
    first = await row.locator("[data-ticks]").inner_text()
    await panel.until(f"document.querySelector('[data-ticks]').textContent !== '{first}'", seconds=2)
    await a_state(actor, anna.id, "incoming")
    await panel.until(f"!!document.getElementById('join-{anna.id}-listen')", seconds=5)
    await seems_right(panel)
    await panel.page.click(f"#join-{anna.id}-listen")
    await panel.toasts.get_by_text("Вызывается ваш телефон").wait_for()
    await panel.until(f"document.getElementById('join-{anna.id}-listen').getAttribute('aria-pressed') === 'true'")
    assert await panel.page.evaluate("window.never_reloaded")
    await panel.page.click("text=По группам")
    await panel.at(f"[data-group='{group}']").wait_for()
    await seems_right(panel)


@pytest.mark.req("MSG-08")
async def test_a_message_blocks_the_workplace(panel: Panel) -> None:
    actor = await a_centre()
    anna = await an_operator(actor, "anna")
    group = await a_group(actor, "Sales", [anna.id])
    await panel.sign_in(anna.login, anna.domain)
    await panel.goto("/work")
    async with domain_transaction(actor) as tx:
        await messages.send(tx, "Новый тариф", "Сообщайте клиентам\nновые цены.", [group], [])
    await tell(actor.domain_id, "operator_message")
    dialog = panel.at("dialog[data-operator-message]")
    await dialog.wait_for()
    await panel.page.keyboard.press("Escape")
    await panel.page.keyboard.press("Escape")
    await asyncio.sleep(0.2)
    assert await dialog.is_visible()
    await seems_right(panel)
    await panel.page.fill("dialog[data-operator-message] [name=password]", "wrong")
    await panel.page.keyboard.press("Enter")
    await dialog.get_by_text("Неверный пароль.").first.wait_for()
    await a_state(actor, anna.id, "ringing")
    await tell(actor.domain_id, "operators")
    await dialog.wait_for(state="detached")  # a call comes first
    await a_state(actor, anna.id, "waiting")
    await tell(actor.domain_id, "operators")
    await dialog.wait_for()
    await panel.page.fill("dialog[data-operator-message] [name=password]", PASSWORD)
    await panel.page.keyboard.press("Enter")
    await dialog.wait_for(state="detached")
    # the workplace has a place for a page of another system, which is all that the browser warns of
    panel.complaints[:] = [one for one in panel.complaints if "An iframe" not in one]
