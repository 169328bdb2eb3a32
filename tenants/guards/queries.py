"""What the page shows besides the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.guards import queries as guards
from billing.guards.queries import Guards

SHOWN_DAYS, SHOWN_CALLS = timedelta(days=7), 20


@dataclass(frozen=True, slots=True)
class Today:
    """Money of the day; `cap` and `left` None without a cap. `bound`, `most`: 0 = any."""

    spent: Money
    held: Money
    cap: Money | None
    left: Money | None
    bound: Money
    most: int
    lines: int
    zone: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A call of the journal that a guard refused."""

    id: int
    started_at: datetime
    user: str
    b_number: str
    refusal: str


async def today(tx: DomainTx, found: Guards) -> Today:
    row = await tx.fetchrow(
        "SELECT a.held, a.currency, d.max_paid_calls, COALESCE(g.max_daily_cap, $2) AS bound, "
        "COALESCE(g.max_calls_per_minute, $3) AS most FROM account a JOIN domain d ON d.id = a.domain_id "
        "LEFT JOIN domain_guard g ON g.domain_id = d.id WHERE a.domain_id = $1", tx.domain_id,
        await parameters.get(tx, "guard.daily_cap_max"), await parameters.get(tx, "guard.calls_per_minute_max"))
    assert row is not None
    currency = Currency(row["currency"])
    held = Money(row["held"], currency)
    limits = [one for one in (found.limits.cap, found.limits.wall) if one is not None]

    def money(amount: int | None) -> Money | None:
        return None if amount is None else Money.from_millionths(amount, currency)

    return Today(Money.from_millionths(found.day.spent, currency), held, money(min(limits) if limits else None),
                 money(found.room(held.millionths())), Money(row["bound"], currency), row["most"],
                 row["max_paid_calls"], await parameters.get(tx, "billing.timezone"))


async def refused(tx: DomainTx) -> list[Refused]:
    """The newest of the last days."""
    return [Refused(**row) for row in await tx.fetch(
        "SELECT c.id, c.started_at, COALESCE(u.display_name, '') AS user, c.b_number, c.refusal FROM call c "
        "LEFT JOIN domain_user u ON u.domain_id = c.domain_id AND u.id = c.user_id WHERE c.domain_id = $1 "
        "AND c.started_at > $2 AND starts_with(c.refusal, 'guard_') ORDER BY c.started_at DESC, c.id DESC LIMIT $3",
        tx.domain_id, tx.now - SHOWN_DAYS, SHOWN_CALLS)]


@dataclass(frozen=True, slots=True)
class Protection:
    """The whole page."""

    guards: Guards
    own: dict
    today: Today
    stops: list[guards.Stop]
    places: list[guards.Place]
    refused: list[Refused]
    defaults: dict


async def protection(tx: DomainTx) -> Protection:
    found = await guards.in_general(tx)
    return Protection(found, await guards.own(tx, tx.domain_id), await today(tx, found), await guards.open_stops(tx),
                      await guards.places(tx), await refused(tx), await parameters.group(tx, "guard"))
