"""The daily run where clocks change, where it is killed at any statement, and after days off over a month's end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, domain_transaction, platform_transaction
from billing.accounts.state import lock
from billing.books.checks import check_books
from billing.subscriptions import run
from tests.db import billing_factories as world
from tests.db.billing_factories import run_at
from tests.db.factories import STAFF, a_domain, a_tariff, a_version

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database")]

MOSCOW = ZoneInfo("Europe/Moscow")
SetZone = Callable[[str], Awaitable[ZoneInfo]]


@pytest.fixture
async def billing_zone() -> AsyncIterator[SetZone]:
    async def chosen(name: str) -> ZoneInfo:
        async with platform_transaction(STAFF) as tx:
            await tx.execute("INSERT INTO provider_parameter (key, value) VALUES ('billing.timezone', $1) "
                             "ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", name)
        parameters.forget()
        return ZoneInfo(name)

    yield chosen
    await chosen("Europe/Moscow")


async def settled_before(day: date, *actors: Actor) -> None:
    """Users that were always there; nothing is due before that day."""
    ids = [actor.domain_id for actor in actors]
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE domain_user SET created_at = '2000-01-01' WHERE domain_id = ANY($1::bigint[])", ids)
        await tx.execute("UPDATE account SET billed_through = NULL")  # companies of other tests stay out of it
        await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = ANY($1::bigint[])", ids,
                         day - timedelta(days=1))


async def a_payer(day: date, money: str = "1000", **terms: Any) -> Actor:
    """One user for 30.00 a month; no posting but its payment."""
    actor = await a_domain(tariff_id=await a_tariff(user_monthly=30))
    await world.a_user(actor)
    if Decimal(money):
        await world.pay(actor, money)
    if terms:
        tariff = await a_tariff(**terms)
        async with platform_transaction(STAFF) as tx:
            await tx.execute("UPDATE account SET tariff_id = $2 WHERE domain_id = $1", actor.domain_id, tariff)
    await settled_before(day, actor)
    return actor


async def charged(actor: Actor, zone: ZoneInfo) -> list[tuple[str, date, Decimal]]:
    """(key's beginning, local day, amount) of all that was debited."""
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch("SELECT p.key, p.at, e.amount FROM posting p JOIN entry e ON e.posting_id = p.id "
                              "AND e.account = 'domain' WHERE p.domain_id = $1 AND e.amount < 0 ORDER BY p.id",
                              tx.domain_id)
    return [(row["key"].rpartition(":")[0], row["at"].astimezone(zone).date(), row["amount"]) for row in rows]


@pytest.mark.parametrize(("name", "changes_on"), [
    ("America/Sao_Paulo", date(2018, 11, 4)),  # midnight does not exist
    ("Asia/Beirut", date(2031, 3, 30)),  # nor here
    ("Asia/Beirut", date(2031, 10, 26)),  # the hour before midnight comes twice
    ("America/Havana", date(2031, 11, 2)),  # the hour after midnight comes twice
    ("Europe/Berlin", date(2031, 3, 30)), ("Europe/Berlin", date(2031, 10, 26)),
    ("Pacific/Apia", date(2011, 12, 31)),  # the day before it does not exist
])
async def test_each_local_day_is_charged_once_where_the_clocks_change(
        billing_zone: SetZone, name: str, changes_on: date) -> None:
    zone = await billing_zone(name)
    first = changes_on - timedelta(days=2)
    actor = await a_payer(first)
    moment = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC) - timedelta(minutes=1)
    seen: dict[date, datetime] = {}
    while moment.astimezone(zone).date() <= changes_on + timedelta(days=1):
        if await run_at(moment):
            seen[moment.astimezone(zone).date()] = moment
        else:  # nothing is charged too early, and no day is still open
            assert moment.astimezone(zone).date() in seen or moment.astimezone(zone).date() < first
        moment += timedelta(minutes=30)
    days = [day for _, day, _ in await charged(actor, zone)]
    async with domain_transaction(actor) as tx:
        through = await tx.fetchval("SELECT billed_through FROM account WHERE domain_id = $1", tx.domain_id)
        keys = [row["key"] for row in await tx.fetch(
            "SELECT key FROM posting WHERE domain_id = $1 AND kind = 'subscription_fee' ORDER BY id", tx.domain_id)]
    assert through == changes_on + timedelta(days=1)
    assert keys == [f"fee:additional_user:{first + timedelta(days=n)}" for n in range(4)]
    assert set(days) == set(seen)
    for day, at in seen.items():  # within half an hour of the day's first instant
        assert at - timedelta(minutes=30) < datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) <= at


async def test_another_time_zone_of_the_books_charges_no_day_twice(billing_zone: SetZone) -> None:
    first = date(2031, 4, 10)
    actor = await a_payer(first)
    moment = datetime(2031, 4, 10, 0, 0, 5, tzinfo=MOSCOW)
    await run_at(moment)
    for name in ("America/Sao_Paulo", "Pacific/Auckland", "Europe/Moscow"):
        await billing_zone(name)
        await run_at(moment + timedelta(hours=1))
    await run_at(moment + timedelta(days=2))
    async with domain_transaction(actor) as tx:
        keys = [row["key"] for row in await tx.fetch(
            "SELECT key FROM posting WHERE domain_id = $1 AND kind = 'subscription_fee' ORDER BY id", tx.domain_id)]
    assert keys == [f"fee:additional_user:2031-04-{day}" for day in (10, 11, 12)]


