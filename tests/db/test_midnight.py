"""What begins before midnight and waits for the daily run, or the run for it: the day is that of the account's lock.

Each instance and day is paid exactly once, whoever comes first [FIN-D2, FIN-D3, SVC-31].
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, domain_transaction, platform_transaction
from app.kernel.money import Money
from billing.accounts import service as accounts
from billing.accounts.blocks import start_block
from billing.books.checks import check_books
from billing.payments import promised
from billing.services import channels, service
from billing.subscriptions import run
from tenants.domains import service as domains
from tenants.users import operators
from tenants.users import service as users
from tenants.users.rules import NewUser
from tests.db import billing_factories as world
from tests.db.billing_factories import blocks
from tests.db.factories import STAFF, a_domain, a_tariff
from tests.db.services_world import a_company, a_service, balance, ledger, settled_through
from tests.db.test_lock_order import waiting

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MIDNIGHT = datetime(2031, 4, 17, tzinfo=ZoneInfo("Europe/Moscow"))
MAY = datetime(2031, 5, 1, tzinfo=ZoneInfo("Europe/Moscow"))
MOMENT = timedelta(milliseconds=100)
RUN = timedelta(seconds=5)
Change = Callable[[DomainTx], Awaitable[Any]]
PLAN = (a_service("integration_api", monthly=60), a_service("contact_center", "operator", 90),
        a_service("base_fee", "user", 30), a_service(channels.INCOMING, "special", 120, included=1))


@dataclass
class Hands:
    """The clock of everybody; it goes on while others wait."""

    now: datetime


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    one = Hands(MIDNIGHT - timedelta(hours=9))
    monkeypatch.setattr(clock, "now", lambda: one.now)
    return one


async def after_the_run(hands: Hands, monkeypatch: pytest.MonkeyPatch, actor: Actor, change: Change,
                        midnight: datetime = MIDNIGHT, *, staff: bool = False) -> None:
    """`change` begins before midnight and gets the account when the run of the new day has been at it."""
    settle, begun, may_wait = run._settle_batch, asyncio.Event(), asyncio.Event()

    async def paused(tx: PlatformTx, left: set[int]) -> int | None:
        done = await settle(tx, left)
        if done:
            may_wait.set()
            await waiting(tx)  # type: ignore[arg-type]
        return done

    async def changing() -> None:
        async with _transaction(actor, staff=staff) as opened:
            begun.set()
            await may_wait.wait()
            await change(await opened.enter_domain(actor.domain_id) if isinstance(opened, PlatformTx) else opened)

    monkeypatch.setattr(run, "_settle_batch", paused)
    hands.now = midnight - MOMENT
    task = asyncio.create_task(changing())
    await begun.wait()
    hands.now = midnight + RUN
    assert await run.run_until_today() == 1
    await task
    monkeypatch.setattr(run, "_settle_batch", settle)


async def before_the_run(hands: Hands, _monkeypatch: pytest.MonkeyPatch, actor: Actor, change: Change,
                         midnight: datetime = MIDNIGHT, *, staff: bool = False) -> None:
    """`change` has the account before midnight, and the run waits for it."""
    is_changed = asyncio.Event()

    async def settling() -> None:
        await is_changed.wait()
        assert await run.run_until_today() == 1

    hands.now = midnight - MOMENT
    task = asyncio.create_task(settling())
    async with _transaction(actor, staff=staff) as opened:
        bound = await opened.enter_domain(actor.domain_id) if isinstance(opened, PlatformTx) else opened
        await change(bound)
        hands.now = midnight + RUN
        is_changed.set()
        await waiting(bound)
    await task


def _transaction(actor: Actor, *, staff: bool) -> Any:
    return platform_transaction(STAFF) if staff else domain_transaction(actor)


async def fees(actor: Actor, day: str, code: str) -> list[tuple[int, Decimal]]:
    """Lines of a day of the billing zone."""
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch(
            "SELECT p.quantity::int AS quantity, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
            "AND e.account = 'domain' WHERE p.domain_id = $1 AND p.kind = 'subscription_fee' AND p.service = $2 "
            "AND to_char(p.at AT TIME ZONE 'Europe/Moscow', 'MM-DD') = $3 ORDER BY p.id", tx.domain_id, code, day)
    return [tuple(row) for row in rows]


async def books_agree(actor: Actor) -> None:
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id == actor.domain_id] == []


CHANGES: dict[str, tuple[str, Decimal, Change]] = {
    "integration_api": ("integration_api", Decimal(-2), lambda tx: service.connect(tx, "integration_api")),
    "user": ("base_fee", Decimal(-1), lambda tx: users.create_user(tx, NewUser("anna", "Anna", "Secret-12345"))),
    "operator": ("contact_center", Decimal(-3), lambda tx: _first_operator(tx)),
    "channels": (channels.INCOMING, Decimal(-4), lambda tx: channels.change(tx, channels.INCOMING, 2)),
}


async def _first_operator(tx: DomainTx) -> None:
    user = await tx.fetchval("SELECT min(id) FROM domain_user WHERE domain_id = $1", tx.domain_id)
    await operators.set_operator(tx, user, True)


async def with_one_user(hands: Hands, *services: dict, money: str = "1000") -> Actor:
    actor = await a_company(*services, money=money)
    await world.a_user(actor)
    await settled_through([actor], hands.now)
    return actor


async def test_the_first_lock_of_the_account_sets_the_clock_of_a_transaction(hands: Hands) -> None:
    actor = await a_domain()
    async with domain_transaction(actor) as tx:
        begun = hands.now
        hands.now += MOMENT
        assert tx.now == begun
        await accounts.lock(tx)
        assert tx.now == begun + MOMENT
        hands.now += MOMENT
        await accounts.lock(tx)
        assert tx.now == begun + MOMENT
    async with domain_transaction(actor) as tx:
        begun, hands.now = hands.now, hands.now - RUN  # set back
        await accounts.lock(tx)
        assert tx.now == begun


# --- connecting --------------------------------------------------------------------------------------


@pytest.mark.req("FIN-D2", "SVC-31", "SVC-32")
@pytest.mark.parametrize("what", CHANGES)
async def test_what_is_connected_behind_the_run_pays_the_new_day_itself(
    what: str, hands: Hands, monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, fee, change = CHANGES[what]
    actor = await with_one_user(hands, *PLAN)
    there = [(1, fee)] if what == "user" else []  # the user who was there is the run's
    await after_the_run(hands, monkeypatch, actor, change)
    assert await fees(actor, "04-16", code) == []
    assert await fees(actor, "04-17", code) == [*there, (1, fee)]
    hands.now = MIDNIGHT + timedelta(days=1, hours=1)
    await run.run_until_today()
    assert await fees(actor, "04-18", code) == [(1 + len(there), fee * (1 + len(there)))]
    await books_agree(actor)


@pytest.mark.req("FIN-D2", "SVC-31", "SVC-32")
@pytest.mark.parametrize("what", CHANGES)
async def test_what_is_connected_before_the_run_pays_the_old_day_and_the_run_takes_the_new_one(
    what: str, hands: Hands, monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, fee, change = CHANGES[what]
    actor = await with_one_user(hands, *PLAN)
    number = 2 if what == "user" else 1
    await before_the_run(hands, monkeypatch, actor, change)
    assert await fees(actor, "04-16", code) == [(1, fee)]
    assert await fees(actor, "04-17", code) == [(number, fee * number)]
    await books_agree(actor)


@pytest.mark.req("FIN-D2", "SVC-D7", "FIN-04")
@pytest.mark.parametrize(("order", "april"), [(after_the_run, []), (before_the_run, [(1, -1)])])
async def test_a_monthly_fee_at_the_months_end(order: Callable[..., Awaitable[None]], april: list, hands: Hands,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """30.00 a month: 1.00 for the last day of April, or nothing of it, and all of May once."""
    hands.now = MAY - timedelta(hours=9)
    actor = await with_one_user(hands, a_service("integration_api", monthly=30, cycle="monthly"))
    await order(hands, monkeypatch, actor, lambda tx: service.connect(tx, "integration_api"), MAY)
    assert await fees(actor, "04-30", "integration_api") == april
    assert await fees(actor, "05-01", "integration_api") == [(1, Decimal(-30))]
    hands.now = MAY + timedelta(days=3)
    await run.run_until_today()
    assert await balance(actor) == 1000 - 30 - len(april)


@pytest.mark.req("SVC-34", "SVC-36")
@pytest.mark.parametrize(("order", "days"), [(after_the_run, 2), (before_the_run, 1)])
async def test_a_service_that_goes_at_midnight_is_charged_for_the_days_that_it_was_there(
    order: Callable[..., Awaitable[None]], days: int, hands: Hands, monkeypatch: pytest.MonkeyPatch,
) -> None:
    actor = await with_one_user(hands, *PLAN[:1])
    async with domain_transaction(actor) as tx:
        await service.connect(tx, "integration_api")
    await order(hands, monkeypatch, actor, lambda tx: service.disconnect(tx, "integration_api"))
    hands.now = MIDNIGHT + timedelta(days=2)
    await run.run_until_today()
    assert [row[:2] for row in await ledger(actor)].count(("subscription_fee", "integration_api")) == days
    assert await balance(actor) == 1000 - 2 * days


# --- the end of a block ------------------------------------------------------------------------------


async def _pays(tx: DomainTx) -> None:
    await accounts.record_payment(tx, external_id=f"test {world.channel()}", amount=Money.parse("95"),
                                  source="Bank", description="by invoice")


async def _promises(tx: DomainTx) -> None:
    await promised.grant(tx, Money.parse("95"))


@pytest.mark.req("FIN-D3", "FIN-31", "FIN-D1")
@pytest.mark.parametrize("change", [_pays, _promises])
async def test_a_block_that_the_run_imposed_ends_for_the_fee_of_its_own_day(
    change: Change, hands: Hands, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """5.00 and 10.00 a day; the 95.00 were on their way before midnight, when nothing was due."""
    actor = await with_one_user(hands, a_service("base_fee", "user", 300), money="5")
    await after_the_run(hands, monkeypatch, actor, change, staff=change is _pays)
    assert (await blocks(actor), await balance(actor)) == ([], 90)
    assert await fees(actor, "04-17", "base_fee") == [(1, -10)]
    hands.now = MIDNIGHT + timedelta(hours=3)
    await run.run_until_today()
    assert await balance(actor) == 90
    async with domain_transaction(actor) as tx:
        assert await tx.fetchval("SELECT bool_and(ended_at >= started_at) FROM domain_block WHERE domain_id = $1",
                                 tx.domain_id)
    await books_agree(actor)


@pytest.mark.req("FIN-D3", "FIN-D1")
@pytest.mark.parametrize("change", [_pays, _promises])
async def test_a_block_that_ends_before_the_run_is_followed_by_the_fee_of_the_new_day(
    change: Change, hands: Hands, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last day of the block is paid by the payment, the new one by the run."""
    actor = await with_one_user(hands, a_service("base_fee", "user", 300), money="5")
    await settled_through([actor], hands.now - timedelta(days=1))
    await run.run_until_today()
    assert await blocks(actor) == ["financial"]
    await before_the_run(hands, monkeypatch, actor, change, staff=change is _pays)
    assert (await blocks(actor), await balance(actor)) == ([], 80)
    assert await fees(actor, "04-16", "base_fee") == await fees(actor, "04-17", "base_fee") == [(1, -10)]


