"""The page of the integration API: parameters, white list, methods, debugging, guide, and its end."""

from __future__ import annotations

import re

import pytest

from app.kernel.db import domain_transaction
from app.modules.integration_api import service
from billing.services import service as services
from tests.http.browser import Browser, text_of
from tests.http.integration_api_world import a_receiver, an_admin, ask, let_private_in, settings_of, switch_on
from tests.http.people import Someone, a_user
from tests.http.test_services import post

pytestmark = pytest.mark.anyio

URL = "/integration-api"
ALL = ["call_events", "get_number_info", "history_file_completed"]


async def signed_in(client: Browser, language: str = "ru") -> Someone:
    admin = await an_admin()
    client.headers["Accept-Language"] = language
    await client.sign_in(admin.login, admin.domain)
    return admin


async def save(client: Browser, cert: tuple[str, bytes] = ("", b""), **fields: object):
    token = await client.csrf("/services")
    return await client.post(URL, data={"methods": ALL, **fields}, files={"certificate": cert},
                             headers={"X-CSRF-Token": token, "HX-Request": "true"})


@pytest.mark.req("API-21", "API-22", "API-45", "API-47")
async def test_a_fresh_service(client: Browser) -> None:
    """T-04 and the statistics of T-06."""
    admin = await signed_in(client)
    own = await settings_of(admin.actor)
    assert re.fullmatch(r"[0-9A-F]{32}", own.client_id)
    assert re.fullmatch(r"[0-9A-F]{32}", own.key)
    assert not own.is_on
    assert not own.off
    page = (await client.get(URL)).text
    text = text_of(page)
    for part in (own.client_id, own.key, "Количество адресов: 0", "0/1000", "0/100", "0/500", "Без ограничений",
                 "Запросы от API", "/pbx-api/v1/restricting_user_outgoing_calls/set"):
        assert part in text, part
    assert len(re.findall(r'name="methods" value="\w+" checked', page)) == 3
    for address in (f"{URL}/debugging", f"{URL}/documentation"):
        assert f'href="{address}"' in page
    assert own.client_id in (await client.get("/settings/api")).text
    menu = (await client.get("/services")).text
    assert menu.count(f'href="{URL}"') == 2  # of the menu, and "Configure" of the service
    assert 'href="/settings/api"' in (await client.get("/settings")).text
    assert 'href="/settings/api"' in menu


@pytest.mark.req("API-24", "API-31")
async def test_switching_on_needs_an_address(client: Browser) -> None:
    await let_private_in()
    admin = await signed_in(client)
    refused = await save(client, is_on="on")
    assert refused.status_code == 422
    assert "external_address" in refused.text
    assert not (await settings_of(admin.actor)).is_on
    assert (await save(client, is_on="on", external_address="127.0.0.1:4443/pbx")).status_code == 200
    own = await settings_of(admin.actor)
    assert (own.is_on, own.external_address) == (True, "127.0.0.1:4443/pbx")
    assert (await save(client, is_on="on", external_address="")).status_code == 422
    assert "https://127.0.0.1:4443/pbx/call_events" in text_of((await client.get(URL)).text)
    for address in ("10.0.0.1", "169.254.169.254", "no-such-host.invalid", "user@crm", "[::1]"):
        assert (await save(client, external_address=address)).status_code == 422, address
    assert (await settings_of(admin.actor)).external_address == "127.0.0.1:4443/pbx"
    told = text_of((await client.get("/history/actions")).text)
    assert "Параметры API изменены" in told


@pytest.mark.req("API-32")
async def test_a_new_key_holds_when_it_is_saved(client: Browser) -> None:
    admin = await signed_in(client)
    old = await settings_of(admin.actor)
    answer = await post(client, f"{URL}/key")
    [key] = re.findall(r"<code>([0-9A-F]{32})</code>", answer.text)
    assert (await settings_of(admin.actor)).key == old.key != key
    assert key not in (await client.get(URL)).text  # the page was left
    answer = await post(client, f"{URL}/key")
    [key] = re.findall(r"<code>([0-9A-F]{32})</code>", answer.text)
    assert (await save(client, use_new_key="on")).status_code == 200
    new = await settings_of(admin.actor)
    assert (new.key, new.client_id) == (key, old.client_id)
    own = await switch_on(admin.actor)
    assert (await ask(client, old, "users_info")).status_code == 401
    assert (await ask(client, own, "users_info")).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        rows = await tx.fetch("SELECT changes::text FROM action_history WHERE domain_id = $1", tx.domain_id)
    assert all(secret not in row[0] for row in rows for secret in (key, old.key))


