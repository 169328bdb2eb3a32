"""Sweeps of card payments, and the event of a balance that fell below the threshold of the automatic top-up."""

from __future__ import annotations

from typing import Any

import structlog

from app.kernel import jobs, outbox
from app.kernel.db import PlatformTx, platform_transaction
from billing.payments.card import automatic, queries, talk
from billing.payments.gateway import GatewayAway, current

log = structlog.get_logger()


@outbox.on("auto_topup_due")
async def begin_automatic(tx: PlatformTx, domain_id: int | None, _payload: dict) -> None:
    """The attempt's payment comes to be with the event's completion, so there is one; the card is charged later."""
    if domain_id is not None and current() is not None:
        await automatic.attempt(await tx.enter_domain(domain_id))


async def charge_saved_cards(_ctx: dict[str, Any]) -> None:
    gateway = current()
    if gateway is None:
        return
    async with platform_transaction(talk.ACTOR) as tx:
        waiting = await queries.to_charge(tx)
    try:
        for payment in waiting:
            await talk.charge(gateway, payment)
    except GatewayAway as away:  # the others wait too: each attempt may take its whole time limit
        log.warning("card_gateway_away", error=str(away))


async def ask_about_cards(_ctx: dict[str, Any]) -> None:
    """Payments of which no news came: paid, expired or still open."""
    gateway = current()
    if gateway is None:
        return
    async with platform_transaction(talk.ACTOR) as tx:
        waiting = await queries.unsettled(tx)
        for payment in waiting:
            await queries.mark_asked(tx, payment)
    try:
        for payment in waiting:
            await talk.ask(gateway, payment)
        await talk.fetch_cards(gateway)
        await talk.detach_removed(gateway)
    except GatewayAway as away:
        log.warning("card_gateway_away", error=str(away))


jobs.every("charge_saved_cards", charge_saved_cards, second=set(range(3, 60, 5)))
jobs.every("ask_about_cards", ask_about_cards, second={20, 50})
