"""The pages of the auto-dialler: list, task, number list, files, confirmations, and who may open them."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from python_calamine import CalamineWorkbook

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.modules.autodialler.rules import Action, Status
from tenants.numbers import inventory
from tests.db import billing_factories as world
from tests.db.autodialler_world import SERVICE, Dialler, a_prompt, a_task, a_wav, live
from tests.db.factories import STAFF
from tests.db.services_world import a_service
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_staff_member, a_user
from tests.http.test_services import part, post, signed_in
from tests.unit.autodialler.test_autodialler_rules import HEAD, xls, xlsx

pytestmark = pytest.mark.anyio
URL = "/autodialler"
A, B, C, D = "9287771133", "9051234568", "9051234569", "9051234570"
RESULTS = {"HX-Request": "true", "HX-Target": "list-results"}


async def an_admin(client: Browser, language: str = "ru") -> Someone:
    admin = await signed_in(client, SERVICE, language=language)
    await world.a_number(admin.actor)
    return admin


async def upload(client: Browser, task_id: int, content: bytes, name: str = "list.xls"):
    token = await client.csrf(URL)
    return await client.post(f"{URL}/{task_id}/numbers/upload", files={"file": (name, content)},
                             headers={"X-CSRF-Token": token, "HX-Request": "true"})


def names(page: str) -> list[str]:
    return re.findall(r'class="row-link" href="/autodialler/\d+">([^<]+)<', page)


def form_of(page: str) -> dict[str, str]:
    """What the settings form would send."""
    form = re.search(r'<form id="dial-task".*?</form>', page, re.DOTALL)
    assert form, page[:1000]
    values = {name: value for value, name in re.findall(r'<input[^>]*? value="([^"]*)" id="[^"]+" name="(\w+)"', form[0])}
    values |= dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    for name, options in re.findall(r'<select[^>]* name="(\w+)".*?>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    return values


@pytest.mark.req("ADL-02", "ADL-03", "ADL-04", "ADL-05")
async def test_the_list(client: Browser) -> None:
    """TC-13's statistics; order, search and filter."""
    admin = await an_admin(client)
    first = await a_task(A, B, C, D, actor=admin.actor, name="бета",
                         starts_at=datetime(2019, 12, 16, 9, 0, tzinfo=UTC))
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE dial_number SET result = CASE number WHEN $2 THEN 'success' ELSE 'failed' END "
                         "WHERE domain_id = $1", tx.domain_id, A)
        await tx.execute("UPDATE dial_task SET status = 'completed' WHERE domain_id = $1", tx.domain_id)
    for name in ("Альфа", "гамма 100"):
        await post(client, f"{URL}/new", name=name)
    page = (await client.get(URL)).text
    assert names(page) == ["Альфа", "бета", "гамма 100"]
    text = text_of(page)
    assert "1 / 3 (4)" in text
    assert "16.12.2019" in text
    assert "Задание завершено" in text
    turned = (await client.get(f"{URL}?sort=-name", headers=RESULTS)).text
    assert names(turned) == ["гамма 100", "бета", "Альфа"]
    assert names((await client.get(f"{URL}?q=ММ&status=inactive", headers=RESULTS)).text) == ["гамма 100"]
    assert names((await client.get(f"{URL}?q=ММ&status=completed", headers=RESULTS)).text) == []
    assert "Настроить" in text_of(await part(client, "auto_informer"))
    assert f'href="{URL}"' in await part(client, "auto_informer")
    card = text_of((await client.get(f"{URL}/{first.id}")).text)
    assert "Выполнено: 100%" in card


