"""A new group as a person makes it, and a priority changed in its place."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from billing.services import service as services
from tests.browser.panel import Panel
from tests.db import billing_factories as world
from tests.db.services_world import a_company, a_service
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


@pytest.mark.req("GRP-16", "GRP-17", "GRP-58")
async def test_a_group_from_the_window_to_its_page(panel: Panel) -> None:
    actor = await a_company(a_service("contact_center", "operator", "416.67"), money="1000")
    admin = await a_user(actor, "zimin", is_admin=True)
    await world.a_user(actor, "anna", "601", is_operator=True)
    boris = await world.a_user(actor, "boris", "602")
    async with domain_transaction(actor) as tx:
        await services.connect(tx, "contact_center")
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/groups")
    await panel.at('a[href="/groups/new"]').first.click()
    create = panel.dialog.locator('button[type="submit"]')
    left, right = (panel.dialog.locator(f'[data-two-list="{side}"] li') for side in ("from", "to"))
    await expect(create).to_be_disabled()
    await panel.type_into("#modal [name=name]", "test_group")
    await expect(create).to_be_enabled()
    await panel.dialog.locator("[name=algorithm]").select_option("acd_random")
    warning = panel.dialog.locator("[data-no-operators]")
    await expect(warning).to_be_visible()
    await left.filter(has_text="boris").click()
    await expect(warning).to_be_visible()  # no operator
    await expect(left.filter(has_text="anna")).to_contain_text(f"601 · anna@{admin.domain} · оператор")
    await left.filter(has_text="anna").click()
    await expect(warning).to_be_hidden()
    await expect(right).to_have_count(2)
    box = await right.filter(has_text="anna").bounding_box()
    assert box
    await panel.page.mouse.click(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)  # its cross
    await expect(right).to_have_count(1)
    await left.filter(has_text="anna").click()
    await create.click()
    await panel.page.wait_for_url(lambda url: url.rpartition("/")[2].isdigit())
    await expect(panel.at("h1")).to_have_text("test_group")
    priority = panel.at("[name=priority]")
    await expect(priority).to_have_count(2)
    await priority.nth(1).fill("5")
    await priority.nth(1).press("Tab")
    await expect(panel.toasts).to_contain_text("Приоритет сохранён")
    async with domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT priority FROM group_member WHERE domain_id = $1 AND user_id = $2",
                                 tx.domain_id, boris) == 5
    await panel.at("#f-algorithm").select_option("all")
    await expect(panel.at("#f-ring_seconds")).to_be_visible()
    await expect(panel.at("#f-external_url")).to_be_hidden()
    await panel.page.set_viewport_size({"width": 360, "height": 800})
    assert not await panel.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
