"""CRM integrations against stands-in of amoCRM and Bitrix24: connecting, mapping, scenarios, routing, objects, the end."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, Refused
from app.modules.crm import accounts, jobs, objects, rules, setup, smart
from app.modules.crm.objects import Ended
from app.modules.crm.setup import Event
from app.modules.integration_api import service as api
from tenants.calls import sessions
from tests.db import billing_factories as world
from tests.db.factories import STAFF
from tests.db.services_world import balance, ledger
from tests.http.browser import Browser, text_of
from tests.http.crm_world import PLAN, StandIn, a_crm, an_admin, connected, mapped
from tests.http.integration_api_world import PLAN as API_PLAN
from tests.http.people import Someone, a_user
from tests.http.test_integration_api_methods import a_call
from tests.http.test_services import post

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 4, 21, 10, 2, tzinfo=UTC)
T_12 = {"11": "2111", "12": "2121", "13": "2094", "14": "2122"}


async def line_of(actor: Actor) -> str:
    """The number of the domain, made."""
    number = await world.a_number(actor)
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT e164 FROM phone_number WHERE id = $1", number)


async def user_of(admin: Someone, extension: str) -> int:
    async with domain_transaction(admin.actor) as tx:
        return await tx.fetchval("SELECT id FROM domain_user WHERE domain_id = $1 AND extension = $2", tx.domain_id,
                                 extension)


async def rung(admin: Someone, line: str, caller: str) -> tuple[str, str, str]:
    """(verdict, extension, name) for a call that waits."""
    found = await smart.advise(smart.Incoming(admin.actor, line, caller, "x"))
    return found.verdict, found.extension, found.name


@pytest.mark.req("CRM-02", "CRM-07", "CRM-10", "CRM-19")
async def test_connecting_and_the_end(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-17: from the widget's redirect to the panel, the window with its price, the counter, both ways of the end."""
    admin = await an_admin()
    client.headers["Accept-Language"] = "ru"
    async with a_crm(monkeypatch, "a17") as crm:
        start = await client.get(f"/crm-connect/amocrm?code=x&referer={crm.host}")
        confirm = start.headers["location"]
        assert (await client.get(confirm)).headers["location"].startswith("/sign-in")
        await client.sign_in(admin.login, admin.domain)
        page = (await client.get(confirm)).text
        assert "Account a17" in page
        assert "300,00" in page
        [mark] = re.findall(r'name="quoted" value="([^"]+)"', page)
        token = confirm.partition("=")[2]
        before = await balance(admin.actor)
        assert (await post(client, "/crm/confirm", token=token, quoted=mark)).status_code == 200
        assert await balance(admin.actor) < before
        assert (await post(client, "/crm/confirm", token=token, quoted=mark)).status_code == 404
        assert "Account a17" in (await client.get("/crm")).text
        services = text_of((await client.get("/services")).text)
        assert "300 x 1" in services
        main = (await client.get("/crm/amocrm")).text
        assert "Успешно подключен" in text_of(main)
        assert re.findall(r'data-manager="(\d+)"', main) == ["11", "14", "13", "12"]
        assert "Account a17" in (await client.get("/settings/crm")).text
        async with domain_transaction(admin.actor) as tx:
            secret = await accounts.secret_of(tx, await accounts.require(tx, "amocrm"))
        wrong = await client.post("/crm-widget/amocrm/disconnect", json={"account": "a17", "secret": "x"})
        assert wrong.status_code == 404
        done = await client.post("/crm-widget/amocrm/disconnect", json={"account": "a17", "secret": secret})
        assert done.status_code == 200
        assert "Не подключено" in text_of((await client.get("/crm")).text)
        again = await client.post("/crm-widget/amocrm/call", json={
            "account": "a17", "secret": secret, "user": "11", "phone": "79035037889"})
        assert again.status_code == 404
        assert (await ledger(admin.actor))[-1][:3] == ("disconnection", "crm", -1)
        await connected(admin, crm)
        assert "Account a17" in (await client.get("/crm/amocrm/disconnect")).text
        assert (await post(client, "/crm/amocrm/disconnect")).status_code == 200
        assert (await client.get("/crm/amocrm")).status_code == 404
    for table in ("crm_integration", "crm_user", "amo_scenario"):
        async with domain_transaction(admin.actor) as tx:
            assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE domain_id = $1", tx.domain_id) == 0


