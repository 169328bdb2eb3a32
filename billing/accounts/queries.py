"""Reading accounts: header facts, the month, the ledger and the payments of one domain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts.rules import MonthState, month_state


@dataclass(frozen=True, slots=True)
class AccountFacts:
    number: str
    balance: Money
    held: Money
    scheme: str
    credit_limit: Money | None
    tariff: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the domain's own account, in posting order."""

    id: int
    at: datetime
    kind: str
    service: str
    quantity: Decimal
    amount: Money
    balance_after: Money
    ref: str


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
    """FIN-09…12: the month so far; `today` is the day's expense, not negative."""

    state: MonthState
    income: Money
    expense: Money
    today: Money


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


async def month(tx: DomainTx, currency: Currency) -> MonthFacts:
    """The current month by the time of the operations, in the billing zone [FIN-D5]."""
    zone = ZoneInfo(await parameters.get(tx, "billing.timezone"))
    today = tx.now.astimezone(zone).date()
    first, morning = _midnight(today.replace(day=1), zone), _midnight(today, zone)
    row = await tx.fetchrow(
        "SELECT coalesce(sum(e.amount) FILTER (WHERE p.at < $2), 0) AS start, "
        "coalesce(sum(e.amount) FILTER (WHERE p.at >= $2 AND e.amount > 0), 0) AS income, "
        "coalesce(-sum(e.amount) FILTER (WHERE p.at >= $2 AND e.amount < 0), 0) AS expense, "
        "coalesce(-sum(e.amount) FILTER (WHERE p.at >= $3 AND e.amount < 0), 0) AS today "
        "FROM entry e JOIN posting p ON p.domain_id = e.domain_id AND p.id = e.posting_id "
        "WHERE e.domain_id = $1 AND e.account = 'domain'", tx.domain_id, first, morning)
    assert row is not None
    income, expense = Money(row["income"], currency), Money(row["expense"], currency)
    return MonthFacts(month_state(Money(row["start"], currency), [income, -expense]), income, expense,
                      Money(row["today"], currency))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


async def ledger(tx: DomainTx, currency: Currency, *, since: datetime | None, kinds: tuple[str, ...] | None,
                 like: str | None, limit: int | None, offset: int) -> tuple[list[LedgerRow], int]:
    """Newest first in posting order, so that the balance column adds up [FIN-D13]; payments are left out there.

    Args:
        kinds: operations whose name matched the search; joined by OR with `like` on the service.
    """
    where = ("e.domain_id = $1 AND e.account = 'domain' AND p.kind NOT IN ('payment', 'promised_payment') "
             "AND ($2::timestamptz IS NULL OR p.at >= $2) "
             "AND ($3::text IS NULL OR p.service ILIKE $3 OR p.kind = ANY($4::text[]))")
    source = "FROM entry e JOIN posting p ON p.domain_id = e.domain_id AND p.id = e.posting_id WHERE " + where
    args: list[Any] = [tx.domain_id, since, like, list(kinds or ())]
    total = await tx.fetchval(f"SELECT count(*) {source}", *args)
    rows = await tx.fetch(
        "SELECT p.id, p.at, p.kind, p.service, p.quantity, p.detail ->> 'ref' AS ref, e.amount, e.balance_after "
        f"{source} ORDER BY e.posting_id DESC LIMIT {limit or 'ALL'} OFFSET {offset}", *args)
    return [LedgerRow(row["id"], row["at"], row["kind"], row["service"], row["quantity"],
                      Money(row["amount"], currency), Money(row["balance_after"], currency), row["ref"] or "")
            for row in rows], total


async def payments(tx: DomainTx, currency: Currency, *, since: datetime | None, like: str | None,
                   limit: int | None, offset: int) -> tuple[list[PaymentRow], int]:
    """Latest on top [FIN-50]."""
    where = ("domain_id = $1 AND ($2::timestamptz IS NULL OR at >= $2) "
             "AND ($3::text IS NULL OR source ILIKE $3 OR description ILIKE $3)")
    total = await tx.fetchval(f"SELECT count(*) FROM payment WHERE {where}", tx.domain_id, since, like)
    rows = await tx.fetch(
        f"SELECT id, at, kind, source, description, amount, state FROM payment WHERE {where} "
        f"ORDER BY at DESC, id DESC LIMIT {limit or 'ALL'} OFFSET {offset}", tx.domain_id, since, like)
    return [PaymentRow(row["id"], row["at"], row["kind"], row["source"], row["description"],
                       Money(row["amount"], currency), row["state"]) for row in rows], total


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
