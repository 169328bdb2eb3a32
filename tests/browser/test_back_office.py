"""The provider's money work as clerks do it: a statement of the bank, and a correction that two people make."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.http.people import a_staff_member

pytestmark = pytest.mark.anyio


async def clerk(panel: Panel) -> None:
    someone = await a_staff_member("billing")
    await panel.sign_in(someone.login, at="/provider")


async def _account(actor: Actor) -> str:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT number FROM account WHERE domain_id = $1", tx.domain_id)


@pytest.mark.req("FIN-D7")
async def test_a_statement_is_read_assigned_and_posted(panel: Panel, tmp_path: Path) -> None:
    world = await a_world(people=1, balance="0")
    account = await _account(world.actor)
    file = tmp_path / "выписка.csv"
    lines = [f"21.11.2026;{os.getpid()}-{n};10,00;ООО «Ромашка»;НЛС {account} за связь" for n in range(101)]
    file.write_text("Дата;Номер;Приход;Плательщик;Назначение\n" + "\n".join(
        [*lines, f"21.11.2026;{os.getpid()}-x;0,55;Иванов И. И.;за связь"]), encoding="cp1251")
    await clerk(panel)
    await panel.goto("/provider/bank")
    await panel.page.click("a[href='/provider/bank/new']")
    await panel.dialog.locator("input[type=file]").set_input_files(file)
    await panel.submit()
    await expect(panel.dialog.locator("#f-amount")).to_have_value("2")
    await panel.submit()
    await panel.page.wait_for_url("**/provider/bank/*")
    await expect(panel.at("#bank-import")).to_contain_text("Требуют решения: 1")
    await panel.goto(panel.page.url.removeprefix(panel.url) + "?state=unknown")
    await panel.page.click("a[href$='/assign']")
    await panel.type_into("#modal input[type=search]", world.admin.domain)
    choice = panel.dialog.locator("input[type=radio]")
    await expect(choice).to_have_count(1)
    await choice.check()
    await panel.dialog.locator("form.sw-form button[type=submit]").click()
    await expect(panel.at("#bank-import")).to_contain_text("102")
    await panel.page.click("#bank-import button")
    await expect(panel.at("#bank-import")).to_contain_text("Проведено: 102", timeout=20_000)
    await expect(panel.at("#bank-import button")).to_have_count(0)
    await panel.goto(f"/provider/domains/{world.actor.domain_id}/account")
    await expect(panel.at("#account-balance")).to_contain_text("1 010,55")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []


@pytest.mark.req("FIN-D13")
async def test_a_large_correction_is_made_by_two_people(panel: Panel, second_panel: Panel) -> None:
    world = await a_world(people=1, balance="0")
    page = f"/provider/domains/{world.actor.domain_id}/account"
    await clerk(panel)
    await panel.goto(page)
    await panel.page.click(f"main a[href='/provider/corrections/new?domain={world.actor.domain_id}']")
    await panel.type_into("#f-amount", "10000,01")
    await panel.page.fill("#f-reason", "Возврат за май")
    await panel.submit()
    await expect(panel.dialog).to_contain_text("подтверждает другой сотрудник")
    await panel.submit()
    await expect(panel.toasts).to_contain_text("должен подтвердить другой")
    await clerk(second_panel)
    await second_panel.goto(page)
    await expect(second_panel.at("main")).to_contain_text("Возврат за май")
    await second_panel.page.click("main a[href$='/decide/confirm']")
    await expect(second_panel.dialog).to_contain_text("10 000,01")
    await second_panel.submit()
    await expect(second_panel.toasts).to_contain_text("проведена")
    await second_panel.goto(page)
    await expect(second_panel.at("#account-balance")).to_contain_text("10 000,01")
    await panel.goto("/provider/corrections")
    await expect(panel.at(".sw-table")).to_contain_text("Подтверждена")
    for where in ("/provider/corrections", "/provider/bank", "/provider/books", "/provider/income"):
        await panel.goto(where)
        assert await panel.does_not_fit() == [], where
        assert await panel.obstacles() == [], where
