"""Companies with paid services, and what their ledgers say."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.features import load_services
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from tests.db import billing_factories as world
from tests.db.billing_factories import balance as balance
from tests.db.factories import STAFF, a_domain, a_tariff

load_services()


def a_service(code: str, level: str = "domain", monthly: object = 0, connection: object = 0, **more: object) -> dict:
    return {"service": code, "level": level, "monthly": monthly, "connection": connection, **more}


async def a_company(*services: dict, money: str = "", commercial: bool = True, **changes: Any) -> Actor:
    tariff = await a_tariff(services=services)
    actor = await a_domain(tariff_id=tariff, commercial=commercial, **changes)
    if money:
        await world.pay(actor, money)
    return actor


async def ledger(actor: Actor) -> list[tuple[str, str, int, Decimal]]:
    """(kind, service, quantity, amount), payments left out."""
    async with domain_transaction(actor) as tx:
        rows = await tx.fetch(
            "SELECT p.kind, p.service, p.quantity::int AS quantity, e.amount FROM posting p JOIN entry e "
            "ON e.posting_id = p.id AND e.account = 'domain' WHERE p.domain_id = $1 AND p.kind <> 'payment' "
            "ORDER BY p.id", tx.domain_id)
    return [tuple(row) for row in rows]


async def settled_through(actors: Iterable[Actor], moment: datetime) -> None:
    """Only these companies are left to the daily run, from the day after."""
    async with platform_transaction(STAFF) as tx:
        await tx.execute("UPDATE account SET billed_through = NULL")
        await tx.execute("UPDATE account SET billed_through = $2 WHERE domain_id = ANY($1::bigint[])",
                         [actor.domain_id for actor in actors], moment.date())
