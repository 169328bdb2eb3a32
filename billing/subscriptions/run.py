"""The daily run: every commercial domain is settled day by day until today, each day once [FIN-D2].

A batch of domains is one transaction: postings, blocks and the day that the account stands at. Stopped at any
point the run goes on where it was; after days off it charges the days one by one. A domain whose money is held by
calls in progress is left for the next sweep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from billing.accounts.blocks import FINANCIAL, start_block
from billing.accounts.posting import Posting
from billing.accounts.rules import FeeDecision, blocks_after_debit, decide_fee
from billing.accounts.service import after_debit, charge_fees
from billing.accounts.state import Account, held_by, lock_many
from billing.packages.bucket import Held
from billing.subscriptions import discounts, registry, rules
from billing.subscriptions.changes import new_terms
from billing.tariffs.terms import versions_of

BATCH = 500
LOCK = 7_302_055  # advisory: one run at a time
_ACTOR = Actor.system(name="billing")
# Today's blocks, and those of the day that is settled: what was in force when it began, and what ended in it, because
# the fees of that day are charged when the block is lifted.
_BLOCKED = """
SELECT DISTINCT b.domain_id FROM domain_block b
JOIN unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS settled (domain_id, begins, ends)
  ON settled.domain_id = b.domain_id
WHERE b.ended_at IS NULL
   OR (b.ended_at > settled.begins AND (b.started_at <= settled.begins OR b.ended_at < settled.ends))
"""
# A day on which fees were charged at the end of a block may be ahead of the day that the run is at.
_SETTLE = """
UPDATE account SET billed_through = done.day,
    settled_on = CASE WHEN done.is_paid THEN greatest(settled_on, done.day) ELSE settled_on END,
    settled_version = CASE WHEN done.is_paid AND coalesce(settled_on < done.day, true) THEN done.version_id
                           ELSE settled_version END
