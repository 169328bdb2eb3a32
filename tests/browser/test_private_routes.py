"""The list of private routes as a person uses it: order by keys and by dragging, the switch, a route's window."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from tenants.private_routes import lines, queries
from tenants.private_routes.lines import Lines
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.db import billing_factories as world
from tests.db.services_world import a_company
from tests.http.people import Someone, a_user
from tests.http.test_private_routes import PLAN, SHORT, a_route

pytestmark = pytest.mark.anyio


async def order(admin: Someone) -> list[str]:
    async with domain_transaction(admin.actor) as tx:
        return [one.settings.name for one in await queries.routes(tx, tx.domain_id)]


async def test_routes_are_moved_switched_and_changed(panel: Panel) -> None:
    admin = await a_user(await a_company(PLAN, money="9000"), "zimin", is_admin=True)
    await world.a_number(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        await lines.change(tx, Lines(5, 5))
    for name in ("Склад на Варшавском шоссе", "Филиал в Санкт-Петербурге", "Производство"):
        await a_route(admin, name, **({"expression": SHORT} if name != "Производство" else {}))
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/private-routes")
    await picture(panel, "private-routes")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.at("[data-rule-handle]").last.press("ArrowUp")
    await panel.toasts.get_by_text("Порядок сохранён").first.wait_for()
    assert (await order(admin))[1] == "Производство"
    await expect(panel.at("[data-rule]").nth(1)).to_contain_text("Производство")
    handle, first = panel.at("[data-rule-handle]").last, panel.at("[data-rule]").first
    await handle.hover()
    await panel.page.mouse.down()
    box = await first.bounding_box()
    assert box
    await panel.page.mouse.move(box["x"] + 20, box["y"] + 2, steps=5)
    await panel.page.mouse.up()
    await expect(panel.at("[data-rule]").first).to_contain_text("Филиал")
    await panel.until("() => document.readyState === 'complete'")
    await panel.at(".sw-toggle").first.click()
    await panel.dialog.get_by_role("button", name="Выключить").click()
    await expect(panel.at('[aria-checked="false"]')).to_have_count(1)
    await panel.at(".row-link").first.click()
    await panel.at("#f-expression").fill("sip:(8")
    await picture(panel, "private-route")
    await panel.dialog.get_by_role("button", name="Сохранить").click()
    await expect(panel.at("#f-expression-error")).to_contain_text("не регулярное выражение")
    await panel.at("#f-expression").fill(r"sip:2\d+@.*")
    await panel.dialog.get_by_role("button", name="Сохранить").click()
    await panel.toasts.get_by_text("Частный маршрут сохранён").first.wait_for()
    await panel.goto("/private-routes/lines")
    await picture(panel, "private-lines")
    assert await panel.obstacles() == []
    assert (await order(admin))[0].startswith("Филиал")
