"""The end of a run: what the database says against what the oracle says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import asyncpg

from app.kernel.db import DB, platform_transaction
from billing.books.checks import check_books
from tests.db.factories import STAFF
from tests.faults import plan, world

if TYPE_CHECKING:
    from tests.faults.run import Run


async def books(run: Run) -> None:
    """Fills the report: difference in kopecks, and every other thing that is not as it must be."""
    report = run.report
    await DB.open()
    owner = await asyncpg.connect(run.servers.postgres.owner_url)
    try:
        async with platform_transaction(STAFF) as tx:
            report.problems += [f"{one.what} {one.ref} of domain {one.domain_id}: {one.found}, not {one.expected}"
                                for one in await check_books(tx)]
        journal = await owner.fetchval("SELECT coalesce(sum(amount), 0) FROM entry")
        if journal:
            report.problems.append(f"the journal's sum is {journal}")
        report.postings = await owner.fetchval("SELECT count(*) FROM posting")
        await _each_call_once(run, owner)
        await _balances(run, owner)
    finally:
        await owner.close()
        await DB.close()


async def _each_call_once(run: Run, owner: asyncpg.Connection) -> None:
    problems = run.report.problems
    found = {row["uniqueid"]: row["n"] for row in await owner.fetch(
        "SELECT uniqueid, count(*) AS n FROM call GROUP BY uniqueid")}
    wanted = {call.uniqueid for call in run.calls}
    if found.keys() != wanted or set(found.values()) != {1}:
        twice = sum(n > 1 for n in found.values())
        problems.append(f"{len(wanted - found.keys())} calls lost, {twice} twice, {len(found.keys() - wanted)} unknown")
    lost = await owner.fetchval(
        "SELECT count(*) FROM call c FULL JOIN (SELECT * FROM posting WHERE kind = 'call') p ON p.id = c.posting_id "
        "WHERE (c.id IS NULL AND p.id IS NOT NULL) OR (c.posting_id IS NOT NULL AND p.id IS NULL)")
    again = await owner.fetchval("SELECT count(*) FROM (SELECT posting_id FROM call WHERE posting_id IS NOT NULL "
                                 "GROUP BY posting_id HAVING count(*) > 1) twice")
    if lost or again:
        problems.append(f"{lost} postings of calls without their call, {again} of two")
    for table, column in (("record_quarantine", "id"), ("hold", "CASE WHEN released_at IS NULL THEN 1 END")):
        left = await owner.fetchval(f"SELECT count({column}) FROM {table}")
        if left:
            problems.append(f"{left} in {table}")


async def _balances(run: Run, owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("SELECT domain_id, balance, held, billed_through FROM account")
    accounts = {row["domain_id"]: row for row in rows}
    for name, domain_id in run.world.domains.items():
        account = accounts[domain_id]
        expected = await _expected(run, owner, name, account["billed_through"])
        if account["balance"] != expected or account["held"]:
            run.report.problems.append(f"{name}: balance {account['balance']}, not {expected}; held {account['held']}")
        run.report.difference += int(abs(account["balance"] - expected) * 100)


async def _expected(run: Run, owner: asyncpg.Connection, name: str, through) -> Decimal:
    """Opening − calls − fees + what came from banks and is with Stripe. The promised payment came and went."""
    one = run.world
    first = one.billed_through
    days = [first + timedelta(days=n) for n in range(1, (through - first).days + 1)]
    banks = [amount for domain, amount in run.bank.values() if domain == name]
    stripe = world.at_stripe(run.stub, one.domains[name])
    run.report.payments += len(banks) + sum(
        charge["metadata"].get("domain") == str(one.domains[name]) for charge in run.stub.charges.values())
    return plan.OPENING - await _calls(run, owner, name) - plan.fees(days) + sum(banks, Decimal(0)) + stripe


async def _calls(run: Run, owner: asyncpg.Connection, name: str) -> Decimal:
    mine = {call.uniqueid: call for call in run.calls if call.domain == name}
    costs = {call.uniqueid: plan.cost(run.world.table, call)[0] for call in mine.values()}
    if name == "package":  # who gets the package depends on who came first: replayed in the order of the journal
        order = await owner.fetch("SELECT uniqueid FROM call WHERE domain_id = $1 ORDER BY id", run.world.domains[name])
        costs, left = {}, plan.PACKAGE_SECONDS
        for row in order:
            call = mine[row["uniqueid"]]
            costs[call.uniqueid], used = plan.cost(run.world.table, call, left)
            left -= used
        stands = await owner.fetchval("SELECT package_seconds_left FROM account WHERE domain_id = $1",
                                      run.world.domains[name])
        if stands != left:
            run.report.problems.append(f"package: {stands} seconds left, not {left}")
    await _each_cost(run, owner, name, costs)
    total = sum(costs.values(), Decimal(0))
    return max(total, plan.GUARANTEED) if name == "guaranteed" else total  # it was paid before the first call


async def _each_cost(run: Run, owner: asyncpg.Connection, name: str, costs: dict[str, Decimal]) -> None:
    rows = await owner.fetch("SELECT uniqueid, cost FROM call WHERE domain_id = $1", run.world.domains[name])
    wrong = [row["uniqueid"] for row in rows if row["cost"] != costs.get(row["uniqueid"])]
    if wrong:
        run.report.problems.append(f"{name}: {len(wrong)} calls of another price: {_some(wrong)}")


def _some(ids: Iterable[str]) -> str:
    return ", ".join(sorted(ids)[:3])
