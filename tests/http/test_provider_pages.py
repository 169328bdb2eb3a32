"""The console as a person uses it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from tests.db.factories import STAFF, a_domain, a_node, a_tariff, domain_name
from tests.http.browser import Browser
from tests.http.people import a_pool_admin, a_user
from tests.http.provider_help import Console, a_console
from tests.http.provider_help import value as _value

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

_count = iter(range(1, 10_000))


@pytest.fixture
async def console(client: Browser) -> Console:
    return await a_console(client)


async def _new_domain(**changes: str) -> dict[str, str]:
    number = next(_count)
    return {"name": f"new{number}.{id(changes)}.pbx.example", "company_name": "ООО «Ромашка»",
            "tariff_id": str(await a_tariff()), "node_id": str(await a_node()), "scheme": "prepaid",
            "timezone": "Asia/Omsk", "area_code": "381", "notification_email": "",
            "admin_name": "Анна Иванова", "admin_login": "anna", "admin_email": "anna@example.org",
            "admin_password": "horse1battery"} | changes


@pytest.mark.parametrize("path", [
    "/provider", "/provider/domains", "/provider/domains/new", "/provider/domains/export", "/provider/numbers",
    "/provider/numbers/import", "/provider/numbers/export", "/provider/tariffs", "/provider/tariffs/new",
    "/provider/trunks", "/provider/trunks/new", "/provider/nodes", "/provider/payments", "/provider/payments/new",
    "/provider/payments/export", "/provider/jobs", "/provider/events", "/provider/mails", "/provider/search?q=pbx",
    "/provider/domains?q=%25_&mode=trial&scheme=nonsense&sort=-balance&offset=7",
    "/provider/payments?since=2026-02-31&until=2026-01-01"])
async def test_pages_open(console: Console, path: str) -> None:
    await a_domain()
    answer = await console.get(path)
    assert answer.status_code == 200, answer.text[:2000]


@pytest.mark.req("ACC-02", "ACC-D3")
async def test_a_domain_from_order_to_contract(console: Console) -> None:
    form = await _new_domain()
    answer = await console.post("/provider/domains", **form)
    assert answer.status_code == 200, answer.text
    url = answer.headers["hx-redirect"]
    domain_id = int(url.rsplit("/", 1)[1])
    assert await _value("SELECT is_admin FROM domain_user WHERE domain_id = $1 AND login = 'anna'", domain_id)
    card = await console.get(url)
    assert form["name"] in card.text
    for what in ("terms", "tariff", "limits", "block", "unblock"):
        form_page = await console.get(f"{url}/change/{what}", **{"hx-request": "true", "hx-target": "modal-body"})
        assert form_page.status_code == 200, form_page.text
    assert (await console.get(f"{url}/change/nonsense")).status_code == 404
    answer = await console.post(f"{url}/commercial", tariff_id=form["tariff_id"], scheme="credit")
    assert answer.status_code == 200, answer.text
    assert await _value("SELECT mode FROM domain WHERE id = $1", domain_id) == "commercial"
    assert (await console.post(f"{url}/commercial", tariff_id=form["tariff_id"], scheme="credit")).status_code == 409
    history = await console.get(f"{url}/history")
    assert history.status_code == 200
    actions = await _value("SELECT array_agg(action ORDER BY id) FROM action_history WHERE domain_id = $1", domain_id)
    assert actions[0] == "domain_created"
    assert "switched_to_commercial" in actions


@pytest.mark.parametrize(("field", "value"), [
    ("name", "no dots"), ("name", "a..b"), ("name", "x" * 200 + ".example"), ("name", "${SHELL(id)}.example"),
    ("timezone", "../../etc/passwd"), ("timezone", "Mars/Base"), ("area_code", "49a"), ("scheme", "free"),
    ("tariff_id", "0"), ("tariff_id", "999999999"), ("node_id", "999999999"), ("tariff_id", "9" * 30),
    ("admin_password", "1"), ("admin_login", "Anna Ivanova"), ("admin_login", ""), ("admin_email", "nobody"),
    ("notification_email", "a\r\nBcc: x@y.example"), ("company_name", "a\nb"), ("company_name", "x" * 10_000_00)])
async def test_a_wrong_order_saves_nothing(console: Console, field: str, value: str) -> None:
    before = await _value("SELECT count(*) FROM domain")
    form = await _new_domain() | {field: value}
    answer = await console.post("/provider/domains", **form)
    assert answer.status_code == 422, answer.status_code
    assert f'data-field="{field}"' in answer.text
    assert await _value("SELECT count(*) FROM domain") == before


async def test_texts_are_shown_harmless(console: Console) -> None:
    company = '<script>alert(1)</script>"\'; DROP TABLE domain; -- 🦊'
    answer = await console.post("/provider/domains", **await _new_domain(company_name=company))
    assert answer.status_code == 200, answer.text
    card = await console.get(answer.headers["hx-redirect"])
    assert "<script>alert(1)" not in card.text
    assert "&lt;script&gt;alert(1)" in card.text


@pytest.mark.req("FIN-34", "FIN-36", "FIN-42")
async def test_terms(console: Console) -> None:
    actor = await a_domain()
    url = f"/provider/domains/{actor.domain_id}"
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="5")).status_code == 422
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="1000,005")).status_code == 422
    assert (await console.post(f"{url}/terms", scheme="credit", credit_limit="5 000,50")).status_code == 200
    assert str(await _value("SELECT credit_limit FROM account WHERE domain_id = $1", actor.domain_id)) == "5000.50"
    assert (await console.post(f"{url}/terms", scheme="prepaid", credit_limit="")).status_code == 200
    actions = await _value("SELECT array_agg(action ORDER BY id) FROM action_history WHERE domain_id = $1",
                           actor.domain_id)
    assert actions.count("scheme_changed") == 2
    assert actions.count("credit_limit_changed") == 2


async def test_block_and_unblock(console: Console) -> None:
    actor = await a_domain()
    url = f"/provider/domains/{actor.domain_id}"
    assert (await console.post(f"{url}/block", reason="")).status_code == 422
    assert (await console.post(f"{url}/block", reason="spam\r\nfrom a stolen phone")).status_code == 200
    assert "spam from a stolen phone" in (await console.get(url)).text
    listed = await console.get(f"/provider/domains?block=administrative&q={await domain_name(actor)}")
    assert await domain_name(actor) in listed.text
    assert (await console.post(f"{url}/unblock")).status_code == 200
    assert "spam from a stolen phone" not in (await console.get(url)).text


async def test_limits(console: Console) -> None:
    actor = await a_domain()
    url = f"/provider/domains/{actor.domain_id}/limits"
    for users, calls in (("0", "5"), ("10", "0"), ("ten", "5"), ("1" * 12, "5")):
        assert (await console.post(url, max_users=users, max_paid_calls=calls)).status_code == 422
    assert (await console.post(url, max_users="25", max_paid_calls="3")).status_code == 200
    assert await _value("SELECT max_users + max_paid_calls FROM domain WHERE id = $1", actor.domain_id) == 28


# --- numbers -----------------------------------------------------------------------------------------


def _number() -> str:
    return f"7495{next(_count):07}"


def _csv(text: str | bytes, name: str = "numbers.csv") -> dict[str, tuple[str, bytes, str]]:
    return {"file": (name, text if isinstance(text, bytes) else text.encode(), "text/csv")}


async def test_numbers_from_file_to_domain_and_back(console: Console) -> None:
    async with platform_transaction(STAFF) as tx:
        await tx.execute("DELETE FROM phone_number WHERE domain_id IS NULL")
    one, two = _number(), _number()
    preview = await console.post("/provider/numbers/preview", files=_csv(
        f"номер;категория;регион\n+{one[0]} ({one[1:4]}) {one[4:]};городской;Москва\n{two};;\n".encode("cp1251")))
    assert preview.status_code == 200, preview.text
    found = re.search(r'name="import_id" value="(\d+)"', preview.text)
    assert found, preview.text
    assert await _value("SELECT count(*) FROM phone_number WHERE e164 = $1", one) == 0
    assert (await console.post("/provider/numbers/import", import_id=found[1])).status_code == 200
    assert (await console.post("/provider/numbers/import", import_id=found[1])).status_code == 404  # clicked twice
    actor = await a_domain(tariff_id=await a_tariff())
    await _value("UPDATE domain SET default_number_id = NULL WHERE id = $1", actor.domain_id)
    number_id = await _value("SELECT id FROM phone_number WHERE e164 = $1", two)
    await _value("UPDATE phone_number SET domain_id = NULL WHERE id = $1", number_id)
    dialog = await console.get(f"/provider/numbers/{number_id}/give?q={await domain_name(actor)}",
                               **{"hx-request": "true", "hx-target": "candidates"})
    assert f'value="{actor.domain_id}"' in dialog.text
    assert (await console.post(f"/provider/numbers/{number_id}/give")).status_code == 422
    assert (await console.post(f"/provider/numbers/{number_id}/give", domain_id="999999999")).status_code == 422
    for status in (200, 409):
        answer = await console.post(f"/provider/numbers/{number_id}/give", domain_id=str(actor.domain_id))
        assert answer.status_code == status
    listed = await console.get(f"/provider/numbers?q=8{two[1:]}")
    assert await domain_name(actor) in listed.text
    assert (await console.get(f"/provider/numbers/{number_id}/take-back")).status_code == 200
    assert (await console.post(f"/provider/numbers/{number_id}/take-back")).status_code == 200
    assert await _value("SELECT domain_id FROM phone_number WHERE id = $1", number_id) is None


@pytest.mark.parametrize("content", [
    "number;category;region\n7495123;city;x\nabc;city;y\n", "7495000;gold;\n", "+7a4951234567;city;\n", "",
    "\n\n\n", "number;category;region\n", "74951230000;city;a;b;c\n", '"74951230000;city', b"\xff\xfe\x00\x00",
    b"\x98\x98;city;\n", "74951230001;city;\n8 495 123-00-01;city;\n", "112;city;\n", "=1+1;city;\n",
    "74951230002;city;" + "x" * 101, b"7" * 11_000_000, b"PK\x03\x04xl/"],
    ids=["letters", "category", "plus-letters", "empty", "blank", "heading", "cells", "quote", "zeros", "encoding",
         "duplicate", "short", "formula", "region", "large", "workbook"])
async def test_bad_number_files_change_nothing(console: Console, content: str | bytes) -> None:
    before = await _value("SELECT count(*) FROM phone_number")
    kept = await _value("SELECT count(*) FROM pending_import")
    answer = await console.post("/provider/numbers/preview", files=_csv(content))
    assert answer.status_code in (200, 413, 422), answer.status_code
    if answer.status_code == 200:
        assert "sw-bad" in answer.text
    assert await _value("SELECT count(*) FROM phone_number") == before
    assert await _value("SELECT count(*) FROM pending_import") == kept


async def test_known_numbers_are_named_by_line(console: Console) -> None:
    known = _number()
    await _value("INSERT INTO phone_number (e164) VALUES ($1)", known)
    answer = await console.post("/provider/numbers/preview", files=_csv(f"{_number()}\n{known}\n"))
    assert "import_id" not in answer.text
    assert known in answer.text


# --- tariffs -----------------------------------------------------------------------------------------


async def _tariff(console: Console) -> str:
    answer = await console.post("/provider/tariffs", name=f"Базовый {next(_count)} {id(console)}",
                                timezone="Europe/Moscow",
                                included_users="3", user_monthly="150,00", user_connection="0", fee_cycle="daily")
    assert answer.status_code == 200, answer.text
    return answer.headers["hx-redirect"]


@pytest.mark.req("FIN-58", "FIN-62")
async def test_rates_from_file_to_force(console: Console) -> None:
    tariff = await _tariff(console)
    answer = await console.post(f"{tariff}/import", files=_csv(
        "prefix;destination;price\n7;Россия;1,5\n49;Germany;10\n"))
    first = answer.headers["hx-redirect"]
    assert (await console.get(first)).status_code == 200
    assert (await console.post(f"{first}/publish", valid_from="2020-01-01")).status_code == 422
    assert (await console.post(f"{first}/publish", valid_from="tomorrow")).status_code == 422
    today = re.search(r'value="(\d{4}-\d\d-\d\d)"', (await console.get(f"{first}/publish")).text)
    assert today
    assert (await console.post(f"{first}/publish", valid_from=today[1])).status_code == 200
    assert (await console.post(f"{first}/publish", valid_from=today[1])).status_code == 409
    assert (await console.post(f"{first}/discard")).status_code == 409
    answer = await console.post(f"{tariff}/import", files=_csv(
        "prefix,destination,price\n7,Russia,1.5\n33,France,9\n"))
    second = answer.headers["hx-redirect"]
    page = (await console.get(second)).text
    for text in ("Added: 1", "Changed: 1", "Removed: 1", "Unchanged: 0"):
        assert text in page
    source = await console.get(f"{first}/source")
    assert source.content.decode() == "prefix;destination;price\n7;Россия;1,5\n49;Germany;10\n"
    exported = await console.get(f"{first}/export")
    assert exported.content.decode("utf-8-sig").splitlines()[1].startswith("49;Germany;10.000000;60")
    again = await console.post(f"{tariff}/import", files=_csv(exported.content))
    assert "Unchanged: 2" in (await console.get(again.headers["hx-redirect"])).text
    assert (await console.post(f"{second}/discard")).status_code == 200
    assert (await console.get(second)).status_code == 404
    assert "Germany" in (await console.get(f"{first}?q=germ")).text
    assert "Germany" not in (await console.get(f"{first}?q=%25")).text
    assert (await console.get(tariff)).status_code == 200


@pytest.mark.parametrize("content", [
    "prefix;price\n7;1\n", "prefix;destination;price\n+7a;x;1\n", "prefix;destination;price\n7;x;-1\n",
    "prefix;destination;price\n7;x;1\n7;y;2\n", "prefix;destination;price\n7;x;1,2345678\n",
    "prefix;destination;price\n7;x;NaN\n", "", b"\x00\x01", "prefix;destination;price\n", b"x" * 41_000_000],
    ids=["column", "prefix", "negative", "duplicate", "decimals", "nan", "empty", "zeros", "heading", "large"])
async def test_bad_rate_files_make_no_draft(console: Console, content: str | bytes) -> None:
    tariff = await _tariff(console)
    answer = await console.post(f"{tariff}/import", files=_csv(content))
    assert answer.status_code in (200, 413, 422), answer.status_code
    assert "hx-redirect" not in answer.headers
    rates = ("SELECT count(r.*) + 1000 * (count(DISTINCT v.id) - 1) FROM tariff_version v "
             "LEFT JOIN tariff_rate r ON r.version_id = v.id WHERE v.tariff_id = $1")
    assert await _value(rates, int(tariff.rsplit("/", 1)[1])) == 0  # only the draft that the tariff began with


# --- trunks ------------------------------------------------------------------------------------------


async def _trunk(**changes: str) -> dict[str, str]:
    return {"node_id": str(await a_node()), "name": f"Carrier {next(_count)} {id(changes)}",
            "host": "SIP.carrier.example", "port": "5060", "username": "us", "password": "s3cret-word",
            "transport": "udp", "number_style": "e164", "priority": "10", "max_calls": "0",
            "is_active": "on"} | changes


async def test_trunks(console: Console) -> None:
    await _value("DELETE FROM trunk")
    form = await _trunk()
    assert (await console.post("/provider/trunks", **form)).status_code == 200
    assert (await console.post("/provider/trunks", **form)).status_code == 422  # the name is taken
    trunk_id = await _value("SELECT id FROM trunk WHERE name = $1 AND host = 'sip.carrier.example'", form["name"])
    for path in ("/provider/trunks", f"/provider/trunks/{trunk_id}/edit", f"/provider/trunks/{trunk_id}/delete"):
        page = await console.get(path)
        assert page.status_code == 200
        assert "s3cret-word" not in page.text
    off = {**form, "password": ""}
    del off["is_active"]
    assert (await console.post(f"/provider/trunks/{trunk_id}", **off)).status_code == 409  # the last active one
    assert (await console.post(f"/provider/trunks/{trunk_id}", **off, sure="on")).status_code == 200
    assert await _value("SELECT password FROM trunk WHERE id = $1", trunk_id) == "s3cret-word"
    assert (await console.post(f"/provider/trunks/{trunk_id}", **{**form, "password": ""})).status_code == 200
    assert (await console.post(f"/provider/trunks/{trunk_id}/delete")).status_code == 409
    assert (await console.post(f"/provider/trunks/{trunk_id}/delete", sure="on")).status_code == 200
    assert (await console.post(f"/provider/trunks/{trunk_id}/delete", sure="on")).status_code == 404
    told = await _value("SELECT string_agg(changes::text, '') FROM action_history WHERE object_type = 'trunk' "
                        "AND object_id = $1", trunk_id)
    assert "s3cret-word" not in told


@pytest.mark.parametrize(("field", "value"), [
    ("host", "a b"), ("host", "x;y"), ("host", "x\ny"), ("host", "-x.example"), ("host", "300.1.1.1"),
    ("host", "0.0.0.0"), ("host", "${SHELL(id)}"), ("host", "[global]"), ("host", "x" * 254), ("host", ""),
    ("port", "0"), ("port", "70000"),
    ("username", "a\r\nb"), ("username", "a;b"), ("password", "a b"), ("password", "a;b"), ("password", "a\nb"),
    ("transport", "tls"), ("number_style", "x"), ("priority", "0"), ("max_calls", "-1"), ("name", ""),
    ("name", "a\nb"), ("node_id", "999999999")])
async def test_wrong_trunks(console: Console, field: str, value: str) -> None:
    answer = await console.post("/provider/trunks", **await _trunk(**{field: value}))
    assert answer.status_code == 422
    assert f'data-field="{field}"' in answer.text


# --- jobs and letters ---------------------------------------------------------------------------------


async def test_a_failed_job_is_repeated(console: Console, web: Any) -> None:
    job_id = await _value("INSERT INTO job_run (job, arguments, key, state, error) VALUES ('charge_day', $1, $2, "
                          "'failed', 'boom') RETURNING id", [7, "2026-11-21"], f"k{next(_count)}-{id(web)}")
    assert "boom" in (await console.get("/provider/jobs?state=failed")).text
    assert (await console.post(f"/provider/jobs/{job_id}/retry")).status_code == 200
    assert await _value("SELECT state FROM job_run WHERE id = $1", job_id) == "retry"
    assert (await console.post(f"/provider/jobs/{job_id}/retry")).status_code == 409
    queued = [job.args for job in await web.state.jobs.queued_jobs() if job.function == "charge_day"]
    assert (7, "2026-11-21") in [tuple(args) for args in queued]


async def test_a_failed_event_and_letter_are_repeated(console: Console) -> None:
    event_id = await _value("INSERT INTO outbox_event (kind, payload, tries, error, done_at) "
                            "VALUES ('user_created', '{}', 12, 'boom', now()) RETURNING id")
    assert (await console.post(f"/provider/events/{event_id}/retry")).status_code == 200
    assert await _value("SELECT done_at IS NULL AND tries = 0 FROM outbox_event WHERE id = $1", event_id)
    mail_id = await _value("INSERT INTO mail_message (recipient, subject, body, state, error) "
                           "VALUES ('a@b.example', 'Subject', 'Body', 'failed', 'refused') RETURNING id")
    assert (await console.post(f"/provider/mails/{mail_id}/retry")).status_code == 200
    assert (await console.post(f"/provider/mails/{mail_id}/retry")).status_code == 409
    assert (await console.get(f"/provider/mails/{mail_id}")).status_code == 404  # not yet in the folder


async def test_letters_of_the_folder_are_read_by_engineers(console: Console) -> None:
    from app.kernel import mail
    from app.settings import settings

    async with platform_transaction(STAFF) as tx:
        await mail.queue(tx, "anna@example.org", "Пароль", "Ваш пароль: <b>тайна</b>")
    while await mail.send_queued(settings()):
        pass
    mail_id = await _value("SELECT max(id) FROM mail_message WHERE subject = 'Пароль'")
    letter = (await console.get(f"/provider/mails/{mail_id}")).text
    assert "&lt;b&gt;тайна&lt;/b&gt;" in letter


# --- search and pool ----------------------------------------------------------------------------------


async def test_search_finds_all_kinds(console: Console) -> None:
    someone = await a_user(login=f"petrova{next(_count)}")
    number = _number()
    await _value("INSERT INTO phone_number (e164, region) VALUES ($1, 'Тверь')", number)
    account = await _value("SELECT number FROM account WHERE domain_id = $1", someone.actor.domain_id)
    for text in (someone.domain, account, someone.login, f"{someone.login}@{someone.domain}"):
        assert someone.domain in (await console.get(f"/provider/search?q={text}")).text
    assert "Тверь" in (await console.get(f"/provider/search?q=8{number[1:]}")).text
    for odd in ("%25", "_", "\\", "'", "a" * 500, "%00", "🦊"):
        assert (await console.get(f"/provider/search?q={odd}")).status_code == 200


@pytest.mark.req("POOL-14", "POOL-19", "POOL-22", "POOL-23")
async def test_a_pool_sees_its_own_domains(client: Browser) -> None:
    admin = await a_pool_admin("subgroup_admin")
    own = await a_domain(pool_id=admin.pool_id, route_number="0079")
    other = await a_domain()
    await client.sign_in_at("/group", admin.login)
    page = (await client.get("/group")).text
    assert await domain_name(own) in page
    assert "0079" in page
    assert await domain_name(other) not in page
    assert (await client.get("/group?q=0079")).text.count(await domain_name(own)) >= 1
    assert await domain_name(own) not in (await client.get("/group?q=nothing")).text
    assert (await client.get(f"/group/domains/{own.domain_id}")).status_code == 200
    assert (await client.get(f"/group/domains/{other.domain_id}")).status_code == 404


# --- payments -----------------------------------------------------------------------------------------


async def _balance(actor: Actor) -> str:
    async with domain_transaction(actor) as tx:
        return str(await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id))


def _payment(actor: Actor, **changes: str) -> dict[str, str]:
    return {"domain_id": str(actor.domain_id), "amount": "1 500,50", "source": "Банк", "description": "Счёт 17",
            "external_id": f"doc-{next(_count)}-{actor.domain_id}"} | changes


@pytest.mark.req("FIN-51")
async def test_a_payment_is_shown_then_posted_once(console: Console) -> None:
    actor = await a_domain()
    form = _payment(actor)
    check = await console.post("/provider/payments/check", **form)
    assert "1,500.50" in check.text
    assert await _balance(actor) == "0.00"
    answers = await asyncio.gather(*(console.post("/provider/payments", **form) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum("had been posted" in answer.headers["hx-trigger"] for answer in answers) == 3
    assert await _balance(actor) == "1500.50"
    listed = await console.get(f"/provider/payments?q={form['external_id']}")
    assert "Счёт 17" in listed.text
    other = await console.post("/provider/payments", **form | {"amount": "1"})
    assert other.status_code == 422
    assert await _balance(actor) == "1500.50"


@pytest.mark.parametrize("amount", ["0", "-5", "1.005", "", "NaN", "Infinity", "1e3000", "ten", "1,2,3", "9" * 20])
async def test_wrong_amounts(console: Console, amount: str) -> None:
    actor = await a_domain()
    for path in ("/provider/payments/check", "/provider/payments"):
        assert (await console.post(path, **_payment(actor, amount=amount))).status_code == 422
    assert await _balance(actor) == "0.00"


async def test_a_payment_needs_an_account(console: Console) -> None:
    actor = await a_domain()
    assert (await console.post("/provider/payments", **_payment(actor, domain_id=""))).status_code == 422
    assert (await console.post("/provider/payments", **_payment(actor, domain_id="999999999"))).status_code == 404
    assert (await console.post("/provider/payments", **_payment(actor, description="a\nb"))).status_code == 422
