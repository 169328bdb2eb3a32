"""What the panel asks of a company that takes card payments, and what it hears from it [FIN-D7, FIN-D15].

    found = gateway.current()      # None: no keys, card payment is not available

A gateway says what it knows as `News`: facts that only ever grow (paid, so much refunded …), so that news may come
twice, late or in any order. Amounts are in the currency's minor units, as gateways count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.kernel.money import Money


class GatewayAway(Exception):
    """No answer, or "not now": nothing is known, the same request may be sent again."""


class GatewayRefused(Exception):
    """The request is understood and refused; repeating it is of no use."""


class BadSignature(Exception):
    """Not from the gateway, or too old to be taken."""


@dataclass(frozen=True, slots=True)
class Card:
    """All that is kept of a card."""

    customer_id: str
    method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class Return:
    """Money that went back: a refund or a dispute. `is_undone`: it failed, or the dispute was won."""

    gateway_id: str
    kind: str  # refund | dispute
    amount_minor: int
    is_undone: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What is known of one payment; empty: not told this time."""

    reference: str = ""  # our own id of the payment, as it was sent along
    domain_id: int = 0  # likewise
    session_id: str = ""
    intent_id: str = ""
    amount_minor: int | None = None  # paid, or to be paid
    currency: str = ""  # ISO 4217, capitals
    is_paid: bool = False
    is_failed: bool = False
    is_over: bool = False  # expired or cancelled without payment
    reason: str = ""
    refunded_minor: int = 0  # all refunds together, as the charge tells
    returned: Return | None = None
    card: Card | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One payment to be made on the gateway's page. The same order sent again leads to the same page."""

    reference: str
    domain_id: int
    amount: Money
    title: str
    return_url: str
    customer_id: str
    saves_card: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SavedCardOrder:
    """One charge of a saved card without its owner."""

    reference: str
    domain_id: int
    amount: Money
    title: str
    customer_id: str
    method_id: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The gateway's page for an order; `url` is empty when it can no longer be opened."""

    session_id: str
    url: str


class Gateway(Protocol):
    """Every method but `read_event` raises GatewayAway or GatewayRefused."""

    name: str

    async def start_checkout(self, order: Order) -> Checkout: ...

    async def ask_session(self, session_id: str) -> News: ...

    async def ask_payment(self, intent_id: str) -> News: ...

    async def close_session(self, session_id: str) -> None: ...

    async def charge_saved(self, order: SavedCardOrder) -> News: ...

    async def detach(self, method_id: str) -> None:
        """Forget a saved card; one that is forgotten already is no error."""
        ...

    def read_event(self, body: bytes, signature: str) -> News | None:
        """News of a signed call, None when it tells nothing about a payment. Raises BadSignature."""
        ...


_used: list[Gateway | None] = []


def current() -> Gateway | None:
    """The gateway of this installation, by its keys in the environment."""
    if not _used:
        from billing.payments.gateway_stripe import from_settings

        _used.append(from_settings())
    return _used[-1]


@contextmanager
def using(gateway: Gateway | None) -> Iterator[None]:
    """Another one for the time being."""
    _used.append(gateway)
    try:
        yield
    finally:
        _used.pop()
