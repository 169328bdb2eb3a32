"""Facts of the domain panel's frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
from billing.accounts.rules import Scheme
from billing.packages.queries import MGP_COLUMNS, mgp_left
from billing.packages.rules import Package


def _minutes_left(row: Record, now: datetime) -> int | None:
    """Whole minutes of the package; None where the tariff has none."""
    left = Package(row["package_seconds_left"], row["package_from"], row["package_until"]).left(now)
    return left // 60 if row["included_minutes"] and row["mode"] == "commercial" else None


@dataclass(frozen=True, slots=True)
class Frame:
    """What the header and the menu show [ACC-17, ACC-20…22]."""

    name: str
    company: str
    mode: str
    trial_ends_at: datetime | None
    trial_seconds_left: int
    balance: Money
    users: int
    main_number: str
    minutes_left: int | None
    mgp_left: Money | None
    blocks: list[tuple[str, datetime]]
    stopped_since: datetime | None  # paid calls are, by the guards
    scheme: Scheme
    credit_limit: Money | None
    unblock_waits: bool  # for calls in progress, which hold a part of the money
    groups: int = 0
    buys_numbers: bool = True  # [NUM-04]


async def frame(tx: DomainTx) -> Frame:
    """One statement: it runs with every page."""
    row = await tx.fetchrow(
        "SELECT d.name, d.company_name, d.buys_numbers, d.trial_ends_at, d.trial_seconds_left, a.balance, "
        "a.credit_limit, "
        f"a.unblock_waits, a.package_seconds_left, a.package_from, a.package_until, v.included_minutes, {MGP_COLUMNS}, "
        "(SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id) AS users, "
        "(SELECT count(*) FROM call_group g WHERE g.domain_id = d.id) AS groups, "
        "(SELECT n.e164 FROM phone_number n WHERE n.domain_id = d.id AND n.id = d.default_number_id) AS number, "
        "(SELECT jsonb_agg(jsonb_build_array(b.kind, b.started_at) ORDER BY b.started_at) FROM domain_block b "
        " WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS blocks, "
        "(SELECT min(s.started_at) FROM guard_stop s WHERE s.domain_id = d.id AND s.ended_at IS NULL "
        " AND (s.until IS NULL OR s.until > now())) AS stopped_since "
        "FROM domain d JOIN account a ON a.domain_id = d.id "
        "LEFT JOIN tariff_version v ON v.id = tariff_version_at(a.tariff_id, $2) WHERE d.id = $1", tx.domain_id, tx.now)
    assert row is not None
    currency, limit = Currency(row["currency"]), row["credit_limit"]
    return Frame(row["name"], row["company_name"], row["mode"], row["trial_ends_at"], row["trial_seconds_left"],
                 Money(row["balance"], currency), row["users"], row["number"] or "",
                 _minutes_left(row, tx.now), mgp_left(row, tx.now),
                 [(kind, datetime.fromisoformat(since)) for kind, since in row["blocks"] or []], row["stopped_since"],
                 Scheme(row["scheme"]), None if limit is None else Money(limit, currency), row["unblock_waits"],
                 row["groups"], row["buys_numbers"])
