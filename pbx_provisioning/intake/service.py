"""Taking in call records: each becomes a call once, is charged once, and is visible with its cost at once.

One transaction per batch. The accounts that the batch touches are locked first, in order of domain, so that
a repeat of the same records (the node delivers at least once) waits and then finds them taken in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg
import structlog

from app.kernel import outbox
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.metrics import RECORDS
from app.kernel.money import Money
from billing.accounts import ledger
from billing.accounts.rules import blocks_after_debit
from billing.accounts.service import after_debit, after_release
from billing.accounts.state import Account, lock_many
from billing.holds.orphans import ORPHAN_SEQUENCE
from billing.packages import mgp
from pbx_provisioning.intake import live, pool, store
from pbx_provisioning.intake.charging import Hold, Packages, Priced, Tariffs, domains_to_lock, price
from pbx_provisioning.intake.records import CdrRecord
from pbx_provisioning.intake.rows import Call, is_by_product, to_call

log = structlog.get_logger()

Key = tuple[str, int]
INTAKE = Actor.system(name="intake")
TRIES = 3  # after a deadlock, or beside a transaction that took in the same records
# What one record can cause by itself; anything else (the database is away) is the whole batch's trouble.
_DEFECTS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, TypeError, ArithmeticError,
            LookupError, AssertionError)


@dataclass(slots=True)
class Outcome:
    """What a batch came to; `messages` go to open pages after the commit."""

    new: int = 0
    repeated: int = 0
    quarantined: int = 0
    messages: list[live.Message] = field(default_factory=list)


async def take_in(node_id: int, records: list[CdrRecord]) -> None:
    """Store, charge and post the records of one node. When it returns they are safe; when it raises none is taken
    in and the whole batch is to be delivered again.

    A record that cannot be stored is put into quarantine and does not hold up the others.
    """
    unique = list({(record.uniqueid, record.sequence): record for record in reversed(records)
                   if not is_by_product(record)}.values())[::-1]
    if not unique:
        return
    outcome = await _take_in_or_split(node_id, unique)
    RECORDS.labels("new").inc(outcome.new)
    RECORDS.labels("repeated").inc(outcome.repeated + len(records) - len(unique))
    RECORDS.labels("quarantined").inc(outcome.quarantined)
    await live.publish(outcome.messages)


async def _take_in_or_split(node_id: int, records: list[CdrRecord]) -> Outcome:
    """Halve a batch that has a defect in it until the bad record is alone."""
    try:
        return await _with_retries(node_id, records)
    except _DEFECTS as error:
        if len(records) == 1:
            log.exception("record_quarantined", call_id=records[0].uniqueid)
            async with platform_transaction(INTAKE) as tx:
                await store.quarantine(tx, node_id, records, "defect", repr(error))
            return Outcome(quarantined=1)
    middle = len(records) // 2
    first = await _take_in_or_split(node_id, records[:middle])
    second = await _take_in_or_split(node_id, records[middle:])
    return Outcome(first.new + second.new, first.repeated + second.repeated, first.quarantined + second.quarantined,
                   first.messages + second.messages)


async def _with_retries(node_id: int, records: list[CdrRecord]) -> Outcome:
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            async with platform_transaction(INTAKE) as tx:
                return await _take_in(tx, node_id, records)
        except (asyncpg.DeadlockDetectedError, asyncpg.UniqueViolationError):
            if last:
                raise
    raise AssertionError("unreachable")


async def _take_in(tx: PlatformTx, node_id: int, records: list[CdrRecord]) -> Outcome:
    known, in_trial = await store.load_known(tx, records)
    calls = {(record.uniqueid, record.sequence): to_call(record, known) for record in records}
    nobodys = [record for record in records if calls[record.uniqueid, record.sequence] is None]
    owned = [call for call in calls.values() if call is not None]
    holds = await store.load_holds(tx, node_id, owned)
    await store.lock_trial_domains(tx, {call.domain_id for call in owned if call.domain_id in in_trial}
                                   | {hold.domain_id for hold in holds.values() if hold.is_trial})
    accounts = await lock_many(tx, domains_to_lock(owned, holds))
    existing = await store.load_existing(tx, node_id, records)
    late = [call for call in owned if call.key not in existing and call.is_chargeable
            and (call.record.uniqueid, ORPHAN_SEQUENCE) in existing]
    skipped = existing | {call.key for call in late}
    fresh = [call for call in owned if call.key not in skipped]
    await store.quarantine(tx, node_id, nobodys, "no_domain")
    await store.quarantine(tx, node_id, [call.record for call in late], "closed_before")
    outcome = Outcome(quarantined=len(nobodys) + len(late))
    fresh += pool.called_sides(fresh, known)
    if fresh:
        await _store(tx, node_id, fresh, holds, accounts, in_trial, outcome)
    outcome.repeated = len(records) - outcome.new - outcome.quarantined
    return outcome


async def _store(tx: PlatformTx, node_id: int, fresh: list[Call], holds: Mapping[Key, Hold],
                 accounts: Mapping[int, Account], in_trial: frozenset[int], outcome: Outcome) -> None:
    tariffs = await Tariffs.load(tx, fresh, holds, accounts)
    packages = await Packages.load(tx, accounts)
    priced = [price(call, holds.get(call.key), accounts[call.domain_id], tariffs, packages, node_id=node_id,
                    is_trial=call.domain_id in in_trial, now=tx.now)
              if call.is_chargeable else Priced(call, holds.get(call.key)) for call in fresh]
    freed = await store.release_holds(tx, priced)
    postings = [(one.call.domain_id, one.posting) for one in priced if one.posting]
    posted = await ledger.write(tx, postings, accounts, freed)
    # a key that is posted already: the same record under another start time
    priced = [one for one in priced
              if one.posting is None or (one.call.domain_id, one.posting.key) in posted.ids]
    await store.use_trial_seconds(tx, priced)
    await store.insert_calls(tx, node_id, priced, posted.ids)
    await store.use_package_seconds(tx, priced)
    await mgp.use(tx, [(one.call.domain_id, one.mgp) for one in priced if one.mgp])
    await _note_used_up_trials(tx, priced)
    await _block_where_due(tx, posted.balances, accounts)
    unblocked = [domain_id for domain_id in freed if accounts[domain_id].unblock_waits
                 and await after_release(await tx.enter_domain(domain_id))]
    balances = posted.balances | {one.domain_id: one.balance for one in (await lock_many(tx, unblocked)).values()}
    outcome.new = sum(one.call.record.sequence < pool.CALLED_SIDE for one in priced)
    # Pages read the list again when they hear of a call: of a batch they need to hear once, of the last one.
    latest = {one.call.domain_id: one for one in priced}
    outcome.messages = [(domain_id, _call_message(one)) for domain_id, one in latest.items()]
    for domain_id, balance in balances.items():
        outcome.messages.append((domain_id, {"kind": "balance", "balance": str(balance.amount),
                                             "currency": balance.currency.value}))


def _call_message(one: Priced) -> dict[str, object]:
    record = one.call.record
    return {"kind": "call", "uniqueid": record.uniqueid, "linkedid": record.linkedid,
            "direction": one.call.direction, "result": one.call.result, "user_id": one.call.user_id,
            "peer_user_id": one.call.peer_user_id, "a_number": one.call.a_number, "b_number": one.call.b_number,
            "started_at": record.started_at.isoformat(), "talk_seconds": one.seconds,
            "cost": str(one.cost.rounded_for_ledger().amount) if one.cost else "0.00", "rating": one.rating}


async def _note_used_up_trials(tx: PlatformTx, priced: Sequence[Priced]) -> None:
    """Letters and the page's hint hang on this event [ACC-D1]."""
    domains = {one.call.domain_id for one in priced if one.trial_seconds}
    if not domains:
        return
    for row in await tx.fetch("SELECT id FROM domain WHERE id = ANY($1::bigint[]) AND mode = 'trial' "
                              "AND trial_seconds_left = 0", list(domains)):
        await outbox.publish(tx, "trial_minutes_used_up", {}, domain_id=row["id"])


async def _block_where_due(tx: PlatformTx, balances: Mapping[int, Money], accounts: Mapping[int, Account]) -> None:
    """The financial block of domains that a call took to their end [FIN-D1]."""
    for domain_id in sorted(balances):
        if blocks_after_debit(balances[domain_id], accounts[domain_id].terms):
            await after_debit(await tx.enter_domain(domain_id))
