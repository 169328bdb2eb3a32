"""Who knows what a domain pays regularly: each feature registers its fees when it is imported.

Asked for many domains at once: the daily run does not go from domain to domain.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from billing.accounts.posting import Posting
from billing.accounts.rules import RecurringFee
from billing.accounts.service import fees_due
from billing.subscriptions import rules
from billing.subscriptions.changes import NewTerms, new_terms, since_charged
from billing.tariffs.terms import versions_of

# domain → start of the day that is charged: what was connected later has paid at its connection
Days = Mapping[int, datetime]
Reckon = Callable[[DomainTx | PlatformTx, Days], Awaitable[Mapping[int, Sequence[RecurringFee]]]]
_reckons: list[Reckon] = []
MonthBegins = Callable[[PlatformTx, Mapping[int, date]], Awaitable[None]]
_months: list[MonthBegins] = []
Renew = Callable[[DomainTx | PlatformTx, Mapping[int, NewTerms]], Awaitable[Mapping[int, Sequence[Posting]]]]
_renewals: list[Renew] = []


def recurring(reckon: Reckon) -> Reckon:
    """Register a feature's fees."""
    _reckons.append(reckon)
    return reckon


def on_month(begins: MonthBegins) -> MonthBegins:
    """Register what is done for the domains whose 1st of the month is being settled, in the transaction that settles
    it: exactly once per domain and month."""
    _months.append(begins)
    return begins


def on_new_terms(renew: Renew) -> Renew:
    """Register what other terms inside a month give back and charge for the days that are left of it."""
    _renewals.append(renew)
    return renew


async def renewals(tx: DomainTx | PlatformTx, changed: Mapping[int, NewTerms]) -> dict[int, list[Posting]]:
    found: dict[int, list[Posting]] = {domain_id: [] for domain_id in changed}
    for renew in _renewals if changed else ():
        for domain_id, postings in (await renew(tx, changed)).items():
            found[domain_id] += postings
    return found


async def begin_month(tx: PlatformTx, days: Mapping[int, date]) -> None:
    for begins in _months if days else ():
        await begins(tx, days)


async def fees_of(tx: DomainTx | PlatformTx, days: Days) -> dict[int, list[RecurringFee]]:
    """Every domain's fees with a quantity above zero, in the order of registration."""
    found: dict[int, list[RecurringFee]] = {domain_id: [] for domain_id in days}
    for reckon in _reckons:
        for domain_id, fees in (await reckon(tx, days)).items():
            found[domain_id] += [fee for fee in fees if fee.quantity > 0 and fee.monthly.amount > 0]
    return found


@fees_due
async def due_for_unblocking(tx: DomainTx) -> list[Posting]:
    """Fees to be charged before a block is lifted, without those charged before [FIN-D3].

    What was given up since the day began, during the block, is not charged any more.
    """
    zone = await parameters.get(tx, "billing.timezone")
    day = rules.local_day(tx.now, zone)
    start = await since_charged(tx, {tx.domain_id: rules.start_of_day(day, zone)})
    begun = (await fees_of(tx, start))[tx.domain_id]
    now = (await fees_of(tx, {tx.domain_id: tx.now.astimezone(ZoneInfo(zone))}))[tx.domain_id]
    fees = rules.kept(begun, now)
    changed = await new_terms(tx, start, await versions_of(tx, start), zone, at=tx.now)
    due = (await renewals(tx, changed)).get(tx.domain_id, [])
    renewed = {posting.key for posting in due}
    due += [posting for posting in rules.unblocking_postings(fees, day, tx.now) if posting.key not in renewed]
    known = {row["key"] for row in await tx.fetch(
        "SELECT key FROM posting WHERE domain_id = $1 AND key = ANY($2::text[])", tx.domain_id,
        [posting.key for posting in due])}
    return [posting for posting in due if posting.key not in known]
