from __future__ import annotations
import pytest
from tests.browser.panel import Panel
from tests.browser.test_pools import _large_pool
from tests.db.pool_factories import a_pool
pytestmark = pytest.mark.anyio
OUT="/tmp/bash_jobs.0/shots"
async def test_shots(panel: Panel) -> None:
    import os; os.makedirs(OUT, exist_ok=True)
    pool = await a_pool(route_number_length=5)
    g2, g3 = await pool.group("Новая группа 2"), await pool.group("СупермегатестГрупп с очень длинным названием, которое не помещается")
    await pool.domain("00799", None, display_name="Головной офис на Большой Грузинской", account="2147483647", balance="12747", users=21, numbers=9, toll_free=1, email="office@company.example"); await pool.domain("00702"); await pool.domain("00700", g2); await pool.domain("02203", g3)
    await pool.administrator("sub",[g2]); await pool.administrator("sub2",[g2,g3])
    page = panel.page
    async def shot(name, path, after=None):
        for w,h in ((1440,900),(360,780)):
            await page.set_viewport_size({"width":w,"height":h})
            await panel.goto(path)
            if after: await after()
            await page.wait_for_timeout(250)
            wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            print(name, w, "WIDER" if wide else "")
            await page.screenshot(path=f"{OUT}/{name}-{w}.png")
    await panel.sign_in(pool.people["chief"].login, at="/group")
    await shot("list","/group")
    async def tick(): await page.check(f"#domain-{pool.domains['00700']} input")
    await shot("bulk","/group",tick)
    async def info(): await page.click(f"#domain-{pool.domains['00799']} a[title]"); await page.wait_for_selector("#modal[open]")
    await shot("info","/group",info)
    async def new(): await page.click(".sw-head .btn-primary"); await page.wait_for_selector("#modal[open]")
    await shot("admins","/group/administrators")
    await shot("newadmin","/group/administrators",new)
    async def prof(): await page.click(".sw-top a.sw-user"); await page.wait_for_selector("#modal[open]")
    await shot("profile","/group",prof)
    await shot("history","/group/history")
    async def data(): await page.click("#list-results td .btn"); await page.wait_for_selector("#modal[open]")
    await shot("data","/group/history",data)
    await page.context.add_cookies([{"name":"theme","value":"dark","url":panel.url},{"name":"lang","value":"en","url":panel.url}])
    await shot("list-dark-en","/group",tick)
    await shot("history-dark-en","/group/history")