@pytest.mark.req("ADL-10", "ADL-12", "ADL-11")
async def test_creating(client: Browser) -> None:
    admin = await an_admin(client)
    answer = await post(client, f"{URL}/new", name="Долги")
    first = answer.headers["HX-Redirect"]
    assert re.fullmatch(r"/autodialler/\d+", first)
    base = int(first.rpartition("/")[2])
    await Dialler(admin.actor, base).save(email="a@example.com")
    window = (await client.get(f"{URL}/new?template={base}")).text
    assert re.search(r'name="is_copy" checked', window)
    assert f'<option value="{base}" selected>' in window
    copy = (await post(client, f"{URL}/new", name="Долги 2", is_copy="on", template_id=str(base))).headers["HX-Redirect"]
    empty = (await post(client, f"{URL}/new", name="Долги 3", template_id=str(base))).headers["HX-Redirect"]
    emails = [form_of((await client.get(url)).text)["email"] for url in (copy, empty)]
    assert emails == ["a@example.com", ""]
    for name in ("x" * 51, "Долг!", ""):
        assert (await post(client, f"{URL}/new", name=name)).status_code == 422


@pytest.mark.req("ADL-20", "ADL-22", "ADL-D3")
async def test_settings(client: Browser) -> None:
    admin = await an_admin(client)
    await world.a_number(admin.actor, category="toll_free", is_default=False)
    task = await a_task(A, actor=admin.actor)
    url = f"{URL}/{task.id}"
    page = (await client.get(url)).text
    for words in ("Все задания автоинформатора", "Создать задание на базе существующего", "Удалить задание",
                  "Общая информация", "Сценарий доставки уведомления", "Статус задания (Задание неактивно)", "Запуск задания",
                  "Настройки задания", "Список номеров", "АОН исходящих вызовов", "Сохранить изменения"):
        assert words in text_of(page), words
    assert len(re.findall(r"<option", re.findall(r'name="caller_number_id".*?</select>', page, re.DOTALL)[0])) == 2
    sent = form_of(page) | {"starts_at": "2027-03-01T10:00", "ends_at": "2027-03-02T10:00", "timezone": "Asia/Omsk",
                            "schedule": "10" * 84, "attempts": "10", "name": "Новое имя"}
    assert (await post(client, url, **sent)).status_code == 200
    saved = await task.task()
    assert saved.starts_at == datetime(2027, 3, 1, 4, 0, tzinfo=UTC)  # 10:00 in Omsk
    assert (saved.attempts, saved.schedule, saved.name) == (10, "10" * 84, "Новое имя")
    again = form_of((await client.get(url)).text)
    assert again == sent
    for wrong in ({"attempts": "11"}, {"attempts": "0"}, {"answer_seconds": "9"}, {"answer_seconds": "121"},
                  {"retry_minutes": "0"}, {"retry_minutes": "1441"}, {"success_seconds": "61"}, {"concurrency": "0"},
                  {"concurrency": "1001"}, {"ends_at": "2027-03-01T10:00"}, {"timezone": "Moon/Base"}, {"email": "a@"},
                  {"schedule": "1" * 167}, {"schedule": "0" * 168}, {"starts_at": "0001-01-01T00:00"}, {"name": "a!"},
                  {"caller_number_id": "1"}, {"audio_id": "99999"}, {"attempts": "x"}, {"status": "running"}):
        assert (await post(client, url, **(sent | wrong))).status_code == 422, wrong
    assert (await task.task()) == saved


@pytest.mark.req("ADL-40", "ADL-42", "ADL-D8")
async def test_buttons(client: Browser) -> None:
    """TC-20: in every state the page offers deletion; where it is not possible a warning says so."""
    admin = await an_admin(client)
    task = await a_task(A, B, actor=admin.actor)
    url = f"{URL}/{task.id}"
    assert "data-dial-act" in (await client.get(url)).text
    assert 'action="' + url in (await client.get(f"{url}/status/start")).text
    assert (await post(client, f"{url}/status/start")).status_code == 200
    await task.advance()
    assert await task.status() is Status.RUNNING
    page = (await client.get(url)).text
    assert 'id="dial-task"' not in page  # nothing can be edited while it runs
    assert 'name="attempts"' not in page
    assert f"{url}/status/delete" in page
    warning = (await client.get(f"{url}/status/delete")).text
    assert "Удаление возможно в состояниях" in text_of(warning)
    assert f'action="{url}/status/delete"' not in warning
    assert (await post(client, f"{url}/status/delete")).status_code == 409
    assert await task.status() is Status.RUNNING
    state = await client.get(f"{url}/state", headers={"HX-Request": "true"})
    assert 'hx-swap-oob="true"' in state.text
    await post(client, f"{url}/status/stop")
    assert (await post(client, f"{url}/status/delete")).headers["HX-Redirect"] == URL
    assert names((await client.get(URL)).text) == []
    assert names((await client.get(f"{URL}?status=deleted")).text) == ["Оповещение"]
    assert (await client.get(f"{url}/numbers/export")).status_code == 200
    told = text_of((await client.get("/history/actions")).text)
    assert "Изменён статус задания автообзвона" in told


