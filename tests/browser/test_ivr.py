"""A voice scenario built by clicks: audio from a file, a key into a new menu, a key to a user, its way back."""

from __future__ import annotations

import os

import pytest

from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.http.test_personal import a_wav

pytestmark = pytest.mark.anyio


@pytest.mark.req("IVR-30", "IVR-33", "IVR-42")
async def test_a_scenario_by_clicks(panel: Panel) -> None:
    world = await a_world(people=3)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/ivr")
    await panel.page.get_by_role("link", name="Добавить сценарий").first.click()
    await panel.dialog.get_by_role("button", name="Сохранить").click()
    await panel.page.wait_for_url("**/ivr/*")
    scheme = panel.at("#ivr")
    await scheme.locator(".sw-ivr-menu").click()
    await panel.dialog.locator("input[type=file]").set_input_files(
        {"name": "bad.mp3", "mimeType": "audio/mpeg", "buffer": b"MZ nothing"})
    await panel.dialog.get_by_role("alert").filter(has_text="mp3").wait_for()
    await panel.dialog.locator("input[type=file]").set_input_files(
        {"name": "Приветствие.wav", "mimeType": "audio/wav", "buffer": a_wav(2)})
    await panel.dialog.get_by_text("Приветствие.wav").wait_for()
    await panel.submit()
    await scheme.get_by_text("Приветствие.wav").first.wait_for()
    await scheme.get_by_role("link", name="Добавить цифру").click()
    await panel.dialog.get_by_role("link", name="1", exact=True).click()
    await panel.dialog.get_by_role("link", name="Другое меню").click()
    await panel.dialog.get_by_role("link", name="Новое меню").click()
    await panel.dialog.locator("#f-name").fill("Продажи")
    await panel.dialog.get_by_role("button", name="Сохранить").click()
    chosen = panel.dialog.get_by_role("radio", name="Продажи")
    await chosen.wait_for()
    assert await chosen.is_checked()
    await panel.submit()
    below = scheme.locator(".sw-ivr-below")
    await below.wait_for()
    assert await below.locator(".sw-ivr-down").count() == 1  # the second level is drawn down
    await below.get_by_role("link", name="Добавить цифру").click()
    await panel.dialog.get_by_role("link", name="*", exact=True).click()
    await panel.dialog.get_by_role("button", name="Возврат к предыдущему меню").click()
    await below.get_by_text("Возврат к предыдущему меню").first.wait_for()
    await scheme.locator(".sw-ivr-add").last.click()
    await panel.dialog.get_by_role("link", name="2", exact=True).click()
    await panel.dialog.get_by_role("link", name="Переадресация").click()
    await panel.dialog.locator(".sw-picker-kind", has=panel.page.locator("[value=user]")).click()
    await panel.dialog.locator(".sw-picker-row").first.click()
    await panel.submit()
    await scheme.get_by_text("Переадресация:").first.wait_for()
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await scheme.locator(".sw-ivr-key").first.click()
    await panel.dialog.get_by_role("link", name="Удалить ветку").wait_for()
    assert await panel.obstacles() == []
    address = panel.page.url.removeprefix(panel.url)
    await panel.goto("/ivr")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.goto(address)
    if os.environ.get("LOOK"):
        await _look(panel)


async def _look(panel: Panel) -> None:
    folder = os.environ["LOOK"]
    address = panel.page.url.removeprefix(panel.url)
    for width in (1440, 360):
        await panel.page.set_viewport_size({"width": width, "height": 900})
        for name, path in (("page", address), ("list", "/ivr")):
            await panel.goto(path)
            await panel.page.screenshot(path=f"{folder}/ivr-{name}-{width}.png", full_page=True)
    await panel.goto(address)
    for name in ("menus/1", "menus", "menus/1/keys", "menus/1/keys/2", "menus/1/reactions/2/types",
                 "menus/1/reactions/2", "menus/1/reactions/1"):
        await panel.goto(f"{address}/{name}")
        await panel.page.screenshot(path=f"{folder}/ivr-w-{name.replace('/', '-')}.png", full_page=True)
