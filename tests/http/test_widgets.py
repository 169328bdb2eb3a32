"""Callback widgets: the panel's pages, and what a visitor of a foreign site can and cannot do."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF
from tests.db.services_world import a_service, balance, ledger
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_services import post, signed_in
from widgets import queries, service
from widgets.appearance import DEFAULT
from widgets.rules import ALWAYS

pytestmark = pytest.mark.anyio

PLAN = a_service("callback_widget", "special", "1.00", "1.00")
SITE = {"Origin": "https://shop.domain.com"}
OFFICE = "".join("1" if day < 5 and 9 <= hour < 18 else "0" for day in range(7) for hour in range(24))


async def a_widget(admin: Someone, *, is_on: bool = True, captcha: bool = False, intensity: int = 0,
                   schedule: str = ALWAYS, name: str = service.DEFAULT_NAME) -> queries.Widget:
    """Answered by the administrator himself."""
    async with domain_transaction(admin.actor) as tx:
        number = await service.create(tx)
        await service.configure(tx, number, is_on=is_on, name=name, dist_type="user", object_id=admin.id,
                                schedule=schedule, intensity_seconds=intensity)
        await service.switch_captcha(tx, number, captcha)
        return await queries.widget(tx, number)


async def again(admin: Someone, widget: queries.Widget) -> queries.Widget:
    async with domain_transaction(admin.actor) as tx:
        return await queries.widget(tx, widget.id)


async def asked(admin: Someone, widget: queries.Widget) -> list[tuple[str, str, str, str, str]]:
    """(phone, event, list hit, result, reason), oldest first."""
    async with domain_transaction(admin.actor) as tx:
        rows = await tx.fetch("SELECT phone, event, list_hit, result, reason FROM widget_request WHERE domain_id = $1 "
                              "AND widget_id = $2 ORDER BY id", tx.domain_id, widget.id)
    return [tuple(row) for row in rows]


async def counted(admin: Someone, widget: queries.Widget) -> queries.Counters:
    async with domain_transaction(admin.actor) as tx:
        return await queries.statistics(tx, widget.id, None, None)


async def add(admin: Someone, widget: queries.Widget, which: str, *entries: str) -> None:
    async with domain_transaction(admin.actor) as tx:
        for one in entries:
            await (service.add_domain(tx, widget.id, one) if which == "domain"
                   else service.add_number(tx, widget.id, which, one))


async def send(visitor: Browser, widget: queries.Widget, phone: str, *, headers: dict[str, str] | None = None,
               **more: Any) -> httpx.Response:
    return await visitor.post(f"/widget/v1/{widget.public_id}/requests", json={"phone": phone} | more,
                              headers=SITE if headers is None else headers)


def solved(task: dict[str, Any]) -> str:
    number = next(n for n in range(task["maxnumber"] + 1)
                  if hashlib.sha256(f"{task['salt']}{n}".encode()).hexdigest() == task["challenge"])
    found = {key: task[key] for key in ("algorithm", "challenge", "salt", "signature")} | {"number": number}
    return base64.b64encode(json.dumps(found).encode()).decode()


# --- the panel ---------------------------------------------------------------------------------------


@pytest.mark.req("WGT-10", "WGT-11", "WGT-12")
async def test_a_widget_is_added_with_its_cost_and_deleted(client: Browser) -> None:
    """TC-03: connection 1.00, then 0.03 of the day in a month of 31 days."""
    admin = await signed_in(client, PLAN, money="9906159.65")
    empty = (await client.get("/widgets")).text
    assert "Виджеты для сайтов" in text_of(empty)
    dialog = (await client.get("/widgets/new")).text
    assert "1,00" in text_of(dialog)
    assert (await client.get("/widgets")).text.count("row-link") == 0  # nothing has happened yet
    mark = re.search(r'name="quoted" value="([^"]+)"', dialog)
    assert mark
    with clock.at(datetime(2020, 12, 1, 9, tzinfo=UTC)):
        answer = await post(client, "/widgets/new")
    url = answer.headers["HX-Redirect"]
    assert await balance(admin.actor) == Decimal("9906158.62")
    assert (await ledger(admin.actor))[-2:] == [("connection", "callback_widget", 1, Decimal("-1.00")),
                                                ("subscription_fee", "callback_widget", 1, Decimal("-0.03"))]
    page = (await client.get(url)).text
    assert "Обратный звонок (0)" in text_of(page)
    for tab in ("Настройки", "Отображение", "Безопасность", "Журнал обращений", "Статистика", "Удалить виджет"):
        assert tab in text_of(page), tab
    async with domain_transaction(admin.actor) as tx:
        widget = await queries.widget(tx, int(url.rsplit("/", 1)[1]))
        lists = await queries.number_lists(tx, widget.id)
        assert lists == {"white": frozenset(), "black": frozenset()}
        assert await queries.domains(tx, widget.id) == []
    assert (widget.is_on, widget.dist_type, widget.object_id, widget.schedule, widget.intensity_seconds,
            widget.captcha) == (False, "group", None, ALWAYS, 60, True)
    assert widget.appearance == DEFAULT
    assert f"/widget/v1/{widget.public_id}.js" in page
    assert "Удалить виджет" in text_of((await client.get(f"{url}/delete")).text)
    await post(client, f"{url}/delete")
    assert (await client.get(url)).status_code == 404
    assert (await client.get(f"/widget/v1/{widget.public_id}.js")).status_code == 404
    assert (await ledger(admin.actor))[-1] == ("disconnection", "callback_widget", -1, 0)
    told = text_of((await client.get("/history/actions")).text)
    assert "Виджет добавлен" in told
    assert "Виджет удалён" in told


@pytest.mark.req("WGT-03", "WGT-04", "WGT-05")
async def test_the_list(client: Browser) -> None:
    """TC-29: all by name; working ones only; the others only."""
    admin = await signed_in(client, PLAN)
    for name, is_on in (("Виджет Б", True), ("Виджет А", False), ("Виджет Г", True), ("Виджет В", False)):
        await a_widget(admin, is_on=is_on, name=name)
    names = re.compile(r'class="row-link"[^>]*>([^<]+)<')
    page = (await client.get("/widgets")).text
    assert names.findall(page) == ["Виджет А", "Виджет Б", "Виджет В", "Виджет Г"]
    assert "Call_me" in page
    assert re.search(r"<time[^>]*>\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d</time>", page)
    assert "Тип распределения Пользователи: Название объекта " in text_of(page)
    assert names.findall((await client.get("/widgets?state=on")).text) == ["Виджет Б", "Виджет Г"]
    assert names.findall((await client.get("/widgets?state=off")).text) == ["Виджет А", "Виджет В"]
    assert names.findall((await client.get("/widgets?q=виджет+г")).text) == ["Виджет Г"]


@pytest.mark.req("WGT-30", "WGT-31", "WGT-32", "WGT-33", "WGT-36")
async def test_settings(client: Browser) -> None:
    """TC-26: refused without an object; on with one; then the name is read-only."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin, is_on=False)
    url = f"/widgets/{widget.id}"
    async with domain_transaction(admin.actor) as tx:
        group = await tx.fetchval("INSERT INTO call_group (domain_id, name) VALUES ($1, 'Продажи') RETURNING id",
                                  tx.domain_id)
        fresh = await service.create(tx)
    types = re.search(r'<select[^>]*name="dist_type".*?</select>', (await client.get(f"/widgets/{fresh}")).text, re.DOTALL)
    assert types
    assert re.findall(r'value="(\w+)"( selected)?', types[0]) == [("group", " selected"), ("user", "")]
    base = {"name": "Заказ", "intensity": "30", "schedule": "1" * 9 + "0" * 159}
    refused = await post(client, url, is_on="on", dist_type="group", **base)
    assert refused.status_code == 422
    assert not (await again(admin, widget)).is_on
    # another type begins without an object: the user that was chosen does not count
    assert (await post(client, url, is_on="on", dist_type="group", user_id=str(admin.id), **base)).status_code == 422
    assert (await post(client, url, is_on="on", dist_type="group", group_id=str(group), **base)).status_code == 200
    after = await again(admin, widget)
    assert (after.is_on, after.name, after.group_id, after.user_id, after.intensity_seconds, after.schedule.count("1")
            ) == (True, "Заказ", group, None, 30, 9)
    assert re.search(r'id="f-name"[^>]*readonly', (await client.get(url)).text)
    answer = await post(client, url, is_on="on", dist_type="group", group_id=str(group), **(base | {"name": "Другое"}))
    assert answer.status_code == 422
    assert (await post(client, url, dist_type="group", group_id=str(group), **(base | {"schedule": "0" * 168}))).status_code == 422
    for wrong in ({"intensity": "45"}, {"name": ""}, {"name": "a" * 101}, {"schedule": "1" * 167}):
        assert (await post(client, url, dist_type="group", **(base | wrong))).status_code == 422, wrong
    other = await a_user()
    assert (await post(client, url, dist_type="user", user_id=str(other.id), **base)).status_code == 404


