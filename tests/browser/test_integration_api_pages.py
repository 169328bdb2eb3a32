"""The pages of the integration API and of CRMs as a person uses them: a key that waits for the save, the white list."""

from __future__ import annotations

import os

import pytest

from app.kernel.db import domain_transaction
from app.modules.crm import setup
from tests.browser.panel import Panel
from tests.http.crm_world import PLAN as CRM_PLAN
from tests.http.crm_world import a_crm, connected, mapped
from tests.http.integration_api_world import an_admin, settings_of

pytestmark = pytest.mark.anyio

SHOTS = os.environ.get("SWITCHROOM_SHOTS", "")


async def shot(panel: Panel, name: str) -> None:
    """It fits, nothing is in anybody's way; a picture where SWITCHROOM_SHOTS names a folder."""
    assert await panel.does_not_fit() == [], name
    assert await panel.obstacles() == [], name
    for width in (1440, 360) if SHOTS else ():
        await panel.page.set_viewport_size({"width": width, "height": 900})
        await panel.page.screenshot(path=f"{SHOTS}/{name}-{width}.png", full_page=True)
    await panel.page.set_viewport_size({"width": 1440, "height": 900})


async def test_a_new_key_and_the_white_list(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await an_admin(CRM_PLAN)
    old = await settings_of(admin.actor)
    await panel.sign_in(admin.login, admin.domain)
    await panel.goto("/integration-api")
    await shot(panel, "api")
    await panel.page.click("#api-key a")
    await panel.page.click("#modal-body button[type=submit]")
    await panel.page.wait_for_selector("#api-key input[name=use_new_key]", state="attached")
    assert (await settings_of(admin.actor)).key == old.key
    await panel.page.click("#api-parameters .sw-form-end button[type=submit]")
    await panel.page.wait_for_selector("#api-key a")
    assert (await settings_of(admin.actor)).key != old.key
    await panel.page.click("a[href='/integration-api/addresses']")
    await panel.page.fill("#f-address", "192.0.2.10")
    await panel.page.press("#f-address", "Enter")
    await panel.page.wait_for_selector("#api-addresses code")
    assert "1" in await panel.page.inner_text("#api-address-count")
    await panel.page.click("#api-addresses button")
    await panel.page.wait_for_selector("#api-addresses code", state="detached")
    await panel.goto("/integration-api/debugging")
    await panel.page.click("[data-ask=users_info] button")
    await panel.page.wait_for_selector("#asked-users_info pre")
    await panel.page.wait_for_selector("#api-log [data-line=users_info]")
    await shot(panel, "debugging")
    async with a_crm(monkeypatch, f"b{admin.actor.domain_id}") as crm:
        await panel.goto("/crm")
        await shot(panel, "crm-none")
        found = await connected(admin, crm)
        await mapped(admin, found, {"11": "2111", "12": "2121"}, "12")
        async with domain_transaction(admin.actor) as tx:
            made = await setup.add_scenario(tx, found)
        await panel.goto("/crm")
        await shot(panel, "crm")
        await panel.goto("/crm/amocrm")
        await shot(panel, "amo")
        await panel.goto(f"/crm/scenarios/{made}")
        await shot(panel, "scenario")
        await panel.goto("/integration-api/documentation")
        await shot(panel, "guide")
