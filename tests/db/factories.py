"""Rows that tests need, made through the services; name only what the test is about."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace

from app.kernel.actors import Actor, ActorKind
from app.kernel.db import domain_transaction, platform_transaction
from tenants.domains import service as domains
from tenants.domains.rules import NewDomain

_count = itertools.count(1)

STAFF = Actor(ActorKind.STAFF, 1, "engineer", "Engineer")


async def a_node() -> int:
    """The run's PBX node."""
    async with platform_transaction(STAFF) as tx:
        return await tx.fetchval(
            "INSERT INTO pbx_node (name, sip_host) VALUES ('pbx1', '127.0.0.1') "
            "ON CONFLICT (name) DO UPDATE SET sip_host = EXCLUDED.sip_host RETURNING id")


async def a_tariff(*rates: tuple[str, str], **changes: object) -> int:
    """A published tariff; rates are (prefix, price per started minute)."""
    async with platform_transaction(STAFF) as tx:
        tariff_id = await tx.fetchval(
            "INSERT INTO tariff (name) VALUES ($1) RETURNING id", f"Tariff {os.getpid()}-{next(_count)}")
        version_id = await tx.fetchval(
            "INSERT INTO tariff_version (tariff_id, number, state, valid_from) "
            "VALUES ($1, 1, 'draft', NULL) RETURNING id", tariff_id)
        for prefix, price in rates or (("7", "1.50"),):
            await tx.execute("INSERT INTO tariff_rate (version_id, prefix, destination, price) "
                             "VALUES ($1, $2, $3, $4::text::numeric)", version_id, prefix, f"to {prefix}", price)
        await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = now() - interval '1 year' "
                         "WHERE id = $1", version_id)
        for column, value in changes.items():
            await tx.execute(f"UPDATE tariff SET {column} = $2 WHERE id = $1", tariff_id, value)
        return tariff_id


async def a_domain(*, commercial: bool = True, tariff_id: int | None = None, **changes: object) -> Actor:
    """A new domain; returns an actor bound to it (its administrator's rights, no person)."""
    tariff = tariff_id or await a_tariff()
    node = await a_node()
    name = f"d{os.getpid()}x{next(_count)}.pbx.example"
    new = replace(NewDomain(name=name, company_name="Acme", tariff_id=tariff, node_id=node), **changes)
    async with platform_transaction(STAFF) as tx:
        bound = await domains.create_domain(tx, new)
        if commercial:
            await domains.switch_to_commercial(bound, tariff_id=tariff, scheme=new.scheme)
        return Actor(ActorKind.DOMAIN_USER, 0, "admin", "Administrator", bound.domain_id)


async def domain_name(actor: Actor) -> str:
    async with domain_transaction(actor) as tx:
        return await tx.fetchval("SELECT name FROM domain WHERE id = $1", tx.domain_id)
