"""A call that just ended, in the pages of the company it belongs to."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from playwright.async_api import expect

from tests.browser.panel import Panel
from tests.browser.world import a_call, a_world

pytestmark = pytest.mark.anyio


@pytest.mark.req("ACC-21", "FIN-12", "FIN-44")
async def test_journal_header_and_ledger_follow_a_call_by_themselves(panel: Panel, second_panel: Panel) -> None:
    world = await a_world(people=3, balance="100")
    other = await a_world(people=2, balance="100")
    await panel.sign_in(world.admin.login, world.admin.domain)
    await second_panel.sign_in(other.admin.login, other.admin.domain)
    await second_panel.goto("/calls")
    await panel.goto("/calls")
    await expect(panel.at(".empty")).to_contain_text("Вызовов")
    await a_call(world, talked=65)
    row = panel.at(".sw-table tbody tr").first
    await expect(row).to_contain_text("3,00", timeout=2000)
    await expect(row).to_contain_text("1:05")
    await expect(panel.at("#list-total")).to_have_text("1")
    await expect(panel.at(".sw-balance summary")).to_contain_text("97")
    await panel.goto("/finance/ledger")
    await expect(panel.at(".sw-table tbody tr").first).to_contain_text("−3,00")
    await expect(panel.at(".sw-table tbody tr").first).to_contain_text("97,00")
    await a_call(world, talked=30)
    await expect(panel.at(".sw-table tbody tr").first).to_contain_text("95,50", timeout=2000)
    await expect(panel.at(".sw-balance summary")).to_contain_text("95,5")
    await panel.goto("/finance")
    await expect(panel.at("main")).to_contain_text("95,50")
    await expect(second_panel.at("#list-total")).to_have_text("0")  # somebody else's calls stay unseen
    await expect(second_panel.at(".sw-balance summary")).to_contain_text("100")


@pytest.mark.req("FIN-62")
async def test_a_call_explains_its_price(panel: Panel) -> None:
    world = await a_world(people=2, balance="100", calls=4)
    await panel.sign_in(world.admin.login, world.admin.domain)
    await panel.goto("/calls?result=accepted")
    await panel.page.locator("a.row-link").first.click()
    await expect(panel.at("main")).to_contain_text("Как сложилась стоимость")
    await expect(panel.at("main")).to_contain_text("1,50")


async def test_forty_open_pages_leave_room_for_others(panel: Panel) -> None:
    """Each is told of the call, and none keeps a connection that sessions need."""
    world = await a_world(people=2, balance="100")
    await panel.sign_in(world.admin.login, world.admin.domain)
    cookies = {one["name"]: one["value"] for one in await panel.page.context.cookies()}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=panel.url, cookies=cookies, limits=limits, trust_env=False) as client:
        listening = asyncio.Semaphore(0)

        async def told() -> bool:
            async with client.stream("GET", "/calls/live", timeout=10) as answer:
                listening.release()
                async for line in answer.aiter_lines():
                    if line.startswith("event: refresh"):
                        return True
            return False

        pages = [asyncio.create_task(told()) for _ in range(40)]
        for _ in pages:
            await listening.acquire()
        assert (await client.get("/users")).status_code == 200
        await asyncio.sleep(0.3)
        await a_call(world)
        assert all(await asyncio.gather(*pages))