class Killed(Exception):
    """The process was stopped at this statement."""


def mortal(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number in the list counts statements down; the last one is not carried out."""
    left = [0]

    def dying(name: str) -> None:
        whole = getattr(PlatformTx, name)

        async def counted(tx: Any, *args: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return await whole(tx, *args)

        for kind in (PlatformTx, DomainTx):
            monkeypatch.setattr(kind, name, counted)

    for name in ("execute", "fetch", "fetchrow", "fetchval", "executemany"):
        dying(name)
    return left


async def test_killed_at_every_statement_the_run_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three domains over the end of a month, one of them without the money for it; batches of two."""
    first, last = date(2031, 4, 29), datetime(2031, 5, 3, 6, 0, tzinfo=MOSCOW)
    terms = {"user_monthly": 30, "mgp": 100, "included_minutes": 10,
             "services": [{"service": "monthly_one", "level": "domain", "monthly": 7, "cycle": "monthly"}]}
    actors = [await a_payer(first, money, **terms) for money in ("1000", "500", "102.50")]
    await settled_before(first, *actors)
    monkeypatch.setattr(run, "BATCH", 2)
    left = mortal(monkeypatch)
    kills = 0
    for statement in range(1, 400):
        left[0] = statement
        try:
            await run_at(last)
        except Killed:
            kills += 1
        else:
            break
    monkeypatch.undo()
    assert kills > 25
    daily = [("fee:additional_user", date(2031, 4, day), Decimal("-1.00")) for day in (29, 30)]
    may_first = [("mgp", date(2031, 5, 1), Decimal("-100.00")), ("fee:monthly_one", date(2031, 5, 1), Decimal("-7.00"))]
    may = [("fee:additional_user", date(2031, 5, day), Decimal("-0.97")) for day in (1, 2, 3)]
    for actor in actors[:2]:
        assert sorted(await charged(actor, MOSCOW)) == sorted(daily + may_first + may)
    assert sorted(await charged(actors[2], MOSCOW)) == sorted(daily)
    async with platform_transaction(STAFF) as tx:
        assert [one for one in await check_books(tx) if one.domain_id in {actor.domain_id for actor in actors}] == []
        blocked = await tx.fetch("SELECT domain_id FROM domain_block WHERE domain_id = ANY($1::bigint[]) "
                                 "AND ended_at IS NULL", [actor.domain_id for actor in actors])
        filled = await tx.fetch("SELECT mgp_left, package_seconds_left FROM account WHERE domain_id = ANY($1::bigint[]) "
                                "ORDER BY domain_id", [actor.domain_id for actor in actors])
    assert [row["domain_id"] for row in blocked] == [actors[2].domain_id]
    assert [tuple(row) for row in filled] == [(100, 600), (100, 600), (0, 600)]


@pytest.mark.req("FIN-D4", "FIN-15", "FIN-04")
async def test_months_that_were_missed_get_their_fees_buckets_and_prices() -> None:
    """Off from 29.04 to 02.06; from 15.05 on a day costs twice as much, from 01.06 on the rest too."""
    first = date(2031, 4, 29)
    actor = await a_payer(first, user_monthly=31, mgp=50, included_minutes=10)
    async with domain_transaction(actor) as tx:
        tariff = await tx.fetchval("SELECT tariff_id FROM account WHERE domain_id = $1", tx.domain_id)
    await a_version(tariff, user_monthly=62, mgp=50, included_minutes=10,
                    valid_from=datetime(2031, 5, 15, tzinfo=MOSCOW))
    await a_version(tariff, user_monthly=60, mgp=80, included_minutes=20,
                    valid_from=datetime(2031, 6, 1, tzinfo=MOSCOW))
    moment = datetime(2031, 6, 2, 9, 0, tzinfo=MOSCOW)
    assert await run_at(moment) == 35
    found = await charged(actor, MOSCOW)
    assert [one for one in found if one[0] == "mgp"] == [
        ("mgp", date(2031, 5, 1), Decimal("-50.00")), ("mgp", date(2031, 6, 1), Decimal("-80.00"))]
    daily = {day: -amount for key, day, amount in found if key == "fee:additional_user"}
    assert list(daily) == [first + timedelta(days=n) for n in range(35)]
    assert {daily[date(2031, 4, day)] for day in (29, 30)} == {Decimal("1.03")}
    assert {daily[date(2031, 5, day)] for day in range(1, 15)} == {Decimal("1.00")}
    assert {daily[date(2031, 5, day)] for day in range(15, 32)} == {Decimal("2.00")}
    assert {daily[date(2031, 6, day)] for day in (1, 2)} == {Decimal("2.00")}
    async with domain_transaction(actor) as tx:
        account = await lock(tx)
    assert account.mgp_left(moment).amount == 80
    assert account.mgp_left(datetime(2031, 5, 31, 23, 59, tzinfo=MOSCOW)).amount == 50  # for records that come late
    assert account.package.left(moment) == 1_200
