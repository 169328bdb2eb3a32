"""The financial state of a domain: features by scheme, and each row of the state machine through the real services."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import AppError, InvalidFields, Refused
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import floor
from billing.accounts.state import lock
from billing.payments import credit, jobs, promised
from billing.services import service as services
from billing.subscriptions import run
from tests.db import billing_factories as world
from tests.db.factories import STAFF, a_domain, a_tariff

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
NOON = datetime(2031, 4, 10, 12, 0, tzinfo=MOSCOW)
MIDNIGHT = datetime(2031, 4, 11, 0, 0, 5, tzinfo=MOSCOW)


@dataclass
class Domain:
    """One user for 300.00 a month: 10.00 a day in April."""

    actor: Actor
    now: datetime = NOON

    @classmethod
    async def make(cls, money: str = "0", *, scheme: str = "prepaid", limit: str | None = None,
                   services: tuple[dict[str, object], ...] = ()) -> Domain:
        with clock.at(NOON):
            tariff = await a_tariff(user_monthly=300, services=services)
            actor = await a_domain(tariff_id=tariff, notification_email="boss@acme.example")
            await world.a_user(actor)
            if Decimal(money) > 0:
                await world.pay(actor, money)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE domain_user SET created_at = '2020-01-01' WHERE domain_id = $1", actor.domain_id)
            await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
            await tx.execute("UPDATE account SET billed_through = $2, scheme = $3, credit_limit = $4::text::numeric "
                             "WHERE domain_id = $1", actor.domain_id, NOON.date(), scheme, limit)
        return cls(actor)

    async def pay(self, amount: str) -> None:
        with clock.at(self.now):
            await world.pay(self.actor, amount)

    async def promise(self, amount: str) -> None:
        with clock.at(self.now):
            async with domain_transaction(self.actor) as tx:
                await promised.grant(tx, Money.parse(amount))

    async def set_limit(self, amount: str) -> None:
        with clock.at(self.now):
            async with domain_transaction(self.actor) as tx:
                await credit.set_limit(tx, Money.parse(amount), confirmed=True)

    async def debit(self, amount: str) -> None:
        """As a call's charge."""
        with clock.at(self.now):
            async with platform_transaction(STAFF) as tx:
                bound = await tx.enter_domain(self.actor.domain_id)
                await accounts.post(bound, Posting(world.channel(), Operation.CALL, "Moscow", 60,
                                                   -Money.parse(amount), tx.now))
                await accounts.after_debit(bound)

    async def run(self) -> None:
        with clock.at(self.now):
            await run.run_until_today()

    async def sweep(self) -> None:
        with clock.at(self.now):
            await jobs.promised_payments({})

    async def value(self, sql: str) -> Any:
        async with domain_transaction(self.actor) as tx:
            return await tx.fetchval(sql, tx.domain_id)

    async def state(self) -> str:
        scheme = await self.value("SELECT scheme FROM account WHERE domain_id = $1")
        blocked = await self.value("SELECT EXISTS (SELECT FROM domain_block WHERE domain_id = $1 AND kind = "
                                   "'financial' AND ended_at IS NULL)")
        return f"{'blocked' if blocked else 'active'} {scheme}"

    async def balance(self) -> Decimal:
        return await self.value("SELECT balance FROM account WHERE domain_id = $1")

    async def lines(self) -> list[tuple[str, Decimal]]:
        async with domain_transaction(self.actor) as tx:
            return [(row["kind"], row["amount"]) for row in await tx.fetch(
                "SELECT p.kind, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id AND e.account = 'domain' "
                "WHERE p.domain_id = $1 ORDER BY p.id", tx.domain_id)]

    async def told(self) -> list[str]:
        async with domain_transaction(self.actor) as tx:
            return [row["action"] for row in await tx.fetch(
                "SELECT action FROM action_history WHERE domain_id = $1 AND action IN ('block_started', 'block_ended', "
                "'scheme_changed', 'credit_limit_changed') ORDER BY id", tx.domain_id)]

    async def letters(self) -> int:
        async with platform_transaction(STAFF) as tx:
            for event in await tx.fetch("UPDATE outbox_event SET done_at = now() WHERE domain_id = $1 "
                                        "AND kind = 'credit_near' AND done_at IS NULL RETURNING payload",
                                        self.actor.domain_id):
                await jobs.warn_near_limit(tx, self.actor.domain_id, event["payload"])
            return await tx.fetchval("SELECT count(*) FROM mail_message WHERE domain_id = $1", self.actor.domain_id)


