"""What a pool's administrators read of its domains. Balance and people stay behind the pool's policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import PoolTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.web.lists import ListQuery


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
    account: str
    is_blocked: bool


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


_FROM = """
FROM domain d JOIN account a ON a.domain_id = d.id WHERE d.pool_id = $1
AND ($2::text IS NULL OR d.name ILIKE $2 OR d.display_name ILIKE $2 OR d.route_number ILIKE $2 OR a.number ILIKE $2)
"""


async def domains(tx: PoolTx, query: ListQuery) -> tuple[list[PoolDomain], int]:
    """Search over name, display name, route number [POOL-23] and account."""
    total = await tx.fetchval(f"SELECT count(*) {_FROM}", tx.pool_id, query.like())
    rows = await tx.fetch(
        "SELECT d.id, d.name, d.display_name, d.route_number, a.number AS account, "
        "EXISTS (SELECT FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS is_blocked "
        f"{_FROM} ORDER BY {query.order_by('d.id')} LIMIT $3 OFFSET $4",
        tx.pool_id, query.like(), query.limit, query.offset)
    return [PoolDomain(**row) for row in rows], total


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
