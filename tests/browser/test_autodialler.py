"""A task of the auto-dialler as a person fills it in: the week grid, and that changes are saved before the status."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from app.modules.autodialler.rules import Action, Status
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.db.autodialler_world import a_task
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


@pytest.mark.req("ADL-43")
async def test_a_task(panel: Panel) -> None:
    task = await a_task("9051234567", "9051234568", name="Напоминание о долге, май")
    admin = await a_user(task.actor, "zimin", is_admin=True)
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto(f"/autodialler/{task.id}")
    await panel.page.locator(".sw-week-box > summary").click()
    await panel.at('[data-week-set="1-5 9-18"]').click()
    await panel.page.get_by_text("часов в неделю: 45").wait_for()
    await panel.at('[data-week-day="6"]').click()  # the whole Sunday
    cell = panel.at('[data-week-cell="9"]')  # Monday 9:00: taken out by the mouse, put back by the keyboard
    await cell.click()
    await expect(cell).to_have_attribute("aria-pressed", "false")
    await cell.press("Enter")
    await expect(cell).to_have_attribute("aria-pressed", "true")
    await cell.press("ArrowRight")
    await expect(panel.at('[data-week-cell="10"]')).to_be_focused()
    await picture(panel, "autodialler-task")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.at('[data-dial-act][href$="/start"]').click()
    await panel.page.get_by_text("Сохраните изменения, прежде чем менять статус.").wait_for()
    await expect(panel.at("#modal")).to_be_hidden()
    await panel.page.get_by_role("button", name="Сохранить изменения").click()
    await panel.page.wait_for_load_state()
    await panel.page.get_by_text("Сохранено.").first.wait_for()
    workday = "0" * 9 + "1" * 9 + "0" * 6
    assert (await task.task()).schedule == workday * 5 + "0" * 24 + "1" * 24
    await panel.at('[data-dial-act][href$="/start"]').click()
    await panel.submit()
    await panel.page.get_by_text("Статус задания (Задание активно)").wait_for()
    assert await task.status() is Status.ACTIVE
    await picture(panel, "autodialler-active")
    await task.press(Action.STOP)
    async with domain_transaction(task.actor) as tx:
        await tx.execute("UPDATE dial_task SET schedule = repeat('1', 168) WHERE domain_id = $1", tx.domain_id)
    await panel.goto("/autodialler")
    await picture(panel, "autodialler-list")
    await panel.goto(f"/autodialler/{task.id}/numbers")
    await picture(panel, "autodialler-numbers")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