# --- the rows of FIN-56, in its order ---------------------------------------------------------------------


@pytest.mark.req("FIN-56", "FIN-05", "FIN-D1")
async def test_a_due_fee_above_the_money_blocks() -> None:
    domain = await Domain.make("9.99")
    domain.now = MIDNIGHT
    await domain.run()
    assert await domain.state() == "blocked prepaid"
    assert await domain.lines() == [("payment", Decimal("9.99"))]
    assert (await domain.letters(), await domain.told()) == (1, ["block_started"])


@pytest.mark.req("FIN-56", "FIN-33", "FIN-39", "FIN-D1")
async def test_a_balance_at_the_individual_limit_blocks() -> None:
    """At −1000.00 and not before; the neighbour with a limit of 2000.00 goes on."""
    first, second = [await Domain.make(scheme="credit", limit=limit) for limit in ("1000", "2000")]
    for domain in (first, second):
        await domain.debit("999.99")
        assert await domain.state() == "active credit"
        await domain.debit("0.01")
        assert await domain.balance() == -1000
    assert (await first.state(), await second.state()) == ("blocked credit", "active credit")
    assert await first.told() == ["block_started"]


@pytest.mark.req("FIN-56", "FIN-38")
async def test_near_the_limit_there_is_one_letter_and_no_block() -> None:
    domain = await Domain.make(scheme="credit", limit="1000")
    await domain.debit("899.99")
    assert await domain.letters() == 0
    for _more in range(2):
        await domain.debit("0.01")
        assert (await domain.state(), await domain.letters()) == ("active credit", 1)


@pytest.mark.req("FIN-56", "FIN-21")
async def test_a_promised_payment_adds_to_the_balance() -> None:
    domain = await Domain.make("10")
    await domain.promise("100")
    assert (await domain.state(), await domain.balance()) == ("active prepaid", 110)


async def a_blocked_one(**terms: Any) -> Domain:
    """5.00 on the account, 10.00 due each day; at noon of the day after."""
    domain = await Domain.make("5", **terms)
    domain.now = MIDNIGHT
    await domain.run()
    assert await domain.state() == "blocked prepaid"
    domain.now += timedelta(hours=12)
    return domain


@pytest.mark.req("FIN-56", "FIN-30", "FIN-D10")
async def test_in_the_block_a_promised_payment_that_does_not_suffice_is_refused() -> None:
    """The balance counts too: −60.00 and 69.99 are 0.01 short of a day's 10.00."""
    domain = await a_blocked_one()
    await domain.debit("65")
    with pytest.raises(InvalidFields):
        await domain.promise("69.99")
    assert (await domain.state(), await domain.balance()) == ("blocked prepaid", -60)


@pytest.mark.req("FIN-56", "FIN-31", "FIN-D10")
async def test_in_the_block_a_promised_payment_that_suffices_charges_the_fee_and_lifts_it() -> None:
    domain = await a_blocked_one()
    await domain.promise("50")
    assert (await domain.state(), await domain.balance()) == ("active prepaid", 45)
    assert (await domain.lines())[1:] == [("promised_payment", 50), ("subscription_fee", -10)]
    assert await domain.told() == ["block_started", "block_ended"]


@pytest.mark.req("FIN-56", "FIN-D3")
async def test_a_payment_that_suffices_charges_the_fee_and_lifts_the_block() -> None:
    domain = await a_blocked_one()
    await domain.pay("5")
    assert (await domain.state(), await domain.balance()) == ("active prepaid", 0)
    assert (await domain.lines())[1:] == [("payment", 5), ("subscription_fee", -10)]


@pytest.mark.req("FIN-56", "FIN-28", "FIN-D3")
async def test_a_payment_that_does_not_suffice_still_repays() -> None:
    domain = await Domain.make("0")
    await domain.promise("50")
    await domain.debit("150")
    assert await domain.state() == "blocked prepaid"
    await domain.pay("50")
    assert (await domain.state(), await domain.balance()) == ("blocked prepaid", -50)
    assert await domain.value("SELECT repaid FROM promised_payment WHERE domain_id = $1")


