"""Reports of the contact centre: from rows of the engine to the page and its file."""

from __future__ import annotations

import itertools
import re
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from python_calamine import CalamineWorkbook

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from tenants.reports import service
from tests.db.factories import STAFF
from tests.http.browser import Browser, text_of
from tests.http.contact_centre import a_group, an_administrator, an_operator
from tests.http.people import a_user

pytestmark = pytest.mark.anyio
URL = "/groups/reports"
MARCH = {"from": "2021-03-01", "to": "2021-03-31"}
_count = itertools.count(1)


def at(text: str) -> datetime:
    """Of March 2021 in the domain's zone: `29 12:33:12`."""
    return datetime.strptime(f"2021-03-{text}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZoneInfo("Europe/Moscow"))


async def a_call(actor: Actor, group: int, when: str, *, operator: int = 0, rung: float = 0, waited: float = 0,
                 in_menu: float = 0, talked: float = 0, missed: tuple[int, ...] = (), outcome: str = "",
                 ended_by: str = "", caller: str = "74990000000", caller_id: int | None = None,
                 topic: tuple[int, str] | None = None) -> str:
    """One pass through a group: `in_menu` seconds before it, `waited` in it, of which `rung` by who answers."""
    uniqueid = f"report-{next(_count)}"
    t_line = at(when)
    t_group = t_line + timedelta(seconds=in_menu)
    over = t_group + timedelta(seconds=waited)
    async with domain_transaction(actor) as tx:
        call = await tx.fetchval(
            "INSERT INTO group_call (domain_id, node_id, uniqueid, linkedid, group_id, group_name, caller_number, "
            "caller_user_id, t_line, t_group, t_answer, t_end, outcome, ended_by, operator_id, operator_name, topic_id, "
            "topic_name) VALUES ($1, 1, $2, $2, $3, 'Then', $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
            "RETURNING id", tx.domain_id, uniqueid, group, caller, caller_id, t_line, t_group,
            over if operator else None, over + timedelta(seconds=talked), outcome or (
                "answered" if operator else "abandoned"), ended_by or "subscriber", operator or None, "Snapshot",
            topic[0] if topic else None, topic[1] if topic else "")
        offers = [(one, t_group, "timeout") for one in missed]
        if operator:
            offers.append((operator, over - timedelta(seconds=rung), "answered"))
        for user_id, offered, result in offers:
            await tx.execute(
                "INSERT INTO call_offer (domain_id, group_call_id, operator_id, operator_name, t_offer, t_result, result) "
                "VALUES ($1, $2, $3, 'Snapshot', $4, $5, $6)", tx.domain_id, call, user_id, offered, over, result)
    return uniqueid


async def states(actor: Actor, user_id: int, *changes: tuple[str, str]) -> None:
    """(moment, state), the last one is still in force."""
    async with domain_transaction(actor) as tx:
        for (start, state), (end, _state) in zip(changes, (*changes[1:], ("", "")), strict=True):
            await tx.execute(
                "INSERT INTO operator_state_interval (domain_id, user_id, state, started_at, ended_at) "
                "VALUES ($1, $2, $3, $4, $5)", tx.domain_id, user_id, state, at(start), at(end) if end else None)


def table(answer: httpx.Response) -> list[str]:
    """Rows of the report, cells divided by bars."""
    assert answer.status_code == 200, answer.text[:300]
    body = answer.text[answer.text.index("<tbody>"):] if "<tbody>" in answer.text else answer.text
    return [" | ".join(text_of(cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL))
            for row in re.findall(r"<tr>(.*?)</tr>|<tr class=\"sw-report-total\">(.*?)</tr>", body, re.DOTALL)
            for row in row if row]


async def report(client: Browser, kind: str, **params: Any) -> list[str]:
    return table(await client.get(URL, params={"report": kind, "show": "1", **MARCH, **params}))


@pytest.mark.req("RPT-13", "RPT-15", "RPT-17", "RPT-19", "RPT-26", "RPT-28", "RPT-29")
async def test_what_operators_had(client: Browser) -> None:
    """A call missed by one and answered by another counts for both; groups that he left stay."""
    admin = await an_administrator(client)
    anna, boris = await an_operator(admin.actor, "anna"), await an_operator(admin.actor, "boris")
    sales = await a_group(admin.actor, "Sales", [anna.id, boris.id])
    left = await a_group(admin.actor, "Left", [boris.id])
    await a_group(admin.actor, "Quiet", [anna.id])
    await a_group(admin.actor, "Foreign", [boris.id])
    await a_call(admin.actor, sales, "10 12:00:00", operator=anna.id, waited=30, rung=6, talked=100, missed=(boris.id,))
    await a_call(admin.actor, sales, "11 12:00:00", operator=anna.id, waited=5, rung=5, talked=71)
    await a_call(admin.actor, sales, "12 12:00:00", waited=40, missed=(anna.id, boris.id))
    await a_call(admin.actor, left, "31 23:59:59", operator=anna.id, waited=4, rung=4, talked=3600)
    async with domain_transaction(admin.actor) as tx:  # a phone that could not be rung is no loss
        await tx.execute("INSERT INTO call_offer (domain_id, group_call_id, operator_id, t_offer, t_result, result) "
                         "SELECT domain_id, id, $2, t_group, t_group, 'failed' FROM group_call WHERE domain_id = $1",
                         tx.domain_id, anna.id)
    assert await report(client, "operator", operator=anna.id) == [
        "Left | 1 | 0 (0%) | 01:00:00 | 01:00:00 | 00:00:04", "Quiet | 0 | 0 (0%) | 00:00:00 | 00:00:00 | 00:00:00",
        "Sales | 2 | 1 (33.3%) | 00:02:51 | 00:01:26 | 00:00:06", "Total | 3 | 1 (25%) | 01:02:51 | 00:20:57 | 00:00:05"]
    assert await report(client, "group", group=sales) == [
        "Anna | 2 | 1 (33.3%) | 00:02:51 | 00:01:26 | 00:00:06", "Boris | 0 | 2 (100%) | 00:00:00 | 00:00:00 | 00:00:00",
        "Total | 2 | 3 (60%) | 00:02:51 | 00:01:26 | 00:00:06"]
    early = await report(client, "operator", operator=anna.id, **{"from": "01.03.2021", "to": "10.03.2021"})
    assert early[-1].startswith("Total | 1 | 0 (0%)")


@pytest.mark.req("RPT-10", "RPT-12", "RPT-14", "RPT-20", "RPT-21", "RPT-22", "RPT-23", "RPT-24", "RPT-30", "RPT-55")
async def test_groups_compared_and_by_the_hour(client: Browser) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")
    sales, other = await a_group(admin.actor, "Sales", [anna.id]), await a_group(admin.actor, "Help", [anna.id])
    await a_call(admin.actor, sales, "01 00:00:00", operator=anna.id, in_menu=20, waited=10, rung=3, talked=60)
    await a_call(admin.actor, sales, "02 00:14:59", operator=anna.id, waited=11, rung=4, talked=90)
    await a_call(admin.actor, sales, "03 23:59:00", in_menu=5, waited=21)
    await a_call(admin.actor, sales, "04 09:00:00", outcome="voicemail", ended_by="system", waited=1)
    await a_call(admin.actor, sales, "05 10:00:00", outcome="no_operators", ended_by="system")
    async with domain_transaction(admin.actor) as tx:
        before = at("01 00:00:00") - timedelta(hours=1)
        await tx.executemany(  # a queue left over from a failure long ago is none
            "INSERT INTO queue_length_sample (domain_id, group_id, at, length) VALUES ($1, $2, $3, $4)",
            [(tx.domain_id, other, before, 9), (tx.domain_id, sales, at("03 23:59:05"), 1),
             (tx.domain_id, sales, at("03 23:59:10"), 2), (tx.domain_id, sales, at("03 23:59:26"), 0)])
        await tx.execute(  # still waiting: neither answered nor lost
            "INSERT INTO group_call (domain_id, node_id, uniqueid, linkedid, group_id, group_name, t_line, t_group) "
            "VALUES ($1, 1, 'open', 'open', $2, '', $3, $3)", tx.domain_id, sales, at("06 10:00:00"))
    both = {"groups": [sales, other]}
    assert await report(client, "compare", qos=10, **both) == [
        "Sales | 5 | 3 (60%) | 00:02:30 | 00:01:15 | 00:00:04 | 2 | 00:00:09 | 00:00:26 | 20%",
        "Help | 0 | 0 (0%) | 00:00:00 | 00:00:00 | 00:00:00 | 0 | 00:00:00 | 00:00:00 | 0%",
        "Total | 5 | 3 (60%) | 00:02:30 | 00:01:15 | 00:00:04 | 2 | 00:00:09 | 00:00:26 | 20%"]
    rows = await report(client, "group-hours", **both)
    assert len(rows) == 97
    assert [row for row in rows if not row.endswith(" | 0")] == [
        "00:00:00 – 00:15:00 | 0 | 2 | 0 | 0 | 0 | 2 | 2", "09:00:00 – 09:15:00 | 1 | 0 | 0 | 0 | 1 | 0 | 1",
        "10:00:00 – 10:15:00 | 1 | 0 | 0 | 0 | 1 | 0 | 1", "23:45:00 – 24:00:00 | 1 | 0 | 0 | 0 | 1 | 0 | 1",
        "Total | 3 | 2 | 0 | 0 | 3 | 2 | 5"]
    expected = {"talk": "00:01:15", "reaction": "00:00:04", "loss": "00:00:09", "answer": "00:00:21", "level": "40%"}
    for figure, value in expected.items():
        rows = await report(client, "group-hours", figure=figure, split=60, qos=11, groups=sales)
        assert len(rows) == 25
        assert rows[-1] == f"Total | {value} | {value}", figure


@pytest.mark.req("RPT-37", "RPT-38", "RPT-40")
async def test_by_calls(client: Browser) -> None:
    """Example 14; a hundred rows at a time; the number in any form."""
    admin = await an_administrator(client, language="ru")
    boris, caller = await an_operator(admin.actor, "boris"), await a_user(admin.actor, "user2")
    first, second = await a_group(admin.actor, "Группа1", [boris.id]), await a_group(admin.actor, "Группа2", [boris.id])
    await a_call(admin.actor, first, "29 12:33:12")
    await a_call(admin.actor, second, "29 15:36:37", operator=boris.id, waited=4, talked=4, ended_by="operator",
                 caller=str(101), caller_id=caller.id)
    assert await report(client, "calls") == [
        "+7 (499) 000-0000 | 29.03.2021 12:33:12 | Не дождался | 00:00:00 | 00:00:00 | Группа1 | --",
        "User2 | 29.03.2021 15:36:37 | Завершен оператором | 00:00:04 | 00:00:04 | Группа2 | Boris"]
    for typed in ("8 (499) 000-00-00", "+7499", "900000", "84990000000"):
        assert len(await report(client, "calls", number=typed)) == 1, typed
    assert "Нет данных" in (await client.get(URL, params={"report": "calls", "show": 1, **MARCH, "number": "555"})).text
    for number in range(150):
        await a_call(admin.actor, first, "30 10:00:00", caller=f"7495{number:07}", waited=number)
    answer = await client.get(URL, params={"report": "calls", "show": "1", **MARCH})
    assert len(table(answer)) == 100
    more = re.search(r'id="report-more" hx-get="([^"]+)"', answer.text)
    assert more
    rest = await client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true", "HX-Target": "report-more"})
    found = table(rest)
    assert len(found) == 52
    assert "00:02:29" in found[-1]
    assert "report-more" not in rest.text
    sheet = CalamineWorkbook.from_filelike(BytesIO((await client.get(
        f"{URL}/export", params={"report": "calls", **MARCH})).content)).get_sheet_by_index(0).to_python()
    assert sheet[0][:2] == ["Тип отчёта", "По вызовам"]
    assert sheet[1][:2] == ["Период", "01.03.2021 – 31.03.2021"]
    assert sheet[3][0] == "Номер телефона"
    assert len(sheet) == 4 + 152
    assert sheet[4] == ["+7 (499) 000-0000", at("29 12:33:12").replace(tzinfo=None), "Не дождался", timedelta(0),
                        timedelta(0), "Группа1", "--"]


async def test_a_call_that_went_on_was_transferred(client: Browser) -> None:
    """The records of the call tell what the group's own row cannot."""
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")
    group = await a_group(admin.actor, "Sales", [anna.id])
    moved = await a_call(admin.actor, group, "10 10:00:00", operator=anna.id, talked=30, ended_by="operator")
    kept = await a_call(admin.actor, group, "10 11:00:00", outcome="queue_limit", ended_by="system", waited=60)
    async with domain_transaction(admin.actor) as tx:
        for linked, kind, start in ((moved, "transferred", "10 10:00:30"), (kept, "voicemail", "10 11:01:00")):
            await tx.execute(
                "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, started_at, ended_at, "
                "result, kind) VALUES ($1, 1, $2, 1, $2, 'in', $3, $4, 'answered', $5)", tx.domain_id, linked, at(start),
                at(start) + timedelta(seconds=40), kind)
    assert [row.split(" | ")[2] for row in await report(client, "calls")] == ["Call transferred", "Voicemail"]


@pytest.mark.req("RPT-41")
async def test_occupied_lines(client: Browser) -> None:
    """Line A peaks at 2, line B at 3 within the same hour; a call of several records is one."""
    admin = await an_administrator(client)
    lines = [f"7495{next(_count) + 5_000_000:07}", f"7499{next(_count) + 5_000_000:07}"]
    spoken = [(0, "10:00:00", 60), (0, "10:00:30", 60), (1, "10:05:00", 60), (1, "10:05:10", 60), (1, "10:05:20", 60),
              (1, "10:59:00", 3600), (0, "10:01:30", 30), (1, "12:00:00", 0)]
    async with platform_transaction(STAFF) as tx:
        for line in lines:
            await tx.execute("INSERT INTO phone_number (domain_id, e164) VALUES ($1, $2)", admin.actor.domain_id, line)
    async with domain_transaction(admin.actor) as tx:
        for number, (line, start, length) in enumerate(spoken):
            for sequence in (1, 2):
                await tx.execute(
                    "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, b_number, started_at, "
                    "ended_at, result) VALUES ($1, 1, $2, $3, $2, 'in', $4, $5, $6, 'answered')", tx.domain_id,
                    f"line-{lines[0]}-{number}", sequence, lines[line], at(f"05 {start}"),
                    at(f"05 {start}") + timedelta(seconds=length))
    day = {"from": "2021-03-05", "to": "2021-03-05", "step": "hour"}
    both = await report(client, "lines", lines=lines, **day)
    assert len(both) == 25
    assert both[9:14] == [f"{hour} | 05.03.2021 {hour:02}:00:00 | 05.03.2021 {hour + 1:02}:00:00 | {most}"
                          for hour, most in ((9, 0), (10, 3), (11, 1), (12, 1), (13, 0))]
    assert both[-1].endswith("Maximum | 3")
    assert (await report(client, "lines", lines=lines[0], **day))[10].endswith("| 2")
    days = await report(client, "lines", lines=lines[0])
    assert len(days) == 32
    assert days[4].endswith("| 2")
    page = (await client.get(URL, params={"report": "lines"})).text
    assert f"sip:{lines[0]}@" in page


@pytest.mark.req("RPT-46")
async def test_calls_from_private_routes(client: Browser) -> None:
    """Out of a route, not into one; a call with two records is one."""
    admin = await an_administrator(client)
    assert await report(client, "private-routes") == ["Total calls |  | 0 | "]
    async with domain_transaction(admin.actor) as tx:
        for linked, direction, kind, start in (
                ("a", "internal", "private_route", "05 10:00:00"), ("a", "internal", "private_route", "05 10:00:01"),
                ("b", "out", "transferred private_route", "05 23:59:59"), ("c", "out", "to_private_route", "05 11:00:00"),
                ("d", "internal", "private_route to_private_route", "06 00:00:00"), ("e", "in", "", "06 01:00:00")):
            await tx.execute(
                "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, started_at, ended_at, "
                "result, kind) VALUES ($1, 1, $2, 1, $3, $4, $5, $5, 'answered', $6)", tx.domain_id,
                f"private-{next(_count)}", f"private-{tx.domain_id}-{linked}", direction, at(start), kind)
    assert await report(client, "private-routes", **{"from": "2021-03-04", "to": "2021-03-06"}) == [
        "04.03.2021 00:00:00 | 05.03.2021 00:00:00 | 0 | 0", "05.03.2021 00:00:00 | 06.03.2021 00:00:00 | 2 | 2",
        "06.03.2021 00:00:00 | 07.03.2021 00:00:00 | 1 | 3", "Total calls |  | 3 | "]
    hours = await report(client, "private-routes", step="hour", **{"from": "2021-03-05", "to": "2021-03-05"})
    assert len(hours) == 25
    assert hours[23] == "05.03.2021 23:00:00 | 06.03.2021 00:00:00 | 1 | 2"


@pytest.mark.req("RPT-50", "RPT-53")
async def test_forecast_and_topics(client: Browser) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")
    sales, other = await a_group(admin.actor, "Sales", [anna.id]), await a_group(admin.actor, "Help", [anna.id])
    async with domain_transaction(admin.actor) as tx:
        topics = [await tx.fetchval("INSERT INTO group_topic (domain_id, group_id, name, is_archived) VALUES ($1, $2, $3, $4) "
                                    "RETURNING id", tx.domain_id, sales, name, old)
                  for name, old in (("Orders", False), ("Bills", False), ("Unused", True), ("Formerly", True))]
        await tx.execute("INSERT INTO operator_state_interval (domain_id, user_id, state, group_id, started_at, ended_at) "
                         "VALUES ($1, $2, 'wrap_up', $3, $4, $5)", tx.domain_id, anna.id, sales, at("05 10:00:36"),
                         at("05 10:00:52"))
    assert "No data" in (await client.get(URL, params={"report": "forecast", "groups": sales, "show": 1, **MARCH})).text
    # two calls in the busiest hour, of two groups; (28 + 28 + 16) / 2 = 36 s each
    await a_call(admin.actor, sales, "05 10:00:00", operator=anna.id, talked=28, topic=(topics[0], "Orders"))
    await a_call(admin.actor, other, "05 10:59:59", operator=anna.id, talked=28)
    await a_call(admin.actor, sales, "06 10:00:00", topic=(topics[3], "Formerly"))
    await a_call(admin.actor, sales, "06 11:00:00")
    assert await report(client, "forecast", groups=[sales, other]) == ["1 | 98 | 1 | 0 | 99 | 2"]
    assert await report(client, "topics", group=sales) == [
        "Bills | 0", "Formerly | 1", "Orders | 1", "No topic | 1", "Total | 3"]
    assert await report(client, "topics", group=other) == ["No topic | 1", "Total | 1"]


@pytest.mark.req("RPT-58", "RPT-61", "RPT-62")
async def test_states_shifts_and_summary(client: Browser) -> None:
    admin = await an_administrator(client)
    anna, boris = await an_operator(admin.actor, "anna"), await an_operator(admin.actor, "boris")
    group = await a_group(admin.actor, "Sales", [anna.id, boris.id])
    await states(admin.actor, anna.id, ("01 12:00:00", "offline"), ("05 10:00:00", "waiting"), ("05 10:50:00", "ringing"),
                 ("05 10:50:05", "incoming"), ("05 10:52:05", "wrap_up"), ("05 10:52:25", "waiting"),
                 ("05 11:00:00", "offline"), ("06 23:00:00", "waiting"))
    await a_call(admin.actor, group, "05 10:50:00", operator=anna.id, waited=5, rung=5, talked=120)
    await a_call(admin.actor, group, "05 10:55:00", waited=5, missed=(boris.id,))
    week = {"from": "2021-03-01", "to": "2021-03-07"}
    rows = await report(client, "states", operator=anna.id, **week)
    assert rows[0] == "Offline | 01.03.2021 12:00:00 | 05.03.2021 10:00:00 | 94:00:00"
    assert rows[-1] == "Waiting for a call | 06.03.2021 23:00:00 | 08.03.2021 00:00:00 | 25:00:00"
    assert len(rows) == 8
    shifts = await report(client, "shifts", operator=anna.id, **week)
    assert shifts[0] == (
        "0 | 05.03.2021 10:00:00 | 05.03.2021 11:00:00 | 01:00:00 | 1 | 1 | 0 0% | 00:02:00 | 00:02:00 | 00:00:05 | "
        "00:57:35 95.97% | 00:00:05 0.14% | 00:02:00 3.33% | 00:00:00 0% | 00:00:00 0% | 00:00:20 0.56% | "
        "00:00:00 0% | 00:00:00 0%")
    assert shifts[1].startswith("1 | 06.03.2021 23:00:00 | 08.03.2021 00:00:00 | 25:00:00 | 0 | 0 | 0 0% |")
    assert shifts[2].startswith("Total |  |  | 26:00:00 | 1 | 1 | 0 0% | 00:02:00 | 00:02:00 | 00:00:05 | 25:57:35 99.85%")
    summary = await report(client, "summary", operators=[anna.id, boris.id], **week)
    assert summary == [
        "Anna | 25:57:35 15.45% | 00:00:05 0% | 00:02:00 0.02% | 00:00:00 0% | 00:00:20 0% | 00:00:00 0% | 00:00:00 0% | "
        "00:00:00 0% | 130:00:00 77.38% | 12:00:00 7.14%",
        "Boris | " + "00:00:00 0% | " * 9 + "168:00:00 100%"]
    one_day = await report(client, "shifts", operator=anna.id, **{"from": "2021-03-07", "to": "2021-03-07"})
    assert one_day[0].startswith("0 | 07.03.2021 00:00:00 | 08.03.2021 00:00:00 | 24:00:00 |")


async def test_a_report_that_would_take_too_long_is_refused(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")

    async def slow(tx: DomainTx, *_other: object) -> None:
        await tx.execute("SELECT pg_sleep(5)")

    monkeypatch.setattr(service, "LONGEST", "20ms")
    monkeypatch.setitem(service._MAKERS, "operator", slow)
    refused = await client.get(URL, params={"show": 1, "operator": anna.id, **MARCH})
    assert refused.status_code == 409
    assert "Choose a shorter one" in refused.text
    group = await a_group(admin.actor, "Sales", [anna.id])
    for _number in range(2):
        await a_call(admin.actor, group, "05 10:00:00")
    monkeypatch.setattr(service, "LONGEST", "5s")
    monkeypatch.setattr(service, "MOST_EXPORTED", 1)
    assert (await client.get(f"{URL}/export", params={"report": "calls", **MARCH})).status_code == 409


async def test_long_lists_of_states_come_in_portions(client: Browser) -> None:
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")
    begun = at("05 00:00:00")
    async with domain_transaction(admin.actor) as tx:
        await tx.executemany(
            "INSERT INTO operator_state_interval (domain_id, user_id, state, started_at, ended_at) "
            "VALUES ($1, $2, $3, $4, $5)", [
                (tx.domain_id, anna.id, ("waiting", "away")[number % 2], begun + timedelta(seconds=10.3 * number),
                 begun + timedelta(seconds=10.3 * (number + 1))) for number in range(1200)])
    params = {"report": "states", "operator": anna.id, "show": 1, **MARCH}
    answer, rows = await client.get(URL, params=params), []
    while True:
        rows += table(answer)
        more = re.search(r'id="report-more" hx-get="([^"]+)"', answer.text)
        if not more:
            break
        answer = await client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true", "HX-Target": "report-more"})
    assert len(rows) == 1200
    assert [row.split(" | ")[1] for row in rows[1:]] == [row.split(" | ")[2] for row in rows[:-1]]
    sheet = CalamineWorkbook.from_filelike(BytesIO((await client.get(f"{URL}/export", params=params)).content))
    assert len(sheet.get_sheet_by_index(0).to_python()) == 1200 + 5


@pytest.mark.req("RPT-01", "RPT-03", "RPT-05", "RPT-11", "RPT-34")
async def test_the_form(client: Browser) -> None:
    """Each report has its own fields; what is missing is told at the field; the file has the table."""
    admin = await an_administrator(client)
    anna = await an_operator(admin.actor, "anna")
    sales = await a_group(admin.actor, "Sales & <b>", [anna.id])
    await a_call(admin.actor, sales, "05 10:00:00", operator=anna.id, waited=4, rung=4, talked=8)
    start = (await client.get(URL)).text
    assert re.findall(r'<option value="([\w-]+)"', start)[:12] == [
        "operator", "group", "group-hours", "states", "calls", "lines", "private-routes", "forecast", "topics", "compare",
        "shifts", "summary"]
    assert len(re.findall(r"data-report-preset", start)) == 4
    fields = {kind: set(re.findall(r'data-field-box="(\w+)"', (await client.get(URL, params={"report": kind})).text))
              - {"report", "from", "to"} for kind in ("operator", "group-hours", "calls", "lines", "forecast", "compare")}
    assert fields == {"operator": {"operator"}, "group-hours": {"groups", "split", "figure"}, "calls": {"number"},
                      "lines": {"lines", "step"}, "forecast": {"groups", "wait"}, "compare": {"groups", "qos"}}
    level = (await client.get(URL, params={"report": "group-hours", "figure": "level", "groups": sales})).text
    assert re.search(r'value="10" id="f-qos"', level)
    assert re.search(rf'data-report-chip="{sales}"><span>Sales &amp; &lt;b&gt;</span>', level)
    script = {"HX-Request": "true", "HX-Target": "report-result"}
    for params, field in (({"report": "compare"}, "groups"), ({"report": "operator"}, "operator"),
                          ({"report": "compare", "groups": sales, "from": "2020-01-01", "to": "2021-01-02"}, "to")):
        refused = await client.get(URL, params={"show": 1, **params}, headers=script)
        assert refused.status_code == 422
        assert re.findall(r'data-field="(\w+)"', refused.text) == [field]
        plain = await client.get(URL, params={"show": 1, **params})
        assert plain.status_code == 422
        assert "d-block" in plain.text
    shown = await client.get(URL, params={"report": "compare", "groups": sales, "show": 1, **MARCH}, headers=script)
    assert "<form" not in shown.text
    link = re.search(rf'href="({URL}/export\?[^"]+)"', shown.text)
    assert link
    answer = await client.get(link[1].replace("&amp;", "&"))
    sheet = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert [row[:2] for row in sheet[:4]] == [["Report type", "Comparative by groups"],
                                              ["Period", "01.03.2021 – 31.03.2021"], ["Groups", "Sales & <b>"],
                                              ["QoS time, s", "10"]]
    assert sheet[6][:4] == ["Sales & <b>", 1, "0 (0%)", timedelta(seconds=8)]
    assert (await client.get(f"{URL}/export", params={"report": "compare"})).status_code == 422


@pytest.mark.req("RPT-06")
async def test_who_is_gone_stays_while_there_are_data(client: Browser) -> None:
    admin = await an_administrator(client)
    gone, kept = await an_operator(admin.actor, "gone"), await an_operator(admin.actor, "kept")
    unused = await an_operator(admin.actor, "unused")
    old, empty = await a_group(admin.actor, "Old", [gone.id, kept.id]), await a_group(admin.actor, "Empty")
    await a_call(admin.actor, old, "05 10:00:00", operator=gone.id, talked=8)
    async with domain_transaction(admin.actor) as tx:
        await tx.execute("DELETE FROM call_group WHERE domain_id = $1", tx.domain_id)
        await tx.execute("DELETE FROM domain_user WHERE domain_id = $1 AND id = ANY($2::bigint[])", tx.domain_id,
                         [gone.id, unused.id])
    page = (await client.get(URL)).text
    assert re.findall(r'<option value="(\d+)">([^<]*)</option>', page) == [
        (str(kept.id), "Kept"), (str(gone.id), "Snapshot (deleted)")]
    page = (await client.get(URL, params={"report": "group"})).text
    assert re.findall(r'<option value="(\d+)">([^<]*)</option>', page) == [(str(old), "Old (deleted)")]
    assert str(empty) not in re.findall(r'<option value="(\d+)"', page)
    assert (await report(client, "operator", operator=gone.id))[0].startswith("Old (deleted) | 1 | 0 (0%)")
    assert (await report(client, "group", group=old))[0].startswith("Snapshot (deleted) | 1 | 0 (0%)")


async def test_another_company_and_who_may_not(client: Browser, other_client: Browser) -> None:
    admin = await an_administrator(client)
    anna, plain = await an_operator(admin.actor, "anna"), await a_user(admin.actor)
    sales = await a_group(admin.actor, "Sales", [anna.id])
    await other_client.sign_in(plain.login, plain.domain)
    assert (await other_client.get(URL)).status_code == 403
    assert (await other_client.get(f"{URL}/export", params={"report": "calls"})).status_code == 403
    await other_client.post("/sign-out")
    await an_administrator(other_client)
    for params in ({"report": "operator", "operator": anna.id}, {"report": "group", "group": sales},
                   {"report": "compare", "groups": sales}, {"report": "lines", "lines": "74951234567"},
                   {"report": "summary", "operators": "1 OR 1=1"}):
        for path in (URL, f"{URL}/export"):
            assert (await other_client.get(path, params={"show": 1, **params})).status_code == 404, params
    assert "Sales" not in (await other_client.get(URL, params={"report": "group"})).text
    for odd in ({"report": "<script>"}, {"report": "calls", "after": "x" * 500}, {"report": "calls", "number": "%_\x00"},
                {"report": "private-routes", "step": "';--"}, {"report": "calls", "from": "9999-12-31", "to": "9999-12-31"}):
        assert (await other_client.get(URL, params={"show": 1, **odd})).status_code in (200, 422), odd
    await other_client.post("/sign-out")
    await an_administrator(other_client, connected=False)
    closed = await other_client.get(URL)
    assert closed.status_code in (403, 409)
    assert "#service-contact_center" in closed.text
