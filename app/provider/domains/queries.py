"""What the console reads of domains."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.kernel.money import Currency, Money
from app.provider.search.numbers import written_forms
from app.web.lists import ListQuery


@dataclass(frozen=True, slots=True)
class DomainRow:
    """One line of the list. `blocks`: kinds in force."""

    id: int
    name: str
    company_name: str
    mode: str
    scheme: str
    account: str
    currency: str
    balance_amount: Decimal
    blocks: list[str]
    users: int
    numbers: int
    pool: str | None
    node: str
    desired: int
    applied: int
    error: str
    created_at: datetime

    @property
    def balance(self) -> Money:
        return Money(self.balance_amount, Currency(self.currency))


@dataclass(frozen=True, slots=True)
class BlockRow:
    kind: str
    reason: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """Everything the card shows first."""

    id: int
    name: str
    display_name: str
    company_name: str
    mode: str
    trial_ends_at: datetime | None
    trial_seconds_left: int
    timezone: str
    area_code: str
    country: str
    locale: str
    notification_email: str
    route_number: str | None
    max_users: int
    max_paid_calls: int
    buys_numbers: bool
    created_at: datetime
    account: str
    currency: str
    balance_amount: Decimal
    held_amount: Decimal
    scheme: str
    credit_limit: Decimal | None
    credit_max: Decimal | None
    tariff_id: int
    tariff: str
    node_id: int
    node: str
    sip_host: str
    sip_port: int
    pool_id: int | None
    pool: str | None
    users: int
    operators: int
    numbers: list[str]
    default_number: str | None
    desired: int
    applied: int
    live_at: datetime | None
    changed_at: datetime
    reason: str
    error: str
    open_calls: int

    @property
    def balance(self) -> Money:
        return Money(self.balance_amount, Currency(self.currency))

    @property
    def held(self) -> Money:
        return Money(self.held_amount, Currency(self.currency))

    @property
    def largest_limit(self) -> Money | None:
        return None if self.credit_max is None else Money(self.credit_max, Currency(self.currency))

    @property
    def limit(self) -> Money | None:
        return None if self.credit_limit is None else Money(self.credit_limit, Currency(self.currency))



_JOINED = """
FROM domain d JOIN account a ON a.domain_id = d.id JOIN pbx_node n ON n.id = d.pbx_node_id
LEFT JOIN pool p ON p.id = d.pool_id LEFT JOIN provisioning_state s ON s.domain_id = d.id
"""

_FROM = _JOINED + """
WHERE ($1::text IS NULL OR d.name ILIKE $1 OR d.company_name ILIKE $1 OR d.display_name ILIKE $1
       OR a.number ILIKE $1
       OR ($2::text IS NOT NULL AND d.id IN (
           SELECT x.domain_id FROM phone_number x WHERE x.e164 ~>=~ $2 AND x.e164 ~<~ ($2 || ':')
           UNION ALL SELECT x.domain_id FROM phone_number x
           WHERE reverse(x.e164) ~>=~ reverse($2) AND reverse(x.e164) ~<~ (reverse($2) || ':'))))
  AND ($3::text IS NULL OR d.mode = $3) AND ($4::text IS NULL OR a.scheme = $4)
  AND ($5::text IS NULL OR ($5 <> 'none' AND EXISTS (SELECT FROM domain_block b
          WHERE b.domain_id = d.id AND b.ended_at IS NULL AND b.kind = $5))
       OR ($5 = 'none' AND NOT EXISTS (SELECT FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL)))
  AND ($6::bigint IS NULL OR d.pool_id = $6) AND ($7::bigint IS NULL OR d.pbx_node_id = $7)
  AND ($8::text IS NULL OR ($8 = 'failed' AND s.error <> '') OR ($8 = 'behind' AND s.applied < s.desired))
  AND ($9::bigint IS NULL OR a.tariff_id = $9)
"""

_ROW = """
SELECT d.id, d.name, d.company_name, d.mode, a.scheme, a.number AS account, a.currency,
       a.balance AS balance_amount,
       ARRAY(SELECT b.kind FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL ORDER BY b.kind)
           AS blocks,
       (SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id) AS users,
       (SELECT count(*) FROM phone_number x WHERE x.domain_id = d.id) AS numbers,
       p.name AS pool, n.name AS node, COALESCE(s.desired, 0) AS desired, COALESCE(s.applied, 0) AS applied,
       COALESCE(s.error, '') AS error, d.created_at
