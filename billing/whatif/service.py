"""Runs of what-if: ordered in the console, done by the worker domain by domain, kept with their sums."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from asyncpg import Record

from app.audit import history
from app.kernel import parameters
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _, ngettext
from app.kernel.money import Currency
from billing.subscriptions.rules import local_day, start_of_day
from billing.tariffs.cache import Rates, read_rates
from billing.tariffs.plan import Plan
from billing.tariffs.terms import plan
from billing.whatif.rules import MAX_DAYS, PastCall, Sums, Trial, allowances

MOST_AT_ONCE = 3
CHUNK = 2_000
_ACTOR = Actor.system(name="what-if")

# In trial a call is paid by the trial's seconds and has no rating to compare with.
_CALLS = """
SELECT c.id, c.started_at, c.answered_at, c.talk_seconds, c.rating = 'rated' AS was_rated,
       (c.cost * 1000000)::bigint - COALESCE((c.charge ->> 'mgp')::bigint, 0) AS paid,
       COALESCE(h.b_number, CASE WHEN c.b_number ~ '^[1-9][0-9]{6,14}$' THEN c.b_number END, '') AS number
FROM call c LEFT JOIN hold h ON h.domain_id = c.domain_id AND h.id = c.hold_id
WHERE c.domain_id = $1 AND c.started_at >= $2 AND c.started_at < $3 AND (c.started_at, c.id) > ($4, $5)
  AND c.rating IN ('rated', 'unrated') AND c.answered_at IS NOT NULL
ORDER BY c.started_at, c.id LIMIT $6
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`domains`: names; without any all domains of the tariff."""

    version_id: int
    tariff_id: int
    first_on: date
    last_on: date
    domains: tuple[str, ...] = ()


async def order(tx: PlatformTx, wanted: Wanted) -> int:
    """A run for the worker, with a row for each domain.

    Raises:
        InvalidFields: a period of no or too many days or in the future, a domain that is not on the tariff.
        Refused: several runs are under way already.
    """
    zone = await parameters.get(tx, "billing.timezone")
    _check_period(wanted, local_day(tx.now, zone))
    if await tx.fetchval("SELECT count(*) FROM whatif_run WHERE finished_at IS NULL AND created_at > $1",
                         tx.now - timedelta(hours=1)) >= MOST_AT_ONCE:
        raise Refused("busy", _("Several trials are under way. Wait until one of them is done."))
    ids = await _domains(tx, wanted)
    run_id = await tx.fetchval(
        "INSERT INTO whatif_run (version_id, tariff_id, first_on, last_on, created_at, created_by) "
        "VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        wanted.version_id, wanted.tariff_id, wanted.first_on, wanted.last_on, tx.now, tx.actor.login)
    await tx.execute("INSERT INTO whatif_domain (run_id, domain_id) SELECT $1, unnest($2::bigint[])", run_id, ids)
    name = await tx.fetchval("SELECT name FROM tariff WHERE id = $1", wanted.tariff_id)
    await history.record(tx, "whatif_ordered", "tariff", object_id=wanted.tariff_id, object_name=name, changes={
        "first_on": (None, wanted.first_on.isoformat()), "last_on": (None, wanted.last_on.isoformat()),
        "count": (None, len(ids))})
    return run_id


def _check_period(wanted: Wanted, today: date) -> None:
    days = (wanted.last_on - wanted.first_on).days + 1
    text = ""
    if days < 1:
        text = _("The last day is before the first.")
    elif days > MAX_DAYS:
        text = ngettext("At most %(days)d day.", "At most %(days)d days.", MAX_DAYS) % {"days": MAX_DAYS}
    elif wanted.first_on > today:
        text = _("There are no calls from that time yet.")
    if text:
        raise InvalidFields("period", text, fields={"last_on": text})


async def _domains(tx: PlatformTx, wanted: Wanted) -> list[int]:
    rows = await tx.fetch("SELECT d.id, d.name FROM account a JOIN domain d ON d.id = a.domain_id "
                          "WHERE a.tariff_id = $1 ORDER BY d.id", wanted.tariff_id)
    known = {row["name"]: row["id"] for row in rows}
    if unknown := [name for name in wanted.domains if name not in known]:
        text = _("Not on this tariff: %(names)s") % {"names": ", ".join(name[:60] for name in unknown[:5])}
        raise InvalidFields("domains", text, fields={"domains": text})
    if not known:
        text = _("No domain is on this tariff.")
        raise InvalidFields("domains", text, fields={"tariff_id": text})
    return [known[name] for name in dict.fromkeys(wanted.domains)] or list(known.values())


@dataclass(frozen=True, slots=True)
class _Run:
    """What the worker needs to know of a run."""

    id: int
    rates: Rates
    plan: Plan
    first_on: date
    last_on: date
    zone: str


async def work(run_id: int) -> None:
    """Do what is still to be done of a run; a repeat goes on where it stood. Posts nothing."""
    async with platform_transaction(_ACTOR) as tx:
        row = await tx.fetchrow(
            "SELECT r.version_id, r.first_on, r.last_on, t.timezone FROM whatif_run r JOIN tariff_version v "
            "ON v.id = r.version_id JOIN tariff t ON t.id = v.tariff_id WHERE r.id = $1", run_id)
        if row is None:  # its draft was deleted
            return
        run = _Run(run_id, await read_rates(tx, row["version_id"], row["timezone"]), await plan(tx, row["version_id"]),
                   row["first_on"], row["last_on"], await parameters.get(tx, "billing.timezone"))
        waiting = [one["domain_id"] for one in await tx.fetch(
            "SELECT domain_id FROM whatif_domain WHERE run_id = $1 AND calls IS NULL ORDER BY domain_id", run_id)]
    for domain_id in waiting:
        async with platform_transaction(_ACTOR) as tx:
            await _keep(tx, run_id, domain_id, await _sums(tx, run, domain_id))
    async with platform_transaction(_ACTOR) as tx:
        await tx.execute("UPDATE whatif_run SET finished_at = $2 WHERE id = $1", run_id, tx.now)


async def _sums(tx: PlatformTx, run: _Run, domain_id: int) -> Sums:
    account = await tx.fetchrow("SELECT scheme, currency FROM account WHERE domain_id = $1", domain_id)
    assert account is not None
    months = allowances(run.plan, run.first_on, run.last_on, run.zone, is_prepaid=account["scheme"] == "prepaid")
    since, until = start_of_day(run.first_on, run.zone), months[-1].until
    trial = Trial(run.rates.table, months, Currency(account["currency"]).minor_digits)
    place: tuple[datetime, int] = (since, 0)
    while rows := await tx.fetch(_CALLS, domain_id, since, until, *place, CHUNK):
        trial.take(map(_past, rows))
        place = rows[-1]["started_at"], rows[-1]["id"]
        await asyncio.sleep(0)  # the worker has other work, too
    return trial.sums


def _past(row: Record) -> PastCall:
    return PastCall(row["number"], row["started_at"], row["answered_at"], row["talk_seconds"], row["paid"],
                    row["was_rated"])


async def _keep(tx: PlatformTx, run_id: int, domain_id: int, sums: Sums) -> None:
    await tx.execute(
        "UPDATE whatif_domain SET calls = $3, before = $4, after = $5, unrated_then = $6, unrated = $7 "
        "WHERE run_id = $1 AND domain_id = $2", run_id, domain_id, sums.calls, _amount(sums.before),
        _amount(sums.after), sums.unrated_then, sums.unrated)


def _amount(millionths: int) -> Decimal:
    return Decimal(millionths).scaleb(-6)