@pytest.mark.req("WGT-50", "WGT-51", "WGT-52", "WGT-55", "WGT-60", "WGT-D6")
async def test_security_saves_at_once(client: Browser) -> None:
    """TC-24 and the forms of entries."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    url = f"/widgets/{widget.id}"
    for typed, status in (("749512", 422), ("79051", 200), ("9051234567", 200), ("905123456", 422),
                          ("+7 (905) 123-45-67", 422), ("8 495 123-45-67", 200), ("79051", 422), ("7905a", 422)):
        assert (await post(client, f"{url}/numbers/black", number=typed)).status_code == status, typed
    async with domain_transaction(admin.actor) as tx:
        entries = await queries.numbers(tx, widget.id, "black")
    assert [one.value for one in entries] == ["4951234567", "79051", "9051234567"]
    await post(client, f"{url}/numbers/black/{entries[0].id}/delete")
    assert (await post(client, f"{url}/numbers/white/{entries[1].id}/delete")).status_code == 404
    for typed, status in (("*.domain.com", 200), ("http://domain.com", 422), ("domain.com/path", 422), ("Пример.рф", 200),
                          ("*.Domain.com", 422), ("*", 422)):
        assert (await post(client, f"{url}/domains", domain=typed)).status_code == status, typed
    await post(client, f"{url}/captcha", captcha="on")
    assert (await again(admin, widget)).captcha
    page = text_of((await client.get(f"{url}/security")).text)
    assert "пример.рф" in page
    assert "Чёрный список номеров 2" in page
    assert "Белый список номеров 0" in page
    for typed, status in (("749512", 422), ("8 (495) 123-45-67", 200), ("4951234567", 422), ("7812", 200)):
        assert (await post(client, f"{url}/numbers/white", number=typed)).status_code == status, typed
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("INSERT INTO widget_number_rule (domain_id, widget_id, list, value) SELECT $1, $2, 'white', "
                         "n::text FROM generate_series(10000, 10997) n", tx.domain_id, widget.id)
    assert (await post(client, f"{url}/numbers/white", number="7813")).status_code == 422  # there are 1000
    assert (await post(client, f"{url}/numbers/black", number="7813")).status_code == 200  # each list by itself


@pytest.mark.req("WGT-D4")
async def test_looks_are_checked(client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    plain: dict[str, Any] = {"position": "top_left", "fill_kind": "gradient", "fill_colour": "#112233", "fill_angle": "45",
             "stop_colour": ["#000000", "#ffffff"], "stop_at": ["100", "10"], "offset_x": "0", "offset_y": "500",
             "radius_modal": "50", "radius_fields": "0", "caption_size": "40", "caption_colour": "#000000",
             "caption": "Да", "title": "Мы", "greeting_open": "<b>Привет</b>", "greeting_closed": "Работаем 10:00–19:00"}
    url = f"/widgets/{widget.id}/display"
    assert (await post(client, url, **plain)).status_code == 200
    looks = (await again(admin, widget)).appearance
    assert [(one.colour, one.at) for one in looks.fill.stops] == [("#ffffff", 10), ("#000000", 100)]
    assert "не соответствуют расписанию" in text_of((await client.get(url)).text)
    for wrong in ({"offset_x": "501"}, {"radius_modal": "-1"}, {"caption_size": "7"}, {"caption": ""},
                  {"title": "a" * 51}, {"greeting_open": "a" * 301}, {"fill_colour": "red"}, {"fill_angle": "360"},
                  {"stop_colour": ["#000000"], "stop_at": ["1"]}, {"position": "middle"},
                  {"caption_colour": "#000;}</style>"}, {"stop_at": ["1", "101"]}, {"offset_y": "-1"},
                  {"radius_fields": "51"}, {"caption_size": "41"}, {"caption": "a" * 31}, {"greeting_closed": "a" * 301},
                  {"stop_colour": ["#000000"] * 6, "stop_at": [str(at) for at in range(6)]}):
        assert (await post(client, url, **(plain | wrong))).status_code == 422, wrong
    assert (await again(admin, widget)).appearance == looks
    assert (DEFAULT.greeting_open, DEFAULT.greeting_closed) == (
        "Оставьте номер телефона — мы скоро вам перезвоним",
        "Наши рабочие часы: 9:00–18:00 (МСК). Оставьте номер — позвоним в начале следующего рабочего дня")


# --- the visitor -------------------------------------------------------------------------------------


@pytest.mark.req("WGT-44", "WGT-D5")
async def test_script_and_config(client: Browser, other_client: Browser) -> None:
    """TC-28: another colour reaches the site without another code. A widget that is off shows nothing."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin, captcha=True)
    base = f"/widget/v1/{widget.public_id}"
    script = await other_client.get(f"{base}.js")
    assert script.status_code == 200
    assert len(script.content) < 20_000
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "public, max-age=300"
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "set-cookie" not in script.headers
    answer = await other_client.get(f"{base}/config", headers=SITE)
    assert answer.headers["access-control-allow-origin"] == SITE["Origin"]
    assert "access-control-allow-credentials" not in answer.headers
    assert "set-cookie" not in answer.headers
    found = answer.json()
    assert set(found) == {"appearance", "open", "captcha", "terms_url", "language", "texts"}  # nothing of the company
    assert found["appearance"]["fill"]["colour"] == DEFAULT.fill.colour
    assert found["appearance"]["greeting"] == DEFAULT.greeting_open
    assert found["captcha"]["on"] is True
    assert (await counted(admin, widget)).views == 1
    looks = DEFAULT.model_copy(update={"fill": DEFAULT.fill.model_copy(update={"colour": "#00aa55"})})
    async with domain_transaction(admin.actor) as tx:
        await service.draw(tx, widget.id, looks)
    answer = await other_client.get(f"{base}/config", headers=SITE)
    assert answer.json()["appearance"]["fill"]["colour"] == "#00aa55"
    assert (await again(admin, widget)).public_id == widget.public_id
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE widget SET is_on = false WHERE domain_id = $1 AND id = $2", tx.domain_id, widget.id)
    off = await other_client.get(f"{base}.js")
    assert (off.status_code, off.content) == (200, b"")
    assert (await other_client.get(f"{base}/config", headers=SITE)).status_code == 404
    assert (await send(other_client, widget, "74951234567")).status_code == 404
    for path in ("/widget/v1/nothing.js", f"/widget/v1/{'0' * 32}.js", f"/widget/v1/{'0' * 32}/config"):
        assert (await other_client.get(path)).status_code == 404


