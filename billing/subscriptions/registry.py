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

# domain → start of the day that is charged: what was connected later has paid at its connection
Days = Mapping[int, datetime]
Reckon = Callable[[DomainTx | PlatformTx, Days], Awaitable[Mapping[int, Sequence[RecurringFee]]]]
_reckons: list[Reckon] = []
MonthBegins = Callable[[PlatformTx, Mapping[int, date]], Awaitable[None]]
_months: list[MonthBegins] = []


def recurring(reckon: Reckon) -> Reckon:
    """Register a feature's fees."""
    _reckons.append(reckon)
    return reckon


def on_month(begins: MonthBegins) -> MonthBegins:
    """Register what is done for the domains whose 1st of the month is being settled, in the transaction that settles
    it: exactly once per domain and month."""
    _months.append(begins)
    return begins


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


async def since_charged(tx: DomainTx | PlatformTx, starts: Days) -> dict[int, datetime]:
    """These moments, or the later one at which the domain became commercial: until then nothing was paid for at its
    connection."""
    rows = await tx.fetch("SELECT domain_id, charged_since FROM account WHERE domain_id = ANY($1::bigint[]) "
                          "AND charged_since <= $2", list(starts), tx.now) if starts else ()
    later = {row["domain_id"]: row["charged_since"] for row in rows}
    return {domain_id: max(start, later.get(domain_id, start).astimezone(start.tzinfo))
            for domain_id, start in starts.items()}


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
    due = rules.unblocking_postings(fees, day, tx.now)
    known = {row["key"] for row in await tx.fetch(
        "SELECT key FROM posting WHERE domain_id = $1 AND key = ANY($2::text[])", tx.domain_id,
        [posting.key for posting in due])}
    return [posting for posting in due if posting.key not in known]
