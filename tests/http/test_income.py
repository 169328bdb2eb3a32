"""Revenue in the console: days of the platform's zone, discounts less, as a page and as a file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.kernel.db import domain_transaction
from app.kernel.money import Money
from app.kernel.tabular import read_table
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from tests.db.billing_factories import channel
from tests.db.factories import a_domain, a_tariff, domain_name
from tests.http.browser import Browser
from tests.http.provider_help import a_console, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]

PERIOD = "from=2016-05-01&to=2016-06-30"  # nobody else's


async def test_revenue_by_day_service_tariff_and_domain(client: Browser) -> None:
    tariff = await a_tariff()
    actor = await a_domain(tariff_id=tariff)
    before, after = datetime(2016, 5, 31, 20, 59, 59, tzinfo=UTC), datetime(2016, 5, 31, 21, tzinfo=UTC)
    async with domain_transaction(actor) as tx:
        for operation, service, amount, at in (
                (Operation.CALL, "Москва", "-10.50", before), (Operation.SUBSCRIPTION_FEE, "user", "-100", after),
                (Operation.DISCOUNT, "", "5", after), (Operation.PAYMENT, "Bank", "1000", after),
                (Operation.CORRECTION, "x", "-7", after)):
            await accounts.post(tx, Posting(channel(), operation, service, 1, Money.parse(amount), at))
    console = await a_console(client, "support")

    async def table(by: str, form: str = "xlsx") -> list[list[str]]:
        answer = await console.get(f"/provider/income/export?by={by}&{PERIOD}&format={form}")
        return read_table(answer.content, max_rows=20)[1:]

    assert await table("day") == [["31 May 2016", "1", "10.5"], ["1 Jun 2016", "2", "95"]]
    assert await table("operation") == [["Subscription fee", "1", "100"], ["Call", "1", "10.5"],
                                        ["Tariff discount", "1", "-5"]]
    assert [row[0] for row in await table("service")] == ["Additional user / Subscription fee", "Москва / Call",
                                                          "Tariff discount"]
    assert await table("domain") == [[await domain_name(actor), "3", "105.5"]]
    name = await value("SELECT name FROM tariff WHERE id = $1", tariff)
    assert await table("tariff", "csv") == [[name, "3", "105.50"]]
    page = (await console.get(f"/provider/income?{PERIOD}")).text
    assert "105.50" in page
    assert "95.00" in page
    for odd in ("from=x&to=9999-99-99", "by=nothing", "from=2016-06-30&to=2016-05-01", "from=2000-01-01&to=2199-12-31"):
        assert (await console.get(f"/provider/income?{odd}")).status_code == 200
