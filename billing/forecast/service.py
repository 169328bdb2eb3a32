"""What the forecast of the balance is made from, read for one domain."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from app.kernel import parameters
from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts import sums
from billing.accounts.posting import Operation
from billing.accounts.state import ACCOUNT_COLUMNS, Account
from billing.forecast.rules import LOOK_BACK_DAYS, Forecast, Situation, forecast, mean_spend
from billing.subscriptions import registry
from billing.subscriptions.rules import local_day, start_of_day
from billing.tariffs.terms import plan_at

_ACCOUNT = f"""
SELECT {ACCOUNT_COLUMNS}, a.billed_through, d.mode, EXISTS (
    SELECT FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS is_blocked
FROM account a JOIN domain d ON d.id = a.domain_id WHERE a.domain_id = $1
"""


async def outlook(tx: DomainTx) -> Forecast:
    """How long the domain's balance lasts as things are now."""
    zone = await parameters.get(tx, "billing.timezone")
    today = local_day(tx.now, zone)
    row = await tx.fetchrow(_ACCOUNT, tx.domain_id)
    assert row is not None
    account = Account.of(row)
    tomorrow = start_of_day(today + timedelta(days=1), zone)
    calls, spent_today = await _calls(tx, today, account.currency)
    return forecast(Situation(
        today=today, balance=account.balance, terms=account.terms,
        fees=(await registry.fees_of(tx, {tx.domain_id: tomorrow}))[tx.domain_id], calls=calls,
        spent_today=spent_today, write_offs=await _write_offs(tx, account.currency, zone),
        guaranteed=(await plan_at(tx, account.tariff_id, tomorrow)).mgp, is_blocked=row["is_blocked"],
        is_trial=row["mode"] == "trial", is_today_charged=(row["billed_through"] or today) >= today))


async def _calls(tx: DomainTx, today: date, currency: Currency) -> tuple[list[Money], Money]:
    """Mean spend per weekday and what was spent today. Days of the sums are UTC, which a mean of weeks can bear."""
    await sums.bring_up(tx)
    rows = await tx.fetch(
        "SELECT day, sum(expense) FILTER (WHERE kind = $3) AS spent FROM ledger_day WHERE domain_id = $1 "
        "AND day BETWEEN $2::date - $4::int AND $2::date GROUP BY day", tx.domain_id, today, Operation.CALL.value,
        LOOK_BACK_DAYS)
    oldest = await tx.fetchval("SELECT min(day) FROM ledger_day WHERE domain_id = $1", tx.domain_id)
    spent = {row["day"]: Money(row["spent"] or Decimal(0), currency) for row in rows}
    zero = Money.zero(currency)
    return mean_spend(spent, oldest or today, today, zero), spent.get(today, zero)


async def _write_offs(tx: DomainTx, currency: Currency, zone: str) -> list[tuple[date, Money]]:
    """A debit that is overdue comes today."""
    rows = await tx.fetch("SELECT amount, expires_at FROM promised_payment WHERE domain_id = $1 "
                          "AND status = 'active' ORDER BY expires_at, id", tx.domain_id)
    return [(local_day(max(row["expires_at"], tx.now), zone), Money(row["amount"], currency)) for row in rows]
