"""Tariff pages: rows with bands in the list, in the preview and in the file that comes back."""

from __future__ import annotations

import pytest

from app.kernel.db import platform_transaction
from billing.tariffs import service
from billing.tariffs.csvfile import parse_rates
from tests.db.billing_factories import channel
from tests.db.factories import STAFF
from tests.db.test_tariff_rows import FILE, a_version
from tests.http.browser import Browser
from tests.http.provider_help import a_console

pytestmark = pytest.mark.anyio




@pytest.mark.req("FIN-57", "FIN-58")
async def test_bands_and_steps_are_shown_compared_and_exported(client: Browser) -> None:
    console = await a_console(client)
    tariff_id, first = await a_version(parse_rates(FILE.encode()).rows)
    async with platform_transaction(STAFF) as tx:
        await service.publish(tx, first, tx.now.date())
        second = await service.import_draft(tx, tariff_id, parse_rates(
            FILE.replace("Moscow;1;1-5", "Moscow;1.1;1-5").encode()).rows)
    page = (await console.get(f"/provider/tariffs/versions/{second}")).text
    assert page.count("Mon, Tue, Wed, Thu, Fri 20:00–24:00") == 3  # among the differences, in the list, and there for narrow screens
    assert "from second 60:" in page
    assert "minute package" in page
    assert "weight 20" in page
    assert "several rows" in (await console.get(f"/provider/tariffs/{tariff_id}/import")).text
    sent = await console.get(f"/provider/tariffs/versions/{second}/export")
    again = parse_rates(sent.content)
    assert again.errors == ()
    assert [row.band for row in again.rows] == [row.band for row in parse_rates(FILE.encode()).rows]


@pytest.mark.req("FIN-15")
async def test_a_tariff_with_a_minute_package_is_created_and_shown(client: Browser) -> None:
    console = await a_console(client)
    answer = await console.post("/provider/tariffs", name=f"Package {channel()}", included_minutes="4321")
    assert answer.status_code == 200, answer.text
    card = (await console.get(answer.headers["hx-redirect"])).text
    assert "4,321" in card
    for wrong in ("-1", "1000001", "many"):
        refused = await console.post("/provider/tariffs", name=f"Package {channel()}", included_minutes=wrong)
        assert refused.status_code == 422
