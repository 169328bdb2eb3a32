"""General settings and pickup groups as an administrator works with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.browser.world import a_world

pytestmark = pytest.mark.anyio


async def picture(panel: Panel, name: str) -> None:
    """For a person's eyes, with PICTURES=<folder>."""
    if folder := os.environ.get("PICTURES"):
        for width in (1440, 360):
            await panel.page.set_viewport_size({"width": width, "height": 900})
            await panel.page.screenshot(path=str(Path(folder) / f"{name}-{width}.png"), full_page=True)
        await panel.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.req("SET-02", "SET-04", "SET-31")
async def test_settings_are_searched_refused_and_saved(panel: Panel) -> None:
    world = await a_world(people=3)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/settings")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await picture(panel, "settings")
    amount = panel.at("#f-balance_notice_below")
    await expect(amount).to_be_disabled()
    await panel.at("#f-balance_notice_on").check()
    await expect(amount).to_be_enabled()
    await panel.at("[data-filter-of]").fill("владив")
    await panel.at("#f-timezone").select_option("Asia/Vladivostok")
    await expect(panel.at("[data-filter-of]")).to_have_value("")
    await panel.at("#f-pickup_number").fill("112")
    await panel.at("#settings button[type=submit]").click()
    for field in ("balance_notice_below", "notification_email", "pickup_number"):
        await expect(panel.at(f"#f-{field}-error")).to_be_visible()
    await picture(panel, "settings-errors")
    await expect(panel.at("#f-timezone")).to_have_value("Asia/Vladivostok")
    await amount.fill("1 000,50")
    await panel.at("#f-notification_email").fill("boss@romashka.example")
    await panel.at("#f-pickup_number").fill("*77")
    await panel.at("#settings button[type=submit]").click()
    await expect(panel.toasts).to_contain_text("Настройки сохранены")
    await panel.goto("/settings")
    await expect(panel.at("#f-timezone")).to_have_value("Asia/Vladivostok")
    await expect(amount).to_have_value("1000.50")


@pytest.mark.req("PICK-04", "PICK-05", "PICK-09")
async def test_a_group_is_made_and_people_are_moved(panel: Panel) -> None:
    world = await a_world(people=8)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/pickup-groups")
    await panel.page.click("a[href='/pickup-groups/new']")
    create = panel.dialog.locator("button[type=submit]")
    await expect(create).to_be_disabled()
    await panel.dialog.locator("#f-name").fill("Комната 1")
    await expect(create).to_be_enabled()
    await picture(panel, "pickup-new")
    assert await panel.obstacles() == []
    await create.click()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.at(".sw-table")).to_contain_text("Комната 1")
    await picture(panel, "pickup-list")
    assert await panel.does_not_fit() == []
    await panel.goto("/users")
    await panel.at("tbody input[type=checkbox]").first.check()
    await panel.page.get_by_text("В группу перехвата").first.click()
    await expect(panel.dialog.locator("button[type=submit]")).to_be_disabled()
    await panel.dialog.locator("#f-group").select_option(label="Комната 1")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await panel.goto("/pickup-groups")
    await expect(panel.at(".sw-table td.nowrap").first).to_contain_text("1")