"""


def _conditions(query: ListQuery) -> list[object]:
    forms = written_forms(query.search)
    chosen = [query.value(key) or None for key in ("mode", "scheme", "block", "pool", "node", "state", "tariff")]
    pool, node, tariff = (int(value) if value else None for value in (*chosen[3:5], chosen[6]))
    return [query.like(), forms[0] if forms else None, *chosen[:3], pool, node, chosen[5], tariff]


async def domains(tx: PlatformTx, query: ListQuery) -> tuple[list[DomainRow], int]:
    """One page and the number of all that match. What is dear to read is read for the page only."""
    arguments = _conditions(query)
    page = await tx.fetch(f"SELECT d.id, count(*) OVER () AS total {_FROM} ORDER BY {query.order_by('d.id')} "
                          "LIMIT $10 OFFSET $11", *arguments, query.limit, query.offset)
    if not page:
        return [], await tx.fetchval(f"SELECT count(*) {_FROM}", *arguments) if query.offset else 0
    ids = [row["id"] for row in page]
    rows = {row["id"]: DomainRow(**row) for row in await tx.fetch(f"{_ROW} {_JOINED} WHERE d.id = ANY($1::bigint[])",
                                                                  ids)}
    return [rows[domain_id] for domain_id in ids], page[0]["total"]


async def facts(tx: PlatformTx, domain_id: int) -> DomainFacts:
    """Raises NotFound."""
    row = await tx.fetchrow(
        "SELECT d.id, d.name, d.display_name, d.company_name, d.mode, d.trial_ends_at, d.trial_seconds_left, "
        "d.timezone, d.area_code, d.country, d.locale, d.notification_email, d.route_number, d.max_users, "
        "d.max_paid_calls, d.buys_numbers, d.created_at, "
        "a.number AS account, a.currency, a.balance AS balance_amount, a.held AS held_amount, a.scheme, "
        "a.credit_limit, a.credit_max, a.tariff_id, t.name AS tariff, n.id AS node_id, n.name AS node, n.sip_host, "
        "n.sip_port, "
        "p.id AS pool_id, p.name AS pool, "
        "(SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id) AS users, "
        "(SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id AND u.is_operator) AS operators, "
        "ARRAY(SELECT x.e164 FROM phone_number x WHERE x.domain_id = d.id ORDER BY x.e164) AS numbers, "
        "(SELECT x.e164 FROM phone_number x WHERE x.domain_id = d.id AND x.id = d.default_number_id) "
        "AS default_number, s.desired, s.applied, s.live_at, s.changed_at, s.reason, s.error, "
        "(SELECT count(*) FROM open_hold_key h WHERE h.domain_id = d.id) AS open_calls "
        "FROM domain d JOIN account a ON a.domain_id = d.id JOIN tariff t ON t.id = a.tariff_id "
        "JOIN pbx_node n ON n.id = d.pbx_node_id JOIN provisioning_state s ON s.domain_id = d.id "
        "LEFT JOIN pool p ON p.id = d.pool_id WHERE d.id = $1", domain_id)
    if row is None:
        raise NotFound("domain", _("There is no such domain"))
    return DomainFacts(**row)


async def open_blocks(tx: PlatformTx, domain_id: int) -> list[BlockRow]:
    rows = await tx.fetch("SELECT kind, reason, started_at FROM domain_block WHERE domain_id = $1 "
                          "AND ended_at IS NULL ORDER BY started_at", domain_id)
    return [BlockRow(**row) for row in rows]


async def bind(tx: PlatformTx, domain_id: int) -> DomainTx:
    """The transaction as a DomainTx of an existing domain. Raises NotFound."""
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM domain WHERE id = $1)", domain_id):
        raise NotFound("domain", _("There is no such domain"))
    return await tx.enter_domain(domain_id)


async def check_tariff(tx: PlatformTx, tariff_id: int) -> None:
    """Raises InvalidFields when it is gone."""
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM tariff WHERE id = $1)", tariff_id):
        text = _("There is no such tariff")
        raise InvalidFields("tariff", text, fields={"tariff_id": text})


def no_page() -> NotFound:
    return NotFound("not_found", _("There is no such page."))
