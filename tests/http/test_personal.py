"""The personal area: main tab, forwarding scheme, call settings; and the same on a user's page."""

from __future__ import annotations

import io
import re
import wave
from typing import Any

import av
import httpx
import pytest

from app.kernel.db import domain_transaction, platform_transaction
from tenants.forwarding.rules import MAX_RULES
from tests.db.factories import STAFF
from tests.http.browser import PASSWORD, Browser
from tests.http.people import Someone, a_user

pytestmark = pytest.mark.anyio

RULE = {"kind": "mobile", "number": "8 916 000-00-01", "priority": "5", "ring_seconds": "30", "is_enabled": "on"}


@pytest.fixture
async def anna(client: Browser) -> Someone:
    """The client is signed in as a plain user of a fresh domain."""
    user = await a_user(login="anna")
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    return user


@pytest.fixture
async def admin(client: Browser) -> Someone:
    user = await a_user(login="admin", is_admin=True)
    assert (await client.sign_in(user.login, user.domain)).status_code == 303
    return user


async def post(browser: Browser, path: str, data: dict[str, Any] | None = None, **files: Any) -> httpx.Response:
    token = await browser.csrf("/me")
    return await browser.post(path, data=data or {}, files=files or None,
                              headers={"HX-Request": "true", "X-CSRF-Token": token})


def errors(answer: httpx.Response) -> dict[str, str]:
    return dict(re.findall(r'<template data-field="(\w+)">(.*?)</template>', answer.text, re.S))


async def value(user: Someone, sql: str, *args: object) -> Any:
    async with domain_transaction(user.actor) as tx:
        return await tx.fetchval(sql, tx.domain_id, *args)


async def rules(user: Someone) -> list[dict[str, Any]]:
    async with domain_transaction(user.actor) as tx:
        return [dict(row) for row in await tx.fetch(
            "SELECT id, kind, number, priority, ring_seconds, is_enabled, periods FROM forwarding_rule "
            "WHERE domain_id = $1 AND user_id = $2 ORDER BY kind <> 'main', id", tx.domain_id, user.id)]


def a_wav(seconds: float = 1.0, rate: int = 44_100) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\x10\x20" * int(rate * seconds))
    return out.getvalue()


def an_mp3() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as target:
        stream = target.add_stream("mp3", rate=44_100)
        for _ in range(60):
            frame = av.AudioFrame(format="s16p", layout="stereo", samples=1152)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.rate = 44_100
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


# --- main tab ------------------------------------------------------------------------------------------------


@pytest.mark.req("ACC-25", "ACC-26", "ACC-28", "ACC-29", "ACC-30", "ACC-31", "ACC-38", "ACC-39", "ACC-D10")
async def test_what_one_sees_and_may_change(client: Browser, anna: Someone) -> None:
    main = (await client.get("/me")).text
    for part in (f"anna@{anna.domain}", "Call recording", "Not an operator", "Incoming call to", "/me/calls-settings"):
        assert part in main
    for name in ("extension", "position", "outgoing_number_id", "login", "is_operator"):
        assert f'name="{name}"' not in main
        answer = await post(client, "/me", {"display_name": "Hacker", "email": "", name: "1"})
        assert answer.status_code == 422, name
    assert await value(anna, "SELECT display_name FROM domain_user WHERE domain_id = $1 AND id = $2", anna.id) != "Hacker"
    assert (await post(client, "/me", {"display_name": "Anna Petrova", "email": ""})).status_code == 200
    assert "Anna Petrova" in (await client.get("/me")).text


@pytest.mark.req("ACC-36", "ACC-37", "ACC-D12", "USR-59")
async def test_notifications_need_an_address(client: Browser, anna: Someone) -> None:
    notify = "SELECT notify_voicemail FROM domain_user WHERE domain_id = $1 AND id = $2"
    assert await value(anna, notify, anna.id) is False
    wrong = await post(client, "/me", {"display_name": "Anna", "email": "", "notify_voicemail": "on"})
    assert set(errors(wrong)) == {"notify_voicemail"}
    bad = await post(client, "/me", {"display_name": "Anna", "email": "not an address"})
    assert set(errors(bad)) == {"email"}
    fine = await post(client, "/me", {"display_name": "Anna", "email": "a@company.example", "notify_voicemail": "on"})
    assert fine.status_code == 200
    assert await value(anna, notify, anna.id) is True


