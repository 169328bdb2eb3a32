"""The start page of a domain administrator: expenses, services, users, quick access."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from app.auth import store
from app.kernel import clock, outbox
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.blocks import start_block
from billing.accounts.posting import Operation, Posting
from billing.payments import promised
from pbx_provisioning.intake.service import take_in
from tenants.dashboard import month as month_figures
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_staff_member, a_user
from tests.http.provider_help import a_console

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("web")]
NOW = datetime(2026, 6, 17, 9, 0, tzinfo=UTC)  # a Wednesday, noon in Moscow


def block(html: str, name: str) -> str:
    """The source of one of the four blocks."""
    begin = html.index(f'id="dashboard-{name}"')
    return html[begin:html.index("</section>", begin)]


async def an_admin(client: Browser, *, language: str = "ru", domain: Any = None, **terms: Any) -> Someone:
    """Signed in; terms are those of the tariff."""
    tariff = await a_tariff(("7", "1.50"), **terms)
    admin = await a_user(await a_domain(tariff_id=tariff, **(domain or {})), "anna", is_admin=True)
    client.cookies.set("lang", language)
    await client.sign_in(admin.login, admin.domain)
    return admin


async def post(admin: Someone, *postings: Posting) -> None:
    async with domain_transaction(admin.actor) as tx:
        await accounts.post_many(tx, [(tx.domain_id, one) for one in postings])


def spent(amount: str, at: datetime, kind: Operation = Operation.CALL, service: str = "Moscow") -> Posting:
    return Posting(world.channel(), kind, service, 60, -Money.parse(amount), at)


async def colleagues(admin: Someone, names: Sequence[str]) -> list[int]:
    found = []
    for name in names:
        user = await a_user(admin.actor)
        async with domain_transaction(admin.actor) as tx:
            await tx.execute("UPDATE domain_user SET display_name = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id,
                             user.id, name)
        found.append(user.id)
    return found


def a_call(admin: Someone, node_id: int, user_id: int, seconds: int, at: datetime, **changes: Any):
    company = world.Company(admin.actor, node_id, user_id)
    return world.a_record(company, talked=seconds, ended=at + timedelta(seconds=seconds), **changes)


@pytest.mark.req("DASH-01", "DASH-02", "DASH-03", "DASH-04")
async def test_expenses_of_the_current_month(client: Browser) -> None:
    """Three of five included users; 650 came in (with a promised payment), calls took 30.50 of it."""
    with clock.at(NOW):
        admin = await an_admin(client, included_users=5, user_monthly=90)
        await colleagues(admin, ["Boris", "Vera"])
        await post(admin, spent("999", NOW.replace(month=5)), spent("10.25", NOW.replace(day=1)), spent("20.25", NOW),
                   spent("3", NOW, Operation.SUBSCRIPTION_FEE, "additional_user"))
        await world.pay(admin.actor, "600")
        async with domain_transaction(admin.actor) as tx:
            await promised.grant(tx, Money.parse("50"))
        html = block((await client.get("/")).text, "expenses")
    text = text_of(html)
    assert "Расходы Июнь 2026" in text
    assert "Количество пользователей: Включено в абонентскую плату — 5, Подключено — 3" in unescape(html)
    assert "Включено в абонентскую плату 5 Подключено 3" in text
    assert "Пополнено 650,00 ₽ Потрачено на вызовы 30,50 ₽" in text
    assert "Расход за месяц -33,50 ₽" in text
    assert html.count("data-chart=") == 2
    values = [re.findall(r'"value": ?([0-9.]+)', unescape(one)) for one in re.findall(r'data-chart="([^"]+)"', html)]
    assert values == [["5", "3"], ["650.0", "30.5"]]
    assert re.search(r'<a href="/finance">Полная статистика', html)
    assert "Запросить другой тариф" not in text


@pytest.mark.req("DASH-05")
@pytest.mark.parametrize(("people", "expected"), [(2, ""), (3, "на 1 больше"), (5, "на 3 больше")])
async def test_too_many_users_are_told_with_their_number(client: Browser, people: int, expected: str) -> None:
    admin = await an_admin(client, included_users=2, user_monthly=90)
    await colleagues(admin, [f"Colleague {n}" for n in range(people - 1)])
    text = text_of(block((await client.get("/")).text, "expenses"))
    assert ("Запросить другой тариф" in text) is bool(expected)
    assert expected in text


@pytest.mark.req("DASH-05")
async def test_minutes_beyond_the_package(client: Browser) -> None:
    """The package of one minute is empty and 65 s of a call were paid for; with a second left nothing is exceeded."""
    with clock.at(NOW):
        admin = await an_admin(client, included_minutes=1)
        node_id = await world.a_node()
        await world.pay(admin.actor, "100")
        await take_in(node_id, [a_call(admin, node_id, admin.id, 65, NOW - timedelta(seconds=90))])
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE account SET package_seconds_left = 1, package_from = $2, package_until = $3 "
                             "WHERE domain_id = $1", admin.actor.domain_id, NOW - timedelta(days=40), NOW + timedelta(days=9))
        assert "пакет исчерпан" not in text_of((await client.get("/")).text)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE account SET package_seconds_left = 0 WHERE domain_id = $1", admin.actor.domain_id)
        assert "Минуты: пакет исчерпан, сверх него 1:05" in text_of((await client.get("/")).text)


@pytest.mark.req("DASH-05")
async def test_calls_beyond_the_guaranteed_payment(client: Browser) -> None:
    with clock.at(NOW):
        admin = await an_admin(client, mgp=100)
        await post(admin, spent("12.30", clock.now()))
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE account SET mgp_left = 0.01, mgp_from = $2, mgp_until = $3 WHERE domain_id = $1",
                             admin.actor.domain_id, clock.now() - timedelta(days=40), clock.now() + timedelta(days=9))
        assert "МГП: исчерпан" not in text_of((await client.get("/")).text)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE account SET mgp_left = 0 WHERE domain_id = $1", admin.actor.domain_id)
        assert "МГП: исчерпан, вызовов сверх него на 12,30 ₽" in text_of((await client.get("/")).text)


async def ask(client: Browser) -> Any:
    return await client.post("/tariff-request", headers={"X-CSRF-Token": await client.csrf("/"), "HX-Request": "true"})


async def hand_on() -> None:
    """What the worker does with the events that wait."""
    import billing.tariff_requests.jobs  # noqa: F401 - registers the handler

    more = True
    while more:
        async with platform_transaction(STAFF) as tx:
            more = await outbox.hand_on_next(tx)


@pytest.mark.req("DASH-05")
async def test_another_tariff_is_asked_for_and_the_provider_deals_with_it(client: Browser, other_client: Browser) -> None:
    admin = await an_admin(client, language="en", included_users=1, user_monthly=90)
    await colleagues(admin, ["Boris"])
    seller = await a_staff_member("billing")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE staff SET email = $2, locale = 'en' WHERE id = $1", seller.id,
                         f"{seller.login}@provider.example")
        before = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", admin.actor.domain_id)
    answer = await ask(client)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/")
    page = text_of((await client.get("/")).text)
    assert "Another tariff was asked for on" in page
    assert "Ask for another tariff" not in page
    assert (await ask(client)).status_code == 409  # one is open
    await hand_on()
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetch("SELECT subject, body FROM mail_message WHERE recipient = $1 "
                                 "AND subject LIKE $2", f"{seller.login}@provider.example", f"{admin.domain}:%")
        assert await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", admin.actor.domain_id) == before
    assert [row["subject"] for row in letters] == [f"{admin.domain}: another tariff is asked for"]
    assert "Users beyond the tariff: 1" in letters[0]["body"]
    console = await a_console(other_client, "billing")
    listed = (await console.get(f"/provider/tariff-requests?q={admin.domain}")).text
    assert "Users: 1 more than the tariff includes" in text_of(listed)
    card = (await console.get(f"/provider/domains/{admin.actor.domain_id}")).text
    assert "Another tariff is asked for" in card
    url = re.findall(r'action="(/provider/tariff-requests/\d+/done)"', listed)[0]
    assert (await console.post(url)).status_code == 200
    assert (await console.post(url)).status_code == 200  # closed already
    assert "Another tariff is asked for" not in (await console.get(f"/provider/domains/{admin.actor.domain_id}")).text
    done = text_of((await console.get(f"/provider/tariff-requests?q={admin.domain}&state=done")).text)
    assert "Dealt with" in done
    async with domain_transaction(admin.actor) as tx:
        actions = [row["action"] for row in await tx.fetch(
            "SELECT action FROM action_history WHERE domain_id = $1 AND action LIKE 'tariff_request%' ORDER BY id",
            tx.domain_id)]
    assert actions == ["tariff_requested", "tariff_request_closed"]


@pytest.mark.req("DASH-05")
async def test_requests_have_a_limit_and_need_an_excess(client: Browser, other_client: Browser) -> None:
    admin = await an_admin(client, included_users=1, user_monthly=90)
    assert (await ask(client)).status_code == 409  # nothing is exceeded
    await colleagues(admin, ["Boris"])
    for _ in range(3):
        assert (await ask(client)).status_code == 200
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE tariff_request SET done_at = now() WHERE domain_id = $1", admin.actor.domain_id)
    assert (await ask(client)).status_code == 409
    plain = await a_user(admin.actor)
    await other_client.sign_in(plain.login, plain.domain)
    token = await other_client.csrf("/me")
    assert (await other_client.post("/tariff-request", headers={"X-CSRF-Token": token})).status_code == 403


async def test_support_reads_the_requests_and_closes_none(client: Browser, other_client: Browser) -> None:
    admin = await an_admin(client, included_users=0, user_monthly=90)
    await ask(client)
    console = await a_console(other_client, "support")
    listed = (await console.get(f"/provider/tariff-requests?q={admin.domain}")).text
    assert admin.domain in listed
    assert "/done" not in listed
    async with domain_transaction(admin.actor) as tx:
        number = await tx.fetchval("SELECT id FROM tariff_request WHERE domain_id = $1", tx.domain_id)
    assert (await console.post(f"/provider/tariff-requests/{number}/done")).status_code == 403


SERVICES = [
    {"service": "integration_api", "level": "domain", "monthly": 300, "connection": 100},
    {"service": "additional_number", "level": "special", "monthly": 125, "included": 1},
    {"service": "base_fee", "level": "domain", "monthly": 30}]


@pytest.mark.req("DASH-06", "SVC-21", "DASH-07", "DASH-08", "DASH-09")
async def test_connected_and_available_services(client: Browser) -> None:
    """Domain-wide services have no counter; of three numbers one is included. Connecting costs 100 + one day of 300."""
    with clock.at(NOW):
        admin = await an_admin(client, services=SERVICES, included_users=9, user_monthly=90)
        for _ in range(3):
            await world.a_number(admin.actor)
        await world.pay(admin.actor, "119.33")  # 9.34 are the day's fees of what there is
        html = block((await client.get("/")).text, "services")
        connected, available = html.split("sw-dash-offers")
        assert re.search(r"Плата за дополнительный номер</span><span class=\"sw-counter\">2</span>", connected)
        assert re.search(r"Ежемесячная абонентская плата</span></li>", connected)
        assert "Интеграционный API" not in connected
        assert re.findall(r"<b>(.*?)</b><p>", available) == ["Интеграционный API"]
        assert "<svg" in available
        assert 'hx-get="/services/integration_api/connect"' in available
        assert 'href="/services"' in connected
        about = (await client.get("/services/integration_api", headers={
            "HX-Request": "true", "HX-Target": "modal-body"})).text
        assert "Узнать больше" in available
        assert len(text_of(about)) > 60
        dialog = text_of((await client.get("/services/integration_api/connect")).text)
        assert "Подключение 100,00 ₽" in dialog or "100,00 ₽" in dialog
        assert "10,00 ₽" in dialog
        refused = await connect(client)
        assert (refused.status_code, "0,01" in refused.text) == (409, True)
        await world.pay(admin.actor, "0.01")
        assert (await connect(client)).status_code == 200
        html = block((await client.get("/")).text, "services")
    assert re.search(r"Интеграционный API</span></li>", html)
    assert "sw-dash-offers" not in html
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id) == 0


async def connect(client: Browser) -> Any:
    return await client.post("/services/integration_api/connect",
                             headers={"X-CSRF-Token": await client.csrf("/"), "HX-Request": "true"})


@pytest.mark.req("DASH-06")
async def test_without_connected_services_there_is_no_part_a(client: Browser) -> None:
    admin = await an_admin(client, services=SERVICES[:1])
    async with platform_transaction(STAFF) as tx:  # a tariff that does not even count users
        tariff_id = await tx.fetchval("INSERT INTO tariff (name) VALUES ($1) RETURNING id", world.channel())
        version_id = await tx.fetchval("INSERT INTO tariff_version (tariff_id, number) VALUES ($1, 1) RETURNING id",
                                       tariff_id)
        await tx.execute("INSERT INTO plan_service (version_id, service, level) VALUES ($1, 'integration_api', 'domain')",
                         version_id)
        await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = '2000-01-01' WHERE id = $1",
                         version_id)
        await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", admin.actor.domain_id, tariff_id)
    html = block((await client.get("/")).text, "services")
    assert "sw-dash-connected" not in html
    assert "Интеграционный API" in html


@pytest.mark.req("DASH-10")
async def test_the_five_who_talk_most(client: Browser) -> None:
    """Incoming and outgoing answered talk of this month; equal times by name; nobody without talk."""
    with clock.at(NOW):
        admin = await an_admin(client)
        node_id = await world.a_node()
        names = ["Яна", "Анна", "Борис", "Вера", "Глеб", "Дина", "Егор"]
        ids = dict(zip(names, await colleagues(admin, names), strict=True))
        await world.pay(admin.actor, "1000")
        talk = {"Яна": 300, "Анна": 300, "Борис": 400, "Вера": 60, "Глеб": 50, "Дина": 40, "Егор": 0}
        records = [a_call(admin, node_id, ids[name], seconds, NOW - timedelta(days=3)) for name, seconds in talk.items()]
        records += [a_call(admin, node_id, ids["Дина"], 5000, NOW.replace(month=5, day=31, hour=20, minute=0))]
        records += [a_call(admin, node_id, ids["Вера"], 7, NOW - timedelta(minutes=20), direction="in")]
        await take_in(node_id, records)
        await store.client().hset(f"presence:{admin.actor.domain_id}", str(ids["Борис"]), "1")  # type: ignore[misc]
        html = block((await client.get("/")).text, "users")
    lines = [text_of(one).strip() for one in re.findall(r"<li>(.*?)</li>", html, re.S)]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        ("Борис", "6:40"), ("Анна", "5:00"), ("Яна", "5:00"), ("Вера", "1:07"), ("Глеб", "0:50")]
    assert [re.findall(r'aria-label="(.+?)"', one)[0] for one in re.findall(r"<li>(.*?)</li>", html, re.S)] == [
        "в сети", *["не в сети"] * 4]
    async with domain_transaction(admin.actor) as tx:
        row = await tx.fetchrow("SELECT login, extension FROM domain_user WHERE id = $1", ids["Борис"])
    assert row
    assert lines[0].split()[1:3] == [row["login"], row["extension"]]
    assert re.search(r'<a href="/users">Полный список', html)


@pytest.mark.req("DASH-10")
async def test_nobody_has_talked(client: Browser) -> None:
    await an_admin(client)
    assert "В этом месяце разговоров не было" in text_of(block((await client.get("/")).text, "users"))


@pytest.mark.req("DASH-11")
async def test_quick_access_shows_figures_or_what_is_off(client: Browser) -> None:
    admin = await an_admin(client, services=[{"service": "recording", "monthly": 70}])
    before = {url: text for url, _icon, text in tiles(await client.get("/"))}
    assert before["/numbers"] == "Номера Номеров пока нет"
    assert before["/contacts"].endswith("Пусто")
    assert before["/pickup-groups"].endswith("Групп пока нет")
    await colleagues(admin, ["Boris", "Vera"])
    await world.a_number(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE domain_id = $1 AND login = 'anna'", tx.domain_id)
        await tx.execute("INSERT INTO contact (domain_id, name, speed_dial) VALUES ($1, 'Bank', '1')", tx.domain_id)
        await tx.execute("INSERT INTO pickup_group (domain_id, name) VALUES ($1, 'Sales')", tx.domain_id)
    found = tiles(await client.get("/"))
    after = {url: text for url, _icon, text in found}
    assert after["/users"] == "Пользователи 3 пользователя, операторов: 1"
    assert after["/numbers"].startswith("Номера 1 номер, +7 495")
    assert after["/contacts"] == "Адресная книга компании 1 контакт"
    assert after["/pickup-groups"] == "Группы перехвата 1 группа, набор *8"
    assert after["/finance"] == "Финансы и оплата 0,00 ₽"
    for url, icon, _text in found:
        assert icon, url
        assert (await client.get(url)).status_code == 200, url


def tiles(answer: Any) -> list[tuple[str, bool, str]]:
    """Address, whether there is an icon, text."""
    html = block(answer.text, "access")
    return [(url, "<svg" in inside, text_of(inside).strip())
            for url, inside in re.findall(r'<li><a href="([^"]+)">(.*?)</a></li>', html, re.S)]


@pytest.mark.req("DASH-12")
async def test_only_administrators_have_a_start_page(client: Browser, other_client: Browser) -> None:
    admin = await an_admin(client)
    for page in ("/users", "/finance", "/me"):
        assert re.search(r'<a href="/" class="sw-logo"', (await client.get(page)).text), page
    plain = await a_user(admin.actor)
    await other_client.sign_in(plain.login, plain.domain)
    answer = await other_client.get("/")
    assert answer.status_code in (302, 303, 403)
    assert "dashboard-expenses" not in answer.text
    assert re.search(r'<a href="/me" class="sw-logo"', (await other_client.get("/me")).text)


@pytest.mark.req("DASH-10")
async def test_kept_figures_belong_to_their_domain(client: Browser, other_client: Browser,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large company the sums stand for a minute at most; another company never sees them [DASH-D3]."""
    monkeypatch.setattr(month_figures, "LARGE_USERS", 1)
    with clock.at(NOW):
        admin, stranger = await an_admin(client), await an_admin(other_client)
        node_id = await world.a_node()
        await world.pay(admin.actor, "100")
        now = clock.now()

        async def talk(seconds: int) -> None:
            await take_in(node_id, [a_call(admin, node_id, admin.id, seconds, now - timedelta(seconds=seconds + 5))])

        await talk(60)
        assert "1:00" in block((await client.get("/")).text, "users")
        assert "Anna" not in block((await other_client.get("/")).text, "users")
        await talk(30)
        assert "1:00" in block((await client.get("/")).text, "users")
        keys = [key async for key in store.client().scan_iter(f"dashboard:{admin.actor.domain_id}:*")]
        assert [0 < await store.client().ttl(key) <= 60 for key in keys] == [True]
        await store.client().delete(*keys)
        assert "1:30" in block((await client.get("/")).text, "users")
        assert stranger.actor.domain_id != admin.actor.domain_id


