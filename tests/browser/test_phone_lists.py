"""Tables of the money part on a phone, and where the keyboard is after a list or a dialog has changed."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.db.billing_factories import a_company
from tests.db.factories import a_tariff, a_version
from tests.db.services_world import a_service
from tests.http.people import a_staff_member

pytestmark = pytest.mark.anyio

LONG = "Общество-с-ограниченной-ответственностью" * 5
SERVICES = (a_service("recording", "special", "1234567.89"), a_service("crm", "special", "999999999.99", "999999999.99"))
SIDEWAYS = ("[...document.querySelectorAll('main *')].filter(one => ['auto', 'scroll'].includes("
            "getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth + 1).map(one => one.className)")
CUT = """() => [...document.querySelectorAll('select.sw-filter')].filter(one => {
    const style = getComputedStyle(one), pen = document.createElement('canvas').getContext('2d')
    pen.font = style.font
    const wide = pen.measureText(one.selectedOptions[0].text).width
    return wide > one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) + 1
}).map(one => one.selectedOptions[0].text)"""


async def clerk(panel: Panel, role: str = "billing", width: int = 360) -> None:
    someone = await a_staff_member(role)
    await panel.sign_in(someone.login, at="/provider")
    await panel.page.set_viewport_size({"width": width, "height": 800})


async def focused(panel: Panel) -> str:
    return await panel.page.evaluate("document.activeElement.id || document.activeElement.tagName")


async def test_tables_of_a_draft_are_cards_on_a_phone(panel: Panel) -> None:
    tariff_id = await a_tariff(("7", "1.50"), {"prefix": "882", "destination": LONG[:100], "price": "99999.99"},
                               services=SERVICES, user_monthly=90)
    version_id = await a_version(tariff_id, valid_from=None, services=SERVICES)
    await a_company("100", tariff_id=tariff_id, company_name=LONG)
    await clerk(panel)
    for path in (f"/provider/tariffs/{tariff_id}", f"/provider/tariffs/versions/{version_id}", "/provider/income",
                 "/provider/income?by=domain", "/provider/payments"):
        await panel.goto(path)
        assert await panel.page.evaluate(SIDEWAYS) == [], path
        assert await panel.does_not_fit() == [], path
        await panel.page.set_viewport_size({"width": 360, "height": 800})
    await panel.goto(f"/provider/tariffs/versions/{version_id}")
    price = panel.at("main td[data-label='В месяц']").filter(has_text="234 567,89")
    await expect(price).to_be_visible()


async def test_the_row_s_menu_gets_the_keyboard_back(panel: Panel) -> None:
    version_id = await a_version(await a_tariff(services=SERVICES), valid_from=None, services=SERVICES)
    await clerk(panel)
    await panel.goto(f"/provider/tariffs/versions/{version_id}")
    menu = panel.at("main .sw-row-menu summary").first
    await menu.click()
    await panel.at("main .sw-row-menu[open] a").first.press("Enter")
    await expect(panel.dialog.locator("#f-monthly")).to_be_visible()
    await panel.page.keyboard.press("Escape")
    await expect(panel.dialog).to_be_hidden()
    assert await menu.evaluate("one => one === document.activeElement")


async def test_filters_are_not_cut_on_a_phone(panel: Panel) -> None:
    await clerk(panel, "administrator")
    for path in ("/provider/numbers", "/provider/domains", "/provider/income", "/provider/payments", "/provider/guards"):
        await panel.goto(path)
        assert await panel.page.evaluate(CUT) == [], path


async def test_the_keyboard_stays_in_a_list_that_is_sorted_and_filtered(panel: Panel) -> None:
    world = await a_world(people=3)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/users")
    await panel.at("#sort-extension").press("Enter")
    await expect(panel.at("th[aria-sort] #sort-extension")).to_be_focused()
    await panel.at("select.sw-filter").first.select_option(index=1)
    await panel.at("a.sw-chip").first.press("Enter")
    await expect(panel.at("a.sw-chip")).to_have_count(0)
    await panel.until("document.activeElement !== document.body")
    assert await focused(panel) in {"list-search", "SELECT"}