@pytest.mark.req("ACC-32", "ACC-33", "ACC-35", "ACC-D11")
async def test_change_credentials(client: Browser, anna: Someone) -> None:
    dialog = (await client.get("/me/password")).text
    for part in ("Change credentials", 'name="current"', 'name="password"', 'name="password_repeat"', "Apply"):
        assert part in dialog
    new = {"current": PASSWORD, "password": "another1word", "password_repeat": "another1word"}
    for changes, field in (({"current": "wrong1pass"}, "current"), ({"password_repeat": "other1word"}, "password_repeat"),
                           ({"password": "abc12", "password_repeat": "abc12"}, "password"),
                           ({"password": PASSWORD, "password_repeat": PASSWORD}, "password")):
        assert set(errors(await post(client, "/me/password", new | changes))) == {field}, changes
    assert (await post(client, "/me/password", new)).status_code == 200


# --- forwarding ----------------------------------------------------------------------------------------------


@pytest.mark.req("FWD-02", "FWD-03", "FWD-06", "FWD-07", "FWD-09", "FWD-11", "ACC-42")
async def test_a_number_is_added_changed_and_deleted(client: Browser, anna: Someone) -> None:
    dialog = await client.get("/me/forwarding/new", headers={"HX-Request": "true", "HX-Target": "modal-body"})
    assert 'value="20"' in dialog.text  # the highest priority and ten
    added = await post(client, "/me/forwarding", RULE | {"days": "12345", "start": "10:00", "end": "19:00"})
    assert added.status_code == 200, added.text
    assert 'id="forwarding"' in added.text
    assert "+7 916 000-00-01" in added.text
    assert "sw-fwd-split" in added.text
    _main, rule = await rules(anna)
    assert (rule["number"], rule["priority"], rule["ring_seconds"], rule["periods"]) == (
        "79160000001", 5, 30, [[[1, 2, 3, 4, 5], 600, 1140]])
    off = dict(RULE)
    del off["is_enabled"]
    changed = await post(client, f"/me/forwarding/{rule['id']}", off | {"ring_seconds": "20"})
    assert "sw-fwd-off" in changed.text
    assert "sw-fwd-split" not in changed.text
    assert (await post(client, "/me/forwarding", RULE)).status_code == 422  # the scheme has it
    assert (await client.get(f"/me/forwarding/{rule['id']}/delete")).status_code == 200
    assert (await post(client, f"/me/forwarding/{rule['id']}/delete")).status_code == 200
    assert len(await rules(anna)) == 1
    names = [row for row in await _history(anna) if row["object_type"] == "contact_number"]
    assert {row["object_name"] for row in names} == {f"sip:79160000001@{anna.domain}"}
    assert await value(anna, "SELECT desired FROM provisioning_state WHERE domain_id = $1") >= 3


async def _history(user: Someone) -> list[Any]:
    async with domain_transaction(user.actor) as tx:
        return await tx.fetch("SELECT action, object_type, object_name FROM action_history WHERE domain_id = $1",
                              tx.domain_id)


@pytest.mark.req("FWD-05", "FWD-10", "ACC-41")
async def test_the_main_rule_stays(client: Browser, anna: Someone) -> None:
    [main] = await rules(anna)
    assert (main["kind"], main["priority"], main["ring_seconds"], main["is_enabled"]) == ("main", 10, 40, True)
    path = f"/me/forwarding/{main['id']}"
    assert (await post(client, f"{path}/delete")).status_code == 409
    for changes in ({"number": "+79160000001"}, {"kind": "mobile", "number": "+79160000001"}):
        answer = await post(client, path, {"priority": "10", "ring_seconds": "40", "is_enabled": "on"} | changes)
        assert answer.status_code == 409, changes
    assert (await post(client, "/me/forwarding", RULE | {"kind": "main", "number": ""})).status_code == 422
    fine = await post(client, path, {"priority": "7", "ring_seconds": "15", "days": "7", "start": "10:00", "end": "00:00"})
    assert fine.status_code == 200
    [main] = await rules(anna)
    assert (main["priority"], main["ring_seconds"], main["is_enabled"], main["periods"]) == (
        7, 15, False, [[[7], 600, 1440]])