@pytest.mark.req("ADL-23")
async def test_a_task_without_its_caller_id(client: Browser) -> None:
    """TC-41."""
    admin = await an_admin(client)
    task = await a_task(A, actor=admin.actor)
    await task.press(Action.START)
    await task.advance()
    number_id = (await task.task()).caller_number_id
    assert number_id is not None
    async with platform_transaction(STAFF) as tx:
        await inventory.take_back(tx, number_id)
    await task.advance()
    await live(admin.actor)
    page = (await client.get(f"{URL}/{task.id}")).text
    assert '<option value="">Не задан</option>' in page
    assert "Задание остановлено" in page
    answer = await post(client, f"{URL}/{task.id}/status/resume")
    assert answer.status_code == 409
    assert "он не задан" in text_of(answer.text)
    assert "он не задан" in text_of((await client.get(f"{URL}/{task.id}/status/resume")).text)
    assert await task.status() is Status.STOPPED


@pytest.mark.req("ADL-50", "ADL-51", "ADL-53", "ADL-54", "ADL-56", "ADL-59", "ADL-60", "ADL-61", "ADL-62")
async def test_the_number_list(client: Browser) -> None:
    """TC-14, TC-15, TC-38."""
    admin = await an_admin(client)
    task = await a_task(actor=admin.actor)
    url = f"{URL}/{task.id}/numbers"
    template = await client.get(f"{url}/template")
    assert template.headers["content-disposition"].startswith('attachment; filename="template.xls"')
    wrong = await upload(client, task.id, xls(HEAD, (A, ""), ("89051234567", "")))
    assert wrong.status_code == 422
    assert "89051234567" in wrong.text
    assert (await upload(client, task.id, b"just text")).status_code == 422
    assert not await task.numbers()
    good = await upload(client, task.id, xls(HEAD, (A, "Контакт1"), (B, "<b>x</b>"), (A, "again")))
    assert good.headers["HX-Redirect"] == url
    assert (await upload(client, task.id, xlsx((*HEAD, "Доп. информация"), (C, "", "этаж 5")), "l.xlsx")).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE dial_number SET result = 'success', attempts = 1, last_attempt_at = $3 "
                         "WHERE domain_id = $1 AND number = $2", tx.domain_id, A,
                         datetime(2019, 12, 16, 11, 55, 28, tzinfo=UTC))
    page = (await client.get(url)).text
    text = text_of(page)
    for words in ("+7 928 777-11-33", "Контакт1", "Обзвон закончен успешно", "Не начато", "16.12.2019, 14:55:28", "этаж 5",
                  "Шаблон списка", "Экспорт результатов обзвона", "Очистить список", "Загрузить"):
        assert words in text, words
    assert "<b>x</b>" not in page
    found = (await client.get(f"{url}?q=%2B7+(905)", headers=RESULTS)).text
    assert ("+7 905 123-45-68" in found, "+7 928" in found) == (True, False)
    assert "+7 928" not in (await client.get(f"{url}?q=777", headers=RESULTS)).text
    export = await client.get(f"{url}/export")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(export.content)).get_sheet_by_index(0).to_python()
    assert rows[:2] == [["Номер", "Результат", "Кол-во попыток дозвона", "Последняя попытка дозвона"],
                        [A, "Обзвон закончен успешно", 1, "16.12.2019 14:55:28"]]
    assert len(rows) == 4
    number_id = (await task.numbers())[C].id
    assert (await post(client, f"{url}/{number_id}/delete")).status_code == 200
    assert (await post(client, f"{url}/{number_id}/delete")).status_code == 404
    assert "2" in text_of((await client.get(f"{url}/clear")).text)
    await post(client, f"{url}/clear")
    assert not await task.numbers()