@pytest.mark.req("CRM-06")
async def test_without_money_and_with_a_foreign_host(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await an_admin(money="1")
    async with a_crm(monkeypatch, "a6") as crm:
        token = await accounts.begin("amocrm", crm.host, "authorization_code", "x")
        with pytest.raises(Refused):
            await accounts.confirm(admin.actor, token)
        for host in ("evil.example", "localhost@evil.example", "localhost.evil.example", "evil.example/localhost", ""):
            assert (await client.get("/crm-connect/amocrm", params={"code": "x", "referer": host})).status_code == 409
        crm.refuses_tokens = True
        with pytest.raises(Refused):
            await accounts.begin("amocrm", crm.host, "authorization_code", "x")
    assert await balance(admin.actor) == Decimal(1)


@pytest.mark.req("CRM-08", "CRM-09")
async def test_a_second_account(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-16; and one account has one domain only."""
    admin = await an_admin()
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(admin.login, admin.domain)
    async with a_crm(monkeypatch, "first") as crm:
        await connected(admin, crm)
        with pytest.raises(Refused):
            await connected(await an_admin(), crm)
        crm.account = "second"
        token = await accounts.begin("amocrm", crm.host, "authorization_code", "x")
        page = (await client.get(f"/crm/confirm?token={token}")).text
        assert "Account first" in text_of(page)
        assert f"/crm/amocrm/disconnect?token={token}" in page
        assert (await post(client, "/crm/confirm", token=token)).status_code == 409
        answer = await post(client, "/crm/amocrm/disconnect", token=token)
        assert answer.headers["HX-Redirect"] == f"/crm/confirm?token={token}"
        assert (await post(client, "/crm/confirm", token=token)).status_code == 200
        await connected(admin, crm, "bitrix24")
    async with domain_transaction(admin.actor) as tx:
        found = await accounts.all_of(tx)
    assert {kind: one.account_ref for kind, one in found.items()} == {"amocrm": "second", "bitrix24": "second"}


@pytest.mark.req("API-48", "CRM-17")
async def test_amo_and_the_method_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-07."""
    from billing.services import service as services

    admin = await an_admin(API_PLAN)
    async with domain_transaction(admin.actor) as tx:
        await services.connect(tx, api.CODE)
    async with a_crm(monkeypatch, "a7") as crm:
        token = await accounts.begin("amocrm", crm.host, "authorization_code", "x")
        with pytest.raises(Refused, match="get_number_info"):
            await accounts.confirm(admin.actor, token)
        await accounts.confirm(admin.actor, token, switch_method_off=True)
    async with domain_transaction(admin.actor) as tx:
        assert not (await api.load(tx)).is_method_on("get_number_info")
        with pytest.raises(Refused, match="get_number_info"):
            await api.save(tx, api.Parameters("", False, ["call_events", "get_number_info"]))


@pytest.mark.req("CRM-13")
async def test_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-12."""
    admin = await an_admin()
    async with a_crm(monkeypatch, "a12") as crm:
        found = await connected(admin, crm)
        await mapped(admin, found, T_12, "12")
        with pytest.raises(InvalidFields):
            await mapped(admin, found, T_12 | {"13": "2121"}, "12")
        async with domain_transaction(admin.actor) as tx:
            rows = {one.crm_user_id: one for one in await setup.managers(tx, found.id)}
            for numbers, marked in (({rows["11"].id: "9999"}, rows["11"].id), ({rows["11"].id: "2111"}, rows["12"].id),
                                    ({rows["11"].id: "2111"}, 0)):
                with pytest.raises(InvalidFields):
                    await setup.save_managers(tx, found, numbers, marked)
        await mapped(admin, found, T_12 | {"13": ""}, "12")
    async with domain_transaction(admin.actor) as tx:
        now = {one.crm_user_id: one for one in await setup.managers(tx, found.id)}
    assert now["13"].user_id is None
    assert now["12"].is_marked


async def a_smart_scenario(admin: Someone, found: accounts.Integration, *exceptions: str,
                           events: dict[tuple[str, str], Event] | None = None) -> int:
    async with domain_transaction(admin.actor) as tx:
        known = await setup.scenarios(tx, found)
        made = known[0].id if known else await setup.add_scenario(tx, found)
        people = {one.crm_user_id: one.id for one in await setup.managers(tx, found.id)}
        await setup.save_scenario(tx, found, made, lines=[line.id for line in await setup.lines_of(tx, made)], smart=True,
                                  exceptions=[people[one] for one in exceptions], events=events or {})
        await setup.switch(tx, found, made, True)
    return made


@pytest.mark.req("CRM-15")
async def test_routing_by_amo(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-13, T-35, and what happens while the CRM is away."""
    admin = await an_admin()
    line = await line_of(admin.actor)
    async with a_crm(monkeypatch, "a13") as crm:
        found = await connected(admin, crm)
        await mapped(admin, found, {"11": "2111", "12": "2121", "13": "2094"}, "12")
        crm.contacts["+7 (903) 503-78-89".replace(" ", "").replace("(", "").replace(")", "").replace("-", "")] = (
            "5", "Ivan", "13")
        assert await rung(admin, line, "79035037889") == ("none", "", "")
        await a_smart_scenario(admin, found)
        assert await rung(admin, line, "79035037889") == ("ring", "2094", "Ivan")
        assert await rung(admin, line, "89035037889") == ("ring", "2094", "Ivan")
        assert await rung(admin, line, "79031112233") == ("none", "", "")
        assert await rung(admin, "74950000000", "79035037889") == ("none", "", "")
        crm.contacts["+79030000014"] = ("6", "Anna", "14")
        assert await rung(admin, line, "79030000014") == ("ring", "2121", "Anna")
        await a_smart_scenario(admin, found, "13", "12")
        assert await rung(admin, line, "79035037889") == ("none", "", "Ivan")
        assert await rung(admin, line, "79030000014") == ("none", "", "Anna")
        crm.contacts["+79030000000"] = ("7", "Nobody's", "")
        assert await rung(admin, line, "79030000000") == ("none", "", "Nobody's")
        crm.is_away = True
        from app.modules.crm.clients import CrmError

        with pytest.raises(CrmError):
            await rung(admin, line, "79035037889")


@pytest.mark.req("CRM-12")
async def test_scenarios(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-36 by the pages."""
    admin = await an_admin()
    line = await line_of(admin.actor)
    client.headers["Accept-Language"] = "ru"
    await client.sign_in(admin.login, admin.domain)
    async with a_crm(monkeypatch, "a36") as crm:
        found = await connected(admin, crm)
    base = "/crm/scenarios"
    for name in ("Новый сценарий", "Новый сценарий 2"):
        await post(client, base)
        assert name in text_of((await client.get("/crm/amocrm")).text)
    async with domain_transaction(admin.actor) as tx:
        one, two = await setup.scenarios(tx, found)
        assert not one.is_enabled
        assert [part.e164 for part in await setup.lines_of(tx, two.id) if part.is_on] == [line]
    assert (await post(client, f"{base}/{one.id}/enable")).status_code == 200
    refused = await post(client, f"{base}/{two.id}/enable")
    assert refused.status_code == 409
    assert line in refused.text
    assert one.name in refused.text
    assert (await post(client, f"{base}/{two.id}/enable", remove_common="on")).status_code == 200
    assert (await post(client, f"{base}/{two.id}/name", name=one.name)).status_code == 422
    assert (await post(client, f"{base}/{two.id}/name", name="Продажи")).status_code == 200
    saved = await post(client, f"{base}/{one.id}", smart="on", incoming_new_contact_on="on",
                       incoming_new_contact_name="Контакт (${phone})", incoming_new_task_amount="2",
                       incoming_new_task_unit="hours")
    assert saved.status_code == 200
    page = (await client.get(f"{base}/{one.id}")).text
    assert "Контакт (${phone})" in page
    assert (await post(client, f"{base}?copy={one.id}")).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        copy = (await setup.scenarios(tx, found))[-1]
        assert (copy.is_enabled, copy.smart_manager) == (False, True)
        assert (await setup.events_of(tx, copy.id))["incoming", "new"].contact["name"] == "Контакт (${phone})"
    assert (await post(client, f"{base}/{copy.id}/delete")).status_code == 200
    assert (await client.get(f"{base}/{copy.id}")).status_code == 404
    stranger = await an_admin()
    await client.post("/sign-out")
    await client.sign_in(stranger.login, stranger.domain)
    assert (await client.get(f"{base}/{one.id}")).status_code == 404


def ended(admin_line: str, phone: str, *, talked: int | None = None, caller: int | None = None, direction: str = "in",
          seconds: int = 11, number: int = 1) -> Ended:
    answered = seconds > 0
    return Ended(str(sessions.order_session(number)), direction, answered, phone, admin_line, talked, caller, NOW, seconds,
                 "https://pbx.example/record" if answered else "")


NEW_CLIENT = {("incoming", "new"): Event(
    contact={"on": True, "name": "Новый контакт по принятому (${phone})"},
    task={"on": True, "text": "Связаться с клиентом – Новый принятый звонок", "amount": 2, "unit": "hours"},
    deal={"on": True, "name": "Новая сделка по принятому (${phone})", "status": "12:34", "tags": "Входящий сделка",
          "fields": "555=777\n556=12.12.2007", "owner": "contact"})}


async def test_objects_of_a_new_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-14, T-15: contact, deal, task and the call in the feed, each once."""
    admin = await an_admin()
    line = await line_of(admin.actor)
    async with a_crm(monkeypatch, "a14") as crm:
        found = await connected(admin, crm)
        await mapped(admin, found, T_12, "12")
        await a_smart_scenario(admin, found, events=NEW_CLIENT)
        call = ended(line, "79035037889", talked=await user_of(admin, "2094"))
        for _ in range(2):
            await objects.end_of_call(admin.actor, found, call)
        assert [kind for kind, _body in crm.made] == ["contacts", "leads", "tasks", "calls"]
        [contact], [deal], [task], [note] = (crm.of(kind) for kind in ("contacts", "leads", "tasks", "calls"))
        assert contact["name"] == "Новый контакт по принятому (79035037889)"
        assert contact["responsible_user_id"] == deal["responsible_user_id"] == 13
        assert deal["name"] == "Новая сделка по принятому (79035037889)"
        assert (deal["pipeline_id"], deal["status_id"]) == (12, 34)
        assert deal["_embedded"] == {"tags": [{"name": "Входящий сделка"}], "contacts": [{"id": 1001}]}
        assert [value["values"][0]["value"] for value in deal["custom_fields_values"]] == ["777", "12.12.2007"]
        assert (task["entity_type"], task["entity_id"]) == ("leads", 1002)
        assert task["complete_till"] == int((NOW + timedelta(hours=2)).timestamp())
        assert (note["duration"], note["direction"], note["phone"]) == (11, "inbound", "79035037889")
        assert note["link"] == "https://pbx.example/record"
        crm.made.clear()
        await objects.end_of_call(admin.actor, found, ended(line, "79035037889", seconds=0, number=2))
        assert [kind for kind, _body in crm.made] == ["calls"]  # missed, an existing client: nothing is set


@pytest.mark.req("CRM-16", "CRM-23")
async def test_each_kind_of_call_has_settings_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Incoming, outgoing, missed, of a new and of an existing client: each makes what its own settings say."""
    admin = await an_admin()
    line = await line_of(admin.actor)
    events = {(call, client): Event(
        contact={"on": client == "new", "name": "${phone}"}, task={"on": True, "text": f"{call} {client}"},
        deal={"on": call != "missed", "name": f"{call} {client}", "owner": "contact"})
        for call in setup.CALLS for client in setup.CLIENTS}
    async with a_crm(monkeypatch, "a16") as crm:
        found = await connected(admin, crm)
        await mapped(admin, found, T_12, "12")
        await a_smart_scenario(admin, found, events=events)
        ilya = await user_of(admin, "2094")
        number = 10
        for call in setup.CALLS:
            for client in setup.CLIENTS:
                number += 1
                crm.made.clear()
                phone = f"7903000{'1' if client == 'existing' else '2'}{setup.CALLS.index(call)}00"
                if client == "existing":
                    crm.contacts[f"+{phone}"] = ("5", "Known", "14")
                is_out = call == "outgoing"
                await objects.end_of_call(admin.actor, found, ended(
                    line, phone, talked=None if is_out else ilya if call == "incoming" else None,
                    caller=ilya if is_out else None, direction="out" if is_out else "in",
                    seconds=0 if call == "missed" else 5, number=number))
                owner = 14 if client == "existing" else 12 if call == "missed" else 13
                assert len(crm.of("contacts")) == (client == "new")
                assert [body["name"] for body in crm.of("leads")] == [f"{call} {client}"] * (call != "missed")
                [task], [note] = crm.of("tasks"), crm.of("calls")
                assert (task["text"], task["responsible_user_id"]) == (f"{call} {client}", owner)
                assert (note["direction"], note["call_status"], "link" in note) == (
                    "outbound" if is_out else "inbound", 6 if call == "missed" else 4, call != "missed")
        crm.made.clear()
        await objects.end_of_call(admin.actor, found, ended("74950000000", "79030009999", talked=ilya, number=30))
        assert crm.made == []  # a line of no scenario


@pytest.mark.req("CRM-32", "CRM-33")
async def test_leads_of_bitrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """T-18, T-19: the owner of the lead in each of the four situations; an open lead takes the call."""
    admin = await an_admin()
    line = await line_of(admin.actor)
    async with a_crm(monkeypatch, "b18") as crm:
        found = await connected(admin, crm, "bitrix24")
        await mapped(admin, found, T_12, "12")
        ilya = await user_of(admin, "2094")
        async with domain_transaction(admin.actor) as tx:
            assert not any(part.is_on for part in await setup.bitrix_lines(tx, found))
            await setup.save_bitrix(tx, found, auto_leads=True, lines=[])
            found = await accounts.require(tx, "bitrix24")
        crm.contacts["79030000001"] = ("5", "Ivan", "14")
        for number, (phone, talked, direction, seconds, owner) in enumerate((
                ("79030000001", ilya, "in", 5, "14"), ("79030000002", ilya, "in", 5, "13"),
                ("79030000003", None, "in", 0, "12"), ("79030000004", None, "out", 5, "13")), 1):
            await objects.end_of_call(admin.actor, found, ended(
                line, phone, talked=talked, caller=ilya if direction == "out" else None, direction=direction,
                seconds=seconds, number=number))
            assert crm.of("crm.lead.add")[-1]["fields"]["ASSIGNED_BY_ID"] == owner, phone
        assert len(crm.of("crm.contact.add")) == 3
        assert [body["STATUS_CODE"] for body in crm.of("telephony.externalcall.finish")] == ["200", "200", "304", "200"]
        assert [bool(body.get("RECORD_URL")) for body in crm.of("telephony.externalcall.finish")] == [
            True, True, False, True]
        crm.leads.append("79030000005")
        await objects.end_of_call(admin.actor, found, ended(line, "79030000005", talked=ilya, number=5))
        assert len(crm.of("crm.lead.add")) == 4
        await objects.ring(admin.actor, found, ended(line, "79030000001", talked=ilya, number=6))
        [ringing] = [body for body in crm.of("telephony.externalcall.register") if body["SHOW"]]
        assert (ringing["USER_ID"], ringing["TYPE"]) == ("13", 2)


@pytest.mark.req("CRM-34")
async def test_routing_by_bitrix(monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await an_admin()
    line = await line_of(admin.actor)
    async with a_crm(monkeypatch, "b34") as crm:
        found = await connected(admin, crm, "bitrix24")
        await mapped(admin, found, T_12, "12")
        crm.contacts["79030000001"] = ("5", "Ivan", "13")
        assert await rung(admin, line, "79030000001") == ("none", "", "")
        async with domain_transaction(admin.actor) as tx:
            await setup.save_bitrix(tx, found, auto_leads=False, lines=[
                part.id for part in await setup.bitrix_lines(tx, found)])
        assert await rung(admin, line, "79030000001") == ("ring", "2094", "Ivan")
        assert await rung(admin, line, "79030000009") == ("none", "", "")


@pytest.mark.req("CRM-24")
async def test_a_call_from_the_card(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await an_admin()
    async with a_crm(monkeypatch, "a24") as crm:
        found = await connected(admin, crm)
        await mapped(admin, found, {"11": "2111"}, "11")
    async with domain_transaction(admin.actor) as tx:
        secret = await accounts.secret_of(tx, found)
    good = {"account": "a24", "secret": secret, "user": "11", "phone": "+7 903 503-78-89"}
    assert (await client.post("/crm-widget/amocrm/call", json=good)).status_code == 200
    for wrong, status in (({"user": "12"}, 409), ({"phone": "x"}, 409), ({"secret": "x"}, 404), ({"account": "b"}, 404)):
        assert (await client.post("/crm-widget/amocrm/call", json=good | wrong)).status_code == status, wrong
    async with domain_transaction(admin.actor) as tx:
        [row] = await tx.fetch("SELECT first_code, then_code FROM call_order WHERE domain_id = $1", tx.domain_id)
    assert tuple(row) == (f"u{await user_of(admin, '2111')}", "n89035037889")


async def test_work_waits_for_the_records_and_for_the_crm(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the node's event to the CRM; what fails is tried again."""
    admin = await an_admin()
    line = await line_of(admin.actor)
    async with a_crm(monkeypatch, "a99") as crm:
        found = await connected(admin, crm)
        await mapped(admin, found, T_12, "12")
        await a_smart_scenario(admin, found, events=NEW_CLIENT)
        linkedid = f"pbx1-{int(NOW.timestamp())}.907"
        session = await a_call(admin.actor, linkedid, at=NOW, user=await user_of(admin, "2094"), b=line)
        event = {"type": "incoming", "state": "end", "session_id": session, "is_record": False, "user": 0, "from_user": 0}
        async with platform_transaction(STAFF) as tx:
            await jobs._note(tx, admin.actor.domain_id, event)
            await jobs._note(tx, admin.actor.domain_id, event | {"type": "internal"})
        crm.is_away = True
        await due(admin)
        await jobs.work_due()
        assert crm.made == []
        crm.is_away = False
        await due(admin)
        await jobs.work_due()
        assert [kind for kind, _body in crm.made] == ["contacts", "leads", "tasks", "calls"]
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM crm_task WHERE domain_id = $1", tx.domain_id) == 0


async def due(admin: Someone) -> None:
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE crm_task SET due_at = now() - interval '1 second' WHERE domain_id = $1", tx.domain_id)


async def test_a_refused_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken, told once, and calls follow the rules of the PBX."""
    admin = await an_admin()
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain SET notification_email = 'boss@a.example' WHERE id = $1", tx.domain_id)
    async with a_crm(monkeypatch, "a98") as crm:
        found = await connected(admin, crm)
        crm.refuses_tokens = True
        async with domain_transaction(admin.actor) as tx:
            await tx.execute("UPDATE crm_integration SET expires_at = now() WHERE domain_id = $1", tx.domain_id)
        await jobs.keep_tokens({})
        await jobs.keep_tokens({})
    async with domain_transaction(admin.actor) as tx:
        assert (await accounts.require(tx, found.kind)).status == "broken"
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM mail_message WHERE domain_id = $1", admin.actor.domain_id) == 1


@pytest.mark.req("CRM-01")
async def test_not_in_the_plan(client: Browser) -> None:
    other = await a_user(is_admin=True)
    await client.sign_in(other.login, other.domain)
    for path in ("/crm", "/crm/amocrm", "/crm/confirm?token=x"):
        assert (await client.get(path)).status_code == 403
    assert 'id="service-crm"' not in (await client.get("/services")).text
    assert PLAN["service"] == "crm"
    assert rules.RING_SECONDS == 20
    assert StandIn.__name__