@pytest.mark.req("API-33", "API-34")
async def test_the_white_list(client: Browser) -> None:
    """T-05."""
    admin = await signed_in(client)
    own = await switch_on(admin.actor)
    assert (await ask(client, own, "users_info")).json()["result"] == "0"
    for address in ("192.0.2.10", "198.51.100.0/24", "2001:db8::5"):
        assert (await post(client, f"{URL}/addresses", address=address)).status_code == 200
    for wrong in ("192.0.2.10", "192.0.2.300", "192.0.2.5/24", "x", ""):
        assert (await post(client, f"{URL}/addresses", address=wrong)).status_code == 422, wrong
    assert "Количество адресов: 3" in text_of((await client.get(URL)).text)
    assert (await ask(client, own, "users_info")).status_code == 403
    answer = await post(client, f"{URL}/addresses", address=client.ip)
    assert "Количество адресов: 4" in text_of(answer.text)
    assert (await ask(client, own, "users_info")).status_code == 200
    other = await signed_in(client)
    assert other.domain != admin.domain
    for number in re.findall(r"addresses/(\d+)/delete", answer.text):
        assert (await post(client, f"{URL}/addresses/{number}/delete")).status_code == 404
    assert len(re.findall(r"addresses/(\d+)/delete", answer.text)) == 8  # the form and its script


@pytest.mark.req("API-25")
async def test_the_end_of_the_service(client: Browser) -> None:
    admin = await signed_in(client)
    own = await switch_on(admin.actor)
    await post(client, f"{URL}/addresses", address="192.0.2.10")
    assert own.client_id in (await client.get("/services/integration_api/disconnect")).text
    async with domain_transaction(admin.actor) as tx:
        await services.disconnect(tx, service.CODE)
    for table in ("api_settings", "api_allowed_address", "api_message", "api_test_log", "api_export"):
        async with domain_transaction(admin.actor) as tx:
            assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE domain_id = $1", tx.domain_id) == 0
    assert (await ask(client, own, "users_info")).status_code == 403
    assert (await client.get(URL)).status_code == 403
    async with domain_transaction(admin.actor) as tx:
        await services.connect(tx, service.CODE)
    new = await settings_of(admin.actor)
    assert new.client_id != own.client_id
    assert new.key != own.key
    assert not new.is_on
    assert (await ask(client, own, "users_info")).status_code == 403


@pytest.mark.req("API-50", "API-51", "API-54", "API-56", "API-57")
async def test_debugging_to_the_external_system(client: Browser) -> None:
    await let_private_in()
    admin = await signed_in(client)
    refused = await post(client, f"{URL}/debugging/send", test="new")
    assert refused.status_code == 409
    async with a_receiver() as receiver:
        assert (await save(client, external_address=receiver.address)).status_code == 200
        saved = await post(client, f"{URL}/debugging/settings", test_address=receiver.address, seconds="1")
        assert saved.status_code == 200
        for key in ("new", "connected", "end", "number", "file", "calling"):
            assert (await post(client, f"{URL}/debugging/send", test=key)).status_code == 200
        assert [body["state"] for body in receiver.bodies()] == ["new", "connected", "end", "calling"]
        assert len(receiver.bodies("get_number_info")) == len(receiver.bodies("history_file_completed")) == 1
        receiver.delay = 1.5
        late = await post(client, f"{URL}/debugging/send", test="new")
        assert "Нет ответа за 1 с" in text_of(late.text)
        receiver.delay, receiver.reply = 0, lambda _path, _body: (302, "")
        assert "Переадресация" in text_of((await post(client, f"{URL}/debugging/send", test="new")).text)
    assert "соединени" in text_of((await post(client, f"{URL}/debugging/send", test="new")).text).lower()
    log = (await client.get(f"{URL}/debugging/log?method=get_number_info")).text
    assert re.findall(r'data-line="(\w+)"', log) == ["get_number_info"]
    key = (await settings_of(admin.actor)).key
    page = (await client.get(f"{URL}/debugging")).text
    assert len(re.findall("data-line", page)) == 9
    assert key not in page
    assert "X-Client-Sign" in page
    await post(client, f"{URL}/debugging/log/clear")
    assert "data-line" not in (await client.get(f"{URL}/debugging")).text
    assert (await settings_of(admin.actor)).test_seconds == 1