FROM unnest($1::bigint[], $2::date[], $3::boolean[], $4::bigint[]) AS done (domain_id, day, is_paid, version_id)
WHERE account.domain_id = done.domain_id
"""


@dataclass(slots=True)
class DayCount:
    """What a batch did for one day; a row of `billing_day`."""

    domains: int = 0
    charged: int = 0
    blocked: int = 0
    skipped: int = 0
    amount: Decimal = Decimal(0)


@dataclass(slots=True)
class _Batch:
    """A batch before it is written: who pays what, who is blocked by it, who waits."""

    days: dict[int, date]
    postings: list[tuple[int, Posting]] = field(default_factory=list)
    to_block: list[int] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    paid: set[int] = field(default_factory=set)
    versions: dict[int, int | None] = field(default_factory=dict)  # in force at the beginning of the day
    counts: dict[date, DayCount] = field(default_factory=dict)

    def count(self, domain_id: int) -> DayCount:
        return self.counts.setdefault(self.days[domain_id], DayCount())


async def run_until_today() -> int:
    """Settle all that is due; how many domain days that were. 0 also while another run is at it."""
    settled, waiting = 0, set[int]()
    while True:
        async with platform_transaction(_ACTOR) as tx:
            if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
                return settled
            done = await _settle_batch(tx, waiting)
        if done is None:
            return settled
        settled += done


async def _settle_batch(tx: PlatformTx, waiting: set[int]) -> int | None:
    """None when nothing is left. Adds to `waiting` the domains that this run does not look at again."""
    zone = await parameters.get(tx, "billing.timezone")
    today = rules.local_day(tx.now, zone)
    ids = [row["domain_id"] for row in await tx.fetch(
        "SELECT domain_id FROM account WHERE billed_through < $1 AND NOT domain_id = ANY($2::bigint[]) "
        "ORDER BY billed_through, domain_id LIMIT $3", today, list(waiting), BATCH)]
    if not ids:
        return None
    accounts = await lock_many(tx, ids)
    rows = await tx.fetch("SELECT domain_id, billed_through FROM account WHERE domain_id = ANY($1::bigint[]) "
                          "AND billed_through < $2", ids, today)
    batch = _Batch({row["domain_id"]: row["billed_through"] + timedelta(days=1) for row in rows})
    firsts = {domain_id: day for domain_id, day in batch.days.items() if day.day == 1}
    has_credits = bool(firsts) and await discounts.close_months(tx, firsts, accounts, zone)
    if has_credits:  # the month is closed before the fees of the next are decided
        accounts = await lock_many(tx, ids)
    await _reckon(tx, batch, accounts, zone)
    await _write(tx, batch, accounts)
    if has_credits:
        await discounts.lift_blocks(tx, firsts)
    waiting |= batch.waiting
    return len(batch.days) - len(batch.waiting)


async def _reckon(tx: PlatformTx, batch: _Batch, accounts: Mapping[int, Account], zone: str) -> None:
    starts = {domain_id: rules.start_of_day(day, zone) for domain_id, day in batch.days.items()}
    fees = await registry.fees_of(tx, starts)
    held = await held_by(tx, accounts)
    blocked = {row["domain_id"] for row in await tx.fetch(_BLOCKED, list(starts), list(starts.values()), [
        rules.start_of_day(day + timedelta(days=1), zone) for day in batch.days.values()])}
    batch.versions = await versions_of(tx, starts)
    begun = {domain_id: start for domain_id, start in starts.items() if start.day > 1 and domain_id not in blocked}
    renewed = await registry.renewals(tx, await new_terms(tx, begun, batch.versions, zone))
    for domain_id, day in sorted(batch.days.items()):
        if domain_id in blocked:  # no fees for blocked days [FIN-D1]
            batch.count(domain_id).skipped += 1
            continue
        due = rules.day_postings(fees[domain_id], day, starts[domain_id]) + renewed.get(domain_id, [])
        _decide(batch, accounts[domain_id], held[domain_id], due)


def _decide(batch: _Batch, account: Account, held: Held, due: Sequence[Posting]) -> None:
    amount = rules.total(due, account.currency)
    verdict = decide_fee(amount, account.balance, account.terms, held.beyond_buckets())
    if verdict is FeeDecision.WAIT:
        batch.waiting.add(account.domain_id)
        return
    count = batch.count(account.domain_id)
    if verdict is FeeDecision.BLOCK:
        batch.to_block.append(account.domain_id)
        count.blocked += 1
        return
    batch.paid.add(account.domain_id)
    if due:
        batch.postings += [(account.domain_id, posting) for posting in due]
        count.charged += 1
        count.amount += amount.amount


async def _write(tx: PlatformTx, batch: _Batch, accounts: Mapping[int, Account]) -> None:
    posted = await charge_fees(tx, batch.postings, accounts)
    settled = {domain_id: day for domain_id, day in batch.days.items() if domain_id not in batch.waiting}
    await tx.execute(_SETTLE, list(settled), list(settled.values()), [one in batch.paid for one in settled],
                     [batch.versions.get(one) for one in settled])
    await registry.begin_month(tx, {domain_id: day for domain_id, day in settled.items() if day.day == 1})
    for domain_id in batch.to_block:
        await start_block(await tx.enter_domain(domain_id), FINANCIAL, "fee")
    for domain_id, balance in posted.balances.items():
        if blocks_after_debit(balance, accounts[domain_id].terms):
            await after_debit(await tx.enter_domain(domain_id))
    for domain_id in settled:
        batch.count(domain_id).domains += 1
    await _note(tx, batch.counts)


async def _note(tx: PlatformTx, counts: Mapping[date, DayCount]) -> None:
    await tx.executemany(
        "INSERT INTO billing_day (day, started_at, changed_at, domains, charged, blocked, skipped, amount) "
        "VALUES ($1, $7, $7, $2, $3, $4, $5, $6) ON CONFLICT (day) DO UPDATE SET changed_at = EXCLUDED.changed_at, "
        "domains = billing_day.domains + EXCLUDED.domains, charged = billing_day.charged + EXCLUDED.charged, "
        "blocked = billing_day.blocked + EXCLUDED.blocked, skipped = billing_day.skipped + EXCLUDED.skipped, "
        "amount = billing_day.amount + EXCLUDED.amount",
        [(day, one.domains, one.charged, one.blocked, one.skipped, one.amount, tx.now)
         for day, one in sorted(counts.items())])

