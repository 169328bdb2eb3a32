"""Runs of the reconciliation: what is new every night, everything once a week; kept, told, acknowledged.

Portions of domains, each in one snapshot. A domain that is found good gets a mark, and the next
run reads its ledger from there on; one with a difference keeps its old mark and is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from app.audit import history
from app.kernel import letters, parameters
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.settings import settings
from billing.books.checks import EVER, LONGEST_SECONDS, Difference, Scope, differences

log = structlog.get_logger()

BOOKS = Actor.system(name="books")
AT_ONCE = 500  # domains of one transaction
MOST_KEPT = 1_000  # differences of one run that are kept; all are counted
FULL_EVERY, REST, KEPT = timedelta(days=7), timedelta(hours=12), timedelta(days=400)
LATE = timedelta(days=2)  # a record may come so long after its call without being looked for singly


@dataclass(frozen=True, slots=True)
class Outcome:
    """`differences` of all domains, also beyond those kept."""

    run_id: int
    mode: str
    domains: int
    postings: int
    differences: list[Difference]


async def nightly() -> Outcome | None:
    """Full when the last full run is a week old; None when the last run has just been."""
    async with platform_transaction(BOOKS) as tx:
        row = await tx.fetchrow(
            "SELECT max(started_at) AS last, max(started_at) FILTER (WHERE mode = 'full') AS last_full FROM books_run "
            "WHERE finished_at IS NOT NULL")
        now = tx.now
    assert row is not None
    if row["last"] is not None and now - row["last"] < REST:
        return None
    return await run(full=row["last_full"] is None or now - row["last_full"] >= FULL_EVERY - REST)


async def run(*, full: bool, actor: Actor = BOOKS) -> Outcome:
    """Check the books of all domains, keep what was found, tell the provider of differences."""
    mode = "full" if full else "new"
    async with platform_transaction(actor) as tx:
        rows = await tx.fetch("SELECT domain_id FROM account ORDER BY domain_id")
        since = EVER if full else await _calls_since(tx)
        run_id = await tx.fetchval("INSERT INTO books_run (mode, started_at) VALUES ($1, $2) RETURNING id", mode,
                                   tx.now)
    domains = [row["domain_id"] for row in rows]
    found: list[Difference] = []
    postings = 0
    for start in range(0, len(domains), AT_ONCE):
        part = domains[start:start + AT_ONCE]
        async with platform_transaction(actor) as tx:
            await snapshot(tx)
            scope = Scope.whole(part) if full else await _marked(tx, part, since)
            wrong = await differences(tx, scope)
            marks = await _reached(tx, scope)
        postings += sum(mark.postings for mark in marks)
        bad = {one.domain_id for one in wrong}
        async with platform_transaction(actor) as tx:  # of its own: a snapshot would fail beside another run
            await _keep(tx, [mark for mark in marks if mark.domain_id not in bad])
        found += wrong
    async with platform_transaction(actor) as tx:
        await _finish(tx, run_id, domains, postings, found, full=full)
    return Outcome(run_id, mode, len(domains), postings, found)


async def snapshot(tx: PlatformTx) -> None:
    """The transaction, which has asked nothing yet, sees one instant in all its queries."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def _calls_since(tx: PlatformTx) -> datetime:
    last = await tx.fetchval("SELECT max(started_at) FROM books_run WHERE finished_at IS NOT NULL AND differences = 0")
    return last - LATE if last else EVER


async def _marked(tx: PlatformTx, domains: Sequence[int], since: datetime) -> Scope:
    rows = await tx.fetch(
        "SELECT d.id, coalesce(m.through, 0) AS through, coalesce(m.balance, 0) AS balance "
        "FROM unnest($1::bigint[]) d (id) LEFT JOIN books_mark m ON m.domain_id = d.id ORDER BY d.id", domains)
    return Scope([row["id"] for row in rows], [row["through"] for row in rows], [row["balance"] for row in rows],
                 since, is_full=False)


_REACHED = """
SELECT s.domain_id, last.posting_id AS through, last.balance_after AS balance, (
    SELECT count(*) FROM posting p WHERE p.domain_id = s.domain_id AND p.id > s.through) AS postings
FROM unnest($1::bigint[], $2::bigint[]) s (domain_id, through) CROSS JOIN LATERAL (
    SELECT e.posting_id, e.balance_after FROM entry e WHERE e.domain_id = s.domain_id AND e.account = 'domain'
      AND e.posting_id > s.through ORDER BY e.posting_id DESC LIMIT 1) last
"""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a domain's ledger ends in the snapshot, and how many postings that were looked at."""

    domain_id: int
    through: int
    balance: Decimal
    postings: int


