"""The company's address book in a browser: several numbers, a file looked at before it is taken, bulk work."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.unit.directory.test_import_rules import T26, a_csv, a_workbook

pytestmark = pytest.mark.anyio


@pytest.mark.req("ABK-02", "ABK-03", "ABK-06", "ABK-07", "ABK-08", "ABK-14")
async def test_a_contact_from_creation_to_bulk_move(panel: Panel) -> None:
    world = await a_world(people=2)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/contacts")
    await panel.page.click(".sw-head a[href='/contacts/new']")
    await panel.dialog.locator("#f-name").fill("Юлия Семёнова")
    await panel.dialog.locator("[name=number]").fill("+7495111223")
    await panel.dialog.locator("[data-number-more]").click()
    await panel.dialog.locator("[name=number]").nth(1).fill("101")
    await panel.submit()
    await expect(panel.dialog.locator("[data-field-box=number-0] [data-field-error]")).to_be_visible()
    await expect(panel.dialog.locator("[data-field-box=number-1] [data-field-error]")).to_be_hidden()
    await panel.dialog.locator("[name=number]").first.fill("8 (495) 111-22-33")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.toasts).to_contain_text("быстрый набор *1")
    row = panel.page.locator(".sw-table tbody tr", has_text="Юлия Семёнова")
    await expect(row).to_contain_text("+7 495 111-22-33")
    await expect(row).to_contain_text("+1")
    await panel.page.click(".sw-head a[href='/contacts/groups/new']")
    await panel.dialog.locator("#f-name").fill("Важные клиенты")
    await panel.submit()
    await expect(panel.at(".sw-table")).to_contain_text("Важные клиенты")
    await row.locator("[name=ids]").check()
    await panel.page.click(".sw-bulk [hx-get='/contacts/move']")
    await panel.dialog.locator("#f-group_id").select_option(label="Важные клиенты")
    await panel.submit()
    await expect(panel.at(".sw-table")).not_to_contain_text("Контакты вне групп")
    await panel.page.click(".sw-group-fold")
    await expect(row).to_have_count(0)
    await panel.page.fill("#list-search", "11122")
    await expect(row).to_have_count(1)
    await panel.page.fill("#list-search", "никто")
    await expect(row).to_have_count(0)


@pytest.mark.req("ABK-09", "ABK-12")
async def test_t26_a_file_is_looked_at_before_it_is_taken(panel: Panel) -> None:
    world = await a_world(people=2)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/contacts")
    await panel.page.click(".sw-head a[href='/contacts/import']")
    await expect(panel.dialog.locator("a[href='/contacts/import/template/xlsx']")).to_be_visible()
    upload = panel.dialog.locator("input[type=file]")
    await upload.set_input_files({"name": "фото.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n"})
    await panel.submit()
    await expect(panel.dialog.locator("[data-field-box=file] [data-field-error]")).to_be_visible()
    bad = a_csv(("Хороший", "", "", "", "101"), ("Плохой", "", "123456", "", "+7495111223"))
    await upload.set_input_files({"name": "список.csv", "mimeType": "text/csv", "buffer": bad})
    await panel.submit()
    for text in ("Контактов в файле: 2", "Готовы к созданию: 1", "С ошибками: 1", "Список контактов с ошибками (1)"):
        await expect(panel.dialog).to_contain_text(text)
    await expect(panel.dialog.locator(".sw-bad-cell")).to_have_count(2)
    await panel.dialog.get_by_text("Загрузить другой файл?").click()
    await panel.dialog.locator("input[type=file]").set_input_files(
        {"name": "клиенты.xlsx", "mimeType": "application/octet-stream", "buffer": a_workbook(*T26)})
    await panel.submit()
    await expect(panel.dialog).to_contain_text("Готовы к созданию: 3")
    await expect(panel.page.locator(".sw-table")).to_have_count(0)
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    for text in ("Важные клиенты", "Новые клиенты", "Клиент 3", "*30"):
        await expect(panel.at(".sw-table")).to_contain_text(text)
