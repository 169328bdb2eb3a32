"""Other terms than on the last settled day: what was paid in advance is brought in line with them [FIN-D2]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from billing.accounts.posting import Operation, Posting
from billing.accounts.service import on_fees_charged
from billing.subscriptions.rules import local_day, start_of_day
from billing.tariffs.plan import Plan
from billing.tariffs.terms import plan, versions_of

# What was in force between two moments as it was known then: a version counts from its publication on.
_KNOWN = """
WITH one AS MATERIALIZED (
    SELECT one.*, a.tariff_id FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[])
        AS one (domain_id, since, until) JOIN account a USING (domain_id)
), had AS (
    SELECT c.domain_id, c.tariff_id, c.at, c.id FROM account_change c JOIN one ON c.domain_id = one.domain_id
        AND c.at > one.since
    UNION ALL SELECT domain_id, tariff_id, 'infinity', NULL FROM one
), moments AS (
    SELECT domain_id, since AS at FROM one
    UNION SELECT had.domain_id, had.at FROM had JOIN one ON one.domain_id = had.domain_id AND had.at <= one.until
    UNION SELECT had.domain_id, greatest(v.valid_from, v.published_at) FROM had JOIN one USING (domain_id)
        JOIN tariff_version v ON v.tariff_id = had.tariff_id AND v.state = 'published'
        AND greatest(v.valid_from, v.published_at) > one.since AND greatest(v.valid_from, v.published_at) <= one.until
)
SELECT m.domain_id, m.at, (
    SELECT v.id FROM tariff_version v WHERE v.state = 'published' AND greatest(v.valid_from, v.published_at) <= m.at
        AND v.tariff_id = (SELECT had.tariff_id FROM had WHERE had.domain_id = m.domain_id AND had.at > m.at
                           ORDER BY had.at, had.id LIMIT 1)
    ORDER BY v.valid_from DESC, v.id DESC LIMIT 1) AS version_id
FROM moments m ORDER BY m.domain_id, m.at
"""
# Domains for which something has changed, whatever it is now.
_TOUCHED = """
SELECT one.domain_id FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) AS one (domain_id, since, until)
JOIN account a USING (domain_id)
WHERE EXISTS (SELECT FROM account_change c WHERE c.domain_id = one.domain_id AND c.at > one.since AND c.at <= one.until)
   OR EXISTS (SELECT FROM tariff_version v WHERE v.tariff_id = a.tariff_id AND v.state = 'published'
              AND greatest(v.valid_from, v.published_at) > one.since
              AND greatest(v.valid_from, v.published_at) <= one.until)
