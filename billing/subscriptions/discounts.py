"""The tariff's discount: one credit at a month's close, of what the month's fees and calls took [FIN-14, FIN-D5]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.money import Money
from billing.accounts import ledger
from billing.accounts.blocks import FINANCIAL
from billing.accounts.posting import Operation, Posting
from billing.accounts.service import after_credit
from billing.accounts.state import Account
from billing.accounts.sums import OperationSum, Span, by_operation
from billing.subscriptions.rules import start_of_day
from billing.tariffs.terms import plans_of

# A guaranteed payment is not discounted: it is the least that the customer pays, not the price of a service.
DISCOUNTED = frozenset({Operation.SUBSCRIPTION_FEE, Operation.CONNECTION, Operation.ONE_OFF, Operation.CALL})


def discount(parts: Iterable[OperationSum], percent: Decimal, nothing: Money) -> Money:
    """Of the expenses before the discount, without what of a fee was given back; unrounded: the ledger rounds once."""
    kinds = {operation.value for operation in DISCOUNTED}
    gross = sum((one.expense - one.income for one in parts if one.kind in kinds), nothing)
    return Money(gross.amount * percent / 100, gross.currency)


def month_before(first_day: date, zone: str) -> Span:
    """The month that ends where `first_day` begins."""
    last = first_day - timedelta(days=1)
    return Span(start_of_day(last.replace(day=1), zone), start_of_day(first_day, zone))


def posting(amount: Money, month: Span) -> Posting:
    """It belongs to the month that it closes, as its last operation."""
    return Posting(f"discount:{month.since:%Y-%m}", Operation.DISCOUNT, "", 1, amount,
                   month.until - timedelta(seconds=1))


async def close_months(tx: PlatformTx, firsts: Mapping[int, date], accounts: Mapping[int, Account], zone: str) -> bool:
    """Credit the discount of the month before each domain's 1st; whether any balance has changed.

    By the terms in force at the month's end, blocked or not. The key makes a repeat harmless; the accounts are locked.
    """
    months = {domain_id: month_before(day, zone) for domain_id, day in firsts.items()}
    ends: dict[int, datetime] = {domain_id: month.until - timedelta(microseconds=1)
                                 for domain_id, month in months.items()}
    credits: list[tuple[int, Posting]] = []
    for domain_id, plan in (await plans_of(tx, ends)).items():
        if not plan.discount_percent:
            continue
        currency = accounts[domain_id].currency
        parts = await by_operation(await tx.enter_domain(domain_id), currency, months[domain_id])
        amount = discount(parts, plan.discount_percent, Money.zero(currency))
        if amount.rounded_for_ledger():
            credits.append((domain_id, posting(amount, months[domain_id])))
    return bool((await ledger.write(tx, credits, accounts)).ids) if credits else False


async def lift_blocks(tx: PlatformTx, domain_ids: Iterable[int]) -> None:
    """The check that follows every credit to a blocked account [FIN-D3], for the discounts of this transaction."""
    rows = await tx.fetch(
        "SELECT p.domain_id FROM posting p JOIN domain_block b ON b.domain_id = p.domain_id AND b.kind = $2 "
        "AND b.ended_at IS NULL WHERE p.domain_id = ANY($1::bigint[]) AND p.kind = 'discount' AND p.posted_at = $3",
        list(domain_ids), FINANCIAL, tx.now)
    for row in rows:
        await after_credit(await tx.enter_domain(row["domain_id"]))
