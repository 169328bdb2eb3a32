"""Facts of the domain panel's frame and of its start page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.money import Currency, Money
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
    blocks: list[tuple[str, datetime]]


async def frame(tx: DomainTx) -> Frame:
    """One statement: it runs with every page."""
    row = await tx.fetchrow(
        "SELECT d.name, d.company_name, d.mode, d.trial_ends_at, d.trial_seconds_left, a.balance, a.currency, "
        "a.package_seconds_left, a.package_from, a.package_until, t.included_minutes, "
        "(SELECT count(*) FROM domain_user u WHERE u.domain_id = d.id) AS users, "
        "(SELECT n.e164 FROM phone_number n WHERE n.domain_id = d.id AND n.id = d.default_number_id) AS number, "
        "(SELECT jsonb_agg(jsonb_build_array(b.kind, b.started_at) ORDER BY b.started_at) FROM domain_block b "
        " WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS blocks "
        "FROM domain d JOIN account a ON a.domain_id = d.id "
        "JOIN tariff t ON t.id = a.tariff_id WHERE d.id = $1", tx.domain_id)
    assert row is not None
    return Frame(row["name"], row["company_name"], row["mode"], row["trial_ends_at"], row["trial_seconds_left"],
                 Money(row["balance"], Currency(row["currency"])), row["users"], row["number"] or "",
                 _minutes_left(row, tx.now),
                 [(kind, datetime.fromisoformat(since)) for kind, since in row["blocks"] or []])


@dataclass(frozen=True, slots=True)
class Talker:
    """A user and the talk time of the month [DASH-10]."""

    id: int
    name: str
    login: str
    extension: str
    talk_seconds: int


async def most_active(tx: DomainTx, since: datetime) -> list[Talker]:
    """Five at most; those who did not talk are left out [DASH-D2]."""
    rows = await tx.fetch(
        "SELECT u.id, u.display_name AS name, u.login, u.extension, t.talk AS talk_seconds FROM ("
        " SELECT w.user_id, sum(c.talk_seconds)::bigint AS talk FROM call c "
        " CROSS JOIN LATERAL (VALUES (c.user_id), (c.peer_user_id)) AS w (user_id) "
        " WHERE c.domain_id = $1 AND c.started_at >= $2 AND c.answered_at IS NOT NULL AND w.user_id IS NOT NULL "
        " GROUP BY w.user_id) t JOIN domain_user u ON u.domain_id = $1 AND u.id = t.user_id "
        "WHERE t.talk > 0 ORDER BY t.talk DESC, lower(u.display_name) LIMIT 5", tx.domain_id, since)
    return [Talker(**row) for row in rows]


async def calls_by_day(tx: DomainTx, since: datetime, zone: str) -> list[dict[str, Any]]:
    """Conversations and cost per local day."""
    return [dict(row) for row in await tx.fetch(
        "SELECT (started_at AT TIME ZONE $3)::date AS day, "
        "count(*) FILTER (WHERE answered_at IS NOT NULL) AS answered, "
        "count(*) FILTER (WHERE answered_at IS NULL) AS missed, sum(cost) AS cost FROM call "
        "WHERE domain_id = $1 AND started_at >= $2 GROUP BY 1 ORDER BY 1", tx.domain_id, since, zone)]
