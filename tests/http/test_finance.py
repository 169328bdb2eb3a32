"""The finance pages: worked examples, periods, search, files, the explanation of a price, the statement."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts import service
from billing.accounts.posting import Operation, Posting, connection_postings, disconnection_posting
from billing.accounts.rules import Cycle, RecurringFee
from billing.payments import promised
from pbx_provisioning.intake.service import take_in
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_tariff
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio

MOSCOW = "+03:00"
DAY = datetime.fromisoformat(f"2020-12-01T17:20:00{MOSCOW}")


def rows_of(html: str) -> list[list[str]]:
    """Cells of the list's table."""
    body = html[html.index("<tbody>"):html.index("</tbody>")]
    lines = [[text_of(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)]
             for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.S)]
    return [line for line in lines if len(line) > 1]


@pytest.fixture
async def admin(web: Any, client: Browser) -> Someone:
    """An administrator who is signed in; an account at zero."""
    found = await a_user(is_admin=True)
    await client.sign_in(found.login, found.domain)
    return found


async def write(admin: Someone, *postings: Posting) -> None:
    async with domain_transaction(admin.actor) as tx:
        await service.post_many(tx, [(tx.domain_id, one) for one in postings])


def a_posting(amount: str, at: datetime, kind: Operation = Operation.ONE_OFF, name: str = "Service",
              quantity: int = 1) -> Posting:
    return Posting(world.channel(), kind, name, quantity, Money.parse(amount), at)


async def facts(client: Browser, url: str = "/finance") -> list[tuple[str, str]]:
    html = (await client.get(url)).text
    part = html[html.index('id="account-breakdown"'):]
    return [(text_of(name).strip(), text_of(value).strip()) for name, value in re.findall(
        r"<dt>(.*?)</dt><dd>(.*?)</dd>", part[:part.index("</section>")], re.S)]


@pytest.mark.req("FIN-08", "FIN-09", "FIN-10", "FIN-11", "FIN-12", "FIN-13", "FIN-14", "FIN-D5")
@pytest.mark.parametrize(("start", "expense", "current", "header"), [
    ("10217.54", "8045.24", "2172.30", "2 172,3 ₽"),  # T15
    ("19328.06", "2371.56", "16956.50", "16 956,5 ₽"),  # T16
])
async def test_t15_t16_state_of_the_account(admin: Someone, client: Browser, start: str, expense: str, current: str,
                                            header: str) -> None:
    today = datetime.fromisoformat(f"2021-04-20T12:00:00{MOSCOW}")
    await write(admin, a_posting(start, today - timedelta(days=40), Operation.CORRECTION),
                a_posting(f"-{expense}", today - timedelta(days=2), Operation.SUBSCRIPTION_FEE))
    with clock.at(today):
        await client.sign_in(admin.login, admin.domain)
        client.cookies.set("lang", "ru")
        html = (await client.get("/finance")).text
        client.cookies.set("lang", "en")
        found = await facts(client)
        page = text_of((await client.get("/finance")).text)
    assert header in text_of(html)
    assert "Суммы указаны без учёта скидки по тарифу" in text_of(html)

    def said(amount: str) -> str:
        return f"{Money.parse(amount).amount:,} ₽"

    assert [name for name, _value in found] == [
        "State at the start of the current month", "Income in the current month", "Expense in the current month",
        "Current state", "Credit limit", "MGP spent during the current day", "Remaining MGP"]
    assert [value for _name, value in found] == [
        said(start), "0.00 ₽", f"-{said(expense)}", said(current), "0.00 ₽", "0.00 ₽", "0.00 ₽"]
    assert f"-{said(expense)} During the current day: 0.00 ₽" in page
    assert "+0.00 ₽" in page
    assert f"Current balance {said(current)}" in page


