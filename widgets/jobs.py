"""In the worker: how callbacks ended, and the end of old requests [WGT-D8, WGT-D9, WGT-D10]."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import structlog

from app.kernel.actors import Actor
from app.kernel.db import DomainTx, platform_transaction
from app.kernel.jobs import every
from tenants.calls.orders import Order, on_order
from widgets import queries
from widgets.service import CALLBACK

log = structlog.get_logger()

KEPT_MONTHS = 12
ACTOR = Actor.system(name="widgets")


def result_of(order: Order) -> tuple[str, tuple[str, ...]]:
    """Result of the request, and the counters that grow: the second leg was dialled, the object did not answer.

    A second leg that was refused (money, rights) was not dialled.
    """
    if order.result == "connected":
        return "connected", ("outgoing",)
    if order.first_at is None:
        return "missed", ("missed",)
    return ("not_placed", ()) if order.reason else ("client_missed", ("outgoing",))


@on_order(CALLBACK)
async def ended(tx: DomainTx, order: Order) -> None:
    """A repeat changes nothing; a request that is deleted meanwhile neither."""
    result, counters = result_of(order)
    await tx.execute("SELECT FROM widget w JOIN widget_request r ON r.domain_id = w.domain_id AND r.widget_id = w.id "
                     "WHERE r.domain_id = $1 AND r.id = $2 FOR KEY SHARE OF w", tx.domain_id,
                     int(order.ref))  # before the request, as whoever deletes the widget
    widget_id = await tx.fetchval(
        "UPDATE widget_request SET result = $3, reason = $4, call_id = $5, ended_at = $6, "
        "is_processed = is_processed OR $3 = 'connected' WHERE domain_id = $1 AND id = $2 AND result = 'waiting' "
        "RETURNING widget_id", tx.domain_id, int(order.ref), result, order.reason, order.linkedid, order.ended_at)
    if widget_id is not None and counters:
        zone = await tx.fetchval("SELECT timezone FROM domain WHERE id = $1", tx.domain_id)
        await queries.count(tx, widget_id, tx.now.astimezone(ZoneInfo(zone)).date(), *counters)


async def delete_old(_ctx: dict[str, Any]) -> None:
    async with platform_transaction(ACTOR) as tx:
        done = await tx.execute("DELETE FROM widget_request WHERE at < $1::timestamptz - make_interval(months => $2)",
                                tx.now, KEPT_MONTHS)
    if not done.endswith(" 0"):
        log.info("widget_requests_deleted", rows=int(done.split()[-1]))


every("delete_widget_requests", delete_old, hour=3, minute=40)
