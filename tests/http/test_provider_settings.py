"""Parameters, texts of letters, announcements and the provider's own people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.kernel import announcements, clock, letters, parameters
from app.kernel.db import domain_transaction, platform_transaction
from app.provider.parameters import service as parameter_service
from tenants.users import service as users
from tenants.users.rules import NewUser
from tests.db.factories import STAFF, a_domain
from tests.http.browser import Browser
from tests.http.people import a_pool_admin, a_staff_member, a_user
from tests.http.provider_help import Console, a_console, told, value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

PASSWORD = "battery1horse"


@pytest.fixture
async def console(client: Browser) -> Console:
    return await a_console(client)


@pytest.fixture
async def untouched() -> AsyncIterator[None]:
    """The tables hold for the whole platform: what a test changed is taken back."""
    yield
    async with platform_transaction(STAFF) as tx:
        for key, known in parameters.REGISTRY.items():
            await tx.execute("UPDATE provider_parameter SET value = $2 WHERE key = $1", key, known.stored(known.default))
        await tx.execute("DELETE FROM letter_text")
        await tx.execute("DELETE FROM announcement")
    parameter_service.forget()
    announcements.forget()


# --- parameters ----------------------------------------------------------------------------------------

TRIAL = {"trial.minutes": "30", "trial.days": "7", "trial.remind_days": "2"}


@pytest.mark.req("ACC-D1", "ACC-D2")
async def test_a_changed_parameter_is_in_force_and_stands_in_the_history(console: Console, untouched: None) -> None:
    answer = await console.post("/provider/parameters/trial", **TRIAL, **{"trial.external_forwarding": "on"})
    assert answer.status_code == 200, answer.text
    new = await a_domain(commercial=False)
    assert await value("SELECT trial_seconds_left FROM domain WHERE id = $1", new.domain_id) == 30 * 60
    left = await value("SELECT trial_ends_at - created_at FROM domain WHERE id = $1", new.domain_id)
    assert timedelta(days=6, hours=23) < left < timedelta(days=7, hours=1)
    assert await told("parameter_changed", "trial.days") == {"value": [14, 7]}
    assert await told("parameter_changed", "trial.external_forwarding") == {"value": [False, True]}
    page = (await console.get("/provider/parameters/history?key=trial.days")).text
    assert console.staff.login in page
    assert "<s>14</s> → 7" in page
    assert "trial.minutes" not in page.split('id="list-results"')[1]
    before = await value("SELECT count(*) FROM action_history WHERE object_type = 'parameter'")
    await console.post("/provider/parameters/trial", **TRIAL, **{"trial.external_forwarding": "on"})
    assert await value("SELECT count(*) FROM action_history WHERE object_type = 'parameter'") == before


@pytest.mark.parametrize(("group", "fields", "wrong"), [
    ("trial", {**TRIAL, "trial.days": "0"}, "trial.days"), ("trial", {**TRIAL, "trial.days": "soon"}, "trial.days"),
    ("trial", {**TRIAL, "trial.remind_days": "8"}, "trial.remind_days"),
    ("credit", {"credit.min": "5000", "credit.max": "4000", "credit.default_limit": "0", "credit.warn_percent": "10"},
     "credit.min"),
    ("pool", {"pool.route_number_length": "4", "pool.dial_expression": "{route}${ext}"}, "pool.dial_expression"),
    ("billing", {"billing.timezone": "../etc/passwd"}, "billing.timezone"),
    ("cabinet", {"legacy_cabinet_url": "javascript:alert(1)"}, "legacy_cabinet_url")])
async def test_wrong_parameters_change_nothing(console: Console, group: str, fields: dict[str, str],
                                               wrong: str) -> None:
    answer = await console.post(f"/provider/parameters/{group}", **fields)
    assert answer.status_code == 422
    assert f'data-field="{wrong}"' in answer.text
    async with platform_transaction(STAFF) as tx:
        now = await parameters.everything(tx)
    assert {key: now[key] for key in fields} == {key: parameters.REGISTRY[key].default for key in fields}


@pytest.mark.req("ACC-D11")
async def test_the_shortest_password_is_the_providers_to_raise(console: Console, untouched: None) -> None:
    auth = {"auth.max_failures": "5", "auth.max_failures_per_ip": "20", "auth.lock_minutes": "15",
            "auth.reset_token_minutes": "60", "auth.password_min_length": "16", "auth.require_totp": "nobody"}
    assert (await console.post("/provider/parameters/auth", **auth)).status_code == 200
    form = {"login": f"short{console.staff.id}", "display_name": "S", "email": "", "role": "support"}
    answer = await console.post("/provider/staff", **form, password=PASSWORD)
    assert answer.status_code == 422
    assert 'data-field="password"' in answer.text
    assert (await console.post("/provider/staff", **form, password=PASSWORD + "long")).status_code == 200


async def test_an_unknown_group_or_page_is_not_there(console: Console) -> None:
    assert (await console.post("/provider/parameters/nonsense")).status_code == 404
    assert (await console.get("/provider/letters/nonsense")).status_code == 404
    assert (await console.post("/provider/letters/credentials/de", subject="x", body="y")).status_code == 404


# --- letters -------------------------------------------------------------------------------------------


@pytest.mark.req("ACC-10")
async def test_a_text_of_ones_own_is_sent_and_can_be_taken_back(console: Console, untouched: None) -> None:
    url = "/provider/letters/credentials/ru"
    answer = await console.post(url, subject="Доступ для {{ name }}", body="Пароль: {{ password }}\n")
    assert answer.status_code == 200, answer.text
    actor = await a_domain()
    new = NewUser(login="anna", display_name="Анна", password=PASSWORD, email="anna@example.org", extension="101",
                  send_credentials=True)
    async with domain_transaction(actor) as tx:
        await users.create_user(tx, new)
    letter = "SELECT subject || '|' || body FROM mail_message WHERE domain_id = $1 AND recipient = 'anna@example.org'"
    assert await value(letter, actor.domain_id) == f"Доступ для Анна|Пароль: {PASSWORD}\n"
    assert "Доступ для" in (await console.get("/provider/letters/credentials")).text
    assert (await told("letter_changed", "credentials ru"))["letter_subject"][1] == "Доступ для {{ name }}"
    assert (await console.post(f"{url}/reset")).status_code == 200
    assert await value("SELECT count(*) FROM letter_text") == 0
    assert (await told("letter_reset", "credentials ru"))["letter_subject"][0] == "Доступ для {{ name }}"


@pytest.mark.parametrize(("subject", "body", "field"), [
    ("", "text", "subject"), ("S", "", "body"), ("S", "{{ secret }}", "body"), ("S", "{{ name", "body"),
    ("{% for x in name %}", "text", "subject"), ("S", "{{ name.__class__ }}", "body"), ("S", "x" * 20_001, "body"),
    ("a\nb", "text", "subject"), ("S", "{% include '/etc/passwd' %}", "body")])
async def test_a_wrong_text_is_refused(console: Console, subject: str, body: str, field: str) -> None:
    for path in ("", "/preview"):
        answer = await console.post(f"/provider/letters/credentials/en{path}", subject=subject, body=body)
        assert answer.status_code == 422
        assert f'data-field="{field}"' in answer.text
    assert await value("SELECT count(*) FROM letter_text WHERE letter = 'credentials' AND locale = 'en'") == 0


async def test_every_letter_is_listed_and_previewed(console: Console) -> None:
    page = (await console.get("/provider/letters")).text
    for key in letters.REGISTRY:
        assert f"/provider/letters/{key}" in page
        assert (await console.get(f"/provider/letters/{key}")).status_code == 200
    shown = await console.post("/provider/letters/credentials/en/preview", subject="To {{ name }}",
                               body="<b>{{ password }}</b>")
    assert "To Anna Petrova" in shown.text
    assert "&lt;b&gt;Example1&lt;/b&gt;" in shown.text


# --- announcements -------------------------------------------------------------------------------------


def _announcement(begin: datetime, end: datetime, **changes: str) -> dict[str, str]:
    moscow = timedelta(hours=3)  # typed in the platform's time zone
    return {"kind": "warning", "text_ru": "Работы <ночью>", "text_en": "Maintenance <tonight>",
            "starts_at": f"{begin + moscow:%Y-%m-%dT%H:%M}", "ends_at": f"{end + moscow:%Y-%m-%dT%H:%M}"} | changes


async def test_an_announcement_stands_on_every_page_while_in_force(web: Any, console: Console,
                                                                   untouched: None) -> None:
    now, hour = datetime.now(UTC), timedelta(hours=1)
    assert (await console.post("/provider/announcements", **_announcement(now - hour, now + hour))).status_code == 200
    admin, pool_admin = await a_user(is_admin=True), await a_pool_admin()
    shown = "Maintenance &lt;tonight&gt;"
    async with Browser(web) as visitor:
        for path in ("/sign-in", "/group/sign-in", "/provider/sign-in"):
            assert shown in (await visitor.get(path)).text
        assert "Работы" in (await visitor.get("/sign-in", headers={"accept-language": "ru"})).text
        await visitor.sign_in(admin.login, admin.domain)
        page = (await visitor.get("/")).text
        assert shown in page or "Работы &lt;ночью&gt;" in page  # whichever language the reader has
        number = page.split('data-announcement="')[1].split('"')[0]
        visitor.plant("announcement", number)  # what the closing button leaves for the rest of the session
        assert "data-announcement=" not in (await visitor.get("/")).text
    async with Browser(web) as visitor:
        await visitor.sign_in_at("/group", pool_admin.login)
        assert shown in (await visitor.get("/group")).text
    assert shown in (await console.get("/provider")).text
    with clock.at(now + 2 * hour):
        assert await announcements.current() is None
    assert (await console.post(f"/provider/announcements/{number}/delete")).status_code == 200
    assert shown not in (await console.get("/provider")).text


async def test_no_query_for_the_announcement_of_each_page(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    await console.get("/provider")
    asked = []
    monkeypatch.setattr(announcements, "public_transaction", lambda: asked.append(1))
    for _ in range(3):
        assert (await console.get("/provider")).status_code == 200
    assert asked == []


@pytest.mark.parametrize("changes", [
    {"ends_at": "2026-01-01T00:00"}, {"starts_at": "soon"}, {"kind": "danger"}, {"text_ru": ""}, {"text_en": "a\x07b"},
    {"starts_at": "0001-01-01T00:00"}, {"ends_at": "9999-12-31T23:59"}])
async def test_a_wrong_announcement_is_refused(console: Console, changes: dict[str, str]) -> None:
    form = _announcement(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC), **changes)
    assert (await console.post("/provider/announcements", **form)).status_code == 422
    assert await value("SELECT count(*) FROM announcement") == 0


# --- staff ---------------------------------------------------------------------------------------------


async def _only_administrator(console: Console) -> None:
    await value("UPDATE staff SET is_active = false WHERE role = 'administrator' AND id <> $1", console.staff.id)


async def test_a_new_member_of_the_staff_signs_in(web: Any, console: Console) -> None:
    login = f"new{console.staff.id}"
    answer = await console.post("/provider/staff", login=login.upper(), display_name="Новый", role="billing",
                                email="new@example.org", password=PASSWORD, send_credentials="on")
    assert answer.status_code == 200, answer.text
    assert PASSWORD in await value("SELECT body FROM mail_message WHERE recipient = 'new@example.org' "
                                   "ORDER BY id DESC LIMIT 1")
    assert PASSWORD not in str(await told("staff_created", login))
    async with Browser(web) as browser:
        await browser.sign_in_at("/provider", login, PASSWORD)
        assert (await browser.get("/provider")).status_code == 200
    again = await console.post("/provider/staff", login=login, display_name="N", role="billing", password=PASSWORD)
    assert again.status_code == 422
    assert 'data-field="login"' in again.text
    assert login in (await console.get("/provider/staff")).text


@pytest.mark.parametrize("change", ["lock", "password", "role"])
async def test_what_is_open_ends_at_once(web: Any, console: Console, change: str) -> None:
    member = await a_staff_member("billing")
    domain = await a_domain()
    async with Browser(web) as browser:
        await browser.sign_in_at("/provider", member.login)
        await _jump(browser, domain.domain_id)
        assert (await browser.get("/users")).status_code == 200
        path, data = {"lock": ("/lock", {}), "password": ("/password", {"password": PASSWORD}), "role": (
            "", {"display_name": "B", "email": "", "role": "support"})}[change]
        assert (await console.post(f"/provider/staff/{member.id}{path}", **data)).status_code == 200
        for address in ("/provider", "/users"):
            answer = await browser.get(address)
            assert "sign-in" in answer.headers.get("location", ""), address
        if change == "lock":
            refused = await browser.sign_in_at("/provider", member.login)
            assert refused.status_code == 422
            assert (await console.post(f"/provider/staff/{member.id}/unlock")).status_code == 200
            assert (await browser.sign_in_at("/provider", member.login)).status_code in {200, 303}


async def _jump(browser: Browser, domain_id: int, **data: str) -> Any:
    token = await browser.csrf("/provider")
    page = await browser.post(f"/provider/domains/{domain_id}/enter", data=data, headers={"x-csrf-token": token})
    assert page.status_code in {200, 201}, page.text[:500]
    secret = page.text.split('name="token" value="')[1].split('"')[0]
    return await browser.post("/enter", data={"token": secret})


async def test_the_last_administrator_stays(console: Console) -> None:
    """Nobody locks or demotes oneself; of two administrators who lock each other at once one stays."""
    own = f"/provider/staff/{console.staff.id}"
    assert (await console.post(f"{own}/lock")).status_code == 409
    demoted = await console.post(own, display_name="A", email="", role="support")
    assert demoted.status_code == 409
    await _only_administrator(console)
    from app.provider.staff import service

    for attempt in (lambda tx: service.lock(tx, console.staff.id),
                    lambda tx: service.change(tx, console.staff.id, display_name="A", email="", role="support")):
        with pytest.raises(service.Refused):
            async with platform_transaction(STAFF) as tx:
                await attempt(tx)
    assert await value("SELECT is_active AND role = 'administrator' FROM staff WHERE id = $1", console.staff.id)


@pytest.mark.parametrize("fields", [
    {"login": "ab"}, {"login": "a b"}, {"role": "owner"}, {"password": "short"}, {"email": "nobody"},
    {"display_name": "a\x00\nb"}, {"email": "", "send_credentials": "on"}])
async def test_a_wrong_account_is_refused(console: Console, fields: dict[str, str]) -> None:
    form = {"login": f"wrong{console.staff.id}", "display_name": "W", "email": "w@example.org", "role": "support",
            "password": PASSWORD} | fields
    before = await value("SELECT count(*) FROM staff")
    assert (await console.post("/provider/staff", **form)).status_code == 422
    assert await value("SELECT count(*) FROM staff") == before


async def test_a_lost_second_factor_is_reset_and_what_is_open_ends(web: Any, console: Console) -> None:
    member = await a_staff_member("billing")
    url = f"/provider/staff/{member.id}/factor"
    assert (await console.post(url)).status_code == 409  # there is none
    assert (await console.post("/provider/staff/999999999/factor")).status_code == 404
    async with Browser(web) as browser:
        await browser.sign_in_at("/provider", member.login)
        await value("UPDATE staff SET totp_secret = 'sealed', totp_recovery = '{a}' WHERE id = $1", member.id)
        page = (await console.get(f"/provider/staff?q={member.login}")).text
        for what in ("edit", "password", "lock", "factor"):
            assert f"/provider/staff/{member.id}/change/{what}" in page
            assert (await console.get(f"/provider/staff/{member.id}/change/{what}")).status_code == 200
        assert (await console.post(url)).status_code == 200
        assert "sign-in" in (await browser.get("/provider")).headers.get("location", "")
    assert await value("SELECT totp_secret IS NULL AND totp_recovery = '{}' FROM staff WHERE id = $1", member.id)