@pytest.mark.req("FIN-D6", "FIN-16")
async def test_earlier_months_and_the_shares_of_their_expenses(admin: Someone, client: Browser) -> None:
    await write(admin, a_posting("100", datetime(2025, 1, 5, tzinfo=UTC), Operation.CORRECTION),
                a_posting("-20", datetime(2025, 1, 6, tzinfo=UTC), Operation.CALL, "Moscow"),
                a_posting("-10", datetime(2025, 1, 7, tzinfo=UTC), Operation.SUBSCRIPTION_FEE),
                a_posting("-1", datetime(2025, 3, 7, tzinfo=UTC), Operation.CONNECTION))
    january = (await client.get("/finance?month=2025-01")).text
    text = text_of(january)
    assert "Calls 20.00 ₽ 66.7 %" in text
    assert "Subscription fees 10.00 ₽ 33.3 %" in text
    assert "data-chart" in january
    found = await facts(client, "/finance?month=2025-01")
    assert [value for _name, value in found] == ["0.00 ₽", "100.00 ₽", "-30.00 ₽", "70.00 ₽", "0.00 ₽", "—", "—"]
    february = text_of((await client.get("/finance?month=2025-02")).text)
    assert "There were no expenses in this month." in february
    assert ("State at the start of the month", "70.00 ₽") in await facts(client, "/finance?month=2025-02")
    for odd in ("1999-01", "2025-13", "x", "9999-12", "2025-01-01"):
        assert (await client.get("/finance", params={"month": odd})).status_code == 200


@pytest.mark.req("FIN-44", "FIN-46", "FIN-47", "FIN-45")
async def test_t17_t18_t19_connection_disconnection_and_fee(admin: Someone, client: Browser) -> None:
    await write(admin, a_posting("9906159.65", DAY - timedelta(days=3), Operation.CORRECTION))
    fee = RecurringFee("Call order", Money.parse("1.00"), 1, Cycle.DAILY, Money.parse("1.00"))
    await write(admin, *connection_postings(fee, DAY.date(), DAY, key="order", ref=""))
    await write(admin, a_posting("1.03", DAY, Operation.CORRECTION, "back"),
                disconnection_posting("user", 1, DAY.replace(hour=15, minute=40), key="off", ref=""))
    await write(admin, a_posting("2.26", DAY, Operation.CORRECTION, "before T19"),
                a_posting("-2.26", DAY.replace(hour=15, minute=33), Operation.SUBSCRIPTION_FEE, "Selective recording"))
    html = (await client.get("/finance/ledger?from=2020-12-01&to=2020-12-01")).text
    rows = [[cell.replace(",", "") for cell in row] for row in rows_of(html)]
    assert [row for row in rows if "back" not in row[1] and "before" not in row[1]] == [
        ["01.12.20 15:33", "Selective recording / Subscription fee", "1", "-2.26 ₽", "9906159.65 ₽"],
        ["01.12.20 15:40", "Additional user / Disconnection", "-1", "0.00 ₽", "9906159.65 ₽"],
        ["01.12.20 17:20", "Call order / Subscription fee", "1", "-0.03 ₽", "9906158.62 ₽"],
        ["01.12.20 17:20", "Call order / Connection", "1", "-1.00 ₽", "9906158.65 ₽"]]


@pytest.mark.req("FIN-51", "FIN-52", "FIN-50")
async def test_t23_a_promised_payment_stands_on_top(admin: Someone, client: Browser) -> None:
    at = datetime.fromisoformat(f"2020-12-01T14:55:00{MOSCOW}")
    with clock.at(at - timedelta(hours=1)):
        await world.pay(admin.actor, "10")
    with clock.at(at):
        async with domain_transaction(admin.actor) as tx:
            await promised.grant(tx, Money.parse("50"))
    rows = rows_of((await client.get("/finance/payments?from=2020-12-01&to=2020-12-01")).text)
    assert rows[0][0] == "01.12.20 14:55"
    assert rows[0][1].startswith("Promised payment")
    assert rows[0][2] == "50.00 ₽"
    assert rows[1][:3] == ["01.12.20 13:55", "Bank / by invoice", "10.00 ₽"]


NOW = datetime.fromisoformat(f"2026-02-10T00:30:00{MOSCOW}")  # 9 February in UTC
AGES = (0, 6, 7, 29, 30, 181, 182, 364, 365)  # days before today


