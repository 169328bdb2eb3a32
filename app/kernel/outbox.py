"""Domain events, written in the transaction that causes them [ARCHITECTURE 8].

The worker hands each event to the handlers registered for its kind, at least once, in order of id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from app.kernel.db import DomainTx, PlatformTx, PoolTx

log = structlog.get_logger()

Handler = Callable[[PlatformTx, "int | None", dict], Awaitable[None]]
_handlers: dict[str, list[Handler]] = {}

MAX_TRIES = 12


def on(kind: str) -> Callable[[Handler], Handler]:
    """Register a handler. It runs in one transaction with the event's completion and must bear repeats."""

    def register(handler: Handler) -> Handler:
        _handlers.setdefault(kind, []).append(handler)
        return handler

    return register


async def publish(tx: DomainTx | PoolTx | PlatformTx, kind: str, payload: dict, *,
                  domain_id: int | None = None, due_at: datetime | None = None) -> None:
    """Write an event; it exists if and only if the transaction commits."""
    owner = tx.domain_id if isinstance(tx, DomainTx) else domain_id
    await tx.execute("INSERT INTO outbox_event (domain_id, kind, payload, due_at) VALUES ($1, $2, $3, $4)",
                     owner, kind, payload, due_at or tx.now)


async def hand_on_next(tx: PlatformTx) -> bool:
    """Handle the oldest due event; False when there is none.

    A failing handler rolls back to the event and puts it off, with growing delays.
    """
    event = await tx.fetchrow(
        "SELECT id, domain_id, kind, payload, tries FROM outbox_event WHERE done_at IS NULL AND due_at <= $1 "
        "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", tx.now)
    if event is None:
        return False
    try:
        async with tx.savepoint():
            for handler in _handlers.get(event["kind"], []):
                await handler(tx, event["domain_id"], event["payload"])
    except Exception as error:  # whatever a handler raises must not stop the queue
        log.exception("outbox_handler_failed", event_id=event["id"], kind=event["kind"])
        wait = timedelta(seconds=min(3600, 2 ** event["tries"]))
        given_up = event["tries"] + 1 >= MAX_TRIES
        await tx.execute(
            "UPDATE outbox_event SET tries = tries + 1, error = $2, due_at = $3, "
            "done_at = CASE WHEN $4 THEN $5::timestamptz END WHERE id = $1",
            event["id"], repr(error)[:500], tx.now + wait, given_up, tx.now)
        return True
    await tx.execute("UPDATE outbox_event SET done_at = $2, error = NULL WHERE id = $1", event["id"], tx.now)
    return True
