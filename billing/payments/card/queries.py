"""Reading card payments: one, those to be asked about, and what the finance page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from asyncpg import Record

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.money import Currency, Money
from billing.payments.card.rules import Back, Bounds, State

PAYMENT = ("SELECT p.id, p.domain_id, p.external_id, p.state, p.amount, p.at, p.posting_id, a.currency, c.way, "
           "c.wants_saving, c.customer_id, c.method_id, c.session_id, c.intent_id, c.started_at, c.asked_at, c.reason, "
           "c.refunded_seen, c.returned, c.return_count FROM payment p "
           "JOIN card_payment c ON c.domain_id = p.domain_id AND c.payment_id = p.id "
           "JOIN account a ON a.domain_id = p.domain_id ")


@dataclass(frozen=True, slots=True)
class CardPayment:
    id: int
    domain_id: int
    external_id: str
    state: State
    amount: Money
    at: datetime
    is_posted: bool
    way: str  # checkout | auto
    wants_saving: bool
    customer_id: str
    method_id: str
    session_id: str
    intent_id: str
    started_at: datetime
    asked_at: datetime | None
    reason: str
    refunded_seen: Money
    returned: Money
    return_count: int

    @classmethod
    def of(cls, row: Record) -> CardPayment:
        currency = Currency(row["currency"])
        return cls(
            row["id"], row["domain_id"], row["external_id"], State(row["state"]), Money(row["amount"], currency),
            row["at"], row["posting_id"] is not None, row["way"], row["wants_saving"], row["customer_id"],
            row["method_id"], row["session_id"] or "", row["intent_id"] or "", row["started_at"], row["asked_at"],
            row["reason"], Money(row["refunded_seen"], currency), Money(row["returned"], currency),
            row["return_count"])


@dataclass(frozen=True, slots=True)
class SavedCard:
    customer_id: str
    method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the finance page shows about cards."""

    bounds: Bounds
    is_commercial: bool
    saved: SavedCard | None
    threshold: Money | None  # None: the automatic top-up is off
    auto_amount: Money | None
    per_day: int


async def one(tx: DomainTx, payment_id: int, *, locked: bool = False) -> CardPayment | None:
    row = await tx.fetchrow(PAYMENT + "WHERE p.domain_id = $1 AND p.id = $2"
                            + (" FOR NO KEY UPDATE OF p, c" if locked else ""), tx.domain_id, payment_id)
    return CardPayment.of(row) if row else None


async def find(tx: PlatformTx, *, reference: str, session_id: str, intent_id: str) -> CardPayment | None:
    """By our own reference where the news carries one, else by the gateway's ids."""
    if reference:
        row = await tx.fetchrow(PAYMENT + "WHERE p.external_id = $1", reference)
    else:
        row = await tx.fetchrow(PAYMENT + "WHERE ($1 <> '' AND c.session_id = $1) OR ($2 <> '' AND c.intent_id = $2) "
                                "LIMIT 1", session_id, intent_id)
    return CardPayment.of(row) if row else None


async def unsettled(tx: PlatformTx, limit: int = 50) -> list[CardPayment]:
    """Pending ones that the gateway is to be asked about: after five minutes, and ever more rarely."""
    rows = await tx.fetch(
        PAYMENT + "WHERE p.state = 'pending' AND p.kind = 'card' AND (c.way = 'checkout' OR c.intent_id IS NOT NULL) "
        "AND coalesce(c.asked_at, c.started_at) <= $1::timestamptz - greatest(interval '5 minutes', "
        "($1::timestamptz - c.started_at) / 10) ORDER BY coalesce(c.asked_at, c.started_at), p.id LIMIT $2",
        tx.now, limit)
    return [CardPayment.of(row) for row in rows]


async def to_charge(tx: PlatformTx, limit: int = 20) -> list[CardPayment]:
    """Automatic top-ups whose card has not been charged, or of whose charge no answer came for a minute."""
    rows = await tx.fetch(
        PAYMENT + "WHERE p.state = 'pending' AND p.kind = 'card' AND c.way = 'auto' AND c.intent_id IS NULL "
        "AND (c.asked_at IS NULL OR c.asked_at <= $1) ORDER BY p.id LIMIT $2", tx.now - timedelta(minutes=1), limit)
    return [CardPayment.of(row) for row in rows]


async def mark_asked(tx: PlatformTx, payment: CardPayment) -> None:
    await tx.execute("UPDATE card_payment SET asked_at = $2 WHERE payment_id = $1", payment.id, tx.now)


async def unsaved(tx: PlatformTx, limit: int = 20) -> list[CardPayment]:
    """Paid ones of the last day whose card is to be kept and is not yet, each once in ten minutes."""
    rows = await tx.fetch(PAYMENT + "WHERE c.wants_saving AND p.posting_id IS NOT NULL AND p.at > $1 "
                          "AND (c.asked_at IS NULL OR c.asked_at <= $2) ORDER BY p.id LIMIT $3",
                          tx.now - timedelta(days=1), tx.now - timedelta(minutes=10), limit)
    return [CardPayment.of(row) for row in rows]


async def backs(tx: DomainTx, payment: CardPayment) -> list[Back]:
    rows = await tx.fetch("SELECT kind, amount, is_undone FROM card_return WHERE domain_id = $1 AND payment_id = $2 "
                          "ORDER BY gateway_id", tx.domain_id, payment.id)
    return [Back(row["kind"], Money(row["amount"], payment.amount.currency), row["is_undone"]) for row in rows]


async def bounds(tx: DomainTx, currency: Currency) -> Bounds:
    return Bounds(Money(Decimal(await parameters.get(tx, "topup.min")), currency),
                  Money(Decimal(await parameters.get(tx, "topup.max")), currency))


async def is_commercial(tx: DomainTx) -> bool:
    return await tx.fetchval("SELECT mode = 'commercial' FROM domain WHERE id = $1", tx.domain_id)


async def open_checkouts(tx: DomainTx) -> int:
    return await tx.fetchval(
        "SELECT count(*) FROM payment p JOIN card_payment c ON c.domain_id = p.domain_id AND c.payment_id = p.id "
        "WHERE p.domain_id = $1 AND p.state = 'pending' AND c.way = 'checkout' AND c.started_at > $2",
        tx.domain_id, tx.now - timedelta(hours=1))


async def automatic_today(tx: DomainTx) -> int:
    """Attempts of this day in the domain's time zone."""
    zone = ZoneInfo(await tx.fetchval("SELECT timezone FROM domain WHERE id = $1", tx.domain_id))
    midnight = tx.now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return await tx.fetchval("SELECT count(*) FROM card_payment WHERE domain_id = $1 AND way = 'auto' "
                             "AND started_at >= $2", tx.domain_id, midnight)


async def facts(tx: DomainTx) -> CardFacts:
    """Settings, saved card and bounds of the domain."""
    row = await tx.fetchrow(
        "SELECT a.currency, a.auto_topup_below, c.* FROM account a "
        "LEFT JOIN card_account c ON c.domain_id = a.domain_id WHERE a.domain_id = $1", tx.domain_id)
    assert row is not None
    currency = Currency(row["currency"])
    saved = SavedCard(row["customer_id"], row["method_id"], row["brand"], row["last4"], row["exp_month"] or 0,
                      row["exp_year"] or 0) if row["method_id"] else None
    return CardFacts(
        await bounds(tx, currency), await is_commercial(tx), saved,
        None if row["auto_topup_below"] is None else Money(row["auto_topup_below"], currency),
        None if row["auto_amount"] is None else Money(row["auto_amount"], currency),
        await parameters.get(tx, "topup.auto_per_day"))
