"""The drawing as editor: a number with hours by clicks alone, a split scheme on a phone's screen."""

from __future__ import annotations

import os

import pytest

from tests.browser.panel import Panel
from tests.browser.world import a_world

pytestmark = pytest.mark.anyio


@pytest.mark.req("FWD-02", "FWD-28", "ACC-42")
async def test_a_scheduled_number_by_clicks(panel: Panel) -> None:
    world = await a_world(people=2)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/me")
    scheme = panel.at("#forwarding")
    await scheme.get_by_role("link", name="Ещё номер").click()
    await panel.dialog.locator("#f-number").fill("8 916 000-00-01")
    await panel.dialog.locator("#f-priority").fill("5")
    await panel.dialog.get_by_role("button", name="Добавить часы").click()
    await panel.submit()
    await scheme.locator(".sw-fwd-split").wait_for()
    assert await scheme.locator(".sw-fwd-branch").count() == 2
    await scheme.get_by_role("link", name="Ещё номер").click()
    await panel.dialog.locator("#f-kind").select_option("landline")
    await panel.dialog.locator("#f-number").fill("+7 495 111-22-33")
    await panel.dialog.locator("#f-priority").fill("10")
    await panel.submit()
    await scheme.locator(".sw-fwd-together").first.wait_for()
    await scheme.locator("[name=voicemail_on]").check()
    await scheme.locator(".sw-fwd-end", has_text="Голосовая почта").first.wait_for()
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    if os.environ.get("LOOK"):
        await _look(panel)


async def _look(panel: Panel) -> None:
    scheme = panel.at("#forwarding")
    await scheme.get_by_role("link", name="Ещё номер").click()
    await panel.dialog.locator("#f-number").fill("8 926 123-45-67")
    await panel.dialog.locator("#f-is_enabled").uncheck()
    await panel.submit()
    for path, name in (("/me", "me"), ("/me/calls-settings", "settings"), ("/settings/sounds", "sounds")):
        await panel.goto(path)
        for width in (1440, 360):
            await panel.page.set_viewport_size({"width": width, "height": 900})
            await panel.page.screenshot(path=f"/tmp/x/{name}-{width}.png", full_page=True)
    await panel.page.set_viewport_size({"width": 1440, "height": 900})
    await panel.goto("/me")
    await panel.at(".sw-fwd-card").first.click()
    await panel.dialog.get_by_role("button", name="Добавить часы").wait_for()
    await panel.page.screenshot(path="/tmp/x/rule.png")
