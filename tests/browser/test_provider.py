"""The provider's console, from an empty stock to a paying customer."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from app.kernel.db import platform_transaction
from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.db.factories import STAFF, a_node, a_tariff
from tests.http.browser import PASSWORD
from tests.http.people import a_staff_member

pytestmark = pytest.mark.anyio
_numbers = itertools.count(int(f"7863{os.getpid() % 1000:03}0000"))


async def engineer(panel: Panel) -> None:
    someone = await a_staff_member()
    await panel.sign_in(someone.login, at="/provider")


async def test_a_new_domain_and_its_first_administrator(panel: Panel, second_panel: Panel) -> None:
    await a_tariff()
    await a_node()
    name = f"new{os.getpid()}.pbx.example"
    await engineer(panel)
    await panel.goto("/provider/domains/new")
    for field, value in {"company_name": "ООО «Новая»", "name": "not a domain", "admin_name": "Первый Админ",
                         "admin_login": "first", "admin_password": PASSWORD}.items():
        await panel.page.fill(f"#f-{field}", value)
    await panel.page.click("main .btn-primary")
    await expect(panel.at("#f-name-error")).not_to_be_empty()
    await expect(panel.at("#f-company_name")).to_have_value("ООО «Новая»")
    await panel.page.fill("#f-name", name)
    await panel.page.click("main .btn-primary")
    await expect(panel.at("h1")).to_have_text(name)
    await expect(panel.at("main")).to_contain_text("Тестовый")
    await second_panel.sign_in("first", name)
    await expect(second_panel.at(".sw-company")).to_contain_text("ООО «Новая»")
    await expect(second_panel.at(".sw-banner")).to_contain_text("Тестовый период")
    await expect(second_panel.at(".empty").first).to_be_visible()


async def test_numbers_come_from_a_file_and_go_to_a_domain(panel: Panel, tmp_path: Path) -> None:
    world = await a_world(people=1)
    numbers = [str(next(_numbers)) for _ in range(3)]
    await engineer(panel)
    await panel.goto("/provider/numbers")
    await panel.page.click("a[href='/provider/numbers/import']")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(f"{numbers[0]};city;Пермь\n12;city;Пермь\n{numbers[0]};нет;Пермь\n")
    await panel.dialog.locator("input[type=file]").set_input_files(wrong)
    await panel.submit()
    await expect(panel.dialog.locator("tr.sw-bad").first).to_be_visible()
    await expect(panel.dialog.locator("button[type=submit]")).to_have_count(0)  # nothing can be taken
    await panel.dialog.locator("a[href='/provider/numbers/import']").click()
    right = tmp_path / "right.csv"
    right.write_text("\n".join(f"{number};city;Пермь" for number in numbers))
    await panel.dialog.locator("input[type=file]").set_input_files(right)
    await panel.submit()
    await expect(panel.dialog).to_contain_text("Без ошибок: 3")
    await panel.submit()
    await expect(panel.toasts).to_contain_text("3")
    await panel.goto(f"/provider/numbers?q={numbers[0]}")
    await expect(panel.at("#list-total")).to_have_text("1")
    await panel.at("main tbody .sw-row-menu summary").first.click()
    await panel.page.click("main a[href$='/give']")
    await panel.type_into("#modal input[type=search]", world.admin.domain)
    choice = panel.dialog.locator("input[type=radio]")
    await expect(choice).to_have_count(1)
    await choice.check()
    await panel.submit()
    await expect(panel.at(".sw-table")).to_contain_text(world.admin.domain)


async def test_rates_come_from_a_file_are_compared_and_published(panel: Panel, tmp_path: Path) -> None:
    tariff_id = await a_tariff(("7", "1.50"), ("44", "4.00"))
    await engineer(panel)
    await panel.goto(f"/provider/tariffs/{tariff_id}")
    await panel.page.click("main a[href$='/import']")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("prefix;destination;price\n7;Россия;дорого\n999999;Никуда;1\n")
    await panel.dialog.locator("input[type=file]").set_input_files(wrong)
    await panel.submit()
    await expect(panel.dialog.locator("tr.sw-bad")).to_have_count(2)
    await panel.dialog.locator("a[href$='/import']").click()
    right = tmp_path / "right.csv"
    right.write_text("prefix;destination;price\n7;Россия;1,70\n7495;Москва;0,90\n")
    await panel.dialog.locator("input[type=file]").set_input_files(right)
    await panel.submit()
    await expect(panel.at("main")).to_contain_text("Добавлено: 1")
    await expect(panel.at("main")).to_contain_text("Убрано: 1")
    await panel.page.click("main a[href$='/publish']")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.at("main tr").filter(has_text="Версия 2")).to_contain_text("Действует")


@pytest.mark.req("ACC-21")
async def test_a_payment_is_seen_by_the_customer_and_a_block_too(panel: Panel, second_panel: Panel) -> None:
    world = await a_world(people=2, balance="100")
    await engineer(panel)
    await panel.goto(f"/provider/domains/{world.actor.domain_id}")
    await panel.page.click("main a[href*='/payments/new']")
    await panel.dialog.locator("#f-amount").fill("сто")
    await panel.submit()
    await expect(panel.dialog.locator("#f-amount-error")).not_to_be_empty()
    await panel.dialog.locator("#f-amount").fill("250,50")
    await panel.submit()
    await expect(panel.dialog.locator(".sw-cost")).to_contain_text("350,50")
    await panel.submit()
    await expect(panel.at("main")).to_contain_text("350,50")
    await second_panel.sign_in(world.admin.login, world.admin.domain)
    await expect(second_panel.at(".sw-balance summary")).to_contain_text("350,5")
    await second_panel.goto("/finance/payments")
    await expect(second_panel.at(".sw-table tbody tr").first).to_contain_text("250,50")

    await panel.goto(f"/provider/domains/{world.actor.domain_id}")
    await panel.page.click("main a[href$='/change/block']")
    await panel.dialog.locator("#f-reason").fill("Не отвечает на письма")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await second_panel.goto("/users")
    await expect(second_panel.at(".sw-banner")).to_contain_text("Заблокировано провайдером")
    await panel.page.click("main a[href$='/change/unblock']")
    await panel.submit()
    await expect(panel.at("main a[href$='/change/block']")).to_be_visible()
    await second_panel.page.reload()
    await expect(second_panel.at(".sw-banner")).to_have_count(0)


async def test_support_sees_no_button_that_it_may_not_press(panel: Panel) -> None:
    world = await a_world(people=2)
    someone = await a_staff_member("support")
    await panel.sign_in(someone.login, at="/provider")
    for path in ("/provider/domains", "/provider/numbers", "/provider/tariffs", "/provider/payments", "/provider/trunks",
                 f"/provider/domains/{world.actor.domain_id}"):
        await panel.goto(path)
        await expect(panel.at("main .btn-primary")).to_have_count(0)
        await expect(panel.at("main .btn-ghost-danger")).to_have_count(0)


async def test_a_letter_is_previewed_and_an_announcement_closed(panel: Panel) -> None:
    await engineer(panel)
    await panel.goto("/provider/letters/credentials")
    form = panel.at("#form-ru")
    await form.locator("[name=body]").fill("Пароль: {{ passwort }}")
    await form.locator("button[type=button]").first.click()
    await expect(form.locator("[data-field-box=body] [data-field-error]")).to_contain_text("passwort")
    await form.locator("[name=body]").fill("Пароль: {{ password }}")
    await form.locator("button[type=button]").first.click()
    await expect(panel.at("#preview-ru")).to_contain_text("Пароль: Example1")
    panel.page.on("dialog", lambda dialog: dialog.accept())  # the text is not saved
    await panel.goto("/provider/announcements")
    await panel.page.click("a[href='/provider/announcements/new']")
    for field, value in {"text_ru": "Работы ночью", "text_en": "Maintenance", "starts_at": "2026-01-01T00:00",
                         "ends_at": "2099-01-01T00:00"}.items():
        await panel.dialog.locator(f"#f-{field}").fill(value)
    await panel.submit()
    await expect(panel.at(".sw-table")).to_contain_text("Работы ночью")
    try:
        await panel.goto("/provider")
        banner = panel.at("[data-announcement]")
        await expect(banner).to_contain_text("Работы ночью")
        assert await panel.does_not_fit() == []
        await banner.locator("[data-announcement-close]").click()
        await expect(banner).to_have_count(0)
        await panel.goto("/provider/staff")
        await expect(panel.at("h1")).to_be_visible()
        await expect(banner).to_have_count(0)
    finally:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("DELETE FROM announcement")


async def test_a_parameter_is_corrected_where_it_is_wrong(panel: Panel) -> None:
    await engineer(panel)
    await panel.goto("/provider/parameters")
    form = panel.at("#form-topup")
    await form.locator("[name='topup.min']").fill("200000")
    await form.locator("button[type=submit]").click()
    await expect(form.locator("[data-field-box='topup.min'] [data-field-error]")).not_to_be_empty()
    await form.locator("[name='topup.min']").fill("100")
    await form.locator("button[type=submit]").click()
    await expect(panel.toasts).not_to_be_empty()
