"""Users of the own and the other domains of the pool, as everybody in it may see them [ACC-74…77, ACC-D17]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import DomainTx
from tenants.directory.queries import number_pattern


@dataclass(frozen=True, slots=True)
class PoolDomain:
    """A domain of the pool. `route_number` "": not given."""

    id: int
    name: str
    display_name: str
    route_number: str
    dial_expression: str


@dataclass(frozen=True, slots=True)
class Person:
    """The five fields of ACC-76 and the pickup group, "" for nobody's."""

    domain_id: int
    extension: str
    display_name: str
    is_operator: bool
    login: str
    numbers: tuple[str, ...]
    pickup: str


async def pool_domains(tx: DomainTx) -> list[PoolDomain]:
    """By name; [] for a domain without a pool."""
    rows = await tx.fetch("SELECT * FROM pool_domains() ORDER BY lower(display_name), id")
    return [PoolDomain(**dict(row)) for row in rows]


async def people(tx: DomainTx, domain_id: int, *, like: str | None = None, search: str = "") -> list[Person]:
    """Of one domain; of all domains of the pool with a search, the chosen one first.

    A search looks at names and additional numbers, never at internal ones [ACC-77].
    """
    rows = await tx.fetch(
        "SELECT * FROM pool_people($1, $2, $3) ORDER BY domain_id <> $4, domain_id, pickup = '', lower(pickup), "
        "translate(lower(display_name), 'ё', 'е'), login", 0 if like else domain_id, like, number_pattern(search),
        domain_id)
    return [Person(row["domain_id"], row["extension"], row["display_name"], row["is_operator"], row["login"],
                   tuple(row["numbers"]), row["pickup"]) for row in rows]


async def is_in_pool(tx: DomainTx) -> bool:
    return await tx.fetchval("SELECT pool_id IS NOT NULL FROM domain WHERE id = $1", tx.domain_id)
