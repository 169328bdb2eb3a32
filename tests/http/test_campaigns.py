"""The pages of campaigns: list, form, call list, files; and the operator's panel in the workplace."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from python_calamine import CalamineWorkbook

from app.kernel.db import domain_transaction
from app.modules.campaigns import queries
from tests.db.campaigns_world import SERVICE, Working, a_campaign, a_group, an_owner, at_work
from tests.db.services_world import a_service
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_services import post, signed_in
from tests.unit.autodialler.test_autodialler_rules import xlsx
from tests.unit.campaigns.test_campaign_rules import COLUMNS

pytestmark = pytest.mark.anyio
URL = "/campaigns"
RESULTS = {"HX-Request": "true", "HX-Target": "list-results"}
FORM = {"name": "Оповещение об акции", "attempts": "3", "method": "sequential", "starts_at": "2021-03-11T13:35",
        "ends_at": "2021-03-26T13:35"}


async def an_admin(client: Browser) -> tuple[Someone, int]:
    actor = await an_owner()
    admin = await a_user(actor, "zimin", is_admin=True)
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(admin.login, admin.domain)
    return admin, await a_group(actor, "Mobile")


async def created(client: Browser, group_id: int, **changes: str) -> str:
    answer = await post(client, f"{URL}/new", **(FORM | {"group_id": str(group_id)} | changes))
    assert answer.status_code == 200, answer.text
    return answer.headers["HX-Redirect"]


@pytest.mark.req("CMP-10", "CMP-11", "CMP-12")
async def test_the_list(client: Browser) -> None:
    """TC-09, TC-10."""
    admin, group_id = await an_admin(client)
    await created(client, group_id)
    await created(client, group_id, name="Вторая", starts_at="2021-03-10T15:47", ends_at="2021-03-27T15:47")
    await created(client, group_id, name="Третья", starts_at="2020-12-24T00:00", ends_at="2021-01-24T23:59")
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE campaign SET is_active = true WHERE domain_id = $1 AND name LIKE 'Опо%'", tx.domain_id)
    page = (await client.get(URL)).text
    rows = {re.findall(r'row-link"[^>]*>([^<]+)<', row)[0]: text_of(row) for row in re.findall(r"<tr><td>.*?</tr>", page, re.S)}
    assert "Активна 11.03.2021 13:35 – 26.03.2021 13:35" in rows["Оповещение об акции"]
    assert "Деактивировать" in rows["Оповещение об акции"]
    assert "Mobile" in rows["Оповещение об акции"]
    assert "Не активен 10.03.2021 15:47 – 27.03.2021 15:47" in rows["Вторая"]
    assert "Не активен 24.12.2020 00:00 – 24.01.2021 23:59" in rows["Третья"]
    assert "Активировать" in rows["Третья"]
    assert 'href="/campaigns"' in (await client.get("/users")).text
    third = re.findall(r'row-link" href="(/campaigns/\d+)">Третья', page)[0]
    refused = await post(client, f"{third}/start?list=1")  # its end is over
    assert refused.status_code == 409
    assert (await post(client, f"{third}/delete")).headers["HX-Redirect"] == URL
    assert "Третья" not in (await client.get(URL)).text


@pytest.mark.req("CMP-20", "CMP-21", "CMP-22", "CMP-23", "CMP-04")
async def test_the_form(client: Browser) -> None:
    admin, group_id = await an_admin(client)
    page = text_of((await client.get(f"{URL}/new")).text)
    for words in ("Попыток дозвона", "Метод дозвона", "Последовательный", "Параллельный", "Группа обработки вызовов", "Mobile",
                  "Макс. время разговора", "Ссылка на информацию о кампании", "Дата и время начала",
                  "Дата и время окончания", "20 секунд", "после создания кампании", "Создать кампанию"):
        assert words in page, words
    for wrong in ({"name": ""}, {"name": "x" * 101}, {"attempts": "0"}, {"attempts": "11"}, {"method": "x"}, {"group_id": ""},
                  {"group_id": "999999"}, {"max_talk_minutes": "0"}, {"max_talk_minutes": "121"},
                  {"info_url": "javascript:alert(1)"}, {"ends_at": "2021-03-11T13:35"}, {"starts_at": ""},
                  {"is_active": "on"}):
        sent = FORM | {"group_id": str(group_id)} | wrong
        assert (await post(client, f"{URL}/new", **sent)).status_code == 422, wrong
    url = await created(client, group_id, max_talk_minutes="2", info_url="https://crm.example/a?b=1")
    page = (await client.get(url)).text
    for words in ("Запустить", "Удалить", "Назад", "Основное", "Список обзвона", "Успешный вызов", "Нет ответа",
                  "Сохранить изменения"):
        assert words in text_of(page), words
    assert 'value="2021-03-11T13:35"' in page
    await post(client, url, **(FORM | {"group_id": str(group_id), "ends_at": "2071-03-26T13:35", "attempts": "10"}))
    async with domain_transaction(admin.actor) as tx:
        saved = await queries.campaign(tx, int(url.rpartition("/")[2]))
    assert (saved.attempts, saved.max_talk_minutes, saved.ends_at) == (10, None, datetime(2071, 3, 26, 10, 35, tzinfo=UTC))
    assert (await post(client, f"{url}/start")).status_code == 200
    assert "Отключить" in text_of((await client.get(url)).text)
    await post(client, f"{url}/stop")
    assert "Запустить" in text_of((await client.get(url)).text)
    assert "Кампания включена или отключена" in text_of((await client.get("/history/actions")).text)
    assert (await client.get(f"{url}/delete")).status_code == 200
    await post(client, f"{url}/delete")
    assert (await client.get(url)).status_code == 404


@pytest.mark.req("CMP-30", "CMP-32")
async def test_statuses(client: Browser) -> None:
    _admin, group_id = await an_admin(client)
    url = await created(client, group_id)
    assert (await post(client, f"{url}/statuses/new", status="Перезвонить позже")).status_code == 200
    assert (await post(client, f"{url}/statuses/new", status="перезвонить ПОЗЖЕ")).status_code == 422
    page = (await client.get(url)).text
    assert "Перезвонить позже" in page
    number = re.findall(rf"{url}/statuses/(\d+)/delete", page)
    assert len(number) == 1  # those that always exist cannot be deleted
    await post(client, f"{url}/statuses/{number[0]}/delete")
    assert "Перезвонить позже" not in re.sub(r"placeholder=\S+", "", (await client.get(url)).text)


@pytest.mark.req("CMP-40", "CMP-41", "CMP-42", "CMP-43", "CMP-44", "CMP-45", "CMP-D8")
async def test_the_call_list(client: Browser) -> None:
    """TC-11, and TC-40 by the page."""
    admin, group_id = await an_admin(client)
    url = await created(client, group_id)
    base = f"{url}/clients"
    await post(client, f"{base}/new", name="Николай", numbers="444\n555\n777", notes="Инфа")
    token = await client.csrf(URL)
    book = xlsx(COLUMNS, ("Роман", 111, 222, 333, "", "", "Инфа"), ("", 9, "", "", "", "", ""))
    preview = await client.post(f"{base}/import", files={"file": ("clients.xlsx", book)},
                                headers={"X-CSRF-Token": token, "HX-Request": "true"})
    text = text_of(preview.text)
    assert "Строк в файле: 2" in text
    assert "Готово: 1" in text
    confirm = re.findall(rf'action="({base}/import/\d+)"', preview.text)[0]
    assert "В списке 1 клиент. Обзвонили 0" in text_of((await client.get(base)).text)
    assert (await post(client, confirm)).status_code == 200
    page = (await client.get(base)).text
    text = text_of(page)
    assert "В списке 2 клиентов. Обзвонили 0" in text.replace("2 клиента", "2 клиентов")
    assert text.count("Начальное состояние") >= 2
    for words in ("444 , 555 , 777", "111 , 222 , 333", "Инфа", "Массовое создание клиентов", "Скачать список",
                  "Очистить список", "Добавить клиента"):
        assert words in re.sub(r"\s*,", " ,", text), words
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE campaign_client SET status = 'success', attempts = 2 WHERE domain_id = $1 "
                         "AND name = 'Роман'", tx.domain_id)
        roman = await tx.fetchval("SELECT id FROM campaign_client WHERE domain_id = $1 AND name = 'Роман'", tx.domain_id)
    found = text_of((await client.get(f"{base}?status=success&q=222", headers=RESULTS)).text)
    assert ("Роман" in found, "Николай" in found) == (True, False)
    assert "Обзвонили 1" in text_of((await client.get(base)).text)
    report = await client.get(f"{base}/export?status=success")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(report.content)).get_sheet_by_index(0).to_python()
    assert rows[0] == ["Клиент", "Статус", "Номера", "Примечания", "Оператор", "Кол-во попыток дозвона",
                       "Последняя попытка дозвона", "Время разговоров"]
    assert [row[:4] for row in rows[1:]] == [["Роман", "Успешный вызов", "111, 222, 333", "Инфа"]]
    assert "Вернуть в начальное состояние" in text_of((await client.get(f"{base}/{roman}")).text)
    await post(client, f"{base}/{roman}/restart")
    assert "Обзвонили 0" in text_of((await client.get(base)).text)
    assert "Клиент возвращён в начальное состояние" in text_of((await client.get("/history/actions")).text)
    for kind, mark in (("xlsx", b"PK"), ("csv", "\ufeffИмя;Номер 1".encode())):
        assert (await client.get(f"{base}/template/{kind}")).content.startswith(mark)
    assert (await post(client, f"{base}/{roman}", name="Роман", numbers="444")).status_code == 422  # Николай's
    await post(client, f"{base}/{roman}/delete")
    await post(client, f"{base}/clear")
    assert "В списке 0 клиентов" in text_of((await client.get(base)).text)


async def an_operator_of(campaign: Working, client: Browser) -> Someone:
    """A person who can sign in, at work, in the campaign's group."""
    someone = await a_user(campaign.actor, "galina")
    async with domain_transaction(campaign.actor) as tx:
        await tx.execute("UPDATE domain_user SET is_operator = true WHERE id = $1", someone.id)
        await tx.execute("INSERT INTO group_member (domain_id, group_id, user_id) SELECT $1, id, $2 FROM call_group "
                         "WHERE domain_id = $1", tx.domain_id, someone.id)
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(someone.login, someone.domain)
    return someone


