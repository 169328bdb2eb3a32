"""What the console reads of payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.web.lists import ListQuery

API_PREFIX = "api:"  # ids of the internal API are a space of their own, like those that the panel itself makes
PREFIXES = (API_PREFIX, "bank:", "card:", "promised:")  # no form takes an id that begins so


@dataclass(frozen=True, slots=True)
class PaymentRow:
    id: int
    domain_id: int
    domain: str
    company: str
    account: str
    external_id: str
    kind: str
    state: str
    source: str
    description: str
    amount: Decimal
    currency: str
    at: datetime

    @property
    def sum(self) -> Money:
        return Money(self.amount, Currency(self.currency))

    @property
    def origin(self) -> str:
        """How a payment that the gateway does not know came in: api, statement or hand; "" of others."""
        if self.kind != "bank":
            return ""
        if self.external_id.startswith(API_PREFIX):
            return "api"
        return "statement" if self.external_id.startswith("bank:") else "hand"


@dataclass(frozen=True, slots=True)
class Payee:
    """Whose account a payment goes to."""

    domain_id: int
    name: str
    company_name: str
    account: str
    balance: Money
    is_blocked: bool  # financially


_FROM = """
FROM payment p JOIN domain d ON d.id = p.domain_id JOIN account a ON a.domain_id = p.domain_id
WHERE ($1::text IS NULL OR d.name ILIKE $1 OR d.company_name ILIKE $1 OR a.number ILIKE $1
       OR p.external_id ILIKE $1 OR p.description ILIKE $1 OR p.source ILIKE $1)
  AND ($2::text IS NULL OR p.kind = $2)
  AND ($3::date IS NULL OR p.at >= $3::date::timestamp AT TIME ZONE $5)
  AND ($4::date IS NULL OR p.at < ($4::date + 1)::timestamp AT TIME ZONE $5)
"""


async def payments(tx: PlatformTx, query: ListQuery, since: object, until: object,
                   zone: str) -> tuple[list[PaymentRow], int, Decimal]:
    """One page, the number of all that match and their sum. Days are whole days of `zone`."""
    arguments = [query.like(), query.value("kind") or None, since, until, zone]
    row = await tx.fetchrow("SELECT count(*) AS n, COALESCE(sum(p.amount) FILTER (WHERE p.posting_id IS NOT NULL), 0) "
                            f"AS total {_FROM}", *arguments)
    assert row is not None
    rows = await tx.fetch(
        "SELECT p.id, p.domain_id, d.name AS domain, d.company_name AS company, a.number AS account, p.external_id, "
        f"p.kind, p.state, p.source, p.description, p.amount, a.currency, p.at {_FROM} "
        f"ORDER BY {query.order_by('p.id DESC')} LIMIT $6 OFFSET $7", *arguments, query.limit, query.offset)
    return [PaymentRow(**one) for one in rows], row["n"], row["total"]


async def payee(tx: PlatformTx, domain_id: int) -> Payee:
    """Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT d.id, d.name, d.company_name, a.number, a.balance, a.currency, EXISTS (SELECT FROM domain_block b "
        "WHERE b.domain_id = d.id AND b.kind = 'financial' AND b.ended_at IS NULL) AS is_blocked "
        "FROM domain d JOIN account a ON a.domain_id = d.id WHERE d.id = $1", domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return Payee(row["id"], row["name"], row["company_name"], row["number"],
                 Money(row["balance"], Currency(row["currency"])), row["is_blocked"])
