"""The minimum guaranteed payment: a fee of prepaid domains that fills the bucket of the month [FIN-D4]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Money
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import Cycle, RecurringFee, Scheme
from billing.accounts.service import on_fees_charged
from billing.packages.bucket import MGP
from billing.packages.rules import lacking, next_month
from billing.packages.spending import Use
from billing.subscriptions.changes import NewTerms
from billing.subscriptions.registry import Days, on_new_terms, recurring
from billing.subscriptions.rules import local_day, mgp_key, start_of_day, unblocking_postings
from billing.tariffs.plan import Plan
from billing.tariffs.terms import ACCOUNTS_AT, plans_of

# A month that is caught up after a newer one was paid at the end of a block goes beside it.
_FILL = """
UPDATE account SET
    (mgp_before, mgp_before_from, mgp_before_until, mgp_before_month, mgp_left, mgp_from, mgp_until, mgp_month) = (
    SELECT CASE WHEN late THEN new.amount ELSE mgp_left END, CASE WHEN late THEN begins ELSE mgp_from END,
           CASE WHEN late THEN ends ELSE mgp_until END, CASE WHEN late THEN new.month ELSE mgp_month END,
           CASE WHEN late THEN mgp_left ELSE new.amount END, CASE WHEN late THEN mgp_from ELSE begins END,
           CASE WHEN late THEN mgp_until ELSE ends END, CASE WHEN late THEN mgp_month ELSE new.month END
    FROM (SELECT coalesce(mgp_until > ends, false) AS late) age)
FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[], $4::timestamptz[], $5::text[])
    AS new (domain_id, amount, begins, ends, month)
WHERE account.domain_id = new.domain_id
"""
_ADD = """
UPDATE account SET mgp_left = mgp_left + CASE WHEN mgp_month = new.month THEN new.amount ELSE 0 END,
                   mgp_before = mgp_before + CASE WHEN mgp_before_month = new.month THEN new.amount ELSE 0 END
