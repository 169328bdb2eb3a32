"""Suspending and restoring a domain's service: block row, history, new generation, letter [FIN-D1]."""

from __future__ import annotations

from app.audit import history
from app.kernel import letters, outbox, provisioning
from app.kernel.db import DomainTx
from app.kernel.i18n import lazy, speaking
from app.kernel.money import Currency, Money

FINANCIAL = "financial"
_TOLD = {FINANCIAL: lazy("Financial block"), "administrative": lazy("Administrative block")}


async def start_block(tx: DomainTx, kind: str, reason: str) -> bool:
    """Suspend the service; False if a block of that kind is in force already.

    New calls are refused at once by the authorisation and by the dialplan of the next generation.
    """
    started = await tx.fetchval(
        "INSERT INTO domain_block (domain_id, kind, reason, started_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (domain_id, kind) WHERE ended_at IS NULL DO NOTHING RETURNING id",
        tx.domain_id, kind, reason[:500], tx.now)
    if started is None:
        return False
    await provisioning.want_new_generation(tx, f"block_started {kind}")
    await history.record(tx, "block_started", "domain", object_id=tx.domain_id, changes={
        "block": (None, kind), "reason": (None, reason)})
    await outbox.publish(tx, "block_started", {"kind": kind})
    await _tell(tx, kind, started=True)
    return True


async def end_block(tx: DomainTx, kind: str) -> bool:
    """Lift the block of that kind; False if there is none."""
    ended = await tx.fetchval("UPDATE domain_block SET ended_at = $3 WHERE domain_id = $1 AND kind = $2 "
                              "AND ended_at IS NULL RETURNING id", tx.domain_id, kind, tx.now)
    if ended is None:
        return False
    await provisioning.want_new_generation(tx, f"block_ended {kind}")
    await history.record(tx, "block_ended", "domain", object_id=tx.domain_id, changes={"block": (kind, None)})
    await outbox.publish(tx, "block_ended", {"kind": kind})
    await _tell(tx, kind, started=False)
    return True


async def is_blocked(tx: DomainTx, kind: str | None = None) -> bool:
    """A block of that kind, or any, is in force."""
    return await tx.fetchval(
        "SELECT EXISTS (SELECT FROM domain_block WHERE domain_id = $1 AND ended_at IS NULL "
        "AND ($2::text IS NULL OR kind = $2))", tx.domain_id, kind)


async def _tell(tx: DomainTx, kind: str, *, started: bool) -> None:
    """A letter to the domain's notification address, in its language [FIN-D1]; the trial has letters of its own."""
    if kind not in _TOLD:
        return
    row = await tx.fetchrow(
        "SELECT d.name, d.locale, d.notification_email, a.balance, a.currency FROM domain d "
        "JOIN account a ON a.domain_id = d.id WHERE d.id = $1", tx.domain_id)
    if row is None or not row["notification_email"]:
        return
    with speaking(row["locale"]):
        facts = {"domain": row["name"], "kind": str(_TOLD[kind]),
                 "balance": Money(row["balance"], Currency(row["currency"]))}
    if started:
        await letters.queue(tx, "block_started", row["notification_email"], row["locale"],
                            is_financial=kind == FINANCIAL, **facts)
    else:
        await letters.queue(tx, "block_ended", row["notification_email"], row["locale"], **facts)
