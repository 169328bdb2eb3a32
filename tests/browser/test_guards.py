"""Call protection as an administrator and the provider work with it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from playwright.async_api import expect

from app.kernel.db import domain_transaction
from billing.guards import hits
from pbx_provisioning.authorise.question import Allow, Deny
from pbx_provisioning.intake.service import take_in
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.browser.world import a_world
from tests.db.billing_factories import a_record
from tests.db.test_guards import guard
from tests.http.people import a_staff_member

pytestmark = pytest.mark.anyio
PAGE = "/settings/protection"


async def test_limits_are_refused_saved_and_lifted_up_to_the_provider_s(panel: Panel) -> None:
    world = await a_world(people=3)
    company = world.company
    await guard(company, daily_cap=Decimal("1.50"), max_daily_cap=Decimal("1.50"))
    answer = await company.authorise()
    assert isinstance(answer, Allow)
    await take_in(company.node_id, [a_record(company, talked=60, hold=answer.hold_id)])
    assert await company.authorise() == Deny("guard_cap")
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/users")
    await expect(panel.page.get_by_text("Платные вызовы остановлены")).to_be_visible()
    await panel.goto(PAGE)
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await picture(panel, "protection")
    await panel.page.get_by_role("button", name="Возобновить платные вызовы").click()
    await expect(panel.page.get_by_text("Обратитесь к провайдеру")).to_be_visible()
    await panel.at("#f-daily_cap").fill("100")
    await panel.at("#guard-limits button[type=submit]").click()
    await expect(panel.at("#f-daily_cap-error")).to_contain_text("Провайдер разрешает не больше")
    await panel.at("#f-forbidden").fill("+53\nКуба")
    await panel.at("#guard-destinations button[type=submit]").click()
    await expect(panel.at("#f-forbidden-error")).to_contain_text("Куба")
    await panel.at("#f-forbidden").fill("810 53, 8-809")
    await panel.at("#guard-destinations button[type=submit]").click()
    await expect(panel.toasts).to_contain_text("Сохранено")
    await expect(panel.at("#f-forbidden")).to_have_value("+53\n+7809")


async def test_the_provider_lets_paid_calls_go_on(panel: Panel) -> None:
    world = await a_world(people=1)
    async with domain_transaction(world.actor) as tx:
        await hits.start(tx, hits.REPEATED, "guard_rate:20", None)
    staff = await a_staff_member("billing")
    await panel.sign_in(staff.login, at="/provider")
    await panel.goto(f"/provider/guards?state=stopped&q={world.admin.domain}")
    assert await panel.does_not_fit() == []
    assert await panel.obstacles() == []
    await panel.page.get_by_role("link", name=world.admin.domain).click()
    await panel.page.wait_for_url(f"**/provider/guards/{world.actor.domain_id}")
    await panel.at("main .sw-banner button").click()
    await expect(panel.toasts).to_be_visible()
    await expect(panel.at("main .alert-danger")).to_have_count(0)
    assert isinstance(await world.company.authorise(), Allow)