FROM unnest($1::bigint[], $2::numeric[], $3::text[]) AS new (domain_id, amount, month)
WHERE account.domain_id = new.domain_id
"""
_USE = """
UPDATE account SET mgp_left = mgp_left - used.current, mgp_before = mgp_before - used.earlier FROM (
    SELECT a.domain_id, coalesce(sum(part.amount) FILTER (WHERE a.mgp_from = part.since), 0) AS current,
           coalesce(sum(part.amount) FILTER (WHERE a.mgp_from <> part.since), 0) AS earlier
    FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[]) AS part (domain_id, amount, since)
    JOIN account a ON a.domain_id = part.domain_id GROUP BY a.domain_id
) used WHERE account.domain_id = used.domain_id
"""
_NOTE = """
INSERT INTO mgp_usage AS known (domain_id, day, since, spent)
SELECT domain_id, day, since, sum(amount)
FROM unnest($1::bigint[], $2::numeric[], $3::date[], $4::timestamptz[]) AS part (domain_id, amount, day, since)
GROUP BY domain_id, day, since
ON CONFLICT (domain_id, day, since) DO UPDATE SET spent = known.spent + excluded.spent
"""
_PAID = """
SELECT p.domain_id, p.at, -e.amount AS amount FROM unnest($1::bigint[], $2::text[]) AS one (domain_id, key)
JOIN posting p ON p.domain_id = one.domain_id AND p.kind = 'mgp' AND (p.key = one.key OR p.key LIKE one.key || ':%')
JOIN entry e ON e.domain_id = p.domain_id AND e.posting_id = p.id AND e.account = 'domain' ORDER BY p.id
"""
_SCHEMES = f"SELECT a.domain_id FROM {ACCOUNTS_AT} WHERE coalesce(past.scheme, a.scheme) = $3"


def fee_of(plan: Plan) -> RecurringFee | None:
    """What a prepaid domain pays by these terms; None when nothing."""
    return RecurringFee(MGP, plan.mgp, 1, Cycle.MONTHLY) if plan.mgp else None


@recurring
async def guaranteed_payments(tx: DomainTx | PlatformTx, days: Days) -> dict[int, list[RecurringFee]]:
    """Of the prepaid domains whose tariff has one at that moment."""
    owed = {domain_id: fee for domain_id, plan in (await plans_of(tx, days)).items() if (fee := fee_of(plan))}
    if not owed:
        return {}
    rows = await tx.fetch(_SCHEMES, list(owed), [days[domain_id] for domain_id in owed], Scheme.PREPAID.value)
    return {row["domain_id"]: [owed[row["domain_id"]]] for row in rows}


async def first_postings(tx: DomainTx, day: date) -> list[Posting]:
    """At activation: the share of the rest of the month, `day` counted."""
    fees = (await guaranteed_payments(tx, {tx.domain_id: tx.now})).get(tx.domain_id, [])
    return unblocking_postings(fees, day, tx.now)


@on_new_terms
async def renewals(tx: DomainTx | PlatformTx, changed: Mapping[int, NewTerms]) -> dict[int, list[Posting]]:
    """Other terms inside a month bring its payment up to theirs. Where they ask for less nothing is given back: what
    was paid stays for the calls of the month."""
    risen = {domain_id: terms for domain_id, terms in changed.items() if terms.after.mgp != terms.before.mgp}
    fees = await guaranteed_payments(tx, {domain_id: terms.at for domain_id, terms in risen.items()})
    return await _brought_up(tx, {domain_id: (own[0].monthly, risen[domain_id].day, risen[domain_id].at)
                                  for domain_id, own in fees.items()})


async def rest_of_month(tx: DomainTx, terms: Plan) -> list[Posting]:
    """What these terms charge at once when they come into force now, inside the month: the share of the days that are
    left, today counted, without what is paid of them already. The account is locked.

    A blocked domain pays at the end of its block. While the daily run still owes the payment of this month's 1st, it
    brings that up itself.
    """
    zone = await parameters.get(tx, "billing.timezone")
    day = local_day(tx.now, zone)
    first = day.replace(day=1)
    row = await tx.fetchrow(
        "SELECT a.scheme = $2 AND d.mode = 'commercial' AND NOT EXISTS (SELECT FROM domain_block b "
        "WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS pays, a.billed_through < $3 AS is_late FROM account a "
        "JOIN domain d ON d.id = a.domain_id WHERE a.domain_id = $1", tx.domain_id, Scheme.PREPAID.value, first)
    if row is None or not row["pays"] or not terms.mgp:
        return []
    if row["is_late"] and await guaranteed_payments(tx, {tx.domain_id: start_of_day(first, zone)}):
        return []
    return (await _brought_up(tx, {tx.domain_id: (terms.mgp, day, tx.now)})).get(tx.domain_id, [])


async def _brought_up(
    tx: DomainTx | PlatformTx, wanted: Mapping[int, tuple[Money, date, datetime]],
) -> dict[int, list[Posting]]:
    """`wanted`: guaranteed payment of the month, first day that it is for, moment of the posting. The first posting of
    a month has the month's key, the others are numbered."""
    if not wanted:
        return {}
    zone = await parameters.get(tx, "billing.timezone")
    rows = await tx.fetch(_PAID, list(wanted), [mgp_key(day) for _monthly, day, _at in wanted.values()])
    found: dict[int, list[Posting]] = {}
    for domain_id, (monthly, day, at) in wanted.items():
        paid = [(max(local_day(row["at"], zone), day.replace(day=1)), Money(row["amount"], monthly.currency))
                for row in rows if row["domain_id"] == domain_id]
        amount = lacking(monthly, paid, day).rounded_for_ledger()
        key = f"{mgp_key(day)}:{len(paid)}" if paid else mgp_key(day)
        found[domain_id] = [Posting(key, Operation.MGP, "", 1, -amount, at)] if amount else []
    return found


@on_fees_charged
async def fill(tx: DomainTx | PlatformTx, charged: Sequence[tuple[int, Posting]]) -> None:
    """What was debited is there for the calls from that moment on until the month's end, a further payment of a month
    together with its first; the rest of the bucket before it stays for the calls of its own time."""
    paid = [(domain_id, one, one.key.split(":")) for domain_id, one in charged if one.operation is Operation.MGP]
    first = [(domain_id, one, parts[1]) for domain_id, one, parts in paid if len(parts) == 2]
    if first:
        zone = await parameters.get(tx, "billing.timezone")
        await tx.execute(_FILL, *_columns(first), [one.at for _, one, _ in first],
                         [start_of_day(next_month(local_day(one.at, zone)), zone) for _, one, _ in first],
                         [month for _, _, month in first])
    if further := [(domain_id, one, parts[1]) for domain_id, one, parts in paid if len(parts) > 2]:
        await tx.execute(_ADD, *_columns(further), [month for _, _, month in further])


def _columns(paid: Sequence[tuple[int, Posting, str]]) -> tuple[list[int], list[Decimal]]:
    return [domain_id for domain_id, _, _ in paid], [-one.ledger_amount.amount for _, one, _ in paid]


async def use(tx: DomainTx | PlatformTx, parts: Iterable[tuple[int, Use]]) -> None:
    """Calls have used so much of their buckets; their accounts are locked."""
    known = list(parts)
    if not known:
        return
    zone = await parameters.get(tx, "billing.timezone")
    domains, amounts = [domain_id for domain_id, _ in known], [part.amount.amount for _, part in known]
    await tx.execute(_USE, domains, amounts, [part.since for _, part in known])
    await tx.execute(_NOTE, domains, amounts, [part.day(zone) for _, part in known], [part.since for _, part in known])
