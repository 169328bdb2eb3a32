"""What private routes tell of deleted groups and leaving numbers, and of numbers dialled into them [PRV-43, PRV-46]."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.web.parts import Affected
from billing.services import service as services
from tenants.destinations import registry
from tenants.destinations.registry import PrivateRoutes
from tenants.numbers.leaving import on_leaving
from tenants.private_routes import service
from tenants.private_routes.lines import SERVICE

URL = "/private-routes"


async def _of_group(tx: DomainTx, code: str, object_id: int) -> Sequence[Affected]:
    if code != "group":
        return []
    rows = await tx.fetch("SELECT name FROM private_route WHERE domain_id = $1 AND group_id = $2 ORDER BY priority",
                          tx.domain_id, object_id)
    names = [row["name"] for row in rows]
    return [Affected(lazy("Private routes that were for this group only: nobody of the domain can use them then"),
                     names[:10], len(names), URL)] if names else []


async def _group_gone(tx: DomainTx, code: str, object_id: int) -> None:
    if code == "group":
        await service.close_to_all(tx, object_id)


async def _of_number(tx: DomainTx, number_id: int) -> list[Affected]:
    rows = await tx.fetch(
        "SELECT r.name FROM private_route r JOIN private_route_number n ON n.domain_id = r.domain_id "
        "AND n.route_id = r.id WHERE r.domain_id = $1 AND n.number_id = $2 ORDER BY r.priority", tx.domain_id,
        number_id)
    names = [row["name"] for row in rows]
    return [Affected(lazy("Private routes show it no more on calls of the office to the outside"), names[:10],
                     len(names), URL)] if names else []


async def _is_available(tx: DomainTx) -> bool:
    return await services.is_on(tx, SERVICE)


registry.on_pointers(_of_group, _group_gone)
registry.use_private_routes(PrivateRoutes(_is_available, service.check_dialled))
on_leaving(_of_number, service.forget_number)
