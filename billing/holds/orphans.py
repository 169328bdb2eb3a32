"""Calls whose end nobody recorded: the exchange went down with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.money import Money
from billing.accounts import ledger
from billing.accounts.posting import Operation, Posting
from billing.accounts.service import after_debit, after_release
from billing.accounts.state import Account, lock
from billing.holds.ends import give_back, release_many
from billing.packages import mgp
from billing.packages.queries import reserved
from billing.packages.spending import Spending, explain
from billing.rating.rules import Charge, billed_seconds
from billing.tariffs.cache import rates

ORPHAN_SEQUENCE = -1  # of a record that the exchange did not write


async def close_orphan(tx: DomainTx, hold_id: int) -> bool:
    """End a hold whose call is gone. An answered call is charged from its answer until it was last seen alive;
    its own record, should it come later, is put aside by the intake and charges nothing.

    Returns:
        False if the hold is released already (or is not the domain's).
    """
    await tx.execute("SELECT FROM domain d WHERE id = $1 AND EXISTS (SELECT FROM hold h WHERE h.domain_id = d.id "
                     "AND h.id = $2 AND h.trial) FOR NO KEY UPDATE", tx.domain_id, hold_id)  # before the account
    account = await lock(tx)
    hold = await tx.fetchrow(
        "SELECT id, node_id, uniqueid, user_id, b_number, version_id, trial, amount, seconds, package_seconds, "
        "caller_id, created_at, answered_at, seen_at FROM hold WHERE domain_id = $1 AND id = $2 "
        "AND released_at IS NULL FOR NO KEY UPDATE", tx.domain_id, hold_id)
    if hold is None:
        return False
    await release_many(tx, {hold_id: None})
    await give_back(tx, hold["amount"])
    if hold["answered_at"] is not None and not await _has_record(tx, hold):
        await _charge(tx, account, hold)
    await after_release(tx)
    return True


async def _has_record(tx: DomainTx, hold: Record) -> bool:
    return await tx.fetchval(
        "SELECT EXISTS (SELECT FROM call WHERE domain_id = $1 AND node_id = $2 AND uniqueid = $3 "
        "AND answered_at IS NOT NULL AND started_at >= $4)",
        tx.domain_id, hold["node_id"], hold["uniqueid"], hold["created_at"] - timedelta(days=2))


async def _charge(tx: DomainTx, account: Account, hold: Record) -> None:
    ended = max(hold["seen_at"], hold["answered_at"])
    seconds = min(billed_seconds((ended - hold["answered_at"]) // timedelta(milliseconds=1)), hold["seconds"])
    if hold["trial"]:
        await tx.execute("UPDATE domain SET trial_seconds_left = greatest(trial_seconds_left - $2, 0) WHERE id = $1",
                         tx.domain_id, seconds)
        await _insert_call(tx, hold, ended, seconds, rating="free", cost=Money.zero(account.currency),
                           charge={"trial_seconds": seconds}, posting_id=None)
        return
    known = await rates(tx, hold["version_id"])
    charge = known.table.rate(hold["b_number"], hold["answered_at"], seconds,
                              minor_digits=account.currency.minor_digits,
                              package_seconds=await _package(tx, account, hold))
    assert charge is not None, "authorised by a version that has its rate"
    cost = charge.money(account.currency)
    part = Spending(account.buckets).use(cost, hold["created_at"])
    paid = cost - part.amount if part else cost
    posting_id = await _post(tx, account, hold, charge, paid, known.destination(charge.prefix))
    await _insert_call(tx, hold, ended, seconds, rating="rated", cost=cost,
                       charge=charge.explain() | explain(part) | {"orphan": True}, posting_id=posting_id)
    await mgp.use(tx, [(tx.domain_id, part)] if part else [])
    if charge.package_seconds and account.package.covers(hold["created_at"]):
        await tx.execute("UPDATE account SET package_seconds_left = package_seconds_left - $2 WHERE domain_id = $1",
                         tx.domain_id, charge.package_seconds)
    if paid:
        await after_debit(tx)


async def _package(tx: DomainTx, account: Account, hold: Record) -> int:
    """What the call may use of the package; one of last month's calls still has what it reserved."""
    if not account.package.covers(hold["created_at"]):
        return hold["package_seconds"]
    return max(account.package.seconds - sum(one.seconds for one in await reserved(tx, [tx.domain_id])), 0)


async def _post(tx: DomainTx, account: Account, hold: Record, charge: Charge, paid: Money,
                destination: str) -> int | None:
    if not paid:
        return None  # a charge of 0.00 is journalled without a posting [FIN-61]
    key = f"call:{hold['node_id']}:{hold['uniqueid']}:{ORPHAN_SEQUENCE}"
    posting = Posting(key, Operation.CALL, destination, charge.answered_seconds, -paid, hold["answered_at"],
                      f"call:{hold['uniqueid']}")
    written = await ledger.write(tx, [(tx.domain_id, posting)], {tx.domain_id: account})
    return written.ids.get((tx.domain_id, key))


async def _insert_call(tx: DomainTx, hold: Record, ended: Any, seconds: int, *, rating: str, cost: Money,
                       charge: dict, posting_id: int | None) -> None:
    await tx.execute(
        "INSERT INTO call (domain_id, node_id, uniqueid, sequence, linkedid, direction, user_id, a_number, b_number, "
        "started_at, answered_at, ended_at, talk_seconds, result, hangup_cause, hold_id, rating, cost, charge, "
        "posting_id) VALUES ($1, $2, $3, $4, $3, 'out', $5, $6, $7, $8, $9, $10, $11, 'answered', 41, $12, $13, $14, "
        "$15, $16) ON CONFLICT DO NOTHING",
        tx.domain_id, hold["node_id"], hold["uniqueid"], ORPHAN_SEQUENCE, hold["user_id"], hold["caller_id"],
        hold["b_number"], hold["created_at"], hold["answered_at"], ended, seconds, hold["id"], rating, cost.amount,
        charge, posting_id)