@pytest.mark.req("FIN-48", "FIN-53", "FIN-D14")
async def test_quick_choices_count_today_in_the_domains_zone(admin: Someone, client: Browser) -> None:
    for days in AGES:
        at = NOW.replace(minute=10) - timedelta(days=days)
        await write(admin, a_posting("-1", at, name=f"old {days}"))
        with clock.at(at):
            await world.pay(admin.actor, "5")
    with clock.at(NOW):
        await client.sign_in(admin.login, admin.domain)
        for quick, expected in (("", 1), ("day", 1), ("week", 2), ("month", 4), ("half", 6), ("year", 8),
                                ("nonsense", 1)):
            for url in ("/finance/ledger", "/finance/payments"):
                html = (await client.get(url, params={"period": quick} if quick else {})).text
                assert len(rows_of(html)) == expected, (url, quick)
        free = await client.get("/finance/ledger?from=2026-01-11&to=2026-02-04&period=year")
        named = {row[1] for row in rows_of(free.text)}
    assert named == {"old 29 / One-off fee", "old 7 / One-off fee", "old 6 / One-off fee", "old 30 / One-off fee"}


@pytest.mark.req("FIN-48", "FIN-49", "FIN-D13")
async def test_search_joins_the_period_and_the_file_holds_what_is_shown(admin: Someone, client: Browser) -> None:
    await write(admin, a_posting("-3", DAY, Operation.CALL, "Moscow", 5405), a_posting("-1", DAY, name="Sound"),
                a_posting("-2", DAY - timedelta(days=1), Operation.CALL, "Kazan", 5))
    day = "from=2020-12-01&to=2020-12-01"
    for search, expected in (("cAlL", ["Moscow / Call"]), ("mosc", ["Moscow / Call"]), ("%", []), ("kazan", []),
                             ("w / c", ["Moscow / Call"])):
        page = await client.get(f"/finance/ledger?{day}", params={"q": search, "from": "2020-12-01", "to": "2020-12-01"})
        assert ([row[1].removesuffix(" Why this price?") for row in rows_of(page.text)]
                if expected else "Nothing found" in page.text and []) == expected, search
    client.cookies.set("lang", "ru")
    russian = (await client.get("/finance/ledger", params={
        "q": "вызов", "from": "2020-11-01", "to": "2020-12-31"})).text
    assert [row[2] for row in rows_of(russian)] == ["0:05", "90:05"]
    assert re.search(r'href="/finance/ledger/export[^>]*>(<svg.*?</svg>)?\s*Сохранить', russian, re.S)
    client.cookies.set("lang", "en")
    content = (await client.get("/finance/ledger/export", params={
        "q": "call", "from": "2020-12-01", "to": "2020-12-01"})).content
    rows = sheet(content)
    assert rows[0] == ["Date and time", "Operation", "Quantity", "Amount", "Balance"]
    assert [row[1:] for row in rows[1:]] == [["Moscow / Call", "90:05", -3.0, -3.0]]
    assert rows[1][0] == datetime(2020, 12, 1, 17, 20)  # noqa: DTZ001 - a sheet knows no zones


