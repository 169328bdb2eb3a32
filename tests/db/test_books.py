"""The reconciliation finds every kind of damage, and nothing where there is none."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from secrets import token_hex

import asyncpg
import pytest

from app.kernel import clock, parameters
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.money import Money
from app.provider.corrections import service as corrections
from app.settings import settings
from billing.accounts import service as accounts
from billing.accounts import sums
from billing.books import service
from billing.books.checks import Difference, Scope, differences
from billing.books.jobs import BooksDiffer
from billing.books.jobs import books_check as run_job
from pbx_provisioning.intake.service import take_in
from tests.db.billing_factories import Company, a_company, a_record, channel
from tests.db.factories import STAFF, a_domain, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


@pytest.fixture
async def owner() -> AsyncIterator[asyncpg.Connection]:
    """Past every right, policy and trigger: what tampering would need; rolled back at the end."""
    connection = await asyncpg.connect(settings().database_owner_url)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def a_busy_company() -> Company:
    """Payments of every kind, calls with and without a price, a correction, all sums by day taken in."""
    company = await a_company("1000", tariff_id=await a_tariff(("7", "1.50"), ("49", "0")))
    await take_in(company.node_id, [a_record(company, talked=65), a_record(company, talked=5),
                                    a_record(company, talked=10, b_number="4930123456"),
                                    a_record(company, talked=10, b_number="998901234567")])
    async with platform_transaction(STAFF) as tx:
        bound = await tx.enter_domain(company.id)
        await accounts.correct(bound, key=channel(), amount=Money.parse("-5"), reason="mistake")
        await corrections.ask(tx, corrections.NewCorrection(company.id, Money.parse("5"), "mistake", token_hex(8)))
        await sums.bring_up(bound)
    answer = await company.authorise()
    assert answer is not None
    return company


async def check(company: Company, *, full: bool = True) -> list[Difference]:
    async with platform_transaction(STAFF) as tx:
        scope = Scope.whole([company.id]) if full else await service._marked(tx, [company.id], service.EVER)
        return await differences(tx, scope)


async def what(company: Company) -> set[str]:
    return {one.what for one in await check(company)}


async def test_whole_books_have_no_difference() -> None:
    company = await a_busy_company()
    assert await check(company) == []
    row = await company.fetchrow("SELECT count(*) AS calls, count(posting_id) AS paid FROM call WHERE domain_id = $1",
                                 company.id)
    assert row
    assert tuple(row) == (4, 2)


_LAST = "(SELECT max(id) FROM posting WHERE domain_id = $1 AND kind = '{}')"
_CALL = _LAST.format("call")
_PAID = _LAST.format("payment")
DAMAGE = {
    "balance": ("UPDATE account SET balance = balance + 0.01 WHERE domain_id = $1", {"balance"}),
    "held": ("UPDATE account SET held = held + 1 WHERE domain_id = $1", {"held"}),
    "an amount": (f"UPDATE entry SET amount = amount - 1 WHERE account = 'domain' AND posting_id = {_CALL}",
                  {"balance", "chain", "posting", "day", "call"}),
    "both lines of a posting": (f"UPDATE entry SET amount = amount * 2 WHERE posting_id = {_CALL}",
                                {"balance", "chain", "day", "call"}),
    "a balance in the middle": (f"UPDATE entry SET balance_after = 0 WHERE account = 'domain' AND posting_id = {_CALL}",
                                {"chain"}),
    "a counter-account": (f"UPDATE entry SET account = 'payments' WHERE account = 'revenue' AND posting_id = {_CALL}",
                          {"counter"}),
    "one line less": (f"DELETE FROM entry WHERE account <> 'domain' AND posting_id = {_CALL}", {"posting"}),
    "lines without a posting": (f"DELETE FROM posting WHERE id = {_CALL}", {"line", "day"}),
    "a posting without lines": ("INSERT INTO posting (domain_id, key, kind, at) "
                                "VALUES ($1, 'damage', 'correction', now())", {"posting"}),
    "a payment without posting": ("UPDATE payment SET posting_id = NULL WHERE domain_id = $1", {"payment", "unpaid"}),
    "a payment's amount": ("UPDATE payment SET amount = amount + 1 WHERE domain_id = $1", {"payment"}),
    "a payment that failed": ("UPDATE payment SET kind = 'card', state = 'failed' WHERE domain_id = $1", {"payment"}),
    "a payment twice": ("INSERT INTO payment (domain_id, external_id, kind, amount, at, posting_id) SELECT domain_id, "
                        "external_id || ' again', kind, amount, at, posting_id FROM payment WHERE domain_id = $1",
                        {"shared"}),
    "a posting without payment": ("DELETE FROM payment WHERE domain_id = $1", {"unpaid"}),
    "a call's cost": (f"UPDATE call SET cost = cost + 1 WHERE posting_id = {_CALL}", {"call"}),
    "a call that lost its posting": (f"UPDATE call SET posting_id = NULL WHERE posting_id = {_CALL}",
                                     {"call", "no_call"}),
    "an unrated call with a posting": (f"UPDATE call SET rating = 'unrated' WHERE posting_id = {_CALL}", {"call"}),
    "a rated call without a posting": ("UPDATE call SET rating = 'rated', cost = 5 WHERE domain_id = $1 "
                                       "AND rating = 'unrated'", {"call"}),
    "a posting without a call": (f"DELETE FROM call WHERE posting_id = {_CALL}", {"no_call"}),
    "two calls of one posting": (f"UPDATE call SET posting_id = {_CALL} WHERE domain_id = $1 AND posting_id IS NOT NULL",
                                 {"shared", "call", "no_call"}),
    "a sum of a day": ("UPDATE ledger_day SET income = income + 1 WHERE domain_id = $1 AND kind = 'payment'",
                       {"days", "day"}),
    "days that cancel each other out": ("UPDATE ledger_day SET income = income + 1, expense = expense + 1 "
                                        "WHERE domain_id = $1 AND kind = 'payment'", {"day"}),
    "a correction's amount": ("UPDATE correction SET amount = 7 WHERE domain_id = $1", {"correction"}),
    "a correction that nobody asked for": ("DELETE FROM correction WHERE domain_id = $1", {"unasked"}),
    "a package": ("ALTER TABLE account DROP CONSTRAINT account_package_seconds_left_check; "
                  "UPDATE account SET package_seconds_left = -1 WHERE domain_id = {id}", {"bucket"}),
    "a guaranteed payment": ("UPDATE account SET mgp_left = 5, mgp_from = '2026-10-31 21:00Z', "
                             "mgp_until = '2026-11-30 21:00Z' WHERE domain_id = $1", {"mgp"}),
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_every_kind_of_damage_is_found(owner: asyncpg.Connection, kind: str) -> None:
    company = await a_busy_company()
    sql, expected = DAMAGE[kind]
    change = owner.transaction()
    await change.start()
    try:
        if "{id}" in sql:
            await owner.execute(sql.format(id=company.id))
        else:
            await owner.execute(sql, *([company.id] if "$1" in sql else []))
        rows = await _as_owner(owner, company.id)
    finally:
        await change.rollback()
    assert {one.what for one in rows} == expected, rows
    assert await check(company) == [], "the damage is gone again"


async def _as_owner(owner: asyncpg.Connection, domain_id: int) -> list[Difference]:
    """The check as it runs, in the transaction that sees the damage."""
    await owner.execute("SET LOCAL ROLE switchroom_platform")
    return await differences(PlatformTx(owner, STAFF, clock.now()), Scope.whole([domain_id]))


async def test_a_run_goes_on_from_the_last_good_one(owner: asyncpg.Connection) -> None:
    company = await a_busy_company()
    first = await service.run(full=True)
    assert [one for one in first.differences if one.domain_id == company.id] == []
    through = await _mark(company)
    last = await company.fetchrow("SELECT max(id) AS id FROM posting WHERE domain_id = $1", company.id)
    assert last
    assert through == last["id"]
    second = await service.run(full=False)
    assert second.postings < first.postings
    await take_in(company.node_id, [a_record(company, talked=65)])
    await owner.execute("UPDATE account SET balance = balance + 1 WHERE domain_id = $1", company.id)
    try:
        for _night in range(2):
            third = await service.run(full=False)
            assert [one.what for one in third.differences if one.domain_id == company.id] == ["balance"]
            assert await _mark(company) == through, "a domain with a difference is looked at again"
    finally:
        await owner.execute("UPDATE account SET balance = balance - 1 WHERE domain_id = $1", company.id)
    await service.run(full=False)
    assert await _mark(company) > through
    assert await check(company, full=False) == []


async def test_two_runs_at_once_do_not_disturb_each_other() -> None:
    company = await a_busy_company()
    runs = await asyncio.gather(*(service.run(full=True) for _time in range(3)))
    assert [one for run in runs for one in run.differences if one.domain_id == company.id] == []
    assert await _mark(company)


async def _mark(company: Company) -> int:
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval("SELECT through FROM books_mark WHERE domain_id = $1", company.id)


async def test_an_alarm_is_kept_told_and_acknowledged(owner: asyncpg.Connection) -> None:
    actor = await a_domain()
    async with platform_transaction(STAFF) as tx:
        await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('billing.alarm_email', "
                         "'\"books@provider.example\"'::jsonb) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value")
    parameters.forget()
    await owner.execute("UPDATE account SET balance = 7 WHERE domain_id = $1", actor.domain_id)
    try:
        found = await service.run(full=False)
    finally:
        await owner.execute("UPDATE account SET balance = 0 WHERE domain_id = $1", actor.domain_id)
        await owner.execute("DELETE FROM provider_parameter WHERE key = 'billing.alarm_email'")
        parameters.forget()
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT what, expected, found FROM books_difference WHERE run_id = $1 AND domain_id = $2",
                              found.run_id, actor.domain_id)
        assert [(row["what"], Decimal(row["expected"]), Decimal(row["found"])) for row in rows] == [("balance", 0, 7)]
        body = await tx.fetchval("SELECT body FROM mail_message WHERE recipient = 'books@provider.example' "
                                 "ORDER BY id DESC LIMIT 1")
        assert f"/provider/books/{found.run_id}" in body
        assert await service.open_alarm(tx) == (found.run_id, len(found.differences))
        assert await service.acknowledge(tx, found.run_id) >= 1
        assert await service.open_alarm(tx) is None
        assert await service.acknowledge(tx, found.run_id) == 0


async def test_the_nightly_run_is_full_once_a_week_and_not_twice_a_night(owner: asyncpg.Connection) -> None:
    await service.run(full=True)
    assert await service.nightly() is None
    await owner.execute("UPDATE books_run SET started_at = started_at - interval '1 day'")
    night = await service.nightly()
    assert night is not None
    assert night.mode == "new"
    await owner.execute("UPDATE books_run SET started_at = started_at - interval '7 days'")
    night = await service.nightly()
    assert night is not None
    assert night.mode == "full"


async def test_the_job_and_the_command_say_what_differs(owner: asyncpg.Connection) -> None:
    actor = await a_domain()
    await owner.execute("UPDATE account SET balance = 7 WHERE domain_id = $1", actor.domain_id)
    try:
        with pytest.raises(BooksDiffer, match="differences; domain"):
            await run_job({})
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "books-check", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        said, wrong = await process.communicate()
    finally:
        await owner.execute("UPDATE account SET balance = 0 WHERE domain_id = $1", actor.domain_id)
    assert process.returncode == 1, wrong
    assert b"differences" in said
    assert f"domain {actor.domain_id}: balance".encode() in wrong
    async with platform_transaction(STAFF) as tx:
        newest = await tx.fetchval("SELECT max(id) FROM books_run")
        assert f"run {newest}:".encode() in said
        await service.acknowledge(tx, newest)


async def test_the_command_says_in_words_that_nothing_runs(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in ("DATABASE_APP_URL", "DATABASE_URL")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "books-check", env=bare | {"SWITCHROOM_STATE": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _nothing = await process.communicate()
    assert (process.returncode, b"make up" in said, b"Traceback" in said) == (2, True, False)
