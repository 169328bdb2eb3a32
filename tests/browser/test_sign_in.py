"""The door of the three panels, as a person meets it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.http.browser import PASSWORD
from tests.http.people import a_pool_admin, a_staff_member, a_user

pytestmark = pytest.mark.anyio


@pytest.mark.req("ACC-08", "ACC-09", "ACC-14")
async def test_wrong_password_says_nothing_more_then_the_right_one_leads_to_the_dashboard(panel: Panel) -> None:
    world = await a_world(balance="10")
    await panel.goto("/users")
    assert "/sign-in" in panel.page.url
    await panel.page.fill("#f-login", world.admin.login)
    await panel.page.fill("#f-domain", world.admin.domain)
    await panel.page.fill("#f-password", "wrong1password")
    await panel.page.press("#f-password", "Enter")
    await expect(panel.at("[role=alert]")).to_have_text("Неверный логин, пароль или домен")
    await expect(panel.at("#f-login")).to_have_value(world.admin.login)
    await expect(panel.at("#f-domain")).to_have_value(world.admin.domain)
    await expect(panel.at("#f-password")).to_have_value("")
    await panel.page.fill("#f-password", PASSWORD)
    await panel.page.click("main button.btn-primary")
    await expect(panel.at("h1")).to_contain_text("Пользователи")  # where the person wanted to go
    await panel.page.click(".sw-logo")
    await expect(panel.at("h1")).to_have_text("Сводные данные")
    await expect(panel.at(".sw-balance summary")).to_contain_text("10")
    await panel.page.click(".sw-sign-out button")
    await expect(panel.at("#f-login")).to_be_visible()
    await panel.goto("/")
    assert "/sign-in" in panel.page.url


@pytest.mark.req("ACC-09")
async def test_a_plain_user_sees_the_personal_part_only(panel: Panel) -> None:
    user = await a_user()
    await panel.sign_in(user.login, user.domain)
    assert panel.page.url.endswith("/me")
    await expect(panel.at(".sw-menu a")).to_have_count(1)
    await expect(panel.at(".sw-balance")).to_have_count(0)
    await panel.goto("/users")
    await expect(panel.at("h1")).to_have_text("Нет доступа")


@pytest.mark.req("POOL-09")
async def test_pool_and_provider_have_doors_of_their_own(panel: Panel, second_panel: Panel) -> None:
    supervisor, engineer = await a_pool_admin(), await a_staff_member()
    await panel.sign_in(supervisor.login, at="/group")
    await expect(panel.at("h1")).to_contain_text("Список доменов")
    await panel.goto("/provider")
    assert "/provider/sign-in" in panel.page.url
    await second_panel.sign_in(engineer.login, at="/provider")
    await expect(second_panel.at("h1")).to_have_text("Обзор")


async def test_language_and_theme_stay_chosen(panel: Panel) -> None:
    world = await a_world(people=1)
    await panel.goto("/sign-in")
    await panel.page.click("button[lang=en]")
    await expect(panel.at("h1")).to_have_text("Sign in")
    await panel.page.click("[data-theme-toggle]")
    await panel.sign_in(world.admin.login, world.admin.domain)
    await expect(panel.at("h1")).to_have_text("Dashboard")
    assert await panel.page.get_attribute("html", "data-bs-theme") == "dark"
    await panel.page.click("button[lang=ru]")
    await expect(panel.at("h1")).to_have_text("Сводные данные")
    await panel.page.reload()
    await expect(panel.at("html")).to_have_attribute("lang", "ru")
    await panel.page.click("[data-theme-toggle]")
    await panel.page.reload()
    await expect(panel.at("html")).to_have_attribute("data-bs-theme", "light")


async def test_keyboard_alone_signs_in_and_creates_a_user(panel: Panel) -> None:
    world = await a_world(people=1)
    keys = panel.page.keyboard
    await panel.goto("/sign-in")
    await expect(panel.at("#f-login")).to_be_focused()
    for text in (world.admin.login, PASSWORD):
        await keys.type(text)
        await keys.press("Tab")
    await _tab_to(panel, "#f-domain")
    await keys.type(world.admin.domain)
    await keys.press("Enter")
    await expect(panel.at("h1")).to_have_text("Сводные данные")
    await keys.press("Tab")
    await expect(panel.at(".sw-skip")).to_be_focused()
    await _tab_to(panel, "a[href='/users']")
    await keys.press("Enter")
    await expect(panel.at("h1")).to_contain_text("Пользователи")
    await _tab_to(panel, "a[href='/users/new']")
    await keys.press("Enter")
    await expect(panel.dialog.locator("#f-display_name")).to_be_focused()
    await keys.type("Клавиатура Ольга")
    await _tab_to(panel, "#f-login")
    await keys.type("olga")
    await _tab_to(panel, "#f-password")
    await keys.type("secret12345")
    await _tab_to(panel, "#f-password_repeat")
    await keys.type("secret12345")
    await keys.press("Enter")
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.at(".sw-table")).to_contain_text("Клавиатура Ольга")


async def _tab_to(panel: Panel, selector: str, most: int = 40) -> None:
    for _ in range(most):
        if await panel.page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        await panel.page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with Tab")
