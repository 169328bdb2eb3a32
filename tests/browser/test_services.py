"""The page of services as a person uses it: costs that follow the number, connecting, disconnecting."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from billing.services import channels
from tests.browser.panel import Panel
from tests.db.services_world import a_company, a_service
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio


async def an_admin(panel: Panel) -> Someone:
    actor = await a_company(
        a_service("integration_api", monthly="416.67", connection=100), a_service("fmc", "special", "83.33"),
        a_service("contact_center", "operator", "416.67"), a_service("auto_informer"),
        a_service(channels.INCOMING, "special", 50, included=10), a_service("crm", "external", 300), money="1000")
    admin = await a_user(actor, "ivanov", is_admin=True)
    await panel.sign_in(admin.login, admin.domain)
    return admin


@pytest.mark.req("SVC-06", "SVC-11", "SVC-33", "SVC-34")
async def test_a_service_is_switched_on_and_off(panel: Panel) -> None:
    await an_admin(panel)
    await panel.goto("/services")
    row = panel.at("#service-integration_api")
    await row.get_by_role("link", name="Включить").click()
    await panel.dialog.get_by_text("416,67").first.wait_for()
    await panel.submit()
    await panel.toasts.get_by_text("Услуга «Интеграционный API» подключена.").wait_for()
    await row.get_by_text("Вкл.").wait_for()
    await panel.at("#services-total").get_by_text("416,67").wait_for()
    await row.get_by_role("link", name="Отключить").click()
    await panel.dialog.get_by_text("Все настройки этой услуги будут удалены.").wait_for()
    await panel.submit()
    await row.get_by_text("Выкл.").wait_for()


@pytest.mark.req("SVC-41")
async def test_the_cost_follows_the_number_of_channels(panel: Panel) -> None:
    admin = await an_admin(panel)
    await panel.goto("/services")
    await panel.at("#service-incoming_channels").get_by_role("link", name="(10)").click()
    await panel.dialog.locator("input:focus").wait_for()
    await panel.at("#f-number").fill("14")
    await panel.dialog.get_by_text("200,00").wait_for()
    await panel.submit()
    await panel.at("#service-incoming_channels").get_by_role("link", name="(14)").wait_for()
    async with domain_transaction(admin.actor) as tx:
        assert await channels.in_force(tx, tx.domain_id) == (14, None)


async def test_the_page_fits_and_can_be_used_by_everybody(panel: Panel) -> None:
    await an_admin(panel)
    await panel.goto("/services")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    assert await panel.obstacles(("color-contrast",)) == []
