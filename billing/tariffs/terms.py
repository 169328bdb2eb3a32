"""The terms in force at a moment. Those of a published version never change and are kept in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime

from asyncpg import Record

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Currency, Money
from billing.accounts.rules import Cycle
from billing.tariffs.plan import Level, Plan, PlanService

KEPT_PLANS = 256
_VERSION = """
SELECT v.included_minutes, v.mgp, v.discount_percent, v.state, t.currency
FROM tariff_version v JOIN tariff t ON t.id = v.tariff_id WHERE v.id = $1
"""
_SERVICES = """
SELECT service, level, monthly, connection, cycle, included FROM plan_service WHERE version_id = $1 ORDER BY service
"""
# Domains and moments of $1 and $2 with their accounts `a`; `past` is a row of what was in force then, if that is not
# what the account has now.
ACCOUNTS_AT = """
unnest($1::bigint[], $2::timestamptz[]) AS one (domain_id, moment) JOIN account a ON a.domain_id = one.domain_id
LEFT JOIN LATERAL (SELECT c.tariff_id, c.scheme FROM account_change c WHERE c.domain_id = one.domain_id
                   AND c.at > one.moment ORDER BY c.at, c.id LIMIT 1) past ON true
"""
# Many domains share a few tariffs and one moment: the version is looked up once for each of these.
_VERSIONS = f"""
WITH wanted AS MATERIALIZED (
    SELECT a.domain_id, coalesce(past.tariff_id, a.tariff_id) AS tariff_id, one.moment FROM {ACCOUNTS_AT}
), found AS MATERIALIZED (
    SELECT tariff_id, moment, tariff_version_at(tariff_id, moment) AS version_id
    FROM (SELECT DISTINCT tariff_id, moment FROM wanted) pair
)
SELECT domain_id, version_id FROM wanted JOIN found USING (tariff_id, moment)
"""
_kept: OrderedDict[int, Plan] = OrderedDict()


async def plan(tx: DomainTx | PlatformTx, version_id: int | None) -> Plan:
    """Terms of a version, also of a draft; of None an empty plan.

    Raises:
        LookupError: there is no such version.
    """
    if version_id is None:
        return Plan()
    if found := _kept.get(version_id):
        _kept.move_to_end(version_id)
        return found
    row = await tx.fetchrow(_VERSION, version_id)
    if row is None:
        raise LookupError(f"there is no tariff version {version_id}")
    found = _plan(version_id, row, await tx.fetch(_SERVICES, version_id))
    if row["state"] == "published":
        _kept[version_id] = found
        while len(_kept) > KEPT_PLANS:
            _kept.popitem(last=False)
    return found


def _plan(version_id: int, row: Record, services: Iterable[Record]) -> Plan:
    currency = Currency(row["currency"])
    return Plan(version_id, currency, row["included_minutes"], Money(row["mgp"], currency), row["discount_percent"], {
        one["service"]: PlanService(
            one["service"], Level(one["level"]), Money(one["monthly"], currency), Money(one["connection"], currency),
            Cycle(one["cycle"]), one["included"]) for one in services})


async def plan_at(tx: DomainTx | PlatformTx, tariff_id: int, moment: datetime) -> Plan:
    """Terms of a tariff in force at a moment."""
    return await plan(tx, await tx.fetchval("SELECT tariff_version_at($1, $2)", tariff_id, moment))


async def plan_of(tx: DomainTx, moment: datetime | None = None) -> Plan:
    """Terms of the bound domain's tariff at a moment, now by default."""
    if moment is not None:
        return (await plans_of(tx, {tx.domain_id: moment}))[tx.domain_id]
    return await plan(tx, await tx.fetchval(
        "SELECT tariff_version_at(tariff_id, $2) FROM account WHERE domain_id = $1", tx.domain_id, tx.now))


async def plans_of(tx: DomainTx | PlatformTx, moments: Mapping[int, datetime]) -> dict[int, Plan]:
    """Terms of many domains, each at its own moment (the daily run: the start of the day it settles), by the tariff
    that the domain had then."""
    found = await versions_of(tx, moments)
    known = {version_id: await plan(tx, version_id) for version_id in set(found.values())}
    return {domain_id: known[version_id] for domain_id, version_id in found.items()}


async def versions_of(tx: DomainTx | PlatformTx, moments: Mapping[int, datetime]) -> dict[int, int | None]:
    """The versions that these terms belong to."""
    rows = await tx.fetch(_VERSIONS, list(moments), list(moments.values()))
    return {row["domain_id"]: row["version_id"] for row in rows}


async def note_change(tx: DomainTx) -> None:
    """Keep what is in force until now. To be called before the account's tariff or scheme is changed; the account is
    locked."""
    await tx.execute("INSERT INTO account_change (domain_id, at, tariff_id, scheme) "
                     "SELECT domain_id, $2, tariff_id, scheme FROM account WHERE domain_id = $1", tx.domain_id, tx.now)