@pytest.mark.req("FIN-56", "FIN-26")
@pytest.mark.parametrize(("money", "state"), [("60", "active prepaid"), ("9.99", "blocked prepaid")])
async def test_a_promised_payment_expires_with_and_without_money_for_the_next_fee(money: str, state: str) -> None:
    domain = await Domain.make(money)
    await domain.promise("500")
    async with platform_transaction(STAFF) as tx:  # its daily fees are another row's
        await tx.execute("UPDATE account SET billed_through = '2100-01-01' WHERE domain_id = $1",
                         domain.actor.domain_id)
    domain.now = NOON + timedelta(days=5)
    await domain.sweep()
    assert (await domain.state(), await domain.balance()) == (state, Decimal(money))


@pytest.mark.req("FIN-56", "FIN-40")
async def test_in_the_block_the_limit_stays() -> None:
    domain = await Domain.make(scheme="credit", limit="1000")
    await domain.debit("1000")
    with pytest.raises(Refused):
        await domain.set_limit("5000")
    assert await domain.value("SELECT credit_limit FROM account WHERE domain_id = $1") == 1000
    assert await domain.state() == "blocked credit"


@pytest.mark.req("FIN-56", "FIN-41", "FIN-42")
async def test_a_limit_makes_an_unlimited_domain_a_credit_one() -> None:
    domain = await Domain.make(scheme="unlimited")
    await domain.set_limit("1000")
    assert (await domain.state(), await domain.told()) == (
        "active credit", ["scheme_changed", "credit_limit_changed"])


# --- features by scheme, and what promised money is good for ------------------------------------------------


@pytest.mark.req("FIN-02", "FIN-03")
@pytest.mark.parametrize(("scheme", "promises", "limit_scheme", "lowest"), [
    ("prepaid", True, None, "0"), ("credit", False, "credit", "-1000"), ("unlimited", False, "credit", None)])
async def test_each_scheme_has_its_features(scheme: str, promises: bool, limit_scheme: str | None,
                                            lowest: str | None) -> None:
    domain = await Domain.make(scheme=scheme, limit="1000" if scheme == "credit" else None)
    async with domain_transaction(domain.actor) as tx:
        bottom = floor((await lock(tx)).terms)
    assert bottom == (None if lowest is None else Money.parse(lowest))
    if promises:
        await domain.promise("100")
    else:
        with pytest.raises(Refused):
            await domain.promise("100")
    assert await domain.balance() == (100 if promises else 0)
    if limit_scheme is None:
        with pytest.raises(Refused):
            await domain.set_limit("2000")
    else:
        await domain.set_limit("2000")
    assert await domain.value("SELECT scheme FROM account WHERE domain_id = $1") == (limit_scheme or scheme)


@pytest.mark.req("FIN-02")
async def test_there_is_no_fourth_scheme() -> None:
    domain = await Domain.make()
    with pytest.raises(asyncpg.CheckViolationError):
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE account SET scheme = 'postpaid' WHERE domain_id = $1", domain.actor.domain_id)


@pytest.mark.req("FIN-01")
async def test_a_domain_has_one_account_with_a_number_of_its_own() -> None:
    first, second = [(await a_domain()).domain_id for _ in range(2)]
    async with platform_transaction(STAFF) as tx:
        rows = await tx.fetch("SELECT domain_id, number, currency FROM account WHERE domain_id = ANY($1::bigint[])",
                              [first, second])
    assert sorted(row["domain_id"] for row in rows) == [first, second]
    assert {row["currency"] for row in rows} == {"RUB"}
    assert len({row["number"] for row in rows}) == 2
    assert all(row["number"].isdigit() for row in rows)
    for taken in (f"({first}, '4999999999')", f"({second + 1_000_000}, '{rows[0]['number']}')"):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            async with platform_transaction(STAFF) as tx:
                await tx.execute("INSERT INTO account (domain_id, number, tariff_id) SELECT new.domain_id, new.number, "
                                 f"(SELECT max(id) FROM tariff) FROM (VALUES {taken}) AS new (domain_id, number)")


@pytest.mark.req("FIN-23")
async def test_promised_money_buys_a_number_and_a_user() -> None:
    """20.00 and one of 30 days of 60.00 for the number."""
    domain = await Domain.make("0", services=(
        {"service": "additional_number", "level": "special", "monthly": 60, "connection": 20},))
    await domain.promise("50")
    with clock.at(domain.now):
        async with domain_transaction(domain.actor) as tx:
            await services.add_instances(tx, "additional_number", 1, ref="number:1")
            await services.add_instances(tx, "additional_user", 1, ref="user:2")
    assert (await domain.lines())[1:] == [
        ("connection", -20), ("subscription_fee", -2), ("connection", 0), ("subscription_fee", -10)]
    assert (await domain.state(), await domain.balance()) == ("active prepaid", 18)