@pytest.mark.req("WGT-52", "WGT-53", "WGT-54", "WGT-55")
async def test_lists_of_numbers(client: Browser, other_client: Browser) -> None:
    """TC-22 and TC-23; the visitor learns nothing of the lists."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    first = await send(other_client, widget, "7 812 123-45-67")
    assert first.status_code == 202
    assert (await send(other_client, widget, "+1 415 555 01 23")).status_code == 400
    assert (await send(other_client, widget, "hello")).status_code == 400
    await add(admin, widget, "white", "7495")
    for phone in ("74951234567", "78121234567"):
        answer = await send(other_client, widget, phone)
        assert (answer.status_code, answer.json()) == (202, first.json())
    await add(admin, widget, "black", "4951234567")
    assert (await send(other_client, widget, "74951234567")).json() == first.json()
    assert await asked(admin, widget) == [
        ("78121234567", "call", "none", "waiting", ""), ("14155550123", "call", "none", "refused", "not_russian"),
        ("74951234567", "call", "none", "waiting", ""), ("78121234567", "call", "not_white", "refused", "not_white"),
        ("74951234567", "call", "black", "refused", "black")]
    assert (await again(admin, widget)).unprocessed == 2
    assert (await counted(admin, widget)).received == 2
    async with domain_transaction(admin.actor) as tx:
        rows = await tx.fetch("SELECT first_code, then_code, payer_user_id, shown_number, shown_name FROM call_order "
                              "WHERE domain_id = $1 ORDER BY id", tx.domain_id)
    assert tuple(rows[0]) == (f"u{admin.id}", "n88121234567", admin.id, "78121234567", "Обратный звонок")
    assert len(rows) == 2


@pytest.mark.req("WGT-60", "WGT-D7")
async def test_domains(client: Browser, other_client: Browser) -> None:
    """TC-25, and a page that does not tell where it is."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    assert (await send(other_client, widget, "79051000001", headers={})).status_code == 202  # an empty list: any page
    await add(admin, widget, "domain", "*.domain.com")
    refused = ({"Origin": "https://other.ru"}, {"Origin": "https://domain.com"}, {}, {"Origin": "null"},
               {"Origin": "https://shop.domain.com.other.ru"}, {"Referer": "https://other.ru/shop.domain.com"},
               {"Origin": "https://other.ru", "Referer": "https://shop.domain.com/"})
    for headers in refused:
        answer = await send(other_client, widget, "79051000002", headers=headers)
        assert answer.status_code == 403, headers
        assert "access-control-allow-origin" not in answer.headers
        config = await other_client.get(f"/widget/v1/{widget.public_id}/config", headers=headers)
        assert config.status_code == 403, headers
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    url = f"/widget/v1/{widget.public_id}/requests"
    answer = await other_client.options(url, headers=SITE | preflight)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == SITE["Origin"]
    assert "content-type" in answer.headers["access-control-allow-headers"]
    assert (await other_client.options(url, headers={"Origin": "https://other.ru"} | preflight)).status_code == 403
    assert (await send(other_client, widget, "79051000003")).status_code == 202
    assert len(await asked(admin, widget)) == 2  # refused sites are not in the log