def sheet(content: bytes) -> Sequence[Sequence[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()


@pytest.mark.req("FIN-D14", "FIN-51")
async def test_payments_are_searched_and_exported_alike(admin: Someone, client: Browser) -> None:
    with clock.at(DAY):
        await world.pay(admin.actor, "10")
        async with domain_transaction(admin.actor) as tx:
            await promised.grant(tx, Money.parse("50"))
    ask = {"from": "2020-12-01", "to": "2020-12-01"}
    for search, amounts in (("invoice", ["10.00 ₽"]), ("promis", ["50.00 ₽"]), ("", ["50.00 ₽", "10.00 ₽"])):
        page = await client.get("/finance/payments", params=ask | {"q": search})
        assert [row[2] for row in rows_of(page.text)] == amounts, search
    rows = sheet((await client.get("/finance/payments/export", params=ask | {"q": "invoice"})).content)
    assert [row[1:3] for row in rows[1:]] == [["Bank / by invoice", 10.0]]


@pytest.mark.req("FIN-D13")
async def test_fifty_lines_a_portion_in_posting_order(admin: Someone, client: Browser) -> None:
    late = [a_posting("-1", DAY - timedelta(minutes=n % 7 * 60 + n), name=f"line {n}") for n in range(120)]
    await write(admin, *late)
    names: list[str] = []
    url = "/finance/ledger?from=2020-12-01&to=2020-12-01"
    for offset in (0, 50, 100):
        answer = await client.get(f"{url}&offset={offset}", headers={"HX-Request": "true", "HX-Target": "list-more"})
        rows = [re.findall(r"line \d+", row)[0] for row in answer.text.split("<tr>") if "line " in row]
        names += rows
    assert names == [f"line {n}" for n in range(119, -1, -1)]
    assert "Debited: -120.00 ₽" in text_of((await client.get(url)).text)


@pytest.mark.req("FIN-62")
async def test_a_call_says_why_it_costs_what_it_costs(web: Any, client: Browser) -> None:
    admin = await a_user(is_admin=True)
    await world.pay(admin.actor, "10.00")
    node_id = await world.a_node()
    tariff = await a_tariff(("7", "1.505"))
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", admin.actor.domain_id, tariff)
    await take_in(node_id, [world.a_record(world.Company(admin.actor, node_id, admin.id), talked=65,
                                           b_number="79161234567")])
    await client.sign_in(admin.login, admin.domain)
    ledger = (await client.get("/finance/ledger")).text
    line = re.findall(r'href="(/finance/ledger/\d+)"', ledger)[0]
    html = (await client.get(line)).text
    text = text_of(html)
    for expected in ("Prefix 7", "1 × 60 s 1.505 ₽ per 60 s = 1.505 ₽", "Charged 3.01 ₽", "Amount -3.01 ₽"):
        assert expected in text
    call = re.findall(r'href="(/calls/\d+)"', html)[0]
    assert "Charged 3.01 ₽" in text_of((await client.get(call)).text)


@pytest.mark.req("FIN-07", "FIN-06")
async def test_who_may_look(web: Any, admin: Someone, client: Browser, other_client: Browser) -> None:
    await write(admin, a_posting("-1", DAY))
    line = re.findall(r"\d+", str(await _first_line(admin)))[0]
    assert (await client.get(f"/finance/ledger/{line}")).status_code == 200
    stranger, plain = await a_user(is_admin=True), await a_user(admin.actor)
    await other_client.sign_in(stranger.login, stranger.domain)
    assert (await other_client.get(f"/finance/ledger/{line}")).status_code == 404
    assert (await other_client.get(f"/finance/ledger/{2**64}")).status_code == 404
    for url in ("/finance", "/finance/ledger", "/finance/payments"):
        html = (await client.get(url)).text
        for tab in ("Account state and payment", "Debits and accruals", "Payment history", "Current balance"):
            assert tab in html
    async with Browser(web) as third:
        await third.sign_in(plain.login, plain.domain)
        for url in ("/finance", "/finance/ledger", "/finance/payments", f"/finance/ledger/{line}",
                    "/finance/ledger/export", "/finance/statement/file?month=2026-01&format=xlsx"):
            assert (await third.get(url)).status_code == 403, url


async def _first_line(admin: Someone) -> int:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval("SELECT min(id) FROM posting WHERE domain_id = $1", tx.domain_id)


async def test_a_statement_in_the_domains_language_as_both_files(admin: Someone, client: Browser) -> None:
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain SET locale = 'ru', company_name = '<b>Ромашка</b>' WHERE id = $1", tx.domain_id)
    await write(admin, a_posting("500", DAY - timedelta(days=30), Operation.CORRECTION),
                a_posting("-3", DAY, Operation.CALL, "=1+1", 65), a_posting("-1", DAY, Operation.SUBSCRIPTION_FEE))
    answer = await client.get("/finance/statement/file?month=2020-12&format=xlsx")
    rows = [[cell for cell in row if cell != ""] for row in sheet(answer.content)]
    assert rows[1][0] == "<b>Ромашка</b>"
    assert ["Остаток на начало", 500.0] in rows
    assert ["Остаток на конец", 496.0] in rows
    assert [row[1] for row in rows if len(row) == 5 and isinstance(row[0], datetime)] == [
        "=1+1 / Вызов", "Service / Абонентская плата"]
    pdf = await client.get("/finance/statement/file?from=2020-12-01&to=2020-12-31&format=pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF")
    for wrong in ("", "from=2020-12-01", "from=2020-12-02&to=2020-12-01", "month=2020-99", "from=0001-01-01&to=x"):
        assert (await client.get(f"/finance/statement/file?{wrong}")).status_code == 422, wrong
    assert "statement" in (await client.get("/finance/statement")).text


@pytest.mark.req("FIN-17")
async def test_the_state_leads_to_service_management(admin: Someone, client: Browser) -> None:
    client.cookies.set("lang", "ru")
    html = (await client.get("/finance")).text
    assert re.search(r'<a class="[^"]*" href="/services">\s*Управление услугами\s*</a>', html)
    assert (await client.get("/services")).status_code == 200