@pytest.mark.req("FWD-06", "FWD-07", "FWD-08")
async def test_numbers_are_judged(client: Browser, anna: Someone) -> None:
    await a_user(anna.actor, login="boris")
    stranger = await a_user(login="carl")
    for changes in ({"number": "112", "kind": "landline"}, {"number": "+7 495 111-22-33"}, {"number": "abc"},
                    {"number": "anna", "kind": "sip"}, {"number": f"anna@{anna.domain}", "kind": "sip"},
                    {"number": f"carl@{stranger.domain}", "kind": "sip"},
                    {"number": f"nobody@{anna.domain}", "kind": "sip"},
                    {"number": "+79160000001;exten=>x", "kind": "landline"}):
        assert set(errors(await post(client, "/me/forwarding", RULE | changes))) == {"number"}, changes
    colleague = RULE | {"kind": "sip", "number": f"sip:Boris@{anna.domain}"}
    assert (await post(client, "/me/forwarding", colleague)).status_code == 200
    taken = len(await rules(anna))
    async with domain_transaction(anna.actor) as tx:
        for place in range(MAX_RULES - taken):
            await tx.execute("INSERT INTO forwarding_rule (domain_id, user_id, kind, number) VALUES ($1, $2, 'landline', "
                             "$3)", tx.domain_id, anna.id, f"749511100{place:02}")
    full = await post(client, "/me/forwarding", RULE)
    assert full.status_code == 409
    assert str(MAX_RULES) in full.text


@pytest.mark.req("FWD-29")
async def test_choose_a_rule(client: Browser, anna: Someone) -> None:
    await post(client, "/me/forwarding", RULE | {"days": "6", "start": "10:00", "end": "16:00"})
    dialog = (await client.get("/me/forwarding/rules")).text
    for rule in await rules(anna):
        assert f'href="/me/forwarding/{rule["id"]}"' in dialog
    assert "/me/forwarding/new" in dialog


@pytest.mark.req("ACC-44", "ACC-49", "FWD-01", "FWD-31", "USR-65", "USR-66", "USR-79")
async def test_one_scheme_on_four_pages(client: Browser, admin: Someone) -> None:
    assert "End of the call" in (await client.get("/me")).text
    assert (await post(client, f"/users/{admin.id}/forwarding/voicemail", {"voicemail_on": "on"})).status_code == 200
    for path in ("/me", "/me/calls-settings", f"/users/{admin.id}", f"/users/{admin.id}/calls-settings"):
        page = (await client.get(path)).text
        assert "End of the call" not in page, path
        assert 'id="forwarding"' in page, path
    await post(client, "/me/forwarding/voicemail", {})
    assert "End of the call" in (await client.get(f"/users/{admin.id}")).text


@pytest.mark.req("ACC-D2", "FWD-26")
async def test_a_trial_marks_outside_numbers(client: Browser, anna: Someone) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain SET mode = 'trial', trial_ends_at = now() + interval '9 days' WHERE id = $1",
                         anna.actor.domain_id)
    saved = await post(client, "/me/forwarding", RULE)
    assert saved.status_code == 200
    assert "requires the commercial mode" in saved.text


@pytest.mark.req("FWD-34", "FWD-35")
async def test_nobody_else_s_scheme(client: Browser, other_client: Browser, anna: Someone) -> None:
    boss = await a_user(login="boss", is_admin=True)  # of another domain
    await other_client.sign_in(boss.login, boss.domain)
    await post(client, "/me/forwarding", RULE)
    rule = (await rules(anna))[1]["id"]
    for path in (f"/users/{anna.id}/forwarding/{rule}", f"/me/forwarding/{rule}", f"/users/{anna.id}/forwarding/rules",
                 f"/users/{anna.id}/calls-settings", f"/users/{anna.id}/calls-settings/greeting/audio"):
        assert (await other_client.get(path)).status_code == 404, path
    for path in (f"/users/{anna.id}/forwarding", f"/users/{anna.id}/forwarding/{rule}", f"/me/forwarding/{rule}",
                 f"/users/{anna.id}/forwarding/{rule}/delete"):
        assert (await post(other_client, path, RULE)).status_code == 404, path
    assert (await post(other_client, f"/users/{anna.id}/calls-settings/greeting", file=("a.wav", a_wav()))
            ).status_code == 404
    for path in (f"/users/{anna.id}/forwarding/new", f"/users/{anna.id}/calls-settings"):  # a plain user
        assert (await client.get(path)).status_code == 403, path
    assert len(await rules(anna)) == 2


# --- sounds --------------------------------------------------------------------------------------------------