async def _reached(tx: PlatformTx, scope: Scope) -> list[_Mark]:
    """Of the domains with something new."""
    rows = await tx.connection.fetch(_REACHED, scope.domains, scope.through, timeout=LONGEST_SECONDS)
    return [_Mark(**row) for row in rows]


async def _keep(tx: PlatformTx, marks: Sequence[_Mark]) -> None:
    """Marks only move on, whoever comes later."""
    await tx.execute(
        "INSERT INTO books_mark (domain_id, through, balance, checked_at) SELECT m.*, $4 "
        "FROM unnest($1::bigint[], $2::bigint[], $3::numeric[]) m ON CONFLICT (domain_id) DO UPDATE SET "
        "through = EXCLUDED.through, balance = EXCLUDED.balance, checked_at = EXCLUDED.checked_at "
        "WHERE books_mark.through <= EXCLUDED.through", [mark.domain_id for mark in marks],
        [mark.through for mark in marks], [mark.balance for mark in marks], tx.now)


async def _finish(tx: PlatformTx, run_id: int, domains: Sequence[int], postings: int,
                  found: Sequence[Difference], *, full: bool) -> None:
    await tx.connection.execute(
        "UPDATE books_run SET finished_at = clock_timestamp(), domains = $2, postings = $3, differences = $4, "
        "payments = (SELECT count(*) FROM payment), calls = (SELECT count(*) FROM call WHERE rating = 'rated'), "
        "totals = $5 WHERE id = $1", run_id, len(domains), postings, len(found),
        await _totals(tx) if full else {}, timeout=LONGEST_SECONDS)
    await tx.executemany(
        "INSERT INTO books_difference (run_id, domain_id, what, ref, expected, found) VALUES ($1, $2, $3, $4, $5, $6)",
        [(run_id, one.domain_id, one.what, one.ref[:200], one.expected[:200], one.found[:200])
         for one in found[:MOST_KEPT]])
    await tx.execute("DELETE FROM books_run WHERE started_at < $1", tx.now - KEPT)
    for one in found[:100]:
        log.error("books_differ", domain_id=one.domain_id, what=one.what, ref=one.ref, expected=one.expected,
                  found=one.found)
    if found:
        await _alarm(tx, run_id, found)


async def _totals(tx: PlatformTx) -> dict[str, Any]:
    """Sums of the accounts; over all of them they are zero."""
    rows = await tx.connection.fetch(
        "SELECT account, sum(amount)::text AS total FROM entry GROUP BY account ORDER BY 1", timeout=LONGEST_SECONDS)
    return {row["account"]: row["total"] for row in rows}


async def _alarm(tx: PlatformTx, run_id: int, found: Sequence[Difference]) -> None:
    first = found[0]
    name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", first.domain_id)
    for address, locale in await alarm_addresses(tx):
        await letters.queue(tx, "books_differ", address, locale, count=len(found),
                            domains=len({one.domain_id for one in found}), domain=name, what=first.what,
                            expected=first.expected, found=first.found,
                            url=f"{settings().public_url}/provider/books/{run_id}")


async def alarm_addresses(tx: PlatformTx) -> list[tuple[str, str]]:
    """(address, language): the parameter's, else those of the staff that keeps the books."""
    chosen = await parameters.get(tx, "billing.alarm_email")
    if chosen:
        return [(chosen, "ru")]
    rows = await tx.fetch("SELECT email, locale FROM staff WHERE is_active AND email <> '' "
                          "AND role IN ('billing', 'administrator') ORDER BY role DESC, id")
    keepers = [(row["email"], row["locale"] or "ru") for row in rows]
    return keepers[:20]


async def acknowledge(tx: PlatformTx, run_id: int) -> int:
    """Somebody looks after it: the banner goes, also that of earlier runs. How many runs that were.

    Raises:
        NotFound: no such run.
    """
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM books_run WHERE id = $1)", run_id):
        raise NotFound("books_run", _("There is no such run"))
    done = await tx.fetch(
        "UPDATE books_run SET acknowledged_at = $2, acknowledged_by = $3 WHERE id <= $1 AND differences > 0 "
        "AND acknowledged_at IS NULL RETURNING id", run_id, tx.now, tx.actor.name)
    if done:
        await history.record(tx, "books_acknowledged", "books_run", object_id=run_id, object_name=str(run_id))
    return len(done)


async def open_alarm(tx: PlatformTx) -> tuple[int, int] | None:
    """(run, differences) of the newest run that nobody has acknowledged."""
    row = await tx.fetchrow("SELECT id, differences FROM books_run WHERE differences > 0 AND acknowledged_at IS NULL "
                            "ORDER BY id DESC LIMIT 1")
    return (row["id"], row["differences"]) if row else None
