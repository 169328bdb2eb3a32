"""Reading what guards a domain: settings, the day, stops and what was called, in one round trip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from asyncpg import Record

from app.kernel import parameters
from app.kernel.db import DomainTx, PlatformTx
from billing.guards.destinations import Policies, Policy, Preset
from billing.guards.rules import (
    RATE_WINDOW_SECONDS,
    Day,
    Hours,
    Limits,
    Lock,
    Seen,
    in_force,
    policies,
    room,
)
from billing.subscriptions.rules import local_day

SETTINGS = ("daily_cap", "calls_per_minute", "parallel_calls", "international", "premium", "satellite", "forbidden",
            "allowed", "new_destination", "only_outside_hours", "work_days", "work_from", "work_until")
BOUNDS = ("max_daily_cap", "max_calls_per_minute", "provider_forbidden", "provider_allowed")
_COLUMNS = ", ".join(f"g.{name}" for name in (*SETTINGS, *BOUNDS))
_OPEN = "ended_at IS NULL AND (until IS NULL OR until > $2)"

# What is in force for the bound domain $1 at $2 on the billing day $3.
_BASE = f"""
SELECT d.timezone, d.country, {_COLUMNS}, s.spent, s.own_base, s.wall_base,
       ARRAY(SELECT reason FROM guard_stop WHERE domain_id = $1 AND {_OPEN} ORDER BY id) AS stops"""
_FROM = """
FROM domain d LEFT JOIN domain_guard g ON g.domain_id = d.id
LEFT JOIN guard_day s ON s.domain_id = d.id AND s.day = $3 WHERE d.id = $1"""
_AT_A_CALL = f"""{_BASE},
       (SELECT count(*) FROM hold h WHERE h.domain_id = $1 AND h.paid AND h.created_at > $4) AS last_minute,
       (SELECT count(*) FROM open_hold h WHERE h.domain_id = $1 AND h.paid) AS open_calls,
       p.destination AS known, p.called_at{_FROM.replace("WHERE", '''LEFT JOIN guard_destination p
    ON p.domain_id = d.id AND p.destination = $5 WHERE''')}"""


@dataclass(frozen=True, slots=True)
class Guards:
    """What holds for a domain at one moment. `called_at` None with `is_known`: waits for a confirmation."""

    limits: Limits
    policies: Policies
    day: Day
    stops: tuple[str, ...]
    zone: str
    country: str
    billing_day: date
    last_minute: int = 0
    open_calls: int = 0
    is_known: bool = False
    called_at: datetime | None = None

    def seen(self, held: int) -> Seen:
        return Seen(self.stops, self.last_minute, self.open_calls, room=self.room(held))

    def room(self, held: int) -> int | None:
        return room(self.limits, self.day, held)


async def at_a_call(tx: DomainTx, destination: str) -> Guards:
    """The account is locked, so nothing of this changes until the transaction ends."""
    values, day = await _provider(tx)
    row = await tx.fetchrow(_AT_A_CALL, tx.domain_id, tx.now, day,
                            tx.now - timedelta(seconds=RATE_WINDOW_SECONDS), destination)
    assert row is not None
    return _guards(row, values, day, last_minute=row["last_minute"], open_calls=row["open_calls"],
                   is_known=row["known"] is not None, called_at=row["called_at"])


async def in_general(tx: DomainTx) -> Guards:
    """Without the calls of the last minute."""
    values, day = await _provider(tx)
    row = await tx.fetchrow(_BASE + _FROM, tx.domain_id, tx.now, day)
    assert row is not None
    return _guards(row, values, day)


async def _provider(tx: DomainTx) -> tuple[dict[str, Any], date]:
    zone = await parameters.get(tx, "billing.timezone")
    return await parameters.group(tx, "guard"), local_day(tx.now, zone)


def _guards(row: Record, values: Mapping[str, Any], day: date, **more: Any) -> Guards:
    return Guards(
        limits_of(row, values), policies_of(row, values),
        Day(*(_millionths(row[name]) for name in ("spent", "own_base", "wall_base"))), tuple(row["stops"]),
        row["timezone"], row["country"], day, **more)


def limits_of(row: Record | Mapping[str, Any], values: Mapping[str, Any]) -> Limits:
    """`values`: the provider's parameters by the part after `guard.`."""
    bound = _first(row["max_daily_cap"], values["daily_cap_max"])
    most = _first(row["max_calls_per_minute"], values["calls_per_minute_max"])
    cap = in_force(row["daily_cap"], values["daily_cap"], bound)
    hours = Hours(row["work_days"], row["work_from"], row["work_until"]) if row["only_outside_hours"] else None
    return Limits(
        cap=None if cap is None else _millionths(cap), wall=_millionths(bound) or None,
        per_minute=in_force(row["calls_per_minute"], values["calls_per_minute"], most),
        parallel=in_force(row["parallel_calls"], values["parallel_calls"], 0), repeats=values["repeats"] or None,
        new_destination=row["new_destination"] or values["new_destination"], hours=hours)


def policies_of(row: Record | Mapping[str, Any], values: Mapping[str, Any]) -> Policies:
    return policies(
        {preset: Lock(values[preset.value]) for preset in Preset}, {preset: row[preset.value] for preset in Preset},
        _policy(row["forbidden"], row["allowed"]), _policy(row["provider_forbidden"], row["provider_allowed"]))


def _policy(forbidden: list[str] | None, allowed: list[str] | None) -> Policy:
    return Policy(frozenset(), frozenset(forbidden or ()), frozenset(allowed or ()))


def _first(own: Any, default: Any) -> Any:
    return default if own is None else own


def _millionths(amount: Decimal | None) -> int:
    return int(amount.scaleb(6)) if amount else 0


@dataclass(frozen=True, slots=True)
class Stop:
    """Paid calls are stopped. `detail`: the reason that was repeated, or the amount used up."""

    id: int
    reason: str
    detail: str
    started_at: datetime
    until: datetime | None


async def open_stops(tx: DomainTx) -> list[Stop]:
    return [Stop(**row) for row in await tx.fetch(
        f"SELECT id, reason, detail, started_at, until FROM guard_stop WHERE domain_id = $1 AND {_OPEN} ORDER BY id",
        tx.domain_id, tx.now)]


@dataclass(frozen=True, slots=True)
class Place:
    """A destination that the domain called, or wants to."""

    destination: str
    number: str
    user: str
    first_at: datetime
    called_at: datetime | None


async def places(tx: DomainTx) -> list[Place]:
    """Those that wait first, then the newest."""
    return [Place(**row) for row in await tx.fetch(
        "SELECT p.destination, p.number, COALESCE(u.display_name, '') AS user, p.first_at, p.called_at "
        "FROM guard_destination p LEFT JOIN domain_user u ON u.domain_id = p.domain_id AND u.id = p.user_id "
        "WHERE p.domain_id = $1 ORDER BY p.called_at IS NOT NULL, p.first_at DESC LIMIT 50", tx.domain_id)]


_EMPTY: dict[str, Any] = {name: None for name in (*SETTINGS, *BOUNDS)} | {
    "forbidden": [], "allowed": [], "provider_forbidden": [], "provider_allowed": [], "only_outside_hours": False,
    "work_days": Hours().days, "work_from": Hours().begins, "work_until": Hours().ends}


async def own(tx: DomainTx | PlatformTx, domain_id: int) -> dict[str, Any]:
    """The stored settings, or those of a domain that has stored none."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM domain_guard g WHERE g.domain_id = $1", domain_id)
    return dict(row) if row else dict(_EMPTY)
