"""A version of a tariff comes into force: calls that it has rates for are charged [FIN-57]."""

from __future__ import annotations

from datetime import datetime

from app.kernel import outbox
from app.kernel.db import PlatformTx
from app.provider.records import rerate


@outbox.on("tariff_published")
async def tariff_published(tx: PlatformTx, _domain_id: int | None, payload: dict) -> None:
    """Due when the version is in force. A domain a transaction: one event each."""
    for domain_id in await rerate.domains(tx, int(payload["tariff_id"])):
        await order(tx, domain_id, rerate.START)


async def order(tx: PlatformTx, domain_id: int, after: rerate.Cursor) -> None:
    """Have a portion of a domain's calls charged by the worker."""
    moment, number = after
    await outbox.publish(tx, "rate_again", {"after": [moment.isoformat(), number]}, domain_id=domain_id)


@outbox.on("rate_again")
async def rate_again(tx: PlatformTx, domain_id: int | None, payload: dict) -> None:
    """A portion; the next one comes as an event of its own."""
    assert domain_id is not None
    moment, number = payload["after"]
    outcome = await rerate.rate_again(tx, domain_id, (datetime.fromisoformat(moment), int(number)))
    if outcome.next:
        await order(tx, domain_id, outcome.next)
