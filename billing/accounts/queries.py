"""Reading accounts: header facts, the month and the payments of one domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts import sums
from billing.accounts.rules import MonthState, month_state
from billing.accounts.sums import OperationSum, Span

MOST_MONTHS = 120


@dataclass(frozen=True, slots=True)
class AccountFacts:
    number: str
    balance: Money
    held: Money
    scheme: str
    credit_limit: Money | None
    tariff: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    id: int
    at: datetime
    kind: str
    source: str
    description: str
    amount: Money
    state: str


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """FIN-09…12 for one month; `today` is the day's expense, not negative, None for an earlier month [FIN-D6]."""

    first_day: date
    state: MonthState
    income: Money
    expense: Money
    today: Money | None
    parts: tuple[OperationSum, ...]


async def facts(tx: DomainTx) -> AccountFacts:
    """The account of the bound domain."""
    row = await tx.fetchrow(
        "SELECT a.number, a.balance, a.held, a.currency, a.scheme, a.credit_limit, t.name AS tariff FROM account a "
        "JOIN tariff t ON t.id = a.tariff_id WHERE a.domain_id = $1", tx.domain_id)
    assert row is not None
    currency = Currency(row["currency"])
    limit = row["credit_limit"]
    return AccountFacts(row["number"], Money(row["balance"], currency), Money(row["held"], currency), row["scheme"],
                        None if limit is None else Money(limit, currency), row["tariff"])


async def month(tx: DomainTx, currency: Currency, first_day: date | None = None) -> MonthFacts:
    """A month by the time of the operations, in the billing zone [FIN-D5]; the current one by default."""
    zone = ZoneInfo(await parameters.get(tx, "billing.timezone"))
    today = tx.now.astimezone(zone).date()
    current = today.replace(day=1)
    first_day = first_day or current
    begins, ends = _midnight(first_day, zone), _midnight(next_month(first_day), zone)
    parts = await sums.by_operation(tx, currency, Span(begins, ends))
    of_month = sums.total(parts, currency)
    start = await sums.change_before(tx, currency, begins)
    spent = None
    if first_day == current:
        morning = Span(_midnight(today, zone), _midnight(today + timedelta(days=1), zone))
        spent = sums.total(await sums.by_operation(tx, currency, morning), currency).expense
    return MonthFacts(first_day, month_state(start, [of_month.income, -of_month.expense]), of_month.income,
                      of_month.expense, spent, tuple(parts))


async def months(tx: DomainTx) -> list[date]:
    """First days of the months with lines, the current one first in any case [FIN-D6]."""
    zone = ZoneInfo(await parameters.get(tx, "billing.timezone"))
    current = tx.now.astimezone(zone).date().replace(day=1)
    await sums.bring_up(tx)
    oldest = await tx.fetchval("SELECT min(day) FROM ledger_day WHERE domain_id = $1", tx.domain_id) or current
    found = [current]
    while found[-1] > oldest and len(found) < MOST_MONTHS:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


async def payments(tx: DomainTx, currency: Currency, *, since: datetime | None, like: str | None,
                   limit: int | None, offset: int, until: datetime | None = None,
                   kinds: Sequence[str] = ()) -> tuple[list[PaymentRow], int]:
    """Latest on top [FIN-50]. `kinds`: those whose name matched the search."""
    where = ("domain_id = $1 AND ($2::timestamptz IS NULL OR at >= $2) AND ($3::timestamptz IS NULL OR at < $3) "
             "AND ($4::text IS NULL OR source ILIKE $4 OR description ILIKE $4 OR kind = ANY($5::text[]))")
    args = (tx.domain_id, since, until, like, list(kinds))
    total = await tx.fetchval(f"SELECT count(*) FROM payment WHERE {where}", *args)
    rows = await tx.fetch(
        f"SELECT id, at, kind, source, description, amount, state FROM payment WHERE {where} "
        f"ORDER BY at DESC, id DESC LIMIT {limit or 'ALL'} OFFSET {offset}", *args)
    return [PaymentRow(row["id"], row["at"], row["kind"], row["source"], row["description"],
                       Money(row["amount"], currency), row["state"]) for row in rows], total


async def tariff_version(tx: DomainTx, charge: Mapping[str, Any] | None) -> str:
    """Tariff and number of the version that a charge names; "" for one without."""
    version = (charge or {}).get("version")
    return await tx.fetchval("SELECT t.name || ', ' || v.number FROM tariff_version v "
                             "JOIN tariff t ON t.id = v.tariff_id WHERE v.id = $1", version) or "" if version else ""


@dataclass(frozen=True, slots=True)
class ActivePromise:
    """The latest promised payment that has not been debited yet [FIN-24]."""

    amount: Money
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PromisedFacts:
    """What the forms of the page say: bounds of both, and the promise in force."""

    least: Money
    most: Money
    term_days: int
    credit_least: Money
    credit_most: Money
    active: ActivePromise | None


async def promised(tx: DomainTx, currency: Currency) -> PromisedFacts:
    row = await tx.fetchrow("SELECT amount, expires_at FROM promised_payment WHERE domain_id = $1 "
                            "AND status = 'active' ORDER BY id DESC LIMIT 1", tx.domain_id)
    bounds = {key: Money(Decimal(await parameters.get(tx, key)), currency)
              for key in ("promised.min", "promised.max", "credit.min", "credit.max")}
    own_most = await tx.fetchval("SELECT credit_max FROM account WHERE domain_id = $1", tx.domain_id)
    credit_most = bounds["credit.max"] if own_most is None else min(bounds["credit.max"], Money(own_most, currency))
    return PromisedFacts(
        bounds["promised.min"], bounds["promised.max"], await parameters.get(tx, "promised.term_days"),
        bounds["credit.min"], credit_most, ActivePromise(Money(row["amount"], currency), row["expires_at"])
        if row else None)
