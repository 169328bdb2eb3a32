"""Campaigns as the administrator and the operator see them: the list, the call list, the panel of the workplace."""

from __future__ import annotations

import pytest

from app.kernel.db import domain_transaction
from app.modules.campaigns import service
from tests.browser.panel import Panel
from tests.browser.test_settings import picture
from tests.db.campaigns_world import a_campaign, at_work
from tests.http.people import a_user

pytestmark = pytest.mark.anyio


async def test_a_campaign(panel: Panel, second_panel: Panel) -> None:
    campaign = await a_campaign(info_url="https://crm.example/camp", max_talk_minutes=5)
    async with domain_transaction(campaign.actor) as tx:
        await service.add_status(tx, campaign.id, "Перезвонить позже")
    client_id = await campaign.add("Николай Константинопольский", "444", "89051234567", "84951234567")
    await campaign.add("Роман", "111", "222", "333")
    admin = await a_user(campaign.actor, "zimin", is_admin=True)
    someone = await a_user(campaign.actor, "galina")
    async with domain_transaction(campaign.actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE id = $1", someone.id)
        await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id) SELECT $1, id, $2 FROM call_group "
                         "WHERE domain_id = $1", tx.domain_id, someone.id)
    await at_work(campaign.actor, someone.id)
    await panel.sign_in(admin.login, admin.domain)
    for path, name in (("", "list"), ("/new", "new"), (f"/{campaign.id}", "main"), (f"/{campaign.id}/clients", "clients")):
        await panel.goto(f"/campaigns{path}")
        await picture(panel, f"campaigns-{name}")
        assert await panel.does_not_fit() == [], name
        assert await panel.obstacles() == [], name
    await panel.page.get_by_role("link", name="Николай Константинопольский").click()
    await panel.dialog.get_by_text("Номера").first.wait_for()
    await second_panel.sign_in(someone.login, someone.domain)
    await second_panel.goto("/work")
    await second_panel.page.get_by_role("button", name="Следующий клиент").click()
    await second_panel.page.get_by_text("Николай Константинопольский").wait_for()
    await picture(second_panel, "campaigns-work")
    assert await second_panel.obstacles() == []
    await second_panel.page.get_by_role("button", name="Позвонить").click()
    await second_panel.page.get_by_text("Ответьте на своём телефоне").wait_for()
    await campaign.end(someone.id, "connected", 30)
    await second_panel.page.get_by_role("button", name="Перезвонить позже").click()
    await second_panel.page.get_by_role("button", name="Следующий клиент").wait_for()
    assert (await campaign.client(client_id)).status_text == "Перезвонить позже"
    await picture(second_panel, "campaigns-work-free")
