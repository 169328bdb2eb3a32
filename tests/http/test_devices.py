"""SIP devices: list, binding, settings, what a phone fetches, and who may fetch or see what."""

from __future__ import annotations

import base64
import itertools
import re

import pytest

from app.kernel.db import domain_transaction
from tests.http.browser import Browser, text_of
from tests.http.people import Someone, a_user
from tests.http.test_services import post, signed_in

pytestmark = pytest.mark.anyio

_devices = itertools.count(1)


def a_label() -> tuple[str, str]:
    """MAC and serial number of a phone that no other test has."""
    number = next(_devices)
    return f"001565{number:06X}", f"SN{number:06d}"


async def an_office(client: Browser) -> tuple[Someone, Someone]:
    admin = await signed_in(client)
    return admin, await a_user(admin.actor, login="anna")


async def added(client: Browser, mac: str, serial: str) -> int:
    answer = await post(client, "/devices/new", mac=mac, serial=serial)
    assert answer.status_code == 200, answer.text
    found = re.search(r'href="/devices/(\d+)"', (await client.get(f"/devices?q={mac}")).text)
    assert found
    return int(found[1])


async def fetched(client: Browser, mac: str, serial: str | None, name: str = "{}.cfg", agent: str = "Yealink SIP-T46U 1.2"):
    headers = {"User-Agent": agent}
    if serial is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{mac}:{serial}".encode()).decode()
    return await client.get(f"/provision/{name.format(mac.lower())}", headers=headers)


@pytest.mark.req("DEV-01", "DEV-02", "DEV-03", "DEV-05", "DEV-09")
async def test_a_device_is_attached_bound_and_set_free(client: Browser) -> None:
    _admin, anna = await an_office(client)
    mac, serial = a_label()
    device = await added(client, ":".join(mac[place:place + 2] for place in range(0, 12, 2)).lower(), serial)
    free, busy = await client.get("/devices?state=free"), await client.get("/devices?state=busy")
    assert (mac[-2:] in free.text, "Добавить пользователя" in free.text, serial in busy.text) == (True, True, False)
    assert serial in (await client.get(f"/devices?q={mac[:4]}-{mac[4:]}")).text
    assert (await post(client, f"/devices/{device}/user", user_id=str(anna.id))).status_code == 200
    card = text_of((await client.get(f"/devices/{device}")).text)
    for words in (f"Устройство {serial}", "anna", "Журнал операций", "Вернуться к списку устройств",
                  "Использовать настройки домена", "Привязка устройства"):
        assert words in card, words
    assert serial in (await client.get("/devices?state=busy")).text
    await post(client, f"/devices/{device}/detach")
    assert serial in (await client.get("/devices?state=free")).text
    told = text_of((await client.get("/history/actions")).text)
    assert "Устройство добавлено" in told
    assert "Устройство изменено" in told


@pytest.mark.req("DEV-04")
async def test_what_a_phone_fetches_and_what_is_withdrawn(client: Browser) -> None:
    admin, anna = await an_office(client)
    mac, serial = a_label()
    device = await added(client, mac, serial)
    answer = await fetched(client, mac, serial)
    assert answer.status_code == 200
    assert "account.1.enable = 0" in answer.text  # free: no account
    await post(client, f"/devices/{device}/user", user_id=str(anna.id))
    text = (await fetched(client, mac, serial)).text
    assert f"account.1.auth_name = d{device}-1\n" in text
    assert f"account.1.sip_server.1.address = {admin.domain}\n" in text
    password = re.findall(r"password = (\S+)", text)[0]
    book = re.findall(r"remote_phonebook.data.1.url = (\S+)", text)[0]
    assert (await client.get(book[book.index("/phonebook"):])).status_code == 200
    xml = await fetched(client, mac, serial, "cfg{}.xml", "Grandstream Model HW GXP2140 SW 1.0")
    assert f"<P34>{password}</P34>" in xml.text
    assert (await client.get(f"/provision/{serial}/{mac}.xml")).text.count(password) == 1
    assert "GXP2140" in text_of((await client.get(f"/devices/{device}")).text)
    journal = text_of((await client.get(f"/devices/{device}/journal")).text)
    for words in ("Прикреплено", "Привязано", "Конфигурация получена", admin.login, "устройство"):
        assert words in journal, words
    other = await a_user(admin.actor, login="boris")
    await post(client, f"/devices/{device}/user", user_id=str(other.id))
    again = (await fetched(client, mac, serial)).text
    assert password not in again  # another account with another password
    assert f"d{device}-2" in again
    history = (await client.get("/history/actions")).text
    assert password not in history
    await post(client, f"/devices/{device}/delete")
    assert (await fetched(client, mac, serial)).status_code == 404
    assert (await client.get(f"/devices/{device}")).status_code == 404


