"""Rows that tests need, made through the services; name only what the test is about."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.kernel.actors import Actor, ActorKind
from app.kernel.db import PlatformTx, domain_transaction, platform_transaction
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


LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
RATES = (("7", "1.50"),)


async def a_tariff(*rates: tuple[str, str] | dict[str, object], timezone: str = "Europe/Moscow",
                   **terms: Any) -> int:
    """A tariff whose only version is in force since 2000; arguments as of `a_version`."""
    async with platform_transaction(STAFF) as tx:
        tariff_id = await tx.fetchval("INSERT INTO tariff (name, timezone) VALUES ($1, $2) RETURNING id",
                                      f"Tariff {os.getpid()}-{next(_count)}", timezone)
    await a_version(tariff_id, *rates, **terms)
    return tariff_id


async def a_version(
    tariff_id: int, *rates: tuple[str, str] | dict[str, object], valid_from: datetime | None = LONG_AGO,
    included_minutes: int = 0, mgp: object = 0, discount_percent: object = 0, services: Iterable[dict[str, object]] = (),
    included_users: int = 0, user_monthly: object = 0, user_connection: object = 0, fee_cycle: str = "daily",
) -> int:
    """A further version of a tariff with its terms.

    Args:
        rates: (prefix, price per started minute), or columns of `tariff_rate`; without any, 7 at 1.50.
        valid_from: None leaves it a draft.
        services: columns of `plan_service`; the four arguments after it are those of `additional_user`.
    """
    users = {"service": "additional_user", "level": "user", "monthly": user_monthly, "connection": user_connection,
             "cycle": fee_cycle, "included": included_users}
    async with platform_transaction(STAFF) as tx:
        version_id = await tx.fetchval(
            "INSERT INTO tariff_version (tariff_id, number, included_minutes, mgp, discount_percent) "
            "SELECT $1, COALESCE(max(number), 0) + 1, $2, $3::text::numeric, $4::text::numeric FROM tariff_version "
            "WHERE tariff_id = $1 RETURNING id", tariff_id, included_minutes, str(mgp), str(discount_percent))
        for rate in rates or RATES:
            row = rate if isinstance(rate, dict) else {"prefix": rate[0], "price": rate[1]}
            await _insert(tx, "tariff_rate", {"version_id": version_id, "destination": f"to {row['prefix']}", **row})
        for service in (users, *services):
            await _insert(tx, "plan_service", {"version_id": version_id, "level": "special", **service})
        if valid_from is not None:
            await tx.execute("UPDATE tariff_version SET state = 'published', valid_from = $2 WHERE id = $1",
                             version_id, valid_from)
        return version_id


async def _insert(tx: PlatformTx, table: str, row: dict[str, object]) -> None:
    columns = ", ".join(row)
    plain = {name: str(value) if isinstance(value, (Decimal, date)) else value for name, value in row.items()}
    await tx.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, $1)",
                     plain)


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