@pytest.mark.req("CMP-03", "CMP-51", "CMP-D1", "CMP-33")
async def test_the_panel_of_the_operator(client: Browser) -> None:
    campaign = await a_campaign(info_url="https://crm.example/camp")
    client_id = await campaign.add("Николай <b>", "444", "9051234567")
    async with domain_transaction(campaign.actor) as tx:
        await tx.execute("UPDATE campaign_client SET notes = 'Инфа' WHERE domain_id = $1", tx.domain_id)
    someone = await an_operator_of(campaign, client)
    panel = (await client.get("/workplace/campaign")).text
    assert "Следующий клиент" not in panel  # not at work yet
    assert "Сначала начните работу." in (await work(client, "take", campaign_id=str(campaign.id)))
    await at_work(campaign.actor, someone.id)
    assert "Следующий клиент" in (await client.get("/workplace/campaign")).text
    assert 'hx-get="/workplace/campaign"' in (await client.get("/work")).text
    panel = await work(client, "take", campaign_id=str(campaign.id))
    for part in ("Николай &lt;b&gt;", "444", "+7 905 123-45-67", "https://crm.example/camp", "Позвонить", "Пропустить", "Инфа"):
        assert part in panel, part
    assert "Идёт вызов клиента" not in panel
    panel = await work(client, "call")
    assert "Ответьте на своём телефоне" in panel
    assert "Следующий клиент" not in panel
    await campaign.end(someone.id, "connected", 30)
    panel = (await client.get("/workplace/campaign")).text
    assert "Успешный вызов" in panel
    assert "Начальное состояние" not in panel
    assert "Сначала закончите с текущим клиентом." in await work(client, "leave")
    assert "Такого статуса нет." in await work(client, "status", status="initial")
    panel = await work(client, "status", status="no_answer")
    assert "Следующий клиент" in panel
    assert (await campaign.client(client_id)).status == "no_answer"
    assert "Сейчас звонить некому." in await work(client, "take", campaign_id=str(campaign.id))