@pytest.mark.req("DEV-06", "DEV-07", "DEV-08", "DEV-10", "DEV-11")
async def test_proxies_and_the_backup_server(client: Browser) -> None:
    await an_office(client)
    mac, serial = a_label()
    device = await added(client, mac, serial)
    assert "outbound_proxy" not in (await fetched(client, mac, serial)).text
    for wrong in ({"primary_on": "on", "primary_host": "p.example.com"}, {"pass_proxy": "on"},
                  {"pass_proxy": "on", "primary_on": "on", "primary_host": "bad host"},
                  {"pass_proxy": "on", "primary_on": "on", "primary_host": "p.example.com", "primary_port": "70000"}):
        assert (await post(client, "/devices/proxy", **wrong)).status_code == 422, wrong
    assert (await post(client, "/devices/proxy", pass_proxy="on", backup_on="on", backup_host="B.example.com",
                       backup_port="")).status_code == 200
    text = (await fetched(client, mac, serial)).text
    assert "outbound_proxy.2.address = b.example.com" in text
    assert "outbound_proxy.2.port = 5060" in text
    assert "outbound_proxy.1" not in text
    own = {"pass_proxy": "on", "primary_on": "on", "primary_host": "10.1.1.1", "primary_port": "5070"}
    assert (await post(client, f"/devices/{device}/proxy", **own)).status_code == 200
    text = (await fetched(client, mac, serial)).text
    assert "outbound_proxy.1.address = 10.1.1.1" in text
    assert "outbound_proxy.2" not in text
    await post(client, f"/devices/{device}/proxy", use_domain="on")
    assert "outbound_proxy.2.address = b.example.com" in (await fetched(client, mac, serial)).text
    assert (await post(client, "/devices/server", pass_server="on", server_host="")).status_code == 422
    assert (await post(client, "/devices/server", pass_server="on", server_host="s2.example.com")).status_code == 200
    text = (await fetched(client, mac, serial)).text
    assert "sip_server.2.address = s2.example.com" in text
    assert "sip_server.2.port = 5060" in text


async def test_strangers(client: Browser) -> None:
    """Wrong serials, unknown MACs, hostile names and other domains all look alike; a device in use is nobody's business."""
    await an_office(client)
    mac, serial = a_label()
    device = await added(client, mac, serial)
    missing = await fetched(client, "001565FFFF01", "SN999999")
    wrong = await fetched(client, mac, "SN0000X")
    assert (missing.status_code, wrong.status_code) == (404, 404)
    assert re.sub(r"[0-9a-f]{16}", "", text_of(missing.text)) == re.sub(r"[0-9a-f]{16}", "", text_of(wrong.text))
    assert (await fetched(client, mac, None)).status_code == 401
    for garbled in (b"Basic \xff", b"Basic ====", b"Basic"):
        answer = await client.get(f"/provision/{mac}.cfg", headers={b"Authorization": garbled})
        assert answer.status_code == 404, garbled
    for name in ("..%2f..%2fetc%2fpasswd", "x.cfg", f"{mac}.cfg.bak", "cfg.xml"):
        assert (await client.get(f"/provision/{name}")).status_code == 404, name
    assert "неверный серийный номер" in text_of((await client.get(f"/devices/{device}/journal")).text)
    await client.post("/sign-out")
    _other, boris = await an_office(client)
    answer = await post(client, "/devices/new", mac=mac, serial="SN777777")
    assert answer.status_code == 422
    assert "уже используется" in answer.text
    answer = await post(client, "/devices/new", mac="001565FFFF02", serial=serial)
    assert answer.status_code == 422
    for path in (f"/devices/{device}", f"/devices/{device}/journal", f"/devices/{device}/user"):
        assert (await client.get(path)).status_code == 404, path
    for path in ("user", "detach", "delete", "update"):
        assert (await post(client, f"/devices/{device}/{path}", user_id=str(boris.id))).status_code == 404, path


async def test_a_deleted_user_sets_his_devices_free(client: Browser) -> None:
    admin, anna = await an_office(client)
    mac, serial = a_label()
    device = await added(client, mac, serial)
    await post(client, f"/devices/{device}/user", user_id=str(anna.id))
    assert (await post(client, f"/users/{anna.id}/delete")).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT user_id FROM sip_device WHERE domain_id = $1 AND id = $2", tx.domain_id,
                                 device) is None
    assert "account.1.enable = 0" in (await fetched(client, mac, serial)).text


async def test_nobody_guesses_serial_numbers(client: Browser) -> None:
    mac, _serial = a_label()
    codes = [(await fetched(client, mac, f"SN{number:06d}")).status_code for number in range(22)]
    assert codes[-1] == 429
