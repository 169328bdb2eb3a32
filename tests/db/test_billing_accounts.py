"""Postings, payments, corrections, blocks and the books."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import asyncpg
import pytest

from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.money import Currency, Money
from app.settings import settings
from billing.accounts import lines, queries, service
from billing.accounts.posting import Operation, Posting
from billing.accounts.sums import Span
from billing.books.checks import check_books
from tests.db.billing_factories import a_company, balance, blocks, channel, pay
from tests.db.factories import STAFF, a_domain

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]


RUB = Currency.RUB


def a_posting(amount: str, key: str = "", **changes: object) -> Posting:
    known = {"operation": Operation.ONE_OFF, "service": "test", "quantity": 1, "at": datetime.now(UTC)} | changes
    return Posting(key or channel(), amount=Money.parse(amount), **known)


async def test_a_posting_is_written_once_with_its_balance() -> None:
    actor = await a_domain()
    posting = a_posting("-2.995")
    for expected in (True, False):
        async with domain_transaction(actor) as tx:
            assert await service.post(tx, posting) is expected
    async with domain_transaction(actor) as tx:
        lines = await tx.fetch("SELECT account, amount, balance_after FROM entry WHERE domain_id = $1 ORDER BY 1",
                               tx.domain_id)
    assert [tuple(line.values()) for line in lines] == [
        ("domain", Decimal("-3.00"), Decimal("-3.00")), ("revenue", Decimal("3.00"), None)]
    assert await balance(actor) == -3


async def test_two_lines_that_do_not_sum_to_zero_are_refused() -> None:
    actor = await a_domain()

    async def unbalanced() -> None:
        async with domain_transaction(actor) as tx:
            await service.post(tx, a_posting("5"))
            number = await tx.fetchval("INSERT INTO posting (domain_id, key, kind, at) VALUES ($1, 'x', 'one_off', "
                                       "now()) RETURNING id", tx.domain_id)
            await tx.execute("INSERT INTO entry (posting_id, domain_id, account, amount, balance_after) "
                             "VALUES ($1, $2, 'domain', 5, 10)", number, tx.domain_id)

    with pytest.raises(asyncpg.CheckViolationError):
        await unbalanced()
    assert await balance(actor) == 0


async def test_postings_at_the_same_time_lose_no_money() -> None:
    actor = await a_domain()
    same = a_posting("100")

    async def one(posting: Posting) -> None:
        async with domain_transaction(actor) as tx:
            await service.post(tx, posting)

    await asyncio.gather(*(one(a_posting("1")) for _ in range(20)), *(one(same) for _ in range(5)))
    assert await balance(actor) == 120
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT amount, balance_after FROM entry WHERE domain_id = $1 AND account = 'domain' "
                              "ORDER BY posting_id", tx.domain_id)
    total = Decimal(0)
    for row in rows:
        total += row["amount"]
        assert row["balance_after"] == total


async def test_a_batch_of_many_domains() -> None:
    first, second = await a_domain(), await a_domain()
    twice = a_posting("7")
    async with platform_transaction(STAFF) as tx:
        posted = await service.post_many(tx, [
            (second.domain_id, a_posting("1")), (first.domain_id, twice), (second.domain_id, a_posting("2")),
            (first.domain_id, twice)])
    assert posted.balances == {first.domain_id: Money.parse("7.00"), second.domain_id: Money.parse("3.00")}
    assert len(posted.ids) == 3
    assert (await balance(first), await balance(second)) == (7, 3)


async def test_another_currency_is_refused() -> None:
    actor = await a_domain()
    with pytest.raises(ValueError, match="USD"):
        async with domain_transaction(actor) as tx:
            await service.post(tx, Posting("k", Operation.ONE_OFF, "", 1, Money.parse("1", Currency.USD), tx.now))


async def test_missing_funds_are_named() -> None:
    actor = await a_domain()
    await pay(actor, "10")
    async with domain_transaction(actor) as tx:
        await service.ensure_funds(tx, Money.parse("10"))
        with pytest.raises(Refused, match=r"2\.35") as refused:
            await service.ensure_funds(tx, Money.parse("12.345"))
    assert refused.value.facts["missing"] == "2.35"


async def test_money_held_by_calls_is_not_spent_on_services() -> None:
    actor = await a_domain()
    await pay(actor, "10")
    async with domain_transaction(actor) as tx:
        await tx.execute("UPDATE account SET held = 6.5 WHERE domain_id = $1", tx.domain_id)
        with pytest.raises(Refused):
            await service.ensure_funds(tx, Money.parse("4"))
        await tx.execute("UPDATE account SET held = 0 WHERE domain_id = $1", tx.domain_id)


@pytest.mark.req("FIN-50", "FIN-51")
async def test_a_payment_counts_once_and_is_listed() -> None:
    actor, other = await a_domain(), await a_domain()
    external = f"bank {channel()}"

    async def enter(to: Actor, amount: str) -> bool:
        async with platform_transaction(STAFF) as tx:
            return await service.record_payment(await tx.enter_domain(to.domain_id), external_id=external,
                                                amount=Money.parse(amount), source="Bank", description="No. 5")

    assert [await enter(actor, "50"), await enter(actor, "50")] == [True, False]
    for to, amount in ((actor, "51"), (other, "50")):
        with pytest.raises(Refused):
            await enter(to, amount)
    with pytest.raises(InvalidFields):
        await enter(actor, "-1")
    async with domain_transaction(actor) as tx:
        page, _total = await queries.payments(tx, RUB, since=None, like=None, limit=50, offset=0)
        assert (await lines.find(tx, RUB, Span())).total.entries == 0
    assert [(row.amount, row.source, row.description) for row in page] == [(Money.parse("50.00"), "Bank", "No. 5")]
    assert (await balance(actor), await balance(other)) == (50, 0)


async def test_a_tenant_cannot_enter_payments() -> None:
    actor = await a_domain()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with domain_transaction(actor) as tx:
            await service.record_payment(tx, external_id=channel(), amount=Money.parse("1"), source="", description="")


@pytest.mark.req("FIN-05", "FIN-D1", "FIN-D3")
async def test_block_comes_with_the_debit_and_goes_with_the_payment() -> None:
    actor = await a_domain(notification_email="boss@acme.example")
    async with domain_transaction(actor) as tx:
        assert await service.correct(tx, key="c1", amount=Money.parse("-5"), reason="mistake")
        assert not await service.correct(tx, key="c1", amount=Money.parse("-5"), reason="mistake")
    assert await blocks(actor) == ["financial"]
    async with domain_transaction(actor) as tx:
        await service.start_block(tx, "administrative", "asked for")
        with pytest.raises(Refused):
            await service.ensure_funds(tx, Money.parse("1"))
    await pay(actor, "4.99")
    assert await blocks(actor) == ["administrative", "financial"]
    await pay(actor, "0.01")
    assert await blocks(actor) == ["administrative"]
    async with platform_transaction(STAFF) as tx:
        letters = await tx.fetchval("SELECT count(*) FROM mail_message WHERE domain_id = $1", actor.domain_id)
    assert letters == 3  # the administrative block has its letter, too


async def test_fees_due_are_posted_when_the_block_is_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_fees_due", [])

    @service.fees_due
    async def line_fee(tx) -> list[Posting]:
        return [Posting(f"line:{tx.now:%F}", Operation.SUBSCRIPTION_FEE, "line", 1, Money.parse("-3"), tx.now)]

    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        await service.correct(tx, key="c", amount=Money.parse("-5"), reason="x")
    await pay(actor, "7.99")
    assert (await blocks(actor), await balance(actor)) == (["financial"], Decimal("2.99"))
    await pay(actor, "0.01")
    assert (await blocks(actor), await balance(actor)) == ([], Decimal("0.00"))


@pytest.mark.req("FIN-12", "FIN-D5")
async def test_month_summary_adds_up_to_the_balance() -> None:
    actor = await a_domain()
    await pay(actor, "100")
    async with domain_transaction(actor) as tx:
        await service.post(tx, a_posting("-30", at=tx.now - timedelta(days=40)))
        await service.post(tx, a_posting("-8"))
        await service.post(tx, a_posting("-2", operation=Operation.CALL, service="Moscow"))
    async with domain_transaction(actor) as tx:
        found = await queries.month(tx, RUB)
        now = (await queries.facts(tx)).balance
    assert (found.state.start, found.state.income, found.state.expense) == (
        Money.parse("-30.00"), Money.parse("100.00"), Money.parse("10.00"))
    assert found.state.current == now == Money.parse("60.00")
    assert found.today == Money.parse("10.00")


@pytest.mark.req("FIN-44", "FIN-47")
async def test_ledger_pages_stand_in_posting_order_and_filter() -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        for number in range(7):
            await service.post(tx, a_posting("-1", service=f"Line {number}", at=tx.now - timedelta(hours=number)))
        await service.post(tx, a_posting("-3", operation=Operation.CALL, service="Moscow", quantity=65))
    async with domain_transaction(actor) as tx:
        every = await lines.find(tx, RUB, Span())
        rows = await lines.rows(tx, RUB, Span(), every, limit=5)
        rows += await lines.rows(tx, RUB, Span(), every, limit=5, offset=5)
        calls = await lines.find(tx, RUB, Span(), lambda kind, service: "mosc" in f"{service} {kind}".lower())
        found = await lines.rows(tx, RUB, Span(), calls, limit=5)
        lately = await lines.find(tx, RUB, Span(tx.now - timedelta(hours=2, minutes=30)))
    assert (len(rows), every.total.entries, lately.total.entries) == (8, 8, 4)
    for newer, older in pairwise(rows):
        assert newer.balance_after == older.balance_after + newer.amount
    assert [row.quantity for row in found] == [65]


@dataclass
class _Owner:
    """The owner of the tables, past every policy and right: what tampering would need."""

    async def execute(self, sql: str, *args: object) -> None:
        connection = await asyncpg.connect(settings().database_owner_url)
        await connection.execute(sql, *args)
        await connection.close()


async def test_the_books_check_finds_a_tampered_balance() -> None:
    actor = await a_domain()
    await pay(actor, "10")
    await _Owner().execute("UPDATE account SET balance = balance + 1000, held = 1 WHERE domain_id = $1",
                           actor.domain_id)
    async with platform_transaction(STAFF) as tx:
        found = [one for one in await check_books(tx) if one.domain_id == actor.domain_id]
    assert [(one.what, Decimal(one.expected), Decimal(one.found)) for one in found] == [
        ("balance", 10, 1010), ("held", 0, 1)]
    await _Owner().execute("UPDATE account SET balance = 10, held = 0 WHERE domain_id = $1", actor.domain_id)


async def test_entries_cannot_be_changed() -> None:
    actor = await a_domain()
    await pay(actor, "10")
    for statement in ("UPDATE entry SET amount = 0", "DELETE FROM entry", "DELETE FROM posting"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with domain_transaction(actor) as tx:
                await tx.execute(f"{statement} WHERE domain_id = $1", tx.domain_id)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await _Owner().execute(f"{statement} WHERE domain_id = $1", actor.domain_id)


async def test_a_line_belongs_to_a_posting_of_its_own_domain() -> None:
    mine, theirs = await a_company("10"), await a_company("10")
    posting_id = (await theirs.fetchrow("SELECT max(id) AS id FROM posting WHERE domain_id = $1", theirs.id))["id"]
    for number in (posting_id, 9_007_199_254_740_993):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with domain_transaction(mine.actor) as tx:
                await tx.execute("INSERT INTO entry (posting_id, domain_id, account, amount, balance_after) VALUES "
                                 "($1, $2, 'planted', 5, NULL), ($1, $2, 'counter', -5, NULL)", number, tx.domain_id)