@pytest.mark.req("FIN-25")
async def test_promised_money_that_is_used_up_does_not_keep_the_service_on() -> None:
    """50.00 promised on the 10th, 45.00 talked away: the fee of the 11th blocks, four days before the term ends."""
    domain = await Domain.make("0")
    await domain.promise("50")
    await domain.debit("45")
    assert await domain.state() == "active prepaid"
    domain.now = MIDNIGHT
    await domain.run()
    assert (await domain.state(), await domain.balance()) == ("blocked prepaid", 5)
    assert await domain.value("SELECT status FROM promised_payment WHERE domain_id = $1") == "active"


# --- any order of events against a model written from the table ----------------------------------------------


@dataclass
class Model:
    """FIN-56 in plain arithmetic: kopecks, one fee of 10.00 a day."""

    balance: int = 0
    blocked: bool = False
    paid_on: date = date(2031, 4, 9)  # the fee of the first day is charged by nobody
    owed: int = 0  # of the promise that is not repaid
    promises: list[tuple[datetime, int]] = field(default_factory=list)

    def credited(self, amount: int, today: date) -> None:
        self.balance += amount
        due = 0 if self.paid_on == today else 1000
        if self.blocked and self.balance >= due:
            self.balance, self.blocked, self.paid_on = self.balance - due, False, today

    def pay(self, amount: int, today: date) -> None:
        self.owed = max(self.owed - amount, 0)
        self.credited(amount, today)

    def promise(self, amount: int, now: datetime) -> bool:
        due = 0 if self.paid_on == now.date() else 1000
        if self.owed or (self.blocked and self.balance + amount < due):
            return False
        self.owed = amount
        self.promises.append((now + timedelta(days=5), amount))
        self.credited(amount, now.date())
        return True

    def debit(self, amount: int) -> None:
        self.balance -= amount
        self.blocked = self.blocked or self.balance < 0

    def expire(self, now: datetime) -> None:
        for expiry in [one for one in self.promises if one[0] <= now]:
            self.promises.remove(expiry)
            self.balance -= expiry[1]
            self.blocked = self.blocked or self.balance < 1000

    def midnight(self, today: date) -> None:
        if self.blocked:
            return
        if self.balance < 1000:
            self.blocked = True
        else:
            self.balance, self.paid_on = self.balance - 1000, today


@pytest.mark.req("FIN-56")
@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_events_ends_where_the_table_says(seed: int) -> None:
    chance, model = random.Random(seed), Model()
    domain = await Domain.make("0")
    start = chance.randrange(1, 5_000)
    await domain.pay(f"{start / 100:.2f}")
    model.pay(start, NOON.date())
    for step in range(30):
        amount = chance.choice((chance.randrange(1, 3_000), chance.randrange(5_000, 20_000)))
        match chance.choice(("pay", "promise", "debit", "midnight", "midnight")):
            case "pay":
                await domain.pay(f"{amount / 100:.2f}")
                model.pay(amount, domain.now.date())
            case "promise":
                amount = max(amount, 5_000)
                try:
                    await domain.promise(f"{amount / 100:.2f}")
                except AppError:
                    assert not model.promise(amount, domain.now), step
                else:
                    assert model.promise(amount, domain.now), step
            case "debit":
                await domain.debit(f"{amount / 100:.2f}")
                model.debit(amount)
            case "midnight":
                await _to_the_next_day(domain, model)
        assert (await domain.balance() * 100, await domain.state()) == (
            model.balance, "blocked prepaid" if model.blocked else "active prepaid"), step


async def _to_the_next_day(domain: Domain, model: Model) -> None:
    """What expires before midnight first, then the run, then what expires until noon."""
    midnight = (domain.now + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    noon = domain.now + timedelta(days=1)
    for moment in sorted({one for one, _ in model.promises if one < midnight}):
        domain.now = moment
        await domain.sweep()
        model.expire(moment)
    domain.now = midnight
    await domain.run()
    model.midnight(midnight.date())
    domain.now = noon
    await domain.sweep()
    model.expire(noon)
