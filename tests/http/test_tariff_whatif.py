"""Pages of what-if: order, progress, sums, file; who may not."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.kernel.i18n import format_money
from app.kernel.money import Money
from billing.whatif import service
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import a_company, a_record
from tests.db.factories import a_tariff, a_version, domain_name
from tests.http.browser import Browser
from tests.http.provider_help import a_console

pytestmark = pytest.mark.anyio
MOSCOW = ZoneInfo("Europe/Moscow")


async def test_past_calls_by_a_draft_from_order_to_file(client: Browser) -> None:
    console = await a_console(client)
    tariff_id = await a_tariff()
    company = await a_company("100", tariff_id=tariff_id)
    name = await domain_name(company.actor)
    yesterday = (datetime.now(MOSCOW) - timedelta(days=1)).replace(hour=12)
    await take_in(company.node_id, [a_record(company, talked=65, ended=yesterday)])
    draft = f"/provider/tariffs/versions/{await a_version(tariff_id, ('7', '2.005'), valid_from=None)}"
    assert "At most a month" in (await console.get(f"{draft}/whatif")).text
    day = f"{yesterday:%Y-%m-%d}"
    wrong = await console.post(f"{draft}/whatif", tariff_id=str(tariff_id), first_on=day, last_on=day,
                               domains=f"{name}\nnot-there.example")
    assert wrong.status_code == 422
    answer = await console.post(f"{draft}/whatif", tariff_id=str(tariff_id), first_on=day, last_on=day,
                                domains=f" {name.upper()} ")
    assert answer.status_code == 200, answer.text
    run = answer.headers["hx-redirect"]
    assert f'hx-get="{run}/progress"' in (await console.get(run)).text
    assert "hx-refresh" not in (await console.get(f"{run}/progress")).headers
    await service.work(int(run.rsplit("/", 1)[1]))  # what the worker does with the order
    assert (await console.get(f"{run}/progress")).headers["hx-refresh"] == "true"
    page = (await console.get(run)).text
    for amount in ("3.00", "4.01", "1.01"):
        assert format_money(Money.parse(amount)) in page, amount
    lines = (await console.get(f"{run}/export")).content.decode("utf-8-sig").splitlines()
    assert lines[1].startswith(f"{name};Acme;")
    assert lines[1].endswith(";1;3.00;4.01;1.01;0;0")
    assert format_money(Money.parse("1.01")) in (await console.get(draft)).text
    assert (await console.post(f"{run}/again")).status_code == 409  # done

    reader = await a_console(client, "support")
    assert (await reader.get(run)).status_code == 200
    assert (await reader.post(f"{draft}/whatif", tariff_id=str(tariff_id), first_on=day, last_on=day)).status_code == 403
    assert (await reader.get("/provider/tariffs/whatif/999999999")).status_code == 404