@pytest.mark.req("FIN-D1", "FIN-D3")
@pytest.mark.parametrize(("order", "left"), [(after_the_run, 90), (before_the_run, 80)])
async def test_an_administrative_block_that_ends_at_midnight(
    order: Callable[..., Awaitable[None]], left: int, hands: Hands, monkeypatch: pytest.MonkeyPatch,
) -> None:
    actor = await with_one_user(hands, a_service("base_fee", "user", 300), money="100")
    async with domain_transaction(actor) as tx:
        await start_block(tx, "administrative", "asked")
    await order(hands, monkeypatch, actor, domains.end_administrative_block, staff=True)
    assert (await blocks(actor), await balance(actor)) == ([], left)
    hands.now = MIDNIGHT + timedelta(hours=3)
    await run.run_until_today()
    assert await balance(actor) == left


# --- the contract ------------------------------------------------------------------------------------


@pytest.mark.req("ACC-D3", "FIN-D4")
async def test_a_contract_that_waits_over_midnight_begins_with_the_new_month(hands: Hands) -> None:
    """Fee, guaranteed payment and minutes are those of May: nothing of them is for the last day of April."""
    tariff = await a_tariff(included_minutes=310, mgp=31, services=[a_service("integration_api", monthly=62)])
    hands.now = MAY - timedelta(hours=9)
    actor = await a_domain(commercial=False, tariff_id=tariff)
    async with domain_transaction(actor) as tx:
        await service.connect(tx, "integration_api")
    await world.pay(actor, "1000")
    go = asyncio.Event()

    async def sign() -> None:
        await go.wait()
        hands.now = MAY - MOMENT
        async with platform_transaction(STAFF) as tx:
            await domains.switch_to_commercial(await tx.enter_domain(actor.domain_id), tariff_id=tariff,
                                               scheme="prepaid")

    task = asyncio.create_task(sign())
    async with domain_transaction(actor) as tx:
        await accounts.lock(tx)
        go.set()
        await waiting(tx)
        hands.now = MAY + MOMENT
    await task
    await settled_only(actor)
    hands.now = MAY + RUN
    assert await run.run_until_today() == 0
    async with domain_transaction(actor) as tx:
        row = await tx.fetchrow("SELECT balance, package_seconds_left, mgp_left FROM account WHERE domain_id = $1",
                                tx.domain_id)
    assert row is not None
    assert tuple(row) == (1000 - 31 - 2, 310 * 60, 31)


async def settled_only(actor: Actor) -> None:
    """Companies of other tests stay out of the run."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL WHERE domain_id <> $1", actor.domain_id)
