"""What a pool's administrators read of its domains [POOL-19…23]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import PoolTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from tenants.pools.domains import Rights


@dataclass(frozen=True, slots=True)
class Pool:
    """General settings, read-only for the pool's administrators [POOL-D5]."""

    name: str
    route_number_length: int
    dial_expression: str
    domains: int


@dataclass(frozen=True, slots=True)
class PoolDomain:
    """One line of the list [POOL-20]."""

    id: int
    name: str
    display_name: str
    route_number: str | None
    subgroup_id: int | None
    account: str
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A heading of the list; `id` 0 is "No group". `total` counts what the search leaves."""

    id: int
    name: str
    total: int
    is_own: bool  # the reader may manage its domains


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """The window "Domain information" [POOL-22]."""

    name: str
    display_name: str
    account: str
    route_number: str | None
    notification_email: str
    mode: str
    currency: str
    balance_amount: Decimal
    users: int
    operators: int
    city_numbers: int
    toll_free_numbers: int

    @property
    def balance(self) -> Money:
        return Money(self.balance_amount, Currency(self.currency))


@dataclass(frozen=True, slots=True)
class Block:
    kind: str
    started_at: datetime


async def pool(tx: PoolTx) -> Pool:
    row = await tx.fetchrow(
        "SELECT p.name, p.route_number_length, p.dial_expression, "
        "(SELECT count(*) FROM domain d WHERE d.pool_id = p.id) AS domains FROM pool p WHERE p.id = $1", tx.pool_id)
    if row is None:
        raise NotFound("pool", _("There is no such pool"))
    return Pool(**row)


NO_GROUP = 0
_FOUND = ("d.pool_id = $1 AND ($2::text IS NULL OR d.name ILIKE $2 OR d.display_name ILIKE $2 "
          "OR d.route_number ILIKE $2)")
_ROW = """
SELECT d.id, d.name, d.display_name, d.route_number, d.subgroup_id, a.number AS account,
       EXISTS (SELECT FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS is_blocked
FROM domain d JOIN account a ON a.domain_id = d.id
"""


async def groups(tx: PoolTx, rights: Rights, like: str | None = None) -> list[Group]:
    """All headings in the order of the list: by name, "No group" among them; for a subgroup administrator the
    own ones first [POOL-21]. A search leaves the groups in which something is found."""
    rows = await tx.fetch(
        "SELECT g.id, g.name, count(d.id) AS total FROM pool_subgroup g "
        f"LEFT JOIN domain d ON d.subgroup_id = g.id AND {_FOUND} WHERE g.pool_id = $1 GROUP BY g.id", tx.pool_id, like)
    alone = await tx.fetchval(f"SELECT count(*) FROM domain d WHERE {_FOUND} AND d.subgroup_id IS NULL", tx.pool_id,
                              like)
    found = [Group(row["id"], row["name"], row["total"], rights.manages(row["id"])) for row in rows]
    found.append(Group(NO_GROUP, _("No group"), alone, rights.manages(None)))
    return sorted((group for group in found if group.total or not like),
                  key=lambda group: (not group.is_own, group.name.casefold(), group.id))


async def first_domains(tx: PoolTx, order: Sequence[Group], like: str | None, limit: int) -> list[PoolDomain]:
    """The first domains of the whole list, group after group."""
    rows = await tx.fetch(
        f"{_ROW} WHERE {_FOUND} ORDER BY array_position($3::bigint[], coalesce(d.subgroup_id, 0)), d.name LIMIT $4",
        tx.pool_id, like, [group.id for group in order], limit)
    return [PoolDomain(**row) for row in rows]


async def domains_of(tx: PoolTx, group_id: int, like: str | None, *, limit: int, offset: int) -> list[PoolDomain]:
    rows = await tx.fetch(
        f"{_ROW} WHERE {_FOUND} AND d.subgroup_id IS NOT DISTINCT FROM $3::bigint ORDER BY d.name LIMIT $4 OFFSET $5",
        tx.pool_id, like, group_id or None, limit, offset)
    return [PoolDomain(**row) for row in rows]


async def domain(tx: PoolTx, domain_id: int) -> PoolDomain:
    """Raises NotFound, for a domain of another pool too."""
    row = await tx.fetchrow(f"{_ROW} WHERE d.pool_id = $1 AND d.id = $2", tx.pool_id, domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return PoolDomain(**row)


async def matching_ids(tx: PoolTx, like: str | None) -> list[int]:
    """Everything that a search leaves, for "select all"."""
    return [row["id"] for row in await tx.fetch(f"SELECT d.id FROM domain d WHERE {_FOUND}", tx.pool_id, like)]


async def ungrouped(tx: PoolTx, domain_ids: Sequence[int]) -> int:
    """How many of these stand without a group."""
    return await tx.fetchval("SELECT count(*) FROM domain WHERE pool_id = $1 AND id = ANY($2::bigint[]) "
                             "AND subgroup_id IS NULL", tx.pool_id, list(domain_ids))


async def domain_info(tx: PoolTx, domain_id: int) -> tuple[DomainInfo, list[Block]]:
    """Raises NotFound for a domain of another pool as for one that never was [POOL-14]."""
    row = await tx.fetchrow(
        "SELECT d.name, d.display_name, a.number AS account, d.route_number, d.notification_email, d.mode, "
        "a.currency, a.balance AS balance_amount, "
        "(SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id) AS users, "
        "(SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id AND u.is_operator) AS operators, "
        "(SELECT count(*) FROM phone_number n WHERE n.domain_id = d.id AND n.category <> 'toll_free') "
        "AS city_numbers, "
        "(SELECT count(*) FROM phone_number n WHERE n.domain_id = d.id AND n.category = 'toll_free') "
        "AS toll_free_numbers FROM domain d JOIN account a ON a.domain_id = d.id WHERE d.pool_id = $1 AND d.id = $2",
        tx.pool_id, domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    blocks = await tx.fetch("SELECT kind, started_at FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL "
                            "ORDER BY started_at", domain_id)
    return DomainInfo(**row), [Block(**block) for block in blocks]
