"""The page of services: what it lists, its dialogs, and who may open it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from app.kernel.db import domain_transaction, platform_transaction
from billing.services import catalogue, channels, service
from tests.db import billing_factories as world
from tests.db.factories import STAFF
from tests.db.services_world import a_company, a_service, balance, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_pool_admin, a_user
from tests.http.test_auth_jump import POOL, enter, token_for

pytestmark = pytest.mark.anyio

PLAN = (a_service("fmc", "special", "83.33"), a_service("integration_api", "domain", "416.67", 5),
        a_service("additional_number", "special", 125), a_service("auto_informer", "domain", 0),
        a_service("base_fee", "user", "208.33"), a_service("callback_widget", "special", "416.67"),
        a_service("contact_center", "operator", "416.67"),
        a_service(channels.INCOMING, "special", 50, included=2), a_service(channels.OUTGOING, "special", 50, included=3))


async def an_admin(*plan: dict, money: str = "10000") -> Someone:
    return await a_user(await a_company(*(plan or PLAN), money=money), is_admin=True)


async def signed_in(client: Browser, *plan: dict, money: str = "10000", language: str = "ru") -> Someone:
    admin = await an_admin(*plan, money=money)
    client.headers["Accept-Language"] = language
    await client.sign_in(admin.login, admin.domain)
    return admin


async def part(client: Browser, code: str) -> str:
    page = (await client.get("/services")).text
    found = re.search(rf'<li [^>]*id="service-{code}">.*?</li>', page, re.DOTALL)
    assert found, page[:2000]
    return found[0]


async def post(client: Browser, url: str, **data: str):
    token = await client.csrf("/services")
    return await client.post(url, data=data, headers={"X-CSRF-Token": token, "HX-Request": "true"})


@pytest.mark.req("SVC-01", "SVC-02", "SVC-03", "SVC-04", "SVC-05", "SVC-09", "SVC-10", "SVC-11")
async def test_the_list(client: Browser) -> None:
    admin = await signed_in(client)
    for _number in range(9):
        await world.a_number(admin.actor, is_default=False)
    async with domain_transaction(admin.actor) as tx:
        await service.connect(tx, "integration_api")
        await service.connect(tx, "fmc")
    page = (await client.get("/services")).text
    codes = re.findall(r'id="service-(\w+)"', page)
    assert set(codes[:3]) == {"fmc", "integration_api", "contact_center"}  # switched by hand: first
    assert len(codes) == len(PLAN) + 1  # and the factory's additional users
    text = text_of(page)
    assert "В ежемесячную плату входит" in text
    assert "Абонентская плата: 1125 (125 x 9) ₽" in text
    assert "Абонентская плата: 0 (83,33 x 0) ₽" in text
    assert "Абонентская плата: 416,67 (416,67 x 1) ₽" in text
    assert "Итого в месяц 1 750,00 ₽" in text  # 1125 + 416.67 + 208.33
    assert "Вкл." in text_of(await part(client, "fmc"))
    assert "Выкл." in text_of(await part(client, "contact_center"))
    assert "crm" not in codes


@pytest.mark.req("SVC-06", "SVC-09")
async def test_the_buttons(client: Browser) -> None:
    admin = await signed_in(client)
    off = await part(client, "integration_api")
    assert "Включить" in off
    assert "Отключить" not in off
    async with domain_transaction(admin.actor) as tx:
        await service.connect(tx, "integration_api")
    on = await part(client, "integration_api")
    assert "Отключить" in on
    assert "Включить" not in on
    number = await part(client, "additional_number")
    assert 'href="/numbers"' in number
    assert "Настроить" in number
    assert 'href="/users"' in await part(client, "additional_user")
    for code in ("base_fee", "additional_number", channels.INCOMING):
        assert not {"Включить", "Отключить"} & set(text_of(await part(client, code)).split())
    for code in ("base_fee", channels.INCOMING, "contact_center"):
        assert "Настроить" not in await part(client, code)


# service → its section and what stands there [SVC-08]; no other service has one [SVC-07]
SECTIONS = {
    "callback_widget": ("/widgets", "Виджеты для сайтов"),
    "integration_api": ("/integration-api", "Интеграционный API"),
    "auto_informer": ("/autodialler", "Задания автоинформатора"),
    "speech": ("/speech", "Аналитика речи"),
    "recording": ("/recording", "Запись разговоров"), "additional_user": ("/users", "Пользователи"),
    "additional_number": ("/numbers", "Управление номерами"),
    "additional_number_toll_free": ("/numbers", "Управление номерами"),
    "additional_number_mobile": ("/numbers", "Управление номерами")}


@pytest.mark.req("SVC-07", "SVC-08", "SVC-13")
async def test_configure_and_the_menu_open_the_sections_of_services(client: Browser) -> None:
    admin = await signed_in(client, *PLAN, a_service("recording", "special", 70), a_service("speech", "special", 10),
                            a_service("crm", "special", 10))
    async with domain_transaction(admin.actor) as tx:
        for code in ("integration_api", "contact_center", "speech"):
            await service.connect(tx, code)
    found = {code: catalogue.find(code).configure for code in catalogue.codes() if catalogue.find(code).configure}
    assert found == {code: address for code, (address, _title) in SECTIONS.items()}
    for address, title in SECTIONS.values():
        section = await client.get(address)
        assert section.status_code == 200, address
        assert title in text_of(re.findall(r"<h1.*?</h1>", section.text, re.DOTALL)[0])
    for code in ("recording", "additional_number", "additional_user", "auto_informer", "integration_api",
                 "callback_widget", "speech"):
        assert f'href="{SECTIONS[code][0]}"' in await part(client, code), code
    for code in ("crm", "contact_center", "base_fee", "fmc", channels.INCOMING):
        assert "Настроить" not in await part(client, code), code
    menu = (await client.get("/services")).text
    menu = menu[menu.index('<nav class="sw-menu"'):menu.index("</nav>")]
    inside = re.findall(r'href="([^"]+)"[^>]*><span>([^<]+)</span>', menu[menu.index("Управление услугами"):])
    subsections = {label: url for url, label in reversed(inside)}
    for label, code in (("Запись разговоров", "recording"), ("Автообзвон", "auto_informer"),
                        ("Виджеты для сайтов", "callback_widget"), ("Аналитика речи", "speech"),
                        ("Интеграционный API", "integration_api")):
        assert subsections[label] == SECTIONS[code][0], label  # the same page as "Configure"
    for label in ("Исходящие кампании", "Интеграция с CRM"):
        assert (await client.get(subsections[label])).status_code == 200, label


@pytest.mark.req("SVC-30", "SVC-33", "SVC-34")
async def test_connecting_and_disconnecting_by_the_dialogs(client: Browser) -> None:
    admin = await signed_in(client, money="1000")
    dialog = (await client.get("/services/integration_api/connect", headers={"HX-Request": "true"})).text
    assert "Подключить" in dialog
    assert "416,67" in dialog
    mark = re.search(r'name="quoted" value="([^"]+)"', dialog)
    assert mark
    stale = await post(client, "/services/integration_api/connect", quoted="1/2/3")
    assert mark[1] in stale.text
    assert stale.headers["HX-Retarget"] == "#service-cost"
    assert await ledger(admin.actor) == []
    answer = await post(client, "/services/integration_api/connect", quoted=mark[1])
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/services")
    assert len(await ledger(admin.actor)) == 2
    assert await balance(admin.actor) < Decimal(1000)
    again = await post(client, "/services/integration_api/connect", quoted=mark[1])
    assert again.status_code == 200
    assert len(await ledger(admin.actor)) == 2
    goodbye = text_of((await client.get("/services/integration_api/disconnect")).text)
    assert "Ежемесячная плата уменьшится на 416,67 ₽" in goodbye
    assert "Все настройки этой услуги будут удалены" in goodbye
    assert (await post(client, "/services/integration_api/disconnect")).status_code == 200
    assert (await ledger(admin.actor))[-1] == ("disconnection", "integration_api", -1, 0)


@pytest.mark.req("SVC-30")
async def test_a_refusal_names_the_missing_amount(client: Browser) -> None:
    admin = await signed_in(client, a_service("integration_api", connection=100), money="40")
    answer = await post(client, "/services/integration_api/connect")
    assert answer.status_code == 409
    assert "60,00" in answer.text.replace("\N{NO-BREAK SPACE}", " ")
    assert await ledger(admin.actor) == []


@pytest.mark.req("SVC-35")
async def test_the_dialog_tells_what_will_be_deleted(client: Browser) -> None:
    admin = await signed_in(client)
    async with domain_transaction(admin.actor) as tx:
        await service.connect(tx, "contact_center")
        await tx.execute("UPDATE domain_user SET is_operator = true, display_name = 'Ольга <b>' WHERE id = $1", admin.id)
    dialog = (await client.get("/services/contact_center/disconnect")).text
    assert "Роль оператора" in dialog
    assert "Ольга &lt;b&gt;" in dialog


@pytest.mark.req("SVC-41", "SVC-42", "SVC-D6")
async def test_the_window_of_channels(client: Browser) -> None:
    admin = await signed_in(client)
    row = await part(client, channels.INCOMING)
    assert "/services/channels/incoming" in row
    assert ">(2)</a>" in row
    window = (await client.get("/services/channels/incoming", headers={"HX-Request": "true"})).text
    assert 'name="number"' in window
    assert "Подключить" in window
    cost = (await client.get("/services/channels/incoming/cost?number=5")).text
    assert "150" in text_of(cost)
    mark = re.search(r'name="quoted" value="([^"]+)"', cost)
    assert mark
    assert (await post(client, "/services/channels/incoming", number="5", quoted=mark[1])).status_code == 200
    assert ">(5)</a>" in await part(client, channels.INCOMING)
    assert [entry[2] for entry in await ledger(admin.actor)] == [3, 3]
    lower = text_of((await client.get("/services/channels/incoming/cost?number=1")).text)
    assert "150,00 ₽" in lower
    for wrong in ("0", "1001", "-1", "2.5", "x", ""):
        assert (await post(client, "/services/channels/incoming", number=wrong)).status_code == 422
    for odd in ("0", "99999999", "x", ""):
        assert (await client.get(f"/services/channels/outgoing/cost?number={odd}")).status_code == 200
    assert (await client.get("/services/channels/sideways")).status_code == 404


@pytest.mark.req("SVC-01")
async def test_what_the_plan_does_not_contain_does_not_exist(client: Browser) -> None:
    await signed_in(client, a_service("base_fee"))
    for url in ("/services/crm", "/services/fmc/connect", "/services/fmc/disconnect", "/services/channels/incoming",
                "/services/%27%3B--/connect"):
        assert (await client.get(url)).status_code == 404, url
    for url in ("/services/fmc/connect", "/services/fmc/disconnect", "/services/channels/incoming"):
        assert (await post(client, url, number="5")).status_code in {404, 422}, url
    assert (await post(client, "/services/base_fee/connect")).status_code == 409


@pytest.mark.req("SVC-12", "NUM-12")
async def test_ways_to_the_page(client: Browser) -> None:
    await signed_in(client)
    assert 'href="/services"' in (await client.get("/finance")).text
    numbers = (await client.get("/routing")).text
    assert "Управление линиями" in numbers
    assert 'href="/services#service-incoming_channels"' in numbers
    assert 'href="/services"' in (await client.get("/users")).text  # the menu
    assert (await client.get("/")).text.count('href="/services"') > 1  # and the dashboard's block


async def test_a_plain_user_and_a_supervisor_have_no_services(client: Browser, other_client: Browser) -> None:
    admin = await an_admin()
    plain_user = await a_user(admin.actor)
    await client.sign_in(plain_user.login, plain_user.domain)
    assert (await client.get("/services")).status_code == 403
    supervisor = await a_pool_admin()
    await other_client.sign_in_at("/group", supervisor.login)
    assert (await other_client.get("/services")).status_code in {303, 403}


@pytest.mark.req("SVC-11")
async def test_learn_more(client: Browser) -> None:
    await signed_in(client, language="en")
    page = text_of((await client.get("/services/integration_api")).text)
    assert "Integration API" in page
    assert "call history" in page or "reads the history" in page


@pytest.mark.req("USR-63", "SVC-22")
async def test_the_operators_role_is_given_with_its_cost_in_sight(client: Browser) -> None:
    admin = await signed_in(client)
    card = (await client.get(f"/users/{admin.id}")).text
    assert f"/users/{admin.id}/operator" in card
    dialog = (await client.get(f"/users/{admin.id}/operator", headers={"HX-Request": "true"})).text
    mark = re.search(r'name="quoted" value="([^"]+)"', dialog)
    assert mark
    assert "416,67" in dialog
    url = f"/users/{admin.id}/operator"
    assert (await post(client, url, is_operator="on", quoted=mark[1])).status_code == 200
    assert [row[1] for row in await ledger(admin.actor)] == ["contact_center"] * 2
    assert (await post(client, url)).status_code == 200
    assert (await ledger(admin.actor))[-1] == ("disconnection", "contact_center", -1, 0)
    other = await a_user()
    assert (await post(client, f"/users/{other.id}/operator", is_operator="on")).status_code == 404


@pytest.mark.req("GEN-D1")
async def test_a_supervisor_who_has_entered_manages_services_under_their_own_name(client: Browser) -> None:
    actor = await a_company(*PLAN, money="1000")
    supervisor = await a_pool_admin("supervisor")
    await client.sign_in_at("/group", supervisor.login)
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET pool_id = $2 WHERE id = $1", actor.domain_id, supervisor.pool_id)
    await enter(client, await token_for(client, POOL, actor.domain_id))
    assert (await post(client, "/services/integration_api/connect")).status_code == 200
    async with domain_transaction(actor) as tx:
        assert await service.is_on(tx, "integration_api")
        row = await tx.fetchrow("SELECT actor_login, object_name, action, ip FROM action_history "
                                "WHERE domain_id = $1 AND object_type = 'service'", tx.domain_id)
    assert row is not None
    assert tuple(row) == (supervisor.login, "Integration API", "service_connected", client.ip)
