"""The start page as it is seen: bars that show the figures, dialogs of services, empty, trial and blocked domains."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from playwright.async_api import expect

from app.auth import store
from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from billing.accounts.blocks import start_block
from pbx_provisioning.intake.service import take_in
from tests.browser.panel import Panel
from tests.browser.world import World, a_world
from tests.db import billing_factories as billing
from tests.db.factories import STAFF, a_tariff

pytestmark = pytest.mark.anyio
SERVICES = [
    {"service": "integration_api", "level": "domain", "monthly": 300, "connection": 100},
    {"service": "contact_center", "level": "operator", "monthly": 416.67},
    {"service": "additional_number", "level": "special", "monthly": 125, "included": 1},
    {"service": "base_fee", "level": "domain", "monthly": 208.33}]
_BARS = """[...document.querySelectorAll('[data-chart]')].map(place => {
    const option = echarts.getInstanceByDom(place).getOption();
    return option.series[0].data.map(one => one.value);
})"""


async def a_busy_company(people: int = 12) -> World:
    """More people than the tariff includes, some talk, some of them at their phones."""
    world = await a_world(people=people, balance="1000")
    tariff = await a_tariff(("7", "1.50"), user_monthly=90, included_users=5, services=SERVICES)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", world.actor.domain_id, tariff)
    async with domain_transaction(world.actor) as tx:
        ids = [row["id"] for row in await tx.fetch("SELECT id FROM domain_user WHERE domain_id = $1 ORDER BY id",
                                                   tx.domain_id)]
    dice = random.Random(5)
    records = []
    for number in range(20):
        user_id = ids[number % min(len(ids), 7)]
        record = billing.a_record(world.company, talked=dice.randint(3, 9), ended=clock.now())
        records.append(replace(record, user_id=user_id, account_code=f"{world.actor.domain_id}.{user_id}"))
    await take_in(world.node_id, records)
    await store.client().hset(f"presence:{world.actor.domain_id}",  # type: ignore[misc]
                              mapping={str(one): "1" for one in ids[::2]})
    return world


async def look(panel: Panel) -> list[str]:
    """What is wrong with the page at three widths, light and dark, once its bars are drawn."""
    await expect(panel.at("[data-chart] svg")).to_have_count(2)
    wrong = [f"does not fit {width} px" for width in await panel.does_not_fit()] + await panel.obstacles()
    await panel.page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    return wrong + [f"dark: {one}" for one in await panel.obstacles(("color-contrast",))]


@pytest.mark.req("DASH-02", "DASH-03", "DASH-05", "DASH-10")
async def test_a_busy_company(panel: Panel) -> None:
    world = await a_busy_company()
    await panel.sign_in(world.admin.login, world.admin.domain)
    await expect(panel.at("[data-chart] svg")).to_have_count(2)
    async with domain_transaction(world.actor) as tx:
        spent = await tx.fetchval("SELECT sum(cost) FROM call WHERE domain_id = $1", tx.domain_id)
    assert await panel.page.evaluate(_BARS) == [[5, 12], [1000, float(spent)]]
    users = panel.at("#dashboard-users li")
    await expect(users).to_have_count(5)
    assert await panel.at("#dashboard-users .status-green").count() in range(1, 5)
    assert await look(panel) == []
    await panel.at(".sw-forecast-why summary").first.click()
    await expect(panel.at(".sw-forecast-why .sw-drop-body")).to_be_visible()
    assert await panel.does_not_fit() == []
    await panel.at("#dashboard-expenses button[type=submit]").click()
    await expect(panel.at("#dashboard-expenses .alert")).to_contain_text("Другой тариф запрошен")


@pytest.mark.req("DASH-07", "DASH-09", "DASH-08", "DASH-06")
async def test_a_service_is_read_about_and_connected(panel: Panel) -> None:
    world = await a_busy_company(people=3)
    await panel.sign_in(world.admin.login, world.admin.domain)
    offer = panel.at("#dashboard-services .sw-dash-offers li").filter(has_text="Интеграционный API")
    await offer.get_by_text("Узнать больше").click()
    await expect(panel.dialog).to_contain_text("CRM")
    await panel.page.keyboard.press("Escape")
    await expect(panel.dialog).to_be_hidden()
    await offer.get_by_text("Подключить").click()
    await expect(panel.dialog).to_contain_text("100,00")
    await panel.submit()
    await panel.page.wait_for_url(re.compile("/services$"))
    await panel.goto("/")
    await expect(panel.at(".sw-dash-connected")).to_contain_text("Интеграционный API")


@pytest.mark.parametrize("kind", ["new", "trial", "blocked"])
async def test_domains_with_little_to_show(panel: Panel, kind: str) -> None:
    world = await a_world(people=1, balance="0", **({"commercial": False} if kind == "trial" else {}))
    if kind == "blocked":
        async with domain_transaction(world.actor) as tx:
            await start_block(tx, "financial", "fee")
    await panel.sign_in(world.admin.login, world.admin.domain)
    await expect(panel.at("#dashboard-users .empty-title")).to_have_text("В этом месяце разговоров не было")
    assert await panel.at("#balance-forecast").count() == (0 if kind == "trial" else 1)
    assert await look(panel) == []


@pytest.mark.req("DASH-11", "DASH-12", "DASH-04")
async def test_tiles_and_links_lead_where_they_say(panel: Panel) -> None:
    world = await a_world(people=2)
    await panel.sign_in(world.admin.login, world.admin.domain)
    for place, expected in ((".sw-dash-tiles a[href='/contacts']", "/contacts"), ("#dashboard-expenses a[href='/finance']",
                                                                                  "/finance")):
        await panel.at(place).click()
        await panel.page.wait_for_url(re.compile(expected + "/?$"))
        await panel.at("a.sw-logo").first.click()
        await expect(panel.at("h1")).to_have_text("Сводные данные")
