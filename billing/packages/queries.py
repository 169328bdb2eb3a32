"""What is left of the package, and what calls in progress have reserved of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from asyncpg import Record

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Currency, Money
from billing.packages.bucket import Bucket
from billing.packages.rules import Package
from billing.subscriptions.rules import local_day


@dataclass(frozen=True, slots=True)
class Reserved:
    """Seconds that an open hold of the current month keeps for its call."""

    domain_id: int
    hold_id: int
    seconds: int


async def reserved(tx: DomainTx | PlatformTx, domain_ids: Iterable[int]) -> list[Reserved]:
    """The accounts are locked."""
    rows = await tx.fetch(
        "SELECT h.domain_id, h.id AS hold_id, h.package_seconds AS seconds FROM open_hold h "
        "JOIN account a ON a.domain_id = h.domain_id AND h.created_at >= a.package_from "
        "WHERE h.domain_id = ANY($1::bigint[]) AND h.package_seconds > 0",
        list(domain_ids))
    return [Reserved(**row) for row in rows]


async def free_seconds(tx: DomainTx, package: Package) -> int:
    """Left and reserved by no call. The account is locked."""
    left = package.left(tx.now)
    if not left:
        return 0
    return max(left - sum(one.seconds for one in await reserved(tx, [tx.domain_id])), 0)


@dataclass(frozen=True, slots=True)
class Buckets:
    """What the domain has before money is taken; None: its tariff has none [FIN-15, ACC-22]."""

    package_seconds: int | None
    mgp_left: Money | None = None
    mgp_today: Money | None = None  # used by the calls of the current day


# with aliases a (account), d (domain), v (tariff version, may be missing)
MGP_COLUMNS = "a.scheme, a.currency, a.mgp_left, a.mgp_from, a.mgp_until, d.mode, v.mgp"


def mgp_left(row: Record, now: datetime) -> Money | None:
    """What is left of the guaranteed payment; None where there is none [FIN-13, ACC-22]. `row` has MGP_COLUMNS."""
    if row["scheme"] != "prepaid" or row["mode"] != "commercial" or not (row["mgp"] or row["mgp_left"]):
        return None
    currency = Currency(row["currency"])
    if row["mgp_until"] is None or not Bucket(Money.zero(currency), row["mgp_from"], row["mgp_until"]).covers(now):
        return Money.zero(currency)
    return Money(row["mgp_left"], currency)


async def buckets(tx: DomainTx) -> Buckets:
    today = local_day(tx.now, await parameters.get(tx, "billing.timezone"))
    row = await tx.fetchrow(
        f"SELECT {MGP_COLUMNS}, v.included_minutes, a.package_seconds_left, a.package_from, a.package_until, "
        "(SELECT sum(u.spent) FROM mgp_usage u WHERE u.domain_id = $1 AND u.day = $3) AS spent "
        "FROM account a JOIN domain d ON d.id = a.domain_id "
        "LEFT JOIN tariff_version v ON v.id = tariff_version_at(a.tariff_id, $2) WHERE a.domain_id = $1",
        tx.domain_id, tx.now, today)
    if row is None:
        return Buckets(None)
    left = Package(row["package_seconds_left"], row["package_from"], row["package_until"]).left(tx.now)
    guaranteed = mgp_left(row, tx.now)
    spent = None if guaranteed is None else Money(row["spent"] or Decimal(0), guaranteed.currency)
    return Buckets(left if row["included_minutes"] or left else None, guaranteed, spent)