@pytest.mark.req("API-52", "API-53", "API-58")
async def test_debugging_from_the_external_system(client: Browser) -> None:
    """T-08 and T-09: the samples, the editable body, wrong signatures, the log and its filters."""
    admin = await signed_in(client)
    page = (await client.get(f"{URL}/debugging")).text
    asked = re.findall(r'data-ask="([^"]+)"', page)
    assert asked == ["users_info", "call_info", "get_record", "call_back", "restricting_user_outgoing_calls/get",
                     "restricting_user_outgoing_calls/set", "user_calls_charges", "domain_call_history",
                     "download_call_history"]
    sample = '{"date_start": "2019-05-29 00:00:00", "date_end": "2019-10-06 00:00:00", "direction": 0, "state": 0}'
    assert sample in text_of(page)
    answer = await post(client, f"{URL}/debugging/ask/domain_call_history", body=sample)
    assert "order_id" in answer.text
    for method in asked[:7]:
        assert (await post(client, f"{URL}/debugging/ask/{method}", body="{}")).status_code == 200, method
    assert "-2" in (await post(client, f"{URL}/debugging/ask/call_back", body="{")).text
    own = await settings_of(admin.actor)
    assert not own.is_on
    done = await ask(client, own, "domain_call_history", sample, base="/pbx-api/test")
    assert done.json()["order_id"] == "1"
    assert (await ask(client, own, "call_back", {}, base="/pbx-api/test", X_Client_Sign="0" * 64)).status_code == 401
    assert (await ask(client, own, "download_call_history", base="/pbx-api/test")).content[:2] == b"\x1f\x8b"
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM call_order WHERE domain_id = $1", tx.domain_id) == 0
        assert await tx.fetchval("SELECT count(*) FROM api_usage WHERE domain_id = $1", tx.domain_id) == 0
    lines = re.findall(r'data-line="([^"]+)"', (await client.get(
        f"{URL}/debugging/log?direction=from_crm&method=domain_call_history")).text)
    assert lines == ["domain_call_history"] * 2
    assert client.ip in (await client.get(f"{URL}/debugging")).text


@pytest.mark.req("API-26")
async def test_the_guide(client: Browser) -> None:
    await signed_in(client)
    page = text_of((await client.get(f"{URL}/documentation")).text)
    for part in ("Интеграционный API. Руководство администратора", "call_back", "X-Client-Sign", "Отладка"):
        assert part in page
    file = await client.get(f"{URL}/documentation/download")
    assert "attachment" in file.headers["content-disposition"]
    assert "233288ed2e39311c84d0c99a964ebaecb8415da61208c84961ca3d100c86e19d" in file.text


async def test_a_certificate(client: Browser) -> None:
    from tests.http.test_integration_api_tls import a_certificate

    admin = await signed_in(client)
    pem, _key = a_certificate("crm.example.com")
    assert (await save(client, cert=("x.pem", b"nothing"))).status_code == 422
    assert (await save(client, cert=("x.pem", pem))).status_code == 200
    assert "CN=crm.example.com" in (await client.get(URL)).text
    assert (await settings_of(admin.actor)).certificate.startswith("-----BEGIN CERTIFICATE")
    await save(client, remove_certificate="on")
    assert (await settings_of(admin.actor)).certificate == ""


@pytest.mark.req("GEN-D5")
async def test_who_may_see_it(client: Browser) -> None:
    admin = await an_admin()
    plain = await a_user(admin.actor)
    await client.sign_in(plain.login, plain.domain)
    for path in (URL, f"{URL}/debugging", f"{URL}/documentation", f"{URL}/addresses", "/settings/api"):
        assert (await client.get(path)).status_code == 403
    without = await a_user(is_admin=True)
    await client.post("/sign-out")
    await client.sign_in(without.login, without.domain)
    assert (await client.get(URL)).status_code == 403
