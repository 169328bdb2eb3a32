"""Sums of the month on the start page: true to the journals whatever comes late, changes or comes at the same time."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import pytest

from app.kernel import clock
from app.kernel.db import DomainTx, domain_transaction, platform_transaction
from app.settings import settings
from pbx_provisioning.intake.service import take_in
from tenants.dashboard import jobs, settled
from tenants.dashboard.month import month_of
from tenants.dashboard.settled import What
from tests.db.billing_factories import Company, a_company, a_record, a_user, channel
from tests.db.factories import STAFF

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]
NOW = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)
ZONE = "Europe/Moscow"
_JOURNAL = """
SELECT user_id, sum(talk_seconds)::bigint AS talk FROM user_call WHERE domain_id = $1 AND is_answered
AND part IN ('in', 'out') AND started_at >= $2 GROUP BY user_id HAVING sum(talk_seconds) > 0 ORDER BY user_id
"""
_PAID = """
SELECT coalesce(sum(talk_seconds), 0)::bigint FROM call WHERE domain_id = $1 AND rating = 'rated' AND cost > 0
AND started_at >= $2
"""


async def talk(tx: DomainTx, moment: datetime = NOW) -> dict[int, int]:
    return {one.id: one.talk_seconds for one in await settled.most_active(tx, *month_of(moment, ZONE))}


async def call(company: Company, at: datetime, seconds: int, *, user_id: int = 0, linkedid: str = "",
               sequence: int = 0) -> None:
    record = a_record(company, talked=seconds, ended=at + timedelta(seconds=seconds), linkedid=linkedid or channel(),
                      sequence=sequence)
    await take_in(company.node_id, [record if not user_id else _of(record, company, user_id)])


def _of(record, company: Company, user_id: int):
    return replace(record, user_id=user_id, account_code=f"{company.id}.{user_id}")


async def check(company: Company) -> None:
    """The sums are those of the journals and of the calls."""
    since, _until = month_of(NOW, ZONE)
    async with domain_transaction(company.actor) as tx:
        journal = {row["user_id"]: row["talk"] for row in await tx.fetch(_JOURNAL, tx.domain_id, since)}
        assert await talk(tx) == journal
        assert await settled.beyond_package(tx, since) == await tx.fetchval(_PAID, tx.domain_id, since)


@pytest.mark.req("DASH-10")
async def test_what_comes_late_is_counted_once() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        await call(company, NOW - timedelta(hours=30), 60)
        await check(company)
        async with domain_transaction(company.actor) as tx:
            through = await tx.fetchval("SELECT min(through) FROM month_mark WHERE domain_id = $1", tx.domain_id)
        assert through == NOW - settled.SETTLED
        await call(company, NOW - timedelta(hours=20), 7)  # older than what is summed up
        await call(company, NOW - timedelta(minutes=5), 11)
        await call(company, NOW - timedelta(days=40), 1000)  # another month's
        async with domain_transaction(company.actor) as tx:
            assert await talk(tx) == {company.user_id: 78}
        await check(company)
    with clock.at(NOW + timedelta(hours=9)):
        await check(company)


@pytest.mark.req("DASH-10")
async def test_a_later_record_of_a_conversation_changes_its_talk() -> None:
    """A transfer: the last record of the conversation tells how long the user talked."""
    with clock.at(NOW):
        company = await a_company("1000")
        await call(company, NOW - timedelta(hours=30), 60, linkedid="conversation")
        await check(company)
        await call(company, NOW - timedelta(hours=30), 200, linkedid="conversation", sequence=1)
        async with domain_transaction(company.actor) as tx:
            assert await talk(tx) == {company.user_id: 200}
        await check(company)


@pytest.mark.req("DASH-10")
async def test_voicemail_and_the_outside_leg_of_a_scheme_are_no_talk_of_their_own() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        at = NOW - timedelta(hours=1)
        ended = at + timedelta(seconds=50)
        await take_in(company.node_id, [
            a_record(company, talked=50, ended=ended, direction="in", kind="voicemail"),
            a_record(company, talked=50, ended=ended, direction="in", linkedid="scheme", kind="redirected"),
            a_record(company, talked=50, ended=ended, linkedid="scheme", sequence=1, kind="redirected")])
        async with domain_transaction(company.actor) as tx:
            assert await talk(tx) == {company.user_id: 50}


@pytest.mark.req("DASH-05")
async def test_a_call_rated_late_is_beyond_the_package_then() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        await call(company, NOW - timedelta(hours=30), 60)
        since, _until = month_of(NOW, ZONE)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE call SET rating = 'unrated', cost = 0 WHERE domain_id = $1", company.id)
        async with domain_transaction(company.actor) as tx:
            assert await settled.beyond_package(tx, since) == 0
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE call SET rating = 'rated', cost = $2 WHERE domain_id = $1", company.id, Decimal("1.5"))
        async with domain_transaction(company.actor) as tx:
            assert await settled.beyond_package(tx, since) == 60
        await check(company)


async def test_any_order_of_calls_and_looks() -> None:
    dice = random.Random(81)
    company = await a_company("1000")
    people = [company.user_id, await a_user(company.actor, "anna", "102"), await a_user(company.actor, "boris", "103")]
    for step in range(40):
        now = NOW + timedelta(hours=step)
        with clock.at(now):
            for _ in range(dice.randint(0, 2)):
                await call(company, now - timedelta(minutes=dice.randint(1, 2500)), dice.randint(1, 900),
                           user_id=dice.choice(people), linkedid=f"talk {dice.randint(1, 30)}", sequence=step)
            if dice.random() < 0.5:
                await check(company)
    with clock.at(NOW + timedelta(hours=60)):
        await check(company)


async def test_a_new_month_and_another_zone_begin_anew() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        await call(company, NOW - timedelta(hours=30), 60)
        await call(company, datetime(2026, 5, 31, 21, 30, tzinfo=UTC), 5)  # 1 June 00:30 in Moscow, May in UTC
        async with domain_transaction(company.actor) as tx:
            assert await talk(tx) == {company.user_id: 65}
            assert sum(one.talk_seconds for one in await settled.most_active(tx, *month_of(NOW, "UTC"))) == 60
            assert await talk(tx) == {company.user_id: 65}
    with clock.at(NOW.replace(month=7)):
        async with domain_transaction(company.actor) as tx:
            assert await talk(tx, NOW.replace(month=7)) == {}


async def test_the_users_go_with_their_talk() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        gone = await a_user(company.actor, "anna", "102")
        await call(company, NOW - timedelta(hours=30), 60, user_id=gone)
        await check(company)
        async with domain_transaction(company.actor) as tx:
            await tx.execute("DELETE FROM domain_user WHERE domain_id = $1 AND id = $2", tx.domain_id, gone)
            assert await talk(tx) == {}


async def test_a_record_that_comes_while_somebody_sums_up_is_not_lost() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        since, _until = month_of(NOW, ZONE)
        written = asyncio.Event()

        async def look() -> dict[int, int]:
            await written.wait()
            async with domain_transaction(company.actor) as tx:
                await settled.bring_up(tx, What.TALK, since)
                return await talk(tx)

        looking = asyncio.create_task(look())  # a task of its own: it does not see the open transaction
        async with platform_transaction(STAFF) as writing:
            await writing.execute(
                "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, started_at, "
                "answered_at, ended_at, talk_seconds, result) VALUES ($1, $2, $3, 0, $3, 'out', $4, $5, $5, $5, 33, "
                "'answered')", company.id, company.node_id, channel(), company.user_id, NOW - timedelta(hours=30))
            written.set()
            await _waits_for_a_lock(company)
        assert await looking == {company.user_id: 33}


async def _waits_for_a_lock(company: Company) -> None:
    for _ in range(200):
        async with asyncio.timeout(5):
            waiting = await _locks()
        if waiting:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"nobody waits for domain {company.id}")


async def _locks() -> int:
    """Sessions of this database that wait for an advisory lock; asked outside of the open transaction."""
    connection = await asyncpg.connect(settings().database_owner_url)
    try:
        return await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())")
    finally:
        await connection.close()


async def test_the_job_follows_for_domains_that_were_looked_at() -> None:
    with clock.at(NOW):
        company = await a_company("1000")
        await check(company)
    with clock.at(NOW + timedelta(days=2)):
        await jobs.month_sums({})
        async with domain_transaction(company.actor) as tx:
            marks = [row["through"] for row in await tx.fetch(
                "SELECT through FROM month_mark WHERE domain_id = $1", tx.domain_id)]
    assert marks == [NOW + timedelta(days=2) - settled.SETTLED] * 2


async def test_another_domains_sums_are_out_of_reach() -> None:
    with clock.at(NOW):
        one, other = await a_company("1000"), await a_company("1000")
        await call(one, NOW - timedelta(hours=30), 60)
        await check(one)
        async with domain_transaction(other.actor) as tx:
            assert await talk(tx) == {}
            for table in ("month_talk", "month_mark"):
                assert await tx.fetchval(f"SELECT count(*) FROM {table} WHERE domain_id = $1", one.id) == 0
