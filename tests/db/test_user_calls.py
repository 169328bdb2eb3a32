"""One user's journal: which records become which rows, totals, filters, search, names."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from pbx_provisioning.intake.service import take_in
from tenants import journal
from tenants.calls.personal import service
from tenants.calls.personal.queries import CALLS
from tenants.journal import Owner, Wanted
from tests.db.billing_factories import Company, a_company, a_record, a_user, channel
from tests.db.factories import STAFF

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
MOSCOW = ZoneInfo("Europe/Moscow")


def own(user_id: int) -> Owner:
    return Owner(user_id, "", "/me", True)


async def rows_of(company: Company, owner: Owner, wanted: Wanted | None = None, limit: int | None = 50) -> list:
    async with domain_transaction(company.actor) as tx:
        found = await journal.lines(tx, CALLS, owner, wanted or Wanted(), limit=limit)
        assert limit is not None or len(found) == await journal.total(tx, CALLS, owner, wanted or Wanted())
        return found


async def a_call(company: Company, at: datetime, seconds: int, *, user_id: int = 0) -> None:
    """A row as the trigger writes it."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute(
            "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, a_number, b_number, "
            "started_at, answered_at, ended_at, talk_seconds, result) VALUES ($1, $2, $3, 0, $3, 'out', $4, '74950000001', "
            "'74951234567', $5, $6, $5, $7, $8)", company.id, company.node_id, channel(), user_id or company.user_id,
            at, at if seconds else None, seconds, "answered" if seconds else "no_answer")


T6 = (("2021-02-10T16:10", 50), ("2021-02-10T16:05", 0), ("2021-02-09T10:00", 0), ("2021-02-05T10:30", 24),
      ("2020-02-05T09:47", 21))


@pytest.mark.req("ACC-53", "ACC-55", "VM-07", "VM-08", "ACC-56", "ACC-D14", "VM-09")
async def test_t6_and_t33_two_hundred_and_one_calls_and_seven_days() -> None:
    """Rows newest first with the true total; "7 days" at 10.02.2021 16:30 begins on 04.02.2021 at 00:00."""
    company = await a_company()
    for at, seconds in T6:
        await a_call(company, datetime.fromisoformat(at).replace(tzinfo=MOSCOW), seconds)
    for number in range(196):
        await a_call(company, datetime(2019, 1, 1, tzinfo=UTC) + timedelta(hours=number), 0)
    owner = own(company.user_id)
    rows = await rows_of(company, owner)
    assert len(rows) == 50
    assert [(journal.short_time(row.started_at), row.seconds) for row in rows[:5]] == [
        ("10.02.21 16:10", 50), ("10.02.21 16:05", 0), ("09.02.21 10:00", 0), ("05.02.21 10:30", 24),
        ("05.02.20 09:47", 21)]
    async with domain_transaction(company.actor) as tx:
        assert await journal.total(tx, CALLS, owner, Wanted()) == 201
    now = datetime(2021, 2, 10, 16, 30, tzinfo=MOSCOW)
    week = journal.wanted_of({"period": "7"}, now, MOSCOW)
    assert week.since == datetime(2021, 2, 4, tzinfo=MOSCOW)
    assert [row.seconds for row in await rows_of(company, owner, week)] == [50, 0, 0, 24]


