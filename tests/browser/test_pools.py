"""What is in the browser alone: portions on scroll, the selection, dialogs, the new tab of a jump."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.db.factories import a_node
from tests.db.pool_factories import Pool, a_pool

pytestmark = pytest.mark.anyio


async def _large_pool() -> Pool:
    await a_node()
    pool = await a_pool(route_number_length=4)
    first, second = await pool.group("Автосалоны"), await pool.group("Ярмарки")
    await pool.many_domains(90, first, first_route=1000)
    await pool.many_domains(70, second, first_route=2000)
    await pool.domain("3000", display_name="Головной офис")
    return pool


@pytest.mark.req("POOL-15", "POOL-19", "POOL-20", "POOL-24", "POOL-28", "POOL-30", "POOL-32", "POOL-D8")
async def test_a_supervisor_scrolls_selects_moves_and_renames(panel: Panel) -> None:
    pool = await _large_pool()
    page = panel.page
    await panel.sign_in(pool.people["chief"].login, at="/group")
    rows = panel.at('input[name="ids"]')
    assert await rows.count() == 100
    await panel.at(f'[data-fold="group-{pool.groups["Автосалоны"]}"]').click()  # folded
    await expect(panel.at(f"#domain-{pool.domains['1000']}")).to_be_hidden()
    await page.mouse.wheel(0, 20_000)
    await expect(rows).to_have_count(150)  # a portion of fifty came
    await page.mouse.wheel(0, 20_000)
    await expect(rows).to_have_count(161)
    bar, remove = panel.at(".sw-bulk"), panel.at("[data-needs-group]")
    await expect(bar).to_be_hidden()
    await panel.at(f"#domain-{pool.domains['3000']} input").check()
    await expect(bar).to_contain_text("1 из 161")
    await expect(remove).to_be_disabled()
    await panel.at("[data-tick-none]").click()
    await page.fill("#list-search", "Branch")
    await expect(rows).to_have_count(100)
    await panel.at("[data-tick-all]").check()
    await expect(bar).to_contain_text("160 из 160")  # sixty of them are not on the page yet
    await expect(remove).to_be_enabled()
    await bar.get_by_text("Перенести в другую группу").click()
    await page.select_option("#f-subgroup_id", label="Автосалоны")
    await panel.at("#modal .btn-primary").click()
    await expect(panel.at("#toasts")).to_contain_text("Перенесено 70 доменов")
    await expect(panel.at(".sw-pool-head").first).to_contain_text("Доменов: 160")
    await expect(bar).to_be_hidden()
    await panel.at(f"#domain-{pool.domains['2000']} a.row-link").click()
    await page.fill("#f-display_name", "Ярмарка на площади")
    await page.press("#f-display_name", "Enter")
    await expect(panel.at(f"#domain-{pool.domains['2000']}")).to_contain_text("Ярмарка на площади")
    assert await panel.at("#modal").evaluate("one => one.open") is False
    await panel.at(".sw-top a.sw-user").click()
    await expect(panel.at("#modal")).to_contain_text("Профиль")


@pytest.mark.req("POOL-26", "POOL-D7")
async def test_go_to_domain_opens_a_new_tab_that_is_signed_in(panel: Panel) -> None:
    pool = await a_pool()
    domain_id = await pool.domain("4455", await pool.group("Филиалы"))
    await pool.administrator("sub", [pool.groups["Филиалы"]])
    await panel.sign_in(pool.people["sub"].login, at="/group")
    async with panel.page.context.expect_page() as opened:
        await panel.at(f"#domain-{domain_id} form button").click()
    tab = await opened.value
    await tab.wait_for_url(lambda url: "/enter" not in url and "/group" not in url)
    await expect(tab.locator(".sw-strip")).to_be_visible()
    await expect(panel.at(f"#domain-{domain_id}")).to_be_visible()


@pytest.mark.req("AUD-06", "POOL-40", "POOL-48")
async def test_the_history_loads_on_scroll_and_groups_of_a_form_can_be_searched(panel: Panel) -> None:
    pool = await a_pool()
    for number in range(60):
        await pool.group(f"Группа {number:02}")
    await panel.sign_in(pool.people["chief"].login, at="/group")
    await panel.goto("/group/history")
    loaded = panel.at("#list-loaded")
    await expect(loaded).to_contain_text("Загружено 50 из")
    await panel.page.mouse.wheel(0, 20_000)
    await expect(loaded).not_to_contain_text("Загружено 50 из")
    await panel.page.select_option('select[name="action"]', "sign_in")
    await expect(loaded).to_contain_text("Загружено 1 из 1")
    await panel.page.reload()
    await expect(loaded).to_contain_text("Загружено 50 из")  # filters are gone
    await panel.goto("/group/administrators")
    await panel.at(".sw-head .btn-primary").click()
    await panel.type_into("[data-pick-search]", "группа 07")
    await expect(panel.at("[data-pick] label:visible")).to_have_count(1)
    await panel.page.check('input[name="is_supervisor"]')
    await expect(panel.at("[data-pick]")).to_be_hidden()
