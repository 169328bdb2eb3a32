"""Day sums, ledger lines and statements against the plain sums of the lines."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.money import Currency, Money
from billing.accounts import jobs, lines, queries, service, sums
from billing.accounts.posting import Operation, Posting
from billing.accounts.sums import Span
from billing.statements import service as statements
from tests.db.billing_factories import channel, pay
from tests.db.factories import a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

RUB = Currency.RUB
START = datetime(2025, 3, 1, tzinfo=UTC)
KINDS = ((Operation.CALL, "Moscow"), (Operation.CALL, "Kazan"), (Operation.SUBSCRIPTION_FEE, "user"),
         (Operation.ONE_OFF, "number"), (Operation.CORRECTION, "mistake"))


def a_line(chance: random.Random, days: float = 40) -> Posting:
    kind, service_name = chance.choices(KINDS, (60, 30, 6, 3, 1))[0]
    amount = Decimal(chance.randint(-900, 0 if kind is not Operation.CORRECTION else 900)) / 100
    return Posting(channel(), kind, service_name, chance.randint(1, 300), Money(amount),
                   START + timedelta(seconds=chance.randint(0, int(days * 86_400))))


async def with_lines(seed: int, count: int = 400) -> Actor:
    """Operations in any order of time, so that posting order and time differ."""
    actor, chance = await a_domain(), random.Random(seed)
    async with domain_transaction(actor) as tx:
        await service.post_many(tx, [(tx.domain_id, a_line(chance)) for _ in range(count)])
    return actor


async def plain(tx: DomainTx, span: Span) -> list[tuple]:
    """The same without day sums."""
    rows = await tx.fetch(
        "SELECT p.id, p.kind, p.service, e.amount FROM entry e JOIN posting p ON p.domain_id = e.domain_id "
        "AND p.id = e.posting_id WHERE e.domain_id = $1 AND e.account = 'domain' AND p.at >= $2 AND p.at < $3 "
        "ORDER BY p.id DESC", tx.domain_id, span.since, span.until)
    return [tuple(row) for row in rows]


def spans(seed: int) -> list[Span]:
    chance = random.Random(seed)
    found = [Span(), Span(START), Span(until=START + timedelta(days=3, hours=5)),
             Span(START + timedelta(hours=3), START + timedelta(hours=5))]
    for _ in range(12):
        first, last = sorted(chance.randint(0, 40 * 86_400) for _ in range(2))
        found.append(Span(START + timedelta(seconds=first), START + timedelta(seconds=last)))
    return found


@pytest.mark.req("FIN-48", "FIN-D13")
@pytest.mark.parametrize("seed", [1, 2])
async def test_counts_sums_and_rows_equal_those_of_the_plain_lines(seed: int) -> None:
    actor = await with_lines(seed)
    for round_no in range(2):  # the second time some lines are younger than the sums
        async with domain_transaction(actor) as tx:
            for span in spans(seed):
                for wanted in (None, "Moscow", "mistake", "number"):
                    expected = [row for row in await plain(tx, span) if wanted is None or row[2] == wanted]
                    matches = None if wanted is None else (lambda _kind, name, text=wanted: name == text)
                    found = await lines.find(tx, RUB, span, matches)
                    assert (found.total.entries, found.total.change.amount) == (
                        len(expected), sum((row[3] for row in expected), Decimal(0)))
                    for offset in (0, 7, 50):
                        rows = await lines.rows(tx, RUB, span, found, limit=10, offset=offset)
                        assert [row.id for row in rows] == [row[0] for row in expected[offset:offset + 10]]
            chance = random.Random(seed + round_no)
            await service.post_many(tx, [(tx.domain_id, a_line(chance)) for _ in range(30)])


async def test_the_job_takes_in_what_is_worth_it_once() -> None:
    actor = await with_lines(3, jobs.WORTH_IT)
    for _ in range(2):
        await jobs.ledger_sums({})
    async with domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT sum(entries) FROM ledger_day WHERE domain_id = $1",
                                 tx.domain_id) == jobs.WORTH_IT


@pytest.mark.req("FIN-D6", "FIN-D5", "FIN-12")
async def test_months_are_those_of_the_billing_zone_and_follow_one_another() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        for at, amount in ((datetime(2026, 1, 31, 20, 59, tzinfo=UTC), "-1"),
                           (datetime(2026, 1, 31, 21, 0, tzinfo=UTC), "-20"),  # 1 February in Moscow
                           (datetime(2026, 2, 10, tzinfo=UTC), "300")):
            kind = Operation.CORRECTION if amount == "300" else Operation.ONE_OFF
            await service.post(tx, Posting(channel(), kind, "x", 1, Money.parse(amount), at))
        january = await queries.month(tx, RUB, date(2026, 1, 1))
        february = await queries.month(tx, RUB, date(2026, 2, 1))
        known = await queries.months(tx)
    assert (january.state.current, january.expense, january.today) == (Money.parse("-1.00"), Money.parse("1.00"), None)
    assert (february.state.start, february.income, february.expense, february.state.current) == (
        Money.parse("-1.00"), Money.parse("300.00"), Money.parse("20.00"), Money.parse("279.00"))
    assert known[-1] == date(2026, 1, 1)


@pytest.mark.parametrize("seed", [5, 6, 7])
async def test_a_statement_adds_up_whatever_its_days(seed: int) -> None:
    actor = await with_lines(seed, 250)
    await pay(actor, "77.50")
    chance = random.Random(seed)
    async with domain_transaction(actor) as tx:
        balance = Money(await tx.fetchval("SELECT balance FROM account WHERE domain_id = $1", tx.domain_id))
        for _ in range(8):
            first, last = sorted(START.date() + timedelta(days=chance.randint(-2, 42)) for _ in range(2))
            made = await statements.statement(tx, first, last)
            rows = [row async for portion in statements.lines_of(tx, made) for row in portion]
            assert made.opening + made.total.income - made.total.expense == made.closing
            assert len(rows) == made.total.entries == sum(part.entries for part in made.parts)
            assert sum((row.amount for row in rows), made.opening) == made.closing
            assert (rows[-1].balance_after if rows else made.opening) == made.closing
            for older, newer in pairwise(rows):
                assert older.at <= newer.at
                assert newer.balance_after == older.balance_after + newer.amount
            following = await statements.statement(tx, last + timedelta(days=1), last + timedelta(days=1))
            assert following.opening == made.closing
        whole = await statements.statement(tx, date(2020, 1, 1), date(2100, 1, 1))
    assert (whole.opening, whole.closing) == (Money.parse("0.00"), balance)


async def test_sums_of_one_domain_hold_nothing_of_another() -> None:
    first, second = await with_lines(8, 20), await a_domain()
    async with domain_transaction(first) as tx:
        assert (await lines.find(tx, RUB, Span())).total.entries == 20
    async with domain_transaction(second) as tx:
        assert await sums.by_operation(tx, RUB, Span()) == []
        assert await tx.fetchval("SELECT count(*) FROM ledger_day WHERE domain_id = $1", first.domain_id) == 0
