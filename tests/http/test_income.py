"""Revenue in the console: days of the platform's zone, discounts less, as a page and as a file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from app.kernel.tabular import read_table
from app.provider.income import jobs, queries, sums
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from tests.db.billing_factories import channel
from tests.db.factories import STAFF, a_domain, a_tariff, domain_name
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


LINE = "SELECT day::text, lines, amount FROM revenue_domain_day WHERE domain_id = $1 ORDER BY day"
OF_LEDGER = """
SELECT (p.at AT TIME ZONE 'Europe/Moscow')::date AS day, p.kind, p.service, count(*) AS lines, sum(e.amount) AS amount
FROM posting p JOIN entry e ON e.posting_id = p.id AND e.account = 'revenue' WHERE e.amount <> 0 GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
"""


async def earn(domain_id: int, amount: str, at: datetime) -> None:
    async with platform_transaction(STAFF) as tx:
        await accounts.post(await tx.enter_domain(domain_id), Posting(
            channel(), Operation.CALL, "Тула", 60, Money.parse(f"-{amount}"), at))


async def known(domain_id: int) -> list[tuple[str, int, str]]:
    async with platform_transaction(STAFF) as tx:
        return [(row["day"], row["lines"], str(row["amount"])) for row in await tx.fetch(LINE, domain_id)]


async def test_the_sums_follow_the_ledger_portion_by_portion(client: Browser) -> None:
    first, second = datetime(2015, 3, 1, 12, tzinfo=UTC), datetime(2015, 3, 2, 12, tzinfo=UTC)
    domain_id = (await a_domain()).domain_id
    for number in range(5):
        await earn(domain_id, f"1.0{number}", second)
    await jobs.revenue_sums({})
    assert await known(domain_id) == [("2015-03-02", 5, "5.10")]
    await earn(domain_id, "2.00", first)  # a record that came late
    await earn(domain_id, "3.00", second)
    async with platform_transaction(STAFF) as tx:
        while await sums.take_in(tx, domains=1, lines=1):
            pass
        assert not await sums.is_behind(tx)
    await jobs.revenue_sums({})  # once more counts nothing twice
    assert await known(domain_id) == [("2015-03-01", 1, "2.00"), ("2015-03-02", 6, "8.10")]
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetch("SELECT * FROM revenue_day ORDER BY 1, 2, 3") == await tx.fetch(OF_LEDGER)


async def test_the_page_says_what_it_could_not_count(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    console = await a_console(client, "support")
    await earn((await a_domain()).domain_id, "4.00", datetime(2015, 4, 1, 12, tzinfo=UTC))
    address = "/provider/income?from=2015-04-01&to=2015-04-30"
    monkeypatch.setattr(queries, "CATCHING_UP_SECONDS", 0)
    assert "still being counted" in (await console.get(address)).text
    monkeypatch.undo()
    page = (await console.get(address)).text
    assert "still being counted" not in page
    assert "4.00" in page
    monkeypatch.setattr(queries, "LONGEST", "50ms")
    monkeypatch.setitem(queries.GROUPS, "day", ("r.day::text", "revenue_day r, pg_sleep(3)", "1"))
    answer = await console.get(address)
    assert answer.status_code == 409
    assert "Choose a shorter one" in answer.text