@pytest.mark.req("ACC-45", "ACC-48", "ACC-D13", "USR-82", "SND-03")
async def test_a_sound_is_kept_played_replaced_and_deleted(client: Browser, anna: Someone) -> None:
    original = a_wav(2.0)
    put = await post(client, "/me/calls-settings/greeting", file=("../../Приветствие.wav", original))
    assert put.status_code == 200, put.text
    assert "Приветствие.wav" in put.text
    stored = await value(anna, "SELECT content FROM audio WHERE domain_id = $1 AND user_id = $2", anna.id)
    with wave.open(io.BytesIO(stored)) as asterisk:
        assert (asterisk.getframerate(), asterisk.getnchannels(), round(asterisk.getnframes() / 8000)) == (8000, 1, 2)
    url = "/me/calls-settings/greeting/audio"
    whole = await client.get(url)
    assert (whole.status_code, whole.content, whole.headers["accept-ranges"]) == (200, original, "bytes")
    part = await client.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (
        206, original[10:20], f"bytes 10-19/{len(original)}")
    assert (await client.get(url, headers={"Range": "bytes=-5"})).content == original[-5:]
    assert (await client.get(url, headers={"Range": "bytes=99999999-"})).status_code == 416
    assert "attachment" in (await client.get(f"{url}?download=1")).headers["content-disposition"]
    mp3 = an_mp3()
    assert (await post(client, "/me/calls-settings/greeting", file=("b.mp3", mp3))).status_code == 200
    assert (await client.get(url)).content == mp3
    assert await value(anna, "SELECT count(*) FROM file WHERE domain_id = $1") == 1
    assert (await post(client, "/me/calls-settings/greeting/delete")).status_code == 200
    assert (await client.get(url)).status_code == 404
    assert await value(anna, "SELECT count(*) FROM file WHERE domain_id = $1") == 0


@pytest.mark.req("ACC-D13", "USR-83", "SND-04")
async def test_what_is_no_sound_changes_nothing(client: Browser, anna: Someone) -> None:
    await post(client, "/me/calls-settings/ringback", file=("a.wav", a_wav()))
    before = await value(anna, "SELECT sha256 FROM audio WHERE domain_id = $1")
    broken = b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\x00" * 500
    for name, content in (("a.mp3", b"<script>"), ("a.wav", b"OggS" + bytes(900)), ("a.wav", broken), ("a.mp3", b"ID3" + bytes(900)),
                          ("a.wav", a_wav(301, 8000)), ("a.wav", b""), ("a.wav", a_wav(0.01)),
                          ("a.wav", a_wav(125))):
        answer = await post(client, "/me/calls-settings/ringback", file=(name, content))
        assert (answer.status_code, set(errors(answer))) == (422, {"file"}), (name, content[:12])
    assert await value(anna, "SELECT sha256 FROM audio WHERE domain_id = $1") == before
    assert (await post(client, "/me/calls-settings/unknown", file=("a.wav", a_wav()))).status_code == 404


@pytest.mark.req("SND-01", "SND-03", "USR-89")
async def test_the_domain_s_melody(client: Browser, other_client: Browser, admin: Someone) -> None:
    page = (await client.get("/settings/sounds")).text
    assert "Hold melody" in page
    assert (await post(client, "/settings/sounds/hold", file=("hold.wav", a_wav()))).status_code == 200
    assert "hold.wav" in (await client.get("/settings/sounds")).text
    plain = await a_user(login="plain")
    await other_client.sign_in(plain.login, plain.domain)
    assert (await post(other_client, "/settings/sounds/hold", file=("x.wav", a_wav()))).status_code == 403
    assert (await post(client, "/settings/sounds/hold/delete")).status_code == 200


@pytest.mark.req("ACC-47", "ACC-46", "USR-79", "USR-84")
async def test_call_settings(client: Browser, anna: Someone) -> None:
    page = (await client.get("/me/calls-settings")).text
    for part in ("Voice greeting", "Voicemail greeting", "Ringback melody", "Hold melody", "No restrictions",
                 "Call and record"):
        assert part in page
    assert 'name="restriction"' not in page
    assert (await post(client, f"/users/{anna.id}/restriction", {"restriction": "none"})).status_code == 403
    on = await post(client, "/me/calls-settings/voicemail-greeting", {"voicemail_greeting_on": "on"})
    assert on.status_code == 200
    assert await value(anna, "SELECT voicemail_greeting_on FROM domain_user WHERE domain_id = $1 AND id = $2", anna.id)
    assert (await post(client, "/me/calls-settings/ringback/record")).status_code == 409
    asked = await post(client, "/me/calls-settings/vm_greeting/record")
    assert asked.status_code == 200
    assert "Calling your phone" in asked.text
    assert (await post(client, "/me/calls-settings/vm_greeting/record")).status_code == 409  # one at a time
    path = re.search(r'hx-get="([^"]+)"', asked.text)
    assert path
    assert (await client.get(path[1])).status_code == 200