async def work(client: Browser, act: str, **data: str) -> str:
    token = await client.csrf("/me")
    answer = await client.post(f"/workplace/campaign/{act}", data=data, headers={"X-CSRF-Token": token, "HX-Request": "true"})
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.req("GEN-D5")
async def test_who_may_use_them(client: Browser) -> None:
    campaign = await a_campaign()
    client_id = await campaign.add("Николай", "444")
    await signed_in(client, a_service("fmc", "special"))
    assert (await client.get(URL)).status_code == 403
    assert (await client.get("/workplace/campaign")).status_code in (403, 404)
    await client.post("/sign-out")
    admin, _group = await an_admin(client)
    base = f"{URL}/{campaign.id}"
    for url in (base, f"{base}/clients", f"{base}/clients/{client_id}", f"{base}/clients/export"):
        assert (await client.get(url)).status_code == 404, url
    for url in (f"{base}/stop", f"{base}/delete", f"{base}/clients/{client_id}/delete", f"{base}/clients/clear"):
        assert (await post(client, url)).status_code == 404, url
    assert (await campaign.client(client_id)).name == "Николай"
    await client.post("/sign-out")
    someone = await a_user(admin.actor)
    await client.sign_in(someone.login, someone.domain)
    assert (await client.get(URL)).status_code == 403
    assert SERVICE["service"] == "contact_center"
