"""Tariffs in the browser: a draft is made, edited and published; the amounts of a change follow the choice."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.kernel.db import platform_transaction
from billing.whatif import service
from tests.browser.panel import Panel
from tests.db.billing_factories import a_company
from tests.db.factories import STAFF, a_tariff, a_version
from tests.http.people import a_staff_member

pytestmark = pytest.mark.anyio


async def engineer(panel: Panel) -> None:
    someone = await a_staff_member("administrator")
    await panel.sign_in(someone.login, at="/provider")


async def test_a_draft_is_made_edited_tried_and_published(panel: Panel) -> None:
    tariff_id = await a_tariff(("7", "1.50"), user_monthly=90)
    await a_company("100", tariff_id=tariff_id)
    await engineer(panel)
    await panel.goto(f"/provider/tariffs/{tariff_id}")
    await panel.page.click(f"main form[action='/provider/tariffs/{tariff_id}/drafts'] button")
    await expect(panel.at("main")).to_contain_text("Условия и услуги не меняются")
    await panel.page.click("main a[href$='/services/new']")
    await panel.dialog.locator("select[name=service]").select_option("crm")
    await panel.dialog.locator("#f-monthly").fill("416,67")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.at("main tr").filter(has_text="CRM").first).to_contain_text("добавлено")
    await panel.page.click("main a[href$='/whatif']")
    await panel.submit()
    await expect(panel.at("main")).to_contain_text("Рассчитано доменов")
    async with platform_transaction(STAFF) as tx:
        run_id = await tx.fetchval("SELECT max(id) FROM whatif_run WHERE tariff_id = $1", tariff_id)
    await service.work(run_id)  # the worker's part; the page notices by itself
    await expect(panel.at("main")).not_to_contain_text("Рассчитано доменов")
    await panel.page.click("main a[href*='/versions/']")
    await panel.page.click("main a[href$='/publish']")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    await expect(panel.at("main tr").filter(has_text="Версия 2")).to_contain_text("Действует")
    await expect(panel.at("main")).to_contain_text("416,67")


async def test_the_amounts_follow_the_chosen_tariff(panel: Panel) -> None:
    company = await a_company("100", tariff_id=await a_tariff(user_monthly=90))
    cheaper = await a_tariff(user_monthly=60, mgp=500)
    await engineer(panel)
    await panel.goto(f"/provider/domains/{company.id}")
    await panel.page.click("main a[href$='/change/tariff']")
    await expect(panel.dialog).to_contain_text("90,00")
    await panel.until("Boolean(document.getElementById('tariff-cost')['htmx-internal-data'])")  # it listens
    await panel.dialog.locator("select[name=tariff_id]").select_option(str(cheaper))
    await expect(panel.dialog.locator("#tariff-cost")).to_contain_text("60,00")
    await expect(panel.dialog.locator("#tariff-cost")).to_contain_text("500,00")
    await panel.submit()
    await expect(panel.dialog).to_be_hidden()
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", company.id) == cheaper


async def test_differences_of_a_draft_are_read_on_a_phone(panel: Panel) -> None:
    tariff_id = await a_tariff(("7", "1.50"), user_monthly=90)
    version_id = await a_version(tariff_id, ("7", "2.50"), valid_from=None, mgp=1500, user_monthly="1234567.89")
    await engineer(panel)
    await panel.page.set_viewport_size({"width": 360, "height": 800})
    await panel.goto(f"/provider/tariffs/versions/{version_id}")
    await expect(panel.at("main .card").first).to_contain_text("234")
    assert await panel.page.evaluate(
        "[...document.querySelector('main .card').querySelectorAll('div')]"
        ".filter(box => box.scrollWidth > box.clientWidth + 1).length") == 0
