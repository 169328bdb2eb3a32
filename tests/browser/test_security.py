"""The second factor and single sign-on as a person meets them."""

from __future__ import annotations

import os
import re

import pyotp
import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.browser.test_every_page import look_at
from tests.browser.world import a_world
from tests.http.people import a_user

pytestmark = pytest.mark.anyio
ME = "/me/security"


async def test_the_second_factor_is_set_up_and_its_pages_fit(panel: Panel) -> None:
    world = await a_world(balance="10")
    await panel.sign_in(world.admin.login, world.admin.domain)
    problems = []
    for path in (ME, f"{ME}/factor", f"{ME}/tokens", f"{ME}/tokens/new", "/settings/sso", "/settings/sso/links/new"):
        await panel.goto(path)
        problems += [f"{path}: {one}" for one in await look_at(panel, "ru")]
        await picture(panel, path)
    assert problems == []
    await panel.goto(f"{ME}/factor")
    key = await panel.page.inner_text("main code")
    await panel.page.fill("#f-code", "12")
    await panel.page.press("#f-code", "Enter")
    await expect(panel.at("#f-code-error")).to_contain_text("Код неверен")
    await panel.page.fill("#f-code", pyotp.TOTP(key.replace(" ", "")).now())
    await panel.page.press("#f-code", "Enter")
    await expect(panel.at("main li code")).to_have_count(10)
    await picture(panel, "codes")
    spare = await panel.page.locator("main li code").first.inner_text()
    await panel.goto(ME)
    await panel.page.click(f"[hx-get='{ME}/factor/codes']")
    await panel.page.fill("dialog #f-code", spare)
    await panel.page.press("dialog #f-code", "Enter")
    await expect(panel.at("main li code")).to_have_count(10)
    await expect(panel.at("main")).not_to_contain_text(spare)
    await expect(panel.at("dialog[open]")).to_have_count(0)


async def test_the_link_to_the_company_takes_the_domain_along(panel: Panel) -> None:
    user = await a_user()
    await panel.goto("/sign-in?next=/me")
    await panel.page.fill("#f-domain", user.domain)
    await panel.page.click("[data-sso]")
    await expect(panel.at("[role=alert]")).to_contain_text("не настроен")
    await expect(panel.at("#f-domain")).to_have_value(user.domain)


async def picture(panel: Panel, name: str) -> None:
    """For a look by eye: `SWITCHROOM_PICTURES=/some/folder`."""
    folder = os.environ.get("SWITCHROOM_PICTURES")
    for width in (360, 1440) if folder else ():
        await panel.page.set_viewport_size({"width": width, "height": 900})
        await panel.page.screenshot(path=f"{folder}/{re.sub(r'[^a-z]+', '-', name)}-{width}.png", full_page=True)