@pytest.mark.req("ADL-36")
async def test_the_voice_message(client: Browser) -> None:
    admin = await an_admin(client)
    task = await a_task(A, actor=admin.actor)
    url = f"{URL}/{task.id}"
    sent = form_of((await client.get(url)).text)
    assert sent["audio_id"] == str((await task.task()).audio_id)
    stereo = bytearray(a_wav())
    stereo[22], stereo[32] = 2, 4
    refused = await post(client, url, **(sent | {"audio_id": str(await a_prompt(admin.actor, content=bytes(stereo)))}))
    assert refused.status_code == 422
    assert "моно" in refused.text
    assert (await post(client, url, **(sent | {"audio_id": str(await a_prompt(admin.actor))}))).status_code == 200
    page = text_of((await client.get(url)).text)
    assert "до 2 МБ" in page


@pytest.mark.req("ADL-01", "GEN-D5")
async def test_who_may_use_it(client: Browser) -> None:
    admin = await an_admin(client)
    task = await a_task(A, actor=admin.actor)
    await client.post("/sign-out")
    someone = await a_user(admin.actor)
    await client.sign_in(someone.login, someone.domain)
    for url in (URL, f"{URL}/{task.id}", f"{URL}/{task.id}/numbers/export"):
        assert (await client.get(url)).status_code == 403
    await client.post("/sign-out")
    await signed_in(client, a_service("fmc", "special"))
    assert (await client.get(URL)).status_code == 403  # not in that plan
    assert f'href="{URL}"' not in (await client.get("/users")).text
    await client.post("/sign-out")
    await signed_in(client, SERVICE)
    assert f'href="{URL}"' in (await client.get("/users")).text
    number_id = (await task.numbers())[A].id
    for url in (f"{URL}/{task.id}", f"{URL}/{task.id}/state", f"{URL}/{task.id}/numbers", f"{URL}/{task.id}/status/start",
                f"{URL}/{task.id}/numbers/{number_id}/delete", f"{URL}/{task.id}/numbers/export"):
        assert (await client.get(url)).status_code == 404, url
    for url in (f"{URL}/{task.id}/status/start", f"{URL}/{task.id}/numbers/clear",
                f"{URL}/{task.id}/numbers/{number_id}/delete"):
        assert (await post(client, url)).status_code == 404, url
    assert (await upload(client, task.id, xls(HEAD, (B, "")))).status_code == 404
    assert set(await task.numbers()) == {A}
    assert clock.now() > (await task.task()).status_at


async def test_the_providers_staff_return_a_failed_task(client: Browser) -> None:
    task = await a_task(A, name="Сбойное")
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE dial_task SET status = 'prep_error' WHERE id = $1", task.id)
    support, engineer = await a_staff_member("support"), await a_staff_member()
    url = f"/provider/dial-tasks/{task.id}/return"
    for someone, code in ((support, 403), (engineer, 200)):
        await client.sign_in_at("/provider", someone.login)
        assert "Сбойное" in (await client.get("/provider/dial-tasks")).text
        token = await client.csrf("/provider/dial-tasks")
        answer = await client.post(url, headers={"X-CSRF-Token": token, "HX-Request": "true"})
        assert answer.status_code == code
        await client.post("/provider/sign-out", headers={"X-CSRF-Token": token})
    assert await task.status() is Status.INACTIVE