async def test_pages_follow_each_other_without_gaps_or_repeats() -> None:
    company = await a_company()
    for number in range(120):  # three of each instant
        await a_call(company, datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=number // 3), 0)
    owner, found, after = own(company.user_id), [], None
    while page := await rows_of(company, owner, Wanted(after=after)):
        found += page
        cursor = journal.cursor_after(page[-1].started_at, page[-1].id)
        after = journal.wanted_of({"after": cursor}, clock.now(), MOSCOW).after
        assert after == (page[-1].started_at, page[-1].id)
    assert len({row.id for row in found}) == len(found) == 120


@pytest.mark.req("VM-01", "ACC-50", "ACC-52", "VM-04", "VM-10")
async def test_each_kind_of_call_as_its_users_see_it() -> None:
    company = await a_company()
    petrov = await a_user(company.actor, "petrov", "102")
    phones = channel()  # the first phone rings in vain, the second is answered: one conversation
    inside: dict[str, Any] = {"direction": "internal", "b_number": "102", "number": "", "trunk": ""}
    records = [
        a_record(company, talked=65), a_record(company, talked=0),
        a_record(company, talked=0, uniqueid=phones, **inside),
        a_record(company, talked=10, uniqueid=phones, sequence=1, **inside),
        a_record(company, direction="in", a_number="79161234567", b_number="74950000001", trunk="t1", talked=5),
        a_record(company, direction="in", a_number="79161234567", b_number="74950000001", trunk="t1", talked=0)]
    ended = datetime(2026, 1, 1, tzinfo=UTC)
    for number, record in enumerate(records):
        moved = ended + timedelta(hours=min(number, 2) if number < 4 else number)
        records[number] = replace(record, started_at=moved, ended_at=moved + timedelta(seconds=5),
                                  answered_at=record.answered_at and moved)
    for record in records:
        await take_in(company.node_id, [record])
    rows = await rows_of(company, own(company.user_id))
    assert [(row.kind, row.is_incoming) for row in rows] == [
        ("in_missed", True), ("in_ok", True), ("out_ok", False), ("out_failed", False), ("out_ok", False)]
    [heard] = await rows_of(company, own(petrov))
    assert (heard.kind, heard.number, heard.name) == ("in_ok", "101", "ivanov")
    outgoing = await rows_of(company, own(company.user_id), Wanted(direction="out"))
    assert len(outgoing) == 3
    assert {row.is_incoming for row in await rows_of(company, own(company.user_id), Wanted(direction="in"))} == {True}


async def _kinds(company: Company, *calls: tuple[str, str, str, bool]) -> None:
    """(linkedid, direction, kind of the record, answered): rows of `call` as the intake writes them."""
    async with platform_transaction(STAFF) as tx:
        for number, (linkedid, direction, kind, answered) in enumerate(calls):
            await tx.execute(
                "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, a_number, "
                "b_number, started_at, answered_at, ended_at, talk_seconds, result, kind) VALUES ($1, $2, $3, $10, $4, "
                "$5, $6, '79160000001', '79160000002', $7, CASE WHEN $8 THEN $7::timestamptz END, $7, 9, "
                "CASE WHEN $8 THEN 'answered' ELSE 'no_answer' END, $9)", company.id, company.node_id, channel(), linkedid,
                direction, company.user_id, datetime(2026, 1, 1, number, tzinfo=UTC), answered, kind, number)


@pytest.mark.req("VM-04", "ACC-52")
async def test_redirected_transferred_conference_and_voicemail() -> None:
    company = await a_company()
    first, second = channel(), channel()
    await _kinds(company, (channel(), "out", "transferred", True), (channel(), "in", "conference", True),
                 (first, "in", "", False), (first, "out", "redirected", True),
                 (second, "in", "", False), (second, "in", "voicemail", True))
    rows = await rows_of(company, own(company.user_id))
    # the caller hung up at the greeting: no message, so the call was missed
    assert [(row.kind, row.seconds) for row in rows] == [
        ("in_missed", 0), ("out_redirected", 9), ("in_missed", 0), ("conference", 9), ("transferred", 9)]
    async with domain_transaction(company.actor) as tx:
        await service.attach_voicemail(
            tx, user_id=company.user_id, node_id=company.node_id, linkedid=second, file_id=77, seconds=31,
            number="79160000001", recorded_at=datetime(2026, 1, 1, 5, tzinfo=UTC))
    [voice] = [row for row in await rows_of(company, own(company.user_id)) if row.kind == "voicemail"]
    assert (voice.seconds, voice.has_audio, voice.is_incoming) == (31, True, True)
    async with domain_transaction(company.actor) as tx:
        await service.drop_audio(tx, 77)
    [voice] = [row for row in await rows_of(company, own(company.user_id)) if row.kind == "voicemail"]
    assert (voice.seconds, voice.has_audio) == (31, False)


async def _contact(company: Company, name: str, number: str, owner_id: int | None = None) -> int:
    async with domain_transaction(company.actor) as tx:
        contact = await tx.fetchval("INSERT INTO contact (domain_id, owner_id, name, speed_dial) VALUES ($1, $2, $3, $4) "
                                    "RETURNING id", tx.domain_id, owner_id, name, str(time.monotonic_ns() % 90_000))
        await tx.execute("INSERT INTO contact_number (domain_id, contact_id, ord, kind, number) "
                         "VALUES ($1, $2, 0, 'work', $3)", tx.domain_id, contact, number)
    return contact


@pytest.mark.req("VM-05", "VM-11", "VM-16", "ACC-51", "ACC-56")
async def test_names_of_the_other_party_and_search_by_them() -> None:
    company = await a_company()
    petrov = await a_user(company.actor, "petrov", "102")
    await _contact(company, "Supplier Ltd", "+79160000009")
    await _contact(company, "Uncle Vanya", "+79160000009", company.user_id)
    for number in ("79160000009", "79160000008"):
        await take_in(company.node_id, [a_record(company, direction="in", a_number=number, trunk="t1")])
    await take_in(company.node_id, [a_record(company, direction="internal", b_number="102", number="", trunk="")])
    mine, seen_by_admin = own(company.user_id), Owner(company.user_id, "", "/users/1", False)
    assert [row.name for row in await rows_of(company, mine)] == ["petrov", "+7 916 000-00-08", "Uncle Vanya"]
    assert [row.name for row in await rows_of(company, seen_by_admin)] == [
        "petrov", "+7 916 000-00-08", "Supplier Ltd"]  # a personal book stays personal

    async def names(search: str, owner: Owner = mine) -> list[str]:
        return [row.name for row in await rows_of(company, owner, Wanted(search=search))]

    assert await names("vAnY") == ["Uncle Vanya"]
    assert await names("vanya", seen_by_admin) == []
    assert await names("8 (916) 000-00-08") == ["+7 916 000-00-08"]
    assert await names("PETR") == ["petrov"]
    assert await names("%") == await names("_") == []
    async with domain_transaction(company.actor) as tx:
        await tx.execute("DELETE FROM contact WHERE domain_id = $1", tx.domain_id)
        await tx.execute("UPDATE domain_user SET display_name = 'Petrov P.' WHERE id = $1", petrov)
    assert [row.name for row in await rows_of(company, mine)] == ["Petrov P.", "+7 916 000-00-08", "Supplier Ltd"]
    async with domain_transaction(company.actor) as tx:
        await tx.execute("DELETE FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id, petrov)
    assert (await rows_of(company, mine))[0].name == "petrov"


@pytest.mark.req("VM-12")
async def test_filters_combine() -> None:
    company = await a_company()
    for day in (1, 2, 3):
        await a_call(company, datetime(2026, 3, day, 12, tzinfo=MOSCOW), 5)
    wanted = journal.wanted_of({"from": "2026-03-02", "to": "2026-03-02", "direction": "out", "q": "1234567"},
                               datetime(2026, 3, 9, tzinfo=UTC), MOSCOW)
    assert [row.started_at.day for row in await rows_of(company, own(company.user_id), wanted)] == [2]
    assert await rows_of(company, own(company.user_id), replace(wanted, direction="in")) == []
