"""Calls without a rate in the console, and charging them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import a_company, a_record
from tests.db.card_world import hand_on
from tests.db.factories import a_tariff, a_version, domain_name
from tests.http.browser import Browser
from tests.http.provider_help import a_console

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


@pytest.mark.req("FIN-57")
async def test_calls_are_rated_again_for_one_tariff_or_all(client: Browser, other_client: Browser) -> None:
    now = datetime.now(UTC)
    companies, tariffs = [], []
    for _each in range(2):
        tariffs.append(await a_tariff(("7", "1.50")))
        companies.append(await a_company("100", tariff_id=tariffs[-1]))
        await take_in(companies[-1].node_id, [a_record(companies[-1], b_number="4930123456",
                                                       ended=now - timedelta(hours=2))])
        await a_version(tariffs[-1], ("49", "2.00"), valid_from=now - timedelta(hours=1))
    console, support = await a_console(client, "billing"), await a_console(other_client, "support")
    page = (await support.get(f"/provider/unrated?tariff={tariffs[0]}")).text
    assert await domain_name(companies[0].actor) in page
    assert await domain_name(companies[1].actor) not in page
    assert "Rate the calls" not in page
    assert (await support.post("/provider/unrated/rate")).status_code == 403
    assert "Rate the calls of this tariff again" in (await console.get(f"/provider/unrated?tariff={tariffs[0]}")).text
    answer = await console.post("/provider/unrated/rate", tariff_id=str(tariffs[0]))
    assert "1 call is charged" in answer.headers["hx-trigger"]
    assert [await one.balance() for one in companies] == [96, 100]
    assert (await console.post("/provider/unrated/rate", tariff_id="")).status_code == 200
    await hand_on()  # calls of many other domains may wait, too: those beyond one answer are left to the worker
    assert [await one.balance() for one in companies] == [96, 96]
    answer = await console.post("/provider/unrated/rate", tariff_id=str(tariffs[0]))
    assert "No call has a rate yet" in answer.headers["hx-trigger"]
    for wrong in ("x", "-1", "9" * 30):
        assert (await console.post("/provider/unrated/rate", tariff_id=wrong)).status_code == 422
