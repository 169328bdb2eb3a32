"""The period of the finance pages stays while one searches, and the quick choice shows what is in force."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from playwright.async_api import expect

from app.kernel import clock
from app.kernel.db import domain_transaction
from app.kernel.money import Money
from billing.accounts import service
from billing.accounts.posting import Operation, Posting
from tests.browser.panel import Panel
from tests.browser.test_every_page import walk_only
from tests.browser.world import World, a_world
from tests.db.billing_factories import channel

pytestmark = pytest.mark.anyio

SHOTS = os.environ.get("FINANCE_SHOTS", "")


async def a_history(world: World) -> None:
    async with domain_transaction(world.actor) as tx:
        await service.post_many(tx, [(tx.domain_id, Posting(
            channel(), kind, name, quantity, Money.parse(amount), clock.now() - timedelta(days=days)))
            for kind, name, quantity, amount, days in (
                (Operation.SUBSCRIPTION_FEE, "user", 12, "-36.40", 3), (Operation.ONE_OFF, "Номер 8-800", 1, "-500", 3),
                (Operation.CALL, "Москва, мобильные", 3725, "-93.13", 2), (Operation.CONNECTION, "user", 1, "-100", 2))])


@pytest.mark.req("FIN-48", "FIN-53")
async def test_period_search_and_quick_choices(panel: Panel) -> None:
    world = await a_world(people=3, balance="1000", calls=3)
    await a_history(world)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/finance/ledger")
    page = panel.page
    await page.click("#finance-period nav a:has-text('Неделя')")
    await page.wait_for_selector("text=Номер 8-800")
    await page.fill("#list-search", "вызов")
    await expect(page.locator("text=Номер 8-800")).to_have_count(0)
    await page.wait_for_selector("text=Москва, мобильные")
    assert "period=week" in page.url
    assert await page.inner_text("#finance-period nav .btn-primary") == "Неделя"
    await page.fill("input[name=from]", "2020-01-01")
    await page.dispatch_event("input[name=from]", "change")
    await expect(page.locator("#finance-period nav .btn-primary")).to_have_count(0)
    await page.click("#finance-period nav a:has-text('Сутки')")
    await page.wait_for_selector("#finance-period .btn-primary:has-text('Сутки')")
    await page.click("#finance-period nav a:has-text('Неделя')")  # today has nothing yet just after midnight
    await page.wait_for_selector("text=Москва, мобильные")
    await page.click(".sw-why >> nth=0")
    await page.wait_for_selector("#modal-body >> text=Операция")
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/why.png")
    await _shots(panel)
    assert await walk_only(panel, ["/finance", "/finance/ledger?period=week", "/finance/payments",
                                   "/finance/statement"]) == []


async def _shots(panel: Panel) -> None:
    """For those who look: FINANCE_SHOTS names a folder."""
    for width in (360, 1440) if SHOTS else ():
        await panel.page.set_viewport_size({"width": width, "height": 900})
        for name, path in (("state", "/finance"), ("ledger", "/finance/ledger?period=week"),
                           ("payments", "/finance/payments"), ("statement", "/finance/statement")):
            await panel.goto(path)
            await panel.page.wait_for_timeout(700)
            await panel.page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
            await panel.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
            await panel.page.screenshot(path=f"{SHOTS}/{name}-{width}-dark.png", full_page=True)
    await panel.page.set_viewport_size({"width": 1440, "height": 900})
