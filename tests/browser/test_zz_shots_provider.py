from __future__ import annotations
import pytest, pathlib, datetime
from tests.browser.panel import Panel
from tests.browser.world import a_world
from tests.db.factories import STAFF, a_domain
from app.kernel.db import platform_transaction
from tests.http.people import a_pool_admin, a_staff_member
pytestmark = pytest.mark.anyio
OUT = pathlib.Path("/tmp/prov/shots"); OUT.mkdir(exist_ok=True)

async def test_shots(panel: Panel) -> None:
    world = await a_world(people=5)
    pool = await a_pool_admin()
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE pool SET name = 'Филиалы «Северо-Западная компания»' WHERE id = $1", pool.pool_id)
        await tx.execute("UPDATE domain SET pool_id = $2, route_number = '4455' WHERE id = $1", world.actor.domain_id, pool.pool_id)
    for n in range(3): await a_domain()
    someone = await a_staff_member()
    await panel.sign_in(someone.login, at="/provider")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO announcement (kind, text_ru, text_en, starts_at, ends_at, created_by, created_at) VALUES ('warning','В ночь на 22 ноября с 01:00 до 03:00 пройдут технические работы: возможны короткие перерывы связи.','Maintenance tonight from 01:00 to 03:00: short interruptions are possible.', now() - interval '1 hour', now() + interval '2 hours', 'x', now())")
    pages = {"parameters": "/provider/parameters", "phist": "/provider/parameters/history", "letters": "/provider/letters", "letter": "/provider/letters/block_started",
             "ann": "/provider/announcements", "staff": "/provider/staff", "pools": "/provider/pools", "pool": f"/provider/pools/{pool.pool_id}",
             "pooldomains": f"/provider/pools/{pool.pool_id}/domains", "poolnew": "/provider/pools/new", "pooladd": f"/provider/pools/{pool.pool_id}/domains/add", "domain": f"/provider/domains/{world.actor.domain_id}",
             "profile": f"/provider/domains/{world.actor.domain_id}/change/profile", "search": "/provider/search?q=ivan", "unrated": "/provider/unrated", "start": "/provider"}
    for lang in ("ru", "en"):
        if lang == "en":
            await panel.goto("/provider"); await panel.page.click("button[lang=en] >> visible=true")
        for width in (1440, 360):
            await panel.page.set_viewport_size({"width": width, "height": 900})
            for name, path in pages.items():
                if (lang, width) in (("en", 360),) and name not in ("parameters", "pool"): continue
                await panel.goto(path)
                await panel.page.screenshot(path=str(OUT / f"{name}-{lang}-{width}.png"), full_page=True)
