"""Requests of external systems: who is let in, what each method answers, quotas, deliveries."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.kernel import clock, files, outbox
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.modules.integration_api import answers, calls, delivery, jobs, rules, service
from app.modules.integration_api.methods import CALL_EVENTS
from tenants.calls import sessions
from tests.db.factories import STAFF, a_node
from tests.http.browser import Browser
from tests.http.integration_api_world import a_receiver, an_admin, ask, let_private_in, switch_on
from tests.http.people import Someone, a_staff_member, a_user
from tests.http.test_integration_api_tls import a_certificate, server_side

pytestmark = pytest.mark.anyio

AT = datetime(2026, 4, 21, 10, 2, tzinfo=UTC)


async def a_company(**settings: Any) -> tuple[Someone, service.Settings]:
    admin = await an_admin()
    return admin, await switch_on(admin.actor, **settings)


async def a_call(actor: Actor, linkedid: str, *, direction: str = "in", at: datetime = AT, user: int | None = None,
                 peer: int | None = None, a: str = "79031234567", b: str = "74951234567", answered: bool = True,
                 seconds: int = 3, kind: str = "", charge: dict | None = None, cost: str = "0") -> str:
    """One record; the identifier of its call."""
    node = await a_node()
    async with platform_transaction(STAFF) as tx:
        await tx.execute(
            "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, peer_user_id, "
            "a_number, b_number, started_at, answered_at, ended_at, talk_seconds, result, hangup_cause, kind, charge, "
            "cost) VALUES ($1, $2, $3, 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
            "$17::text::numeric)",
            actor.domain_id, node, linkedid, direction, user, peer, a, b, at,
            at + timedelta(seconds=5) if answered else None, at + timedelta(seconds=5 + seconds),
            seconds if answered else 0, "answered" if answered else "no_answer", 16 if answered else 19, kind, charge,
            cost)
    return str(sessions.session_id(node, linkedid, at))


@pytest.mark.req("API-43")
async def test_who_is_let_in(client: Browser) -> None:
    """T-03: the order of the checks and their outcomes."""
    admin, own = await a_company()
    body = '{"request_number": "+74951234567","from_pin": "101"}'
    assert (await ask(client, own, "users_info", X_Client_ID="0" * 32)).status_code == 401
    assert (await ask(client, own, "users_info", X_Client_ID="")).status_code == 401
    assert (await ask(client, own, "call_back", body, X_Client_Sign="0" * 64)).status_code == 401
    raw = body.replace('","', '", "')


    wrong = rules.sign(own.client_id, raw.encode(), own.key)
    assert (await ask(client, own, "call_back", body, X_Client_Sign=wrong)).status_code == 401
    async with domain_transaction(admin.actor) as tx:
        assert await tx.fetchval("SELECT count(*) FROM call_order WHERE domain_id = $1", tx.domain_id) == 0
    assert (await ask(client, own, "nothing")).status_code == 404
    assert (await ask(client, own, "call_events")).status_code == 404
    for text in ("{", "[]", "null", '"x"', "\x00"):
        answer = await ask(client, own, "users_info", text)
        assert (answer.status_code, answer.json()["result"]) == (200, "-2"), text
    assert (await ask(client, own, "users_info", "x" * 70_000)).status_code == 413
    assert (await ask(client, own, "users_info", "")).json()["result"] == "0"
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE api_settings SET is_on = false WHERE domain_id = $1", tx.domain_id)
    answer = await ask(client, own, "users_info")
    assert (answer.status_code, answer.json()["result"]) == (403, "-10")


@pytest.mark.req("API-47")
async def test_quota(client: Browser) -> None:
    """T-06: the request beyond it is refused and does not count; one letter."""
    admin, own = await a_company()
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE domain SET notification_email = 'boss@a.example' WHERE id = $1", tx.domain_id)
        await tx.execute("INSERT INTO api_usage VALUES ($1, 'users_info', date_trunc('hour', $2::timestamptz, 'UTC'), 99)",
                         tx.domain_id, clock.now())
    codes = [(await ask(client, own, "users_info")).status_code for _ in range(3)]
    assert codes == [200, 429, 429]
    async with domain_transaction(admin.actor) as tx:
        used = (await service.usage(tx))["users_info"]
        assert (used.used, used.limit, used.is_exhausted) == (100, 100, True)
    async with platform_transaction(STAFF) as tx:
        assert await tx.fetchval("SELECT count(*) FROM mail_message WHERE domain_id = $1", admin.actor.domain_id) == 1
        await tx.execute("INSERT INTO api_method_limit VALUES ($1, 'users_info', 101)", admin.actor.domain_id)
    assert [(await ask(client, own, "users_info")).status_code for _ in range(2)] == [200, 429]
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE api_usage SET hour = hour - interval '1 hour' WHERE domain_id = $1", tx.domain_id)
    assert (await ask(client, own, "users_info")).status_code == 200


async def test_the_provider_sets_quotas(client: Browser) -> None:
    admin, own = await a_company()
    staff = await a_staff_member("administrator")
    await client.sign_in_at("/provider", staff.login)
    url = f"/provider/api-limits/{admin.actor.domain_id}"
    assert "call_events" in (await client.get(url)).text
    headers = {"X-CSRF-Token": await client.csrf("/provider"), "HX-Request": "true"}
    assert (await client.post(url, data={"limit_users_info": "x"}, headers=headers)).status_code == 422
    changed = {"limit_users_info": "1", "limit_call_events": "-"}
    assert (await client.post(url, data=changed, headers=headers)).status_code == 200
    async with domain_transaction(admin.actor) as tx:
        found = await service.usage(tx)
    assert (found["users_info"].limit, found["call_events"].limit, found["call_info"].limit) == (1, None, 100)
    assert [(await ask(client, own, "users_info")).status_code for _ in range(2)] == [200, 429]
    assert (await client.get("/provider/api-limits/9007199254740993")).status_code == 404


@pytest.mark.req("API-10", "API-64")
async def test_users(client: Browser) -> None:
    admin, own = await a_company()
    anna = await a_user(admin.actor, login="anna", email="anna@a.example")
    users = (await ask(client, own, "users_info")).json()["users"]
    assert [user["name"] for user in users] == ["anna", admin.login]
    assert users[0] | {"pin": ""} == {"display_name": "Anna", "name": "anna", "pin": "", "email": "anna@a.example",
                                      "is_operator": False, "is_supervisor": False, "recording": False, "groups": []}
    [found] = (await ask(client, own, "users_info", {"user_pin": users[0]["pin"]})).json()["users"]
    assert found["name"] == "anna"
    assert (await ask(client, own, "users_info", {"user_name": "nobody"})).json()["result"] == "-3"
    assert (await ask(client, own, "users_info", {"domain": "other.example"})).json()["result"] == "-2"
    stranger, theirs = await a_company()
    assert (await ask(client, theirs, "users_info", {"user_name": "anna"})).json()["result"] == "-3"
    assert stranger.id != anna.id


@pytest.mark.req("API-11", "API-66")
async def test_restrictions(client: Browser) -> None:
    admin, own = await a_company()
    await a_user(admin.actor, login="anna")
    who = {"user_name": "anna"}
    get, put = "restricting_user_outgoing_calls/get", "restricting_user_outgoing_calls/set"
    first = (await ask(client, own, get, who)).json()
    assert (first["restriction"], first["is_individual"]) == (0, False)
    for value in (1, 2, 3, 0):
        done = (await ask(client, own, put, who | {"restriction": value})).json()
        assert (done["result"], done["restriction"], done["is_individual"]) == ("0", value, True)
    assert (await ask(client, own, get, who)).json()["is_individual"]
    for wrong in (4, -1, "x", None, [1]):
        assert (await ask(client, own, put, who | {"restriction": wrong})).json()["result"] == "-2", wrong
    assert (await ask(client, own, put, {"restriction": 1})).json()["result"] == "-2"
    assert (await ask(client, own, put, {"user_name": "x", "restriction": 1})).json()["result"] == "-3"
    async with domain_transaction(admin.actor) as tx:
        row = await tx.fetchrow("SELECT actor_name, ip FROM action_history WHERE domain_id = $1 AND object_type = 'user' "
                                "ORDER BY id DESC LIMIT 1", tx.domain_id)
    assert row is not None
    assert tuple(row) == ("Integration API", client.ip)


@pytest.mark.req("API-65", "API-09", "API-63")
async def test_a_call_and_its_recording(client: Browser, other_client: Browser) -> None:
    admin, own = await a_company()
    anna = await a_user(admin.actor, login="anna")
    session = await a_call(admin.actor, "pbx1-1776765720.7", user=anna.id)
    info = (await ask(client, own, "call_info", {"session_id": session})).json()["info"]
    domain = admin.domain
    assert info == {
        "call_type": 1, "direction": 1, "state": 1, "orig_number": f"sip:79031234567@{domain}", "orig_pin": None,
        "dest_number": f"sip:74951234567@{domain}", "answering_sipuri": f"sip:anna@{domain}",
        "answering_pin": info["answering_pin"], "start_call_date": int(AT.timestamp()), "duration": 3,
        "session_log": f"0:ct:74951234567;5:cc:{info['answering_pin']};8:cd:{info['answering_pin']};",
        "is_voicemail": False, "is_record": False, "is_fax": False, "status_code": 0, "status_string": ""}
    assert (await ask(client, own, "get_record", {"session_id": session})).json()["result"] == "-5"
    async with domain_transaction(admin.actor) as tx:
        file_id = await files.store(tx, b"ID3 sound", name="x.mp3", media_type="audio/mpeg")
        await tx.execute("INSERT INTO call_recording (domain_id, node_id, linkedid, file_id, seconds, started_at) "
                         "SELECT domain_id, node_id, linkedid, $2, 3, started_at FROM call WHERE domain_id = $1",
                         tx.domain_id, file_id)
    assert (await ask(client, own, "call_info", {"session_id": session})).json()["info"]["is_record"]
    for name in ("ip_adress", "ip_address"):
        url = (await ask(client, own, "get_record", {"session_id": session, name: client.ip})).json()["url"]
        assert (await client.get(url)).content == b"ID3 sound"
        assert (await other_client.get(url)).status_code == 404
    url = (await ask(client, own, "get_record", {"session_id": session})).json()["url"]
    assert (await other_client.get(url)).headers["content-type"] == "audio/mpeg"
    assert (await other_client.get(url[:-1])).status_code == 404
    async with domain_transaction(admin.actor) as tx:
        url = await answers.record_link(tx, file_id, until=tx.now - timedelta(seconds=1))
    assert (await other_client.get(url)).status_code == 404
    _stranger, theirs = await a_company()
    for method in ("call_info", "get_record"):
        assert (await ask(client, theirs, method, {"session_id": session})).json()["result"] == "-4"
        assert (await ask(client, own, method, {"session_id": "x"})).json()["result"] == "-4"


@pytest.mark.req("API-12", "API-67")
async def test_charges(client: Browser) -> None:
    admin, own = await a_company()
    anna = await a_user(admin.actor, login="anna")
    await a_call(admin.actor, "a.1", direction="out", user=anna.id, b="74951112233", seconds=61,
                 charge={"lines": [[0, 2, 60, 1500000, 60, 1, False]]}, cost="3.00")
    await a_call(admin.actor, "a.2", direction="out", user=anna.id, at=AT + timedelta(days=1), answered=False)
    await a_call(admin.actor, "a.3", direction="in", user=anna.id)
    wanted = {"user_name": "anna", "date_start": "2026-04-21 00:00:00", "date_end": "2026-04-22 00:00:00"}
    answer = (await ask(client, own, "user_calls_charges", wanted)).json()
    assert answer["calls_count"] == 1
    assert answer["calls"] == [{"number": "74951112233", "date": "2026-04-21 13:02:00", "duration": 61,
                                "charged_interval": 120, "cost": "3.00"}]
    for wrong in ({"date_end": "2026-05-23 00:00:00"}, {"date_end": "2026-04-20 00:00:00"}, {"date_start": "today"},
                  {"date_start": "0001-01-01 00:00:00"}):
        assert (await ask(client, own, "user_calls_charges", wanted | wrong)).json()["result"] == "-2", wrong


@pytest.mark.req("API-13", "API-14", "API-68", "API-69")
async def test_the_journal_as_a_file(client: Browser) -> None:
    admin, own = await a_company()
    anna = await a_user(admin.actor, login="anna")
    session = await a_call(admin.actor, "pbx1-1776765720.8", user=anna.id)
    await a_call(admin.actor, "f.2", direction="out", user=anna.id, a="74951234567", b="+7 (999) 111".replace(" ", ""),
                 answered=False, at=AT + timedelta(hours=1))
    await a_call(admin.actor, "f.3", direction="internal", user=anna.id, peer=admin.id, at=AT + timedelta(hours=2))
    period = {"date_start": "2026-04-01 00:00:00", "date_end": "2026-05-01 00:00:00"}
    order = (await ask(client, own, "domain_call_history", period | {"direction": 0, "state": 0})).json()["order_id"]
    again = await ask(client, own, "domain_call_history", period | {"direction": 0, "state": 0})
    assert again.json()["result"] == "-8"
    assert (await ask(client, own, "download_call_history", {"order_id": order})).json()["result"] == "-7"
    late = {"date_start": "2025-04-01 00:00:00", "date_end": "2026-05-01 00:00:00"}
    assert (await ask(client, own, "domain_call_history", late)).json()["result"] == "-2"
    await _files_made(admin)
    answer = await ask(client, own, "download_call_history", {"order_id": order})
    lines = gzip.decompress(answer.content).decode().splitlines()
    assert lines[0].split(";") == list(calls.COLUMNS)
    assert lines[1].startswith(f"{session};1;1;1;sip:79031234567@")
    assert len(lines) == 4
    async with domain_transaction(admin.actor) as tx:
        [told] = [one for one in await delivery.journal(tx) if one.method == "history_file_completed"]
    assert f'"order_id": "{order}"' in told.body
    for filters, count in (({"direction": 1}, 1), ({"state": 2}, 1), ({"phone_number": "8 (903) 123-45-67"}, 2),
                           ({"phone_number": "9031234567", "direction": 3}, 1)):
        number = (await ask(client, own, "domain_call_history", period | filters)).json()["order_id"]
        await _files_made(admin)
        content = (await ask(client, own, "download_call_history", {"order_id": number})).content
        assert len(gzip.decompress(content).splitlines()) == 1 + count, filters
    _stranger, theirs = await a_company()
    assert (await ask(client, theirs, "download_call_history", {"order_id": order})).json()["result"] == "-6"
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE api_export SET expires_at = now() - interval '1 s' WHERE domain_id = $1", tx.domain_id)
    await jobs.tidy({})
    assert (await ask(client, own, "download_call_history", {"order_id": order})).json()["result"] == "-6"


async def _files_made(admin: Someone) -> None:
    """What the worker does with the events of this company."""
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT id, payload FROM outbox_event WHERE domain_id = $1 AND kind = 'api_export_ordered' "
                              "AND done_at IS NULL ORDER BY id", admin.actor.domain_id)
        for row in rows:
            for handler in outbox._handlers["api_export_ordered"]:
                await handler(tx, admin.actor.domain_id, row["payload"])
            await tx.execute("UPDATE outbox_event SET done_at = now() WHERE id = $1", row["id"])


@pytest.mark.req("API-62")
async def test_what_a_request_for_a_call_must_say(client: Browser) -> None:
    admin, own = await a_company()
    anna = await a_user(admin.actor, login="anna")
    good = {"request_number": "+74951234567", "from_sipuri": f"anna@{admin.domain}"}
    answer = (await ask(client, own, "call_back", good)).json()
    async with domain_transaction(admin.actor) as tx:
        row = await tx.fetchrow("SELECT * FROM call_order WHERE domain_id = $1", tx.domain_id)
    assert row is not None
    assert answer["session_id"] == str(sessions.order_session(row["id"]))
    assert (row["first_code"], row["then_code"], row["payer_user_id"]) == (f"u{anna.id}", "n84951234567", anna.id)
    for wrong, result in (({"request_number": "abc"}, "-2"), ({"request_number": ""}, "-2"),
                          ({"from_sipuri": "anna@other.example"}, "-3"), ({"from_sipuri": "boris"}, "-3"),
                          ({"from_sipuri": ""}, "-2"), ({"request_number": "1" * 30}, "-2"),
                          ({"request_number": "84951234567&1"}, "-2")):
        assert (await ask(client, own, "call_back", good | wrong)).json()["result"] == result, wrong


@pytest.mark.req("API-23", "API-46")
async def test_nothing_is_sent_while_it_is_off() -> None:
    admin = await an_admin()
    async with domain_transaction(admin.actor) as tx:
        await delivery.enqueue(tx, CALL_EVENTS, {"state": "new"})
    await switch_on(admin.actor)
    async with domain_transaction(admin.actor) as tx:
        await service.switch_method_off(tx, CALL_EVENTS)
        await delivery.enqueue(tx, CALL_EVENTS, {"state": "new"})
        assert await delivery.journal(tx) == []
        await tx.execute("DELETE FROM api_method_off WHERE domain_id = $1", tx.domain_id)
        await delivery.enqueue(tx, CALL_EVENTS, {"state": "new"})
        assert len(await delivery.journal(tx)) == 1
        await tx.execute("UPDATE api_usage SET requests = 1000 WHERE domain_id = $1", tx.domain_id)
        await delivery.enqueue(tx, CALL_EVENTS, {"state": "end"})
        assert [(one.state, one.error) for one in await delivery.journal(tx)] == [("dropped", "quota"), ("queued", "")]


async def test_deliveries_are_in_order_repeated_and_replayed(tmp_path: Path) -> None:
    """Of one call one after another, three times at most; other calls do not wait for it."""
    await let_private_in()
    one, two = sessions.order_session(1), sessions.order_session(2)
    async with a_receiver(server_side(tmp_path, "localhost")) as receiver:
        admin, _own = await a_company(address=receiver.address, external_cert=a_certificate("localhost")[0].decode())
        async with domain_transaction(admin.actor) as tx:
            for session, state, seq in ((one, "new", 1), (one, "end", 2), (two, "new", 1), (one, "new", 1)):
                await delivery.enqueue(tx, CALL_EVENTS, {"session_id": str(session), "state": state}, session=session,
                                       event=state, seq=seq)
        receiver.reply = lambda _path, body: (500 if body["session_id"] == str(one) else 204, "")
        await delivery.deliver_due()
        assert sorted(body["session_id"] for body in receiver.bodies()) == sorted([str(one), str(two)])
        await _due_now(admin)
        receiver.reply = lambda _path, _body: (200, "{}")
        for _ in range(2):
            await asyncio.gather(delivery.deliver_due(), delivery.deliver_due())
        assert [(body["session_id"], body["state"]) for body in receiver.bodies()][2:] == [
            (str(one), "new"), (str(one), "end")]
        async with domain_transaction(admin.actor) as tx:
            sent = await delivery.journal(tx)
            assert [(line.event, line.state) for line in sent] == [("new", "sent"), ("end", "sent"), ("new", "sent")]
            assert sorted(line.tries for line in sent) == [1, 1, 2]
            await delivery.replay(tx, sent[0].id)
        await delivery.deliver_due()
        assert len(receiver.bodies()) == 5
        receiver.reply = lambda _path, _body: (503, "")
        async with domain_transaction(admin.actor) as tx:
            await delivery.enqueue(tx, CALL_EVENTS, {"state": "x"}, session=two, event="x", seq=9)
        for _ in range(5):
            await delivery.deliver_due()
            await _due_now(admin)
        async with domain_transaction(admin.actor) as tx:
            last = (await delivery.journal(tx))[0]
        assert (last.state, last.tries, last.status) == ("dropped", 3, 503)


async def _due_now(admin: Someone) -> None:
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("UPDATE api_message SET due_at = now() - interval '1 second' WHERE domain_id = $1", tx.domain_id)
