"""Widgets, their lists, request log and counters as pages and visitors need them [WGT.1, WGT.8, WGT.9]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from tenants.destinations import registry
from tenants.destinations.model import Destination, Kind
from widgets.appearance import Appearance

# Accepted, not connected, not ticked off; black-listed ones and others refused never count [WGT-D2]
UNPROCESSED = "NOT {r}.is_processed AND {r}.result NOT IN ('refused', 'connected')"


@dataclass(frozen=True, slots=True)
class Widget:
    """`schedule`: 168 marks from Monday 0:00; `unprocessed`: callback requests that nobody has dealt with."""

    id: int
    public_id: str
    is_on: bool
    name: str
    dist_type: str
    group_id: int | None
    user_id: int | None
    schedule: str
    intensity_seconds: int
    captcha: bool
    appearance: Appearance
    taken_at: datetime | None
    created_at: datetime
    unprocessed: int

    @property
    def object_id(self) -> int | None:
        return self.group_id if self.dist_type == "group" else self.user_id

    @property
    def target(self) -> Destination | None:
        kind = Kind.GROUP if self.dist_type == "group" else Kind.USER
        return None if self.object_id is None else Destination(kind, self.object_id)


_SELECT = (
    "SELECT w.id, w.public_id, w.is_on, w.name, w.dist_type, w.group_id, w.user_id, w.schedule, w.intensity_seconds, "
    "w.captcha, w.appearance, w.taken_at, w.created_at, (SELECT count(*) FROM widget_request r "
    "WHERE r.domain_id = w.domain_id AND r.widget_id = w.id AND " + UNPROCESSED.format(r="r") + ") AS unprocessed "
    "FROM widget w WHERE w.domain_id = $1")


async def widgets(tx: DomainTx, *, like: str | None, state: str, order: str, limit: int, offset: int = 0
                  ) -> tuple[list[Widget], int]:
    """`state`: "", on, off."""
    matching = "AND ($2::text IS NULL OR w.name ILIKE $2) AND ($3::text = '' OR w.is_on = ($3 = 'on'))"
    rows = await tx.fetch(f"{_SELECT} {matching} ORDER BY {order} LIMIT $4 OFFSET $5", tx.domain_id, like, state, limit,
                          offset)
    total = await tx.fetchval(f"SELECT count(*) FROM widget w WHERE w.domain_id = $1 {matching}", tx.domain_id, like,
                              state)
    return [_widget(dict(row)) for row in rows], total


async def widget(tx: DomainTx, widget_id: int, *, lock: bool = False) -> Widget:
    """Raises NotFound."""
    row = await tx.fetchrow(f"{_SELECT} AND w.id = $2" + (" FOR NO KEY UPDATE OF w" if lock else ""), tx.domain_id,
                            widget_id)
    if row is None:
        raise NotFound("widget", _("There is no such widget."))
    return _widget(dict(row))


def _widget(row: dict[str, Any]) -> Widget:
    fields: dict[str, Any] = row | {"appearance": Appearance.model_validate(row["appearance"])}
    return Widget(**fields)


async def object_name(tx: DomainTx, found: Widget) -> registry.Choice | None:
    """Who handles the requests."""
    return None if found.target is None else (await registry.names(tx, [found.target])).get(found.target)


# --- lists ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    id: int
    value: str


async def numbers(tx: DomainTx, widget_id: int, which: str) -> list[Entry]:
    """`which`: white, black."""
    rows = await tx.fetch("SELECT id, value FROM widget_number_rule WHERE domain_id = $1 AND widget_id = $2 "
                          "AND list = $3 ORDER BY value", tx.domain_id, widget_id, which)
    return [Entry(*row) for row in rows]


async def number_lists(tx: DomainTx, widget_id: int) -> dict[str, frozenset[str]]:
    rows = await tx.fetch("SELECT list, value FROM widget_number_rule WHERE domain_id = $1 AND widget_id = $2",
                          tx.domain_id, widget_id)
    return {which: frozenset(row["value"] for row in rows if row["list"] == which) for which in ("white", "black")}


async def domains(tx: DomainTx, widget_id: int) -> list[Entry]:
    rows = await tx.fetch("SELECT id, pattern FROM widget_domain_rule WHERE domain_id = $1 AND widget_id = $2 "
                          "ORDER BY pattern", tx.domain_id, widget_id)
    return [Entry(*row) for row in rows]


# --- request log ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """`is_black`: the number is in the black list now."""

    id: int
    at: datetime
    phone: str
    ip: str
    page_url: str
    event: str
    message: str
    list_hit: str
    result: str
    reason: str
    object_type: str
    object_name: str
    object_number: str
    is_processed: bool
    is_black: bool

    @property
    def shown_phone(self) -> str:
        return f"+{self.phone}" if len(self.phone) >= 10 else self.phone

    @property
    def needs_work(self) -> bool:
        return not self.is_processed and self.result not in ("refused", "connected")

    @property
    def may_be_black(self) -> bool:
        return len(self.phone) == 11 and self.phone[0] == "7" and not self.is_black


_LOG = (
    "FROM widget_request r WHERE r.domain_id = $1 AND r.widget_id = $2 AND ($3::text = '' OR strpos(r.phone, $3) > 0) "
    "AND ($4::text = '' OR strpos(r.object_number, $4) > 0) "
    "AND ($5::date IS NULL OR (r.at AT TIME ZONE $7)::date >= $5) "
    "AND ($6::date IS NULL OR (r.at AT TIME ZONE $7)::date <= $6)")


async def log(tx: DomainTx, widget_id: int, *, phone: str, number: str, first: date | None, last: date | None,
              zone: str, limit: int, after: tuple[datetime, int] | None = None) -> tuple[list[LoggedRequest], int]:
    """Newest first [WGT-D9]. `number`: of the object to which calls were sent; days of the zone, both counted."""
    values = (tx.domain_id, widget_id, phone, number, first, last, zone)
    rows = await tx.fetch(
        "SELECT r.id, r.at, r.phone, r.ip, r.page_url, r.event, r.message, r.list_hit, r.result, r.reason, "
        "r.object_type, r.object_name, r.object_number, r.is_processed, EXISTS (SELECT FROM widget_number_rule n "
        "WHERE n.domain_id = r.domain_id AND n.widget_id = r.widget_id AND n.list = 'black' "
        f"AND n.value = substr(r.phone, 2)) {_LOG} AND ($8::timestamptz IS NULL OR (r.at, r.id) < ($8, $9::bigint)) "
        "ORDER BY r.at DESC, r.id DESC LIMIT $10", *values, *(after or (None, None)), limit)
    return [LoggedRequest(*row) for row in rows], await tx.fetchval(f"SELECT count(*) {_LOG}", *values)


# --- statistics -------------------------------------------------------------------------------------

COUNTERS = ("received", "missed", "outgoing", "views", "captcha_failed")


@dataclass(frozen=True, slots=True)
class Counters:
    received: int
    missed: int
    outgoing: int
    views: int
    captcha_failed: int


async def statistics(tx: DomainTx, widget_id: int, first: date | None, last: date | None) -> Counters:
    """Of the days of the interval, both counted; without them of all time [WGT-D10]."""
    row = await tx.fetchrow(
        f"SELECT {', '.join(f'coalesce(sum({one}), 0)::bigint' for one in COUNTERS)} FROM widget_day_stat "
        "WHERE domain_id = $1 AND widget_id = $2 AND ($3::date IS NULL OR day >= $3) "
        "AND ($4::date IS NULL OR day <= $4)", tx.domain_id, widget_id, first, last)
    assert row is not None
    return Counters(*row)


async def count(tx: DomainTx, widget_id: int, day: date, *counters: str) -> None:
    """Add one to each of these counters of the day."""
    assert set(counters) <= set(COUNTERS)
    await tx.execute(
        f"INSERT INTO widget_day_stat (domain_id, widget_id, day, {', '.join(counters)}) "
        f"VALUES ($1, $2, $3{', 1' * len(counters)}) ON CONFLICT (domain_id, widget_id, day) DO UPDATE SET "
        + ", ".join(f"{one} = widget_day_stat.{one} + 1" for one in counters), tx.domain_id, widget_id, day)
