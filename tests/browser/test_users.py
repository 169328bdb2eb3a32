"""The list and the card of users as an administrator works with them."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from tests.browser.panel import Panel
from tests.browser.world import World, a_world, acknowledge, agent_is_heard

pytestmark = pytest.mark.anyio


async def signed_in(panel: Panel, **world: object) -> World:
    made = await a_world(**world)
    await panel.sign_in(made.admin.login, made.admin.domain)
    return made


async def fill(panel: Panel, **fields: str) -> None:
    for name, value in fields.items():
        await panel.dialog.locator(f"#f-{name}").fill(value)


async def new_group(panel: Panel, name: str) -> None:
    """In the form of a new user [GRP-20]; while its block is open the user cannot be created."""
    create = panel.dialog.locator(".sw-form-end [type=submit]")
    await panel.dialog.locator("[data-group-new]").click()
    await expect(create).to_be_disabled()
    await panel.dialog.locator("[data-group-cancel]").click()
    await expect(create).to_be_enabled()
    await panel.dialog.locator("[data-group-new]").click()
    await panel.dialog.locator("[data-group-create]").click()
    await expect(panel.dialog.locator("#f-group_name-error")).to_be_visible()
    await fill(panel, group_name=name)
    await panel.dialog.locator("[data-group-create]").click()
    await expect(panel.dialog.locator("input[name=groups]")).to_be_checked()
    await expect(panel.dialog.locator("[data-group-block]")).to_be_hidden()
    await expect(create).to_be_enabled()


@pytest.mark.req("USR-21", "USR-22", "USR-23", "USR-26", "USR-31")
async def test_a_wrong_form_keeps_what_was_typed_and_the_right_one_goes_live(panel: Panel) -> None:
    world = await signed_in(panel, people=3, balance="1000")
    await agent_is_heard(world.node_id)
    await acknowledge(world.actor)
    await panel.goto("/users")
    await expect(panel.at("#live-state")).to_contain_text("Действует")
    await panel.page.click("a[href='/users/new']")
    await expect(panel.dialog.locator(".sw-cost")).to_contain_text("100,00")  # told before anything is saved
    await fill(panel, display_name="Семёнова Юлия", extension="200", login="Юлия", password="secret12345",
               password_repeat="secret1234", email="semenova@romashka.example")
    await panel.submit()
    await expect(panel.dialog.locator("#f-login-error")).to_be_visible()
    await expect(panel.dialog.locator("#f-login")).to_be_focused()
    await expect(panel.dialog.locator("#f-display_name")).to_have_value("Семёнова Юлия")
    await expect(panel.dialog.locator("#f-password")).to_have_value("secret12345")
    await new_group(panel, "Клиентская служба")
    await fill(panel, login="semenova", password_repeat="secret12345")
    await panel.dialog.locator("input[name=groups]").uncheck()
    await panel.submit()  # now that there is a group one must be chosen [GRP-21]
    await expect(panel.dialog.locator("[data-field-box=groups]")).to_contain_text("Выберите хотя бы одну группу")
    await panel.dialog.locator("input[name=groups]").check()
    await panel.submit()
    await expect(panel.dialog.locator("#f-extension-error")).to_have_text("Внутренний номер 200 занят: Алексеев Анна Владимировна")
    await fill(panel, extension="777")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.toasts).to_contain_text("внутренний номер 777")
    await expect(panel.at("#live-state")).to_contain_text("Применяется")
    await expect(panel.at(".sw-table")).to_contain_text("Семёнова Юлия")
    await expect(panel.at(".sw-balance summary")).not_to_have_text("Баланс: 1\u00a0000\u00a0₽")
    await acknowledge(world.actor)
    await expect(panel.at("#live-state")).to_contain_text("Действует")  # without a reload
    async with domain_transaction(world.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1", tx.domain_id) == 4


@pytest.mark.req("USR-24")
async def test_without_money_nothing_is_created_and_the_missing_amount_is_named(panel: Panel) -> None:
    world = await signed_in(panel, people=2, balance="50")
    await panel.goto("/users")
    await panel.page.click("a[href='/users/new']")
    await new_group(panel, "Отдел")
    await fill(panel, display_name="Без Денег", login="broke", password="secret12345", password_repeat="secret12345")
    await panel.submit()
    await expect(panel.dialog.locator("[data-form-result]")).to_contain_text("недостаточно средств")
    await expect(panel.dialog.locator("#f-display_name")).to_have_value("Без Денег")
    async with domain_transaction(world.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1", tx.domain_id) == 2


@pytest.mark.req("USR-55", "USR-56", "USR-72")
async def test_card_edits_changes_the_password_and_deletes_after_asking(panel: Panel) -> None:
    await signed_in(panel, people=3)
    await panel.goto("/users")
    await panel.page.click("text=Борисова Пётр")
    await expect(panel.at("#user-name")).to_have_text("Борисова Пётр")
    await expect(panel.at("#f-login")).to_have_count(0)  # the SIP address never changes
    await panel.page.fill("#f-display_name", "Борисова Петра Ивановна")
    await panel.page.fill("#f-extension", "12x")
    await panel.page.click("#profile button[type=submit]")
    await expect(panel.at("#f-extension-error")).to_have_text("От 1 до 5 цифр")
    await panel.page.fill("#f-extension", "312")
    await panel.page.click("#profile button[type=submit]")
    await expect(panel.at("#user-name")).to_have_text("Борисова Петра Ивановна")
    await panel.page.reload()
    await expect(panel.at("#f-extension")).to_have_value("312")

    await panel.page.click("a[href$='/password']")
    await panel.dialog.locator("[data-password-make]").click()
    made = await panel.dialog.locator("#f-password").input_value()
    assert len(made) == 16
    await expect(panel.dialog.locator("#f-password_repeat")).to_have_value(made)
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.toasts).to_contain_text("Пароль изменён")

    await panel.page.click("a[href$='/delete']")
    await expect(panel.dialog).to_contain_text("Борисова Петра Ивановна")
    await panel.page.keyboard.press("Escape")
    await expect(panel.dialog).to_be_hidden()
    await panel.page.click("a[href$='/delete']")
    await panel.submit()
    await expect(panel.at("#list-total")).to_have_text("2")


@pytest.mark.req("USR-07", "USR-12", "USR-13")
async def test_list_searches_filters_pages_selects_and_deletes_many(panel: Panel) -> None:
    await signed_in(panel, people=123)
    await panel.goto("/users")
    await expect(panel.at("#list-total")).to_have_text("123")
    rows = panel.at("input[name=ids]")
    await expect(rows).to_have_count(100)
    await panel.page.evaluate("scrollTo(0, 1e6)")
    await expect(rows).to_have_count(123)
    await panel.page.fill("#list-search", "лебедев")
    await expect(panel.at("#list-total")).to_have_text("12")
    assert "q=" in panel.page.url
    await panel.page.select_option("select[name=role]", index=1)
    await expect(panel.at(".sw-chip").first).to_be_visible()
    await panel.page.reload()  # the address alone carries search and filters
    await expect(panel.at("#list-search")).to_have_value("лебедев")
    await panel.at(".sw-chip").last.click()
    await expect(panel.at("select[name=role]")).to_have_value("")
    await expect(panel.at("#list-total")).to_have_text("12")
    await rows.nth(0).check()
    await rows.nth(3).click(modifiers=["Shift"])
    await expect(panel.at(".sw-bulk-count")).to_have_text("Выбрано 4 из 12")
    await panel.page.click(".sw-bulk .btn-danger")
    await expect(panel.dialog).to_contain_text("Удалить 4 пользователей?")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.at("#list-total")).to_have_text("8")
    await expect(panel.toasts).to_contain_text("Удалено 4 пользователя")


async def test_export_holds_what_the_list_shows(panel: Panel) -> None:
    await signed_in(panel, people=30)
    await panel.goto("/users?q=жуков")
    async with panel.page.expect_download() as started:
        await panel.page.click("[data-export]")
    download = await started.value
    assert download.suggested_filename.endswith(".xlsx")
    from python_calamine import CalamineWorkbook

    rows = CalamineWorkbook.from_path(str(await download.path())).get_sheet_by_index(0).to_python()
    assert len(rows) == 1 + 3
    assert all("Жуков" in row[0] for row in rows[1:])


async def test_leaving_unsaved_changes_asks(panel: Panel) -> None:
    await signed_in(panel, people=2)
    await panel.goto("/users")
    await panel.page.click("a[href='/users/new']")
    await fill(panel, display_name="Недописанный")
    asked: list[str] = []

    async def stay(dialog) -> None:
        asked.append(dialog.message)
        await dialog.dismiss()

    panel.page.once("dialog", stay)
    await panel.page.keyboard.press("Escape")
    await expect(panel.dialog).to_be_visible()
    assert asked == ["Есть несохранённые изменения. Уйти без сохранения?"]