@pytest.mark.parametrize("page", ["/", "/finance"])
async def test_how_long_the_balance_lasts(client: Browser, page: str) -> None:
    """3.00 a day for one user in June: 30 pays for ten days more."""
    with clock.at(NOW):
        admin = await an_admin(client, user_monthly=90)
        await world.pay(admin.actor, "30")
        assert "Хватит до 27.06.2026 включительно" in text_of((await client.get(page)).text)
        async with domain_transaction(admin.actor) as tx:
            await promised.grant(tx, Money.parse("60"))  # debited on the 22nd, when 15 of its own are left
        assert "Хватит до 27.06.2026 включительно" in text_of((await client.get(page)).text)
        await world.pay(admin.actor, "5000")
        assert "Хватит больше чем на год" in text_of((await client.get(page)).text)
        async with domain_transaction(admin.actor) as tx:
            await start_block(tx, "financial", "fee")
        assert "Домен заблокирован: списаний нет" in text_of((await client.get(page)).text)


@pytest.mark.req("FIN-D3")
async def test_a_payment_that_waits_for_the_calls_is_told_of_in_the_block(client: Browser) -> None:
    """20.00 suffice for nothing due, 30.00 are held."""
    admin = await an_admin(client)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET held = 30 WHERE domain_id = $1", admin.actor.domain_id)
        await start_block(await tx.enter_domain(admin.actor.domain_id), "financial", "fee")
    assert "Платёж поступил" not in text_of((await client.get("/")).text)
    await world.pay(admin.actor, "20")
    assert "Платёж поступил: блокировка снимется, когда идущие разговоры" in text_of((await client.get("/")).text)
    await world.pay(admin.actor, "10")
    assert "Финансовая блокировка" not in text_of((await client.get("/")).text)


