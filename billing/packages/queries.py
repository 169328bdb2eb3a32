"""What is left of the package, and what calls in progress have reserved of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.kernel.db import DomainTx, PlatformTx
from billing.packages.rules import Package


@dataclass(frozen=True, slots=True)
class Reserved:
    """Seconds that an open hold of the current month keeps for its call."""

    domain_id: int
    hold_id: int
    seconds: int


async def reserved(tx: DomainTx | PlatformTx, domain_ids: Iterable[int]) -> list[Reserved]:
    """The accounts are locked."""
    rows = await tx.fetch(
        "SELECT h.domain_id, h.id AS hold_id, h.package_seconds AS seconds FROM hold h "
        "JOIN account a ON a.domain_id = h.domain_id AND h.created_at >= a.package_from "
        "WHERE h.domain_id = ANY($1::bigint[]) AND h.released_at IS NULL AND h.package_seconds > 0",
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


async def buckets(tx: DomainTx) -> Buckets:
    row = await tx.fetchrow(
        "SELECT t.included_minutes, a.package_seconds_left, a.package_from, a.package_until "
        "FROM account a JOIN tariff t ON t.id = a.tariff_id WHERE a.domain_id = $1", tx.domain_id)
    if row is None:
        return Buckets(None)
    left = Package(row["package_seconds_left"], row["package_from"], row["package_until"]).left(tx.now)
    return Buckets(left if row["included_minutes"] or left else None)