@pytest.mark.req("WGT-35")
async def test_intensity(client: Browser, other_client: Browser) -> None:
    """TC-27: the second request within the chosen time is refused, whoever sends it."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin, intensity=60)
    began = datetime.now(UTC)
    with clock.at(began):
        assert (await send(other_client, widget, "79051000011")).status_code == 202
    with clock.at(began + timedelta(seconds=20)):
        answer = await send(client, widget, "79051000012")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "40"
    assert "40" in answer.json()["message"]
    with clock.at(began + timedelta(seconds=60)):
        assert (await send(other_client, widget, "79051000013")).status_code == 202
    assert [row[3:] for row in await asked(admin, widget)] == [("waiting", ""), ("refused", "limit"), ("waiting", "")]
    for seconds in (30, 120, 300):
        other = await a_widget(admin, intensity=seconds)
        for after, status in ((0, 202), (seconds - 1, 429), (seconds, 202)):
            with clock.at(began + timedelta(hours=1, seconds=after)):
                answer = await send(Browser(client._transport.app), other, "79051000014")  # type: ignore[attr-defined]
            assert answer.status_code == status, (seconds, after)
    free = await a_widget(admin, intensity=0)
    with clock.at(began + timedelta(hours=2)):
        assert [(await send(other_client, free, "79051000015")).status_code for _time in range(3)] == [202] * 3


@pytest.mark.req("WGT-66", "WGT-41", "WGT-D8", "WGT-D11")
async def test_outside_working_hours(client: Browser, other_client: Browser) -> None:
    """Saturday noon in Moscow: kept as a message, not dialled, the company has a letter; Friday 17:59:59 is a call."""
    admin = await signed_in(client, PLAN)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain SET notification_email = 'office@acme.example' WHERE id = $1", tx.domain_id)
    widget = await a_widget(admin, schedule=OFFICE)
    with clock.at(datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC)):
        config = (await other_client.get(f"/widget/v1/{widget.public_id}/config", headers=SITE)).json()
        assert config["open"] is True
        assert config["appearance"]["greeting"] == DEFAULT.greeting_open
        assert (await send(other_client, widget, "79051000021")).status_code == 202
    with clock.at(datetime(2026, 11, 21, 9, tzinfo=UTC)):
        config = (await other_client.get(f"/widget/v1/{widget.public_id}/config", headers=SITE)).json()
        assert config["open"] is False
        assert config["appearance"]["greeting"] == DEFAULT.greeting_closed
        answer = await send(other_client, widget, "79051000022", message="Нужен <b>счёт</b>", page_url="javascript:x")
        assert answer.status_code == 202
    assert [(row[1], row[3]) for row in await asked(admin, widget)] == [("call", "waiting"), ("message", "message")]
    assert (await again(admin, widget)).unprocessed == 2
    async with platform_transaction(STAFF) as tx:
        [letter] = await tx.fetch("SELECT subject, body FROM mail_message WHERE domain_id = $1 "
                                  "AND recipient = 'office@acme.example'", admin.actor.domain_id)
    assert "905 100-00-22" in letter["subject"].replace("\u00a0", " ")
    assert "Нужен <b>счёт</b>" in letter["body"]
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM call_order WHERE domain_id = $1", tx.domain_id) == 1
    log = (await client.get(f"/widgets/{widget.id}/log")).text
    assert "Нужен &lt;b&gt;счёт" in log
    assert "javascript:x" not in log


@pytest.mark.req("WGT-51", "WGT-D12")
async def test_captcha(client: Browser, other_client: Browser) -> None:
    """Without a token, with a wrong one, with a good one, with the same one again, of another widget, too late."""
    admin = await signed_in(client, PLAN)
    widget, other = await a_widget(admin, captcha=True), await a_widget(admin, captcha=True)
    url = f"/widget/v1/{widget.public_id}/challenge"
    token = solved((await other_client.get(url, headers=SITE)).json())
    for wrong in ("", "x", base64.b64encode(b"[1]").decode(), base64.b64encode(b'{"salt":1}').decode(),
                  token[:-8] + "AAAA" + token[-4:]):
        assert (await send(other_client, widget, "79051000031", captcha_token=wrong)).status_code == 422, wrong
    assert (await send(other_client, other, "79051000031", captcha_token=token)).status_code == 422
    assert (await send(other_client, widget, "79051000031", captcha_token=token)).status_code == 202
    assert (await send(other_client, widget, "79051000031", captcha_token=token)).status_code == 422
    assert len(await asked(admin, widget)) == 1
    assert (await counted(admin, widget)).captcha_failed == 6
    with clock.at(datetime.now(UTC) - timedelta(seconds=301)):
        late = solved((await client.get(url, headers=SITE)).json())
    assert (await send(client, widget, "79051000031", captcha_token=late)).status_code == 422


@pytest.mark.req("WGT-D12")
async def test_ten_requests_a_minute_from_one_address(client: Browser, other_client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    sent = [(await send(other_client, widget, f"790510001{number:02}")).status_code for number in range(11)]
    assert sent == [202] * 10 + [429]
    assert (await send(client, widget, "79051000199")).status_code == 202  # from elsewhere


async def test_the_script_is_asked_for_within_limits(client: Browser, other_client: Browser) -> None:
    """Of a widget that is there as of one that is not: who guesses names is stopped."""
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    seen = [(await other_client.get(f"/widget/v1/{number:032x}.js")).status_code for number in range(121)]
    assert set(seen[:120]) == {404}
    assert seen[120] == 429
    assert (await other_client.get(f"/widget/v1/{widget.public_id}.js")).status_code == 429
    assert (await client.get(f"/widget/v1/{widget.public_id}.js")).status_code == 200


async def test_hostile_requests(client: Browser, other_client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    url = f"/widget/v1/{widget.public_id}/requests"
    for body in (b"", b"[]", b"{", b'{"phone": 7}', b'{"phone": "\\ud800"}', b'{"phone": "\\u0000"}', b"\xff",
                 json.dumps({"phone": "9" * 41}).encode(), json.dumps({"phone": "79051000041", "message": "x" * 1001}).encode()):
        answer = await Browser(other_client._transport.app).post(  # type: ignore[attr-defined]
            url, content=body, headers=SITE | {"Content-Type": "application/json"})
        assert answer.status_code == 400, body
    assert (await other_client.post(url, content=b"x" * 20_000, headers=SITE | {"Content-Type": "application/json"})
            ).status_code == 413
    assert await asked(admin, widget) == []


async def test_a_blocked_company_calls_nobody(client: Browser, other_client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("INSERT INTO domain_block (domain_id, kind) VALUES ($1, 'financial')", tx.domain_id)
    assert (await send(other_client, widget, "79051000051")).status_code == 503
    assert (await other_client.get(f"/widget/v1/{widget.public_id}/config", headers=SITE)).status_code == 503
    assert (await client.get(f"/widgets/{widget.id}")).status_code == 200


# --- log and statistics ------------------------------------------------------------------------------


@pytest.mark.req("WGT-20", "WGT-70", "WGT-71", "WGT-72", "WGT-80", "WGT-81")
async def test_log_and_statistics(client: Browser, other_client: Browser) -> None:
    admin = await signed_in(client, PLAN)
    widget = await a_widget(admin)
    url = f"/widgets/{widget.id}"
    with clock.at(datetime(2026, 11, 18, 21, 30, tzinfo=UTC)):  # 19 November in Moscow
        await send(other_client, widget, "79051000061", page_url="https://shop.domain.com/a?b=1")
    with clock.at(datetime(2026, 11, 20, 9, tzinfo=UTC)):
        await send(other_client, widget, "79051000062")
    page = (await client.get(f"{url}/log")).text
    text = text_of(page)
    assert "Обратный звонок (2)" in text
    for part in ("+7 905 100-00-61", other_client.ip, "https://shop.domain.com/a?b=1", "Вызов", "19.11.2026"):
        assert part in text, part
    assert text.index("100-00-62") < text.index("100-00-61")  # newest first

    async def shown(query: str) -> list[str]:
        found = re.findall(r"100-00-(\d\d)</b>", text_of_numbers((await client.get(f"{url}/log?{query}")).text))
        return found

    def text_of_numbers(html: str) -> str:
        return html.replace("\u00a0", " ")

    assert await shown("q=8+905+100-00-61") == ["61"]
    assert await shown("from=2026-11-20") == ["62"]
    assert await shown("to=2026-11-19") == ["61"]
    async with domain_transaction(admin.actor) as tx:
        extension = await tx.fetchval("SELECT extension FROM domain_user WHERE id = $1", admin.id)
    assert len(await shown(f"object={extension}")) == 2
    assert await shown("object=99999") == []
    first = int(re.findall(r"/log/(\d+)/black", page)[-1])
    await post(client, f"{url}/log/{first}/black")
    await post(client, f"{url}/log/{first}/black")
    async with domain_transaction(admin.actor) as tx:
        assert [one.value for one in await queries.numbers(tx, widget.id, "black")] == ["9051000061"]
    await post(client, f"{url}/log/{first}/processed", processed="on")
    assert (await again(admin, widget)).unprocessed == 1
    async with domain_transaction(admin.actor) as tx:
        for times, counter in enumerate(("missed", "outgoing", "views", "captcha_failed"), 3):
            for _time in range(times):
                await queries.count(tx, widget.id, date(2026, 11, 19), counter)
    counters = text_of((await client.get(f"{url}/statistics")).text)
    for shown_counter in ("Пропущено вызовов 3", "Исходящие вызовы 4", "Просмотров страниц с виджетом 5",
                          "Не прошли CAPTCHA 6"):
        assert shown_counter in counters, shown_counter
    assert "Принято вызовов и сообщений 2" in counters
    assert "Принято вызовов и сообщений 1" in text_of((await client.get(f"{url}/statistics?from=2026-11-20")).text)


async def test_another_companys_widget_does_not_exist(client: Browser, other_client: Browser) -> None:
    theirs = await signed_in(other_client, PLAN)
    widget = await a_widget(theirs)
    await add(theirs, widget, "black", "79051")
    await signed_in(client, PLAN)
    for path in ("", "/display", "/security", "/numbers/black", "/log", "/statistics", "/delete"):
        assert (await client.get(f"/widgets/{widget.id}{path}")).status_code == 404, path
    for path in ("/delete", "/captcha", "/numbers/black/1/delete", "/domains/1/delete", "/log/1/black",
                 "/log/1/processed"):
        assert (await post(client, f"/widgets/{widget.id}{path}")).status_code == 404, path
    assert (await post(client, f"/widgets/{widget.id}/numbers/black", number="79052")).status_code == 404
    assert (await again(theirs, widget)).is_on


@pytest.mark.req("WGT-02")
async def test_the_service(client: Browser) -> None:
    """Outside of the plan there is no section; inside it the row of services leads here. It has no switch of its own."""
    await signed_in(client)
    assert 'href="/widgets"' in (await client.get("/services")).text
    assert (await client.get("/widgets")).status_code == 200
    await client.post("/sign-out")
    await signed_in(client, a_service("fmc", "special", 1))
    assert (await client.get("/widgets")).status_code == 403
    assert 'href="/widgets"' not in (await client.get("/services")).text
