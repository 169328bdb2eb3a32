"""The progress of the daily run in the console."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import platform_transaction
from app.provider.billing_days.pages import progress
from billing.subscriptions import run
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.http.browser import Browser, text_of
from tests.http.provider_help import a_console

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]

NIGHT = datetime(2034, 4, 17, 0, 0, 5, tzinfo=ZoneInfo("Europe/Moscow"))  # far from the days of other tests


async def two_companies() -> list[int]:
    """One can pay its 1.00 a day, one cannot."""
    tariff = await a_tariff(user_monthly=Decimal(30))
    found = []
    for money in ("10", "0.50"):
        actor = await a_domain(tariff_id=tariff)
        await world.a_user(actor)
        await world.pay(actor, money)
        found.append(actor.domain_id)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
        await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = ANY($1::bigint[])", found,
                         (NIGHT - timedelta(days=1)).date())
        await tx.execute("UPDATE domain_user SET created_at = '2020-01-01' WHERE domain_id = ANY($1::bigint[])", found)
    return found


async def test_the_day_is_seen_while_it_is_settled_and_after(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH", 1)
    with clock.at(NIGHT):
        domains = await two_companies()
        console = await a_console(client, "support")
        before = text_of((await console.get("/provider/billing-days")).text)
        async with platform_transaction(STAFF) as tx:
            assert await run._settle_batch(tx, set()) == 1
        half = (await console.get("/provider/billing-days")).text
        await run.run_until_today()
        after = (await console.get("/provider/billing-days")).text
        async with platform_transaction(STAFF) as tx:
            assert (await progress(tx)).waiting == 0
    assert "0 of 2 domains are settled" in before
    assert "1 of 2 domains are settled" in text_of(half)
    assert 'hx-trigger="every 5s"' in half
    assert "All 2 domains are settled" in text_of(after)
    assert "every 5s" not in after
    row = re.search(r"<tbody>\s*<tr>(.*?)</tr>", after, re.S)
    assert row
    assert [text_of(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[1], re.S)][1:6] == [
        "2", "1", "1", "0", "1.00 ₽"]
    assert len(domains) == 2