@pytest.mark.parametrize("scheme", ["unlimited"])
async def test_without_a_lowest_balance_there_is_no_forecast(client: Browser, scheme: str) -> None:
    await an_admin(client, user_monthly=90, domain={"scheme": scheme})
    assert "balance-forecast" not in (await client.get("/")).text


async def test_a_trial_has_no_forecast(client: Browser) -> None:
    await an_admin(client, user_monthly=90, domain={"commercial": False})
    html = (await client.get("/")).text
    assert "balance-forecast" not in html
    assert "dashboard-access" in html


@pytest.mark.req("FIN-D12", "ACC-22")
async def test_the_header_warns_near_the_credit_limit(client: Browser) -> None:
    """At a limit of 1000 from a room of 100 on, until there is more of it again."""
    admin = await an_admin(client, domain={"scheme": "credit"})
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET credit_limit = 1000 WHERE domain_id = $1", admin.actor.domain_id)
    await post(admin, spent("899.99", clock.now()))
    assert "Предел кредита близко" not in text_of((await client.get("/users")).text)
    await post(admin, spent("0.01", clock.now()))
    assert "Предел кредита близко · до блокировки осталось 100,00 ₽" in text_of((await client.get("/users")).text)
    await world.pay(admin.actor, "0.01")
    assert "Предел кредита близко" not in text_of((await client.get("/users")).text)
