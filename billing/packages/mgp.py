"""The minimum guaranteed payment: a fee of prepaid domains that fills the bucket of the month [FIN-D4]."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from billing.accounts.posting import Operation, Posting
from billing.accounts.rules import Cycle, RecurringFee, Scheme
from billing.accounts.service import on_fees_charged
from billing.packages.bucket import MGP
from billing.packages.rules import next_month
from billing.packages.spending import Use
from billing.subscriptions.registry import Days, recurring
from billing.subscriptions.rules import local_day, start_of_day, unblocking_postings
from billing.tariffs.plan import Plan
from billing.tariffs.terms import plans_of

# A month that is caught up after a newer one was paid at the end of a block goes beside it.
_FILL = """
UPDATE account SET (mgp_before, mgp_before_from, mgp_before_until, mgp_left, mgp_from, mgp_until) = (
    SELECT CASE WHEN late THEN new.amount ELSE mgp_left END, CASE WHEN late THEN begins ELSE mgp_from END,
           CASE WHEN late THEN ends ELSE mgp_until END, CASE WHEN late THEN mgp_left ELSE new.amount END,
           CASE WHEN late THEN mgp_from ELSE begins END, CASE WHEN late THEN mgp_until ELSE ends END
    FROM (SELECT coalesce(mgp_until > ends, false) AS late) age)
FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[], $4::timestamptz[]) AS new (domain_id, amount, begins, ends)
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
INSERT INTO mgp_usage AS known (domain_id, day, spent)
SELECT domain_id, day, sum(amount) FROM unnest($1::bigint[], $2::numeric[], $3::date[]) AS part (domain_id, amount, day)
GROUP BY domain_id, day
ON CONFLICT (domain_id, day) DO UPDATE SET spent = known.spent + excluded.spent
"""


def fee_of(plan: Plan) -> RecurringFee | None:
    """What a prepaid domain pays by these terms; None when nothing."""
    return RecurringFee(MGP, plan.mgp, 1, Cycle.MONTHLY) if plan.mgp else None


@recurring
async def guaranteed_payments(tx: DomainTx | PlatformTx, days: Days) -> dict[int, list[RecurringFee]]:
    """Of the prepaid domains whose tariff has one at that moment."""
    owed = {domain_id: fee for domain_id, plan in (await plans_of(tx, days)).items() if (fee := fee_of(plan))}
    if not owed:
        return {}
    rows = await tx.fetch("SELECT domain_id FROM account WHERE domain_id = ANY($1::bigint[]) AND scheme = $2",
                          list(owed), Scheme.PREPAID.value)
    return {row["domain_id"]: [owed[row["domain_id"]]] for row in rows}


async def first_postings(tx: DomainTx, day: date) -> list[Posting]:
    """At activation: the share of the rest of the month, `day` counted."""
    fees = (await guaranteed_payments(tx, {tx.domain_id: tx.now})).get(tx.domain_id, [])
    return unblocking_postings(fees, day, tx.now)


@on_fees_charged
async def fill(tx: DomainTx | PlatformTx, charged: Sequence[tuple[int, Posting]]) -> None:
    """What was debited is there for the calls from that moment on until the month's end; the rest of the bucket before
    it stays for the calls of its own time."""
    paid = [(domain_id, one) for domain_id, one in charged if one.operation is Operation.MGP]
    if not paid:
        return
    zone = await parameters.get(tx, "billing.timezone")
    await tx.execute(_FILL, [domain_id for domain_id, _ in paid], [-one.ledger_amount.amount for _, one in paid],
                     [one.at for _, one in paid],
                     [start_of_day(next_month(local_day(one.at, zone)), zone) for _, one in paid])


async def use(tx: DomainTx | PlatformTx, parts: Iterable[tuple[int, Use]]) -> None:
    """Calls have used so much of their buckets; their accounts are locked."""
    known = list(parts)
    if not known:
        return
    zone = await parameters.get(tx, "billing.timezone")
    domains, amounts = [domain_id for domain_id, _ in known], [part.amount.amount for _, part in known]
    await tx.execute(_USE, domains, amounts, [part.since for _, part in known])
    await tx.execute(_NOTE, domains, amounts, [part.day(zone) for _, part in known])
