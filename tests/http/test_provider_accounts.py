"""A domain's account in the console."""

from __future__ import annotations

import pytest

from app.kernel.tabular import read_table
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import a_company, a_record
from tests.http.browser import Browser
from tests.http.provider_help import a_console, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]


@pytest.mark.req("FIN-43", "FIN-62")
@pytest.mark.parametrize("role", ["billing", "support"])
async def test_the_account_is_read_by_every_role(client: Browser, role: str) -> None:
    company = await a_company("1000")
    await take_in(company.node_id, [a_record(company, talked=65)])
    console = await a_console(client, role)
    base = f"/provider/domains/{company.id}/account"
    page = (await console.get(base)).text
    assert "997.00" in page
    assert "Payment" in page
    assert ("Correct a balance" in page) is (role == "billing")
    assert "997.00" not in (await console.get(f"{base}?q=subscription")).text.split("list-results")[-1]
    posting = await value("SELECT max(id) FROM posting WHERE domain_id = $1", company.id)
    why = (await console.get(f"{base}/{posting}")).text
    assert "1.50 ₽ per 60 s" in why.replace("\xa0", " ")
    sheet = read_table((await console.get(f"{base}/export")).content, max_rows=10)
    assert [row[4] for row in sheet[1:]] == ["997", "1000"]
    assert "month" in (await console.get(f"{base}/statement")).text
    month = await value("SELECT to_char(now() AT TIME ZONE 'Europe/Moscow', 'YYYY-MM')")
    answer = await console.get(f"{base}/statement/file?month={month}&format=xlsx")
    assert answer.content[:2] == b"PK"


@pytest.mark.req("FIN-43")
async def test_one_domains_page_shows_no_other_domains_line(client: Browser) -> None:
    mine, other = await a_company("1000"), await a_company("2000")
    posting = await value("SELECT max(id) FROM posting WHERE domain_id = $1", other.id)
    console = await a_console(client)
    assert (await console.get(f"/provider/domains/{mine.id}/account/{posting}")).status_code == 404
    assert (await console.get(f"/provider/domains/{mine.id}/account/99999999999999999999")).status_code == 404
    assert (await console.get("/provider/domains/999999999/account")).status_code == 404
    assert "2,000.00" not in (await console.get(f"/provider/domains/{mine.id}/account")).text