"""
_SETTLE = """
UPDATE account SET settled_on = $2, settled_version = $3
WHERE domain_id = $1 AND (settled_on IS NULL OR settled_on < $2)
"""


@dataclass(frozen=True, slots=True)
class Passing:
    """Terms that came and went since the last paid day: what was connected meanwhile has been paid by them."""

    plan: Plan
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class NewTerms:
    """Of one domain. The terms after are those at the start of the day that is charged."""

    before: Plan
    after: Plan
    since: datetime  # what was connected from then on has been paid by the new ones
    day: date  # the first one that is charged by them
    at: datetime  # when it is charged: what is not there any more then is left out
    zone: str  # of the days
    ended: datetime | None = None  # what was connected until then has been paid by the terms before; None: `since`
    between: tuple[Passing, ...] = ()

    @property
    def last_of_old(self) -> datetime:
        return self.ended or self.since


async def new_terms(
    tx: DomainTx | PlatformTx, starts: Mapping[int, datetime], versions: Mapping[int, int | None],
    zone: str, *, at: datetime | None = None,
) -> dict[int, NewTerms]:
    """Of the domains whose terms have changed since their last paid day, though it were back again; the accounts are
    locked.

    Args:
        starts: of the days that are charged, in the billing zone.
        versions: in force then.
        at: the moment of charging; the start of each day by default.
    """
    paid = await _last_paid(tx, starts, zone)
    columns = [*paid], [one.start for one in paid.values()], [starts[domain_id] for domain_id in paid]
    touched = {row["domain_id"] for row in await tx.fetch(_TOUCHED, *columns)} if paid else set()
    ids = [domain_id for domain_id, one in paid.items()
           if one.version_id != versions[domain_id] or domain_id in touched]
    known: dict[int, list[tuple[int | None, datetime]]] = {}
    for row in await tx.fetch(_KNOWN, ids, [paid[one].start for one in ids], [starts[one] for one in ids]) \
            if ids else ():
        steps = known.setdefault(row["domain_id"], [])
        if not steps or steps[-1][0] != row["version_id"]:
            steps.append((row["version_id"], row["at"]))
    found: dict[int, NewTerms] = {}
    for domain_id in ids:
        before, after, day = paid[domain_id].version_id, versions[domain_id], starts[domain_id]
        if before == after and [version_id for version_id, _ in known[domain_id]] == [before]:
            continue
        between, ended, since = _between(known[domain_id], before, after, day)
        found[domain_id] = NewTerms(
            await plan(tx, before), await plan(tx, after), since, day.date(), at or day, zone, ended,
            tuple([Passing(await plan(tx, one), begin, end) for one, begin, end in between]))
    return found


def _between(steps: Sequence[tuple[int | None, datetime]], before: int | None, after: int | None,
             day: datetime) -> tuple[list[tuple[int | None, datetime, datetime]], datetime, datetime]:
    """Terms with their times, the end of those before, the beginning of those after. `steps`: (version, since)."""
    ends = [*(since for _, since in steps[1:]), day]
    spans = [(version_id, since, end) for (version_id, since), end in zip(steps, ends, strict=True)]
    ended, since = spans[0][1], day
    if spans[0][0] == before:
        ended = spans.pop(0)[2]
    if spans and spans[-1][0] == after:
        since = spans.pop()[1]
    return spans, ended, since


@dataclass(frozen=True, slots=True)
class _Paid:
    """The last paid day: by which version, and from when on something may have changed since."""

    version_id: int | None
    start: datetime


async def _last_paid(tx: DomainTx | PlatformTx, starts: Mapping[int, datetime], zone: str) -> dict[int, _Paid]:
    """Of these months; where there is none the day before. A domain whose paid day is ahead, because a block ended
    while the run stood still, is left out."""
    found: dict[int, int | None] = {}
    days: dict[int, datetime] = {}
    for row in await tx.fetch("SELECT domain_id, settled_on, settled_version FROM account "
                              "WHERE domain_id = ANY($1::bigint[])", list(starts)):
        domain_id, last, day = row["domain_id"], row["settled_on"], starts[row["domain_id"]].date()
        if last is not None and day.replace(day=1) <= last < day:
            found[domain_id], days[domain_id] = row["settled_version"], start_of_day(last, zone)
        elif day.day > 1 and (last is None or last < day):
            days[domain_id] = start_of_day(day - timedelta(days=1), zone)
    begins = await since_charged(tx, days)
    eves = {domain_id: begin for domain_id, begin in begins.items() if domain_id not in found}
    found |= await versions_of(tx, eves) if eves else {}
    return {domain_id: _Paid(version_id, begins[domain_id]) for domain_id, version_id in found.items()}


async def since_charged(tx: DomainTx | PlatformTx, starts: Mapping[int, datetime]) -> dict[int, datetime]:
    """These moments, or the later one at which the domain became commercial: until then nothing was paid for at its
    connection."""
    rows = await tx.fetch("SELECT domain_id, charged_since FROM account WHERE domain_id = ANY($1::bigint[]) "
                          "AND charged_since <= $2", list(starts), tx.now) if starts else ()
    later = {row["domain_id"]: row["charged_since"] for row in rows}
    return {domain_id: max(start, later.get(domain_id, start).astimezone(start.tzinfo))
            for domain_id, start in starts.items()}


@on_fees_charged
async def note_charged(tx: DomainTx | PlatformTx, charged: Sequence[tuple[int, Posting]]) -> None:
    """At the end of a block. The daily run notes its days itself, and a guaranteed payment alone settles no day."""
    if isinstance(tx, PlatformTx) or all(one.operation is Operation.MGP for _, one in charged):
        return
    zone = await parameters.get(tx, "billing.timezone")
    day = local_day(tx.now, zone)
    start = await since_charged(tx, {tx.domain_id: start_of_day(day, zone)})
    await tx.execute(_SETTLE, tx.domain_id, day, (await versions_of(tx, start))[tx.domain_id])
