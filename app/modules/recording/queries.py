"""Users with their switch, terms of storage, and how many recordings there are [REC-01…04, REC-D4]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import DomainTx
from tenants.users.queries import BY_NAME


@dataclass(frozen=True, slots=True)
class RecordedUser:
    """One line of the page. `group`: the pickup group, "" without one."""

    id: int
    display_name: str
    extension: str
    group: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """How many users of all are recorded, and how many the list shows of either kind [REC-04, REC-23]."""

    on: int
    users: int
    found_on: int
    found: int


@dataclass(frozen=True, slots=True)
class Tier:
    """A term of storage; `percent` of the plan's price per user."""

    months: int
    percent: int


_FROM = ("FROM domain_user u LEFT JOIN pickup_group g ON g.domain_id = u.domain_id AND g.id = u.pickup_group_id "
         "WHERE u.domain_id = $1")
_MATCHING = "($2::text IS NULL OR u.display_name ILIKE $2 OR u.extension ILIKE $2) AND (NOT $3 OR u.recording_on)"


async def users(tx: DomainTx, *, like: str | None, only_on: bool, order: str, limit: int | None,
                offset: int = 0) -> list[RecordedUser]:
    rows = await tx.fetch(
        f"SELECT u.id, u.display_name, u.extension, coalesce(g.name, '') AS name, u.recording_on {_FROM} "
        f"AND {_MATCHING} ORDER BY {order} LIMIT $4 OFFSET $5", tx.domain_id, like, only_on, limit, offset)
    return [RecordedUser(*row) for row in rows]


async def counter(tx: DomainTx, *, like: str | None = None, only_on: bool = False) -> Counter:
    row = await tx.fetchrow(
        "SELECT count(*) FILTER (WHERE u.recording_on), count(*), "
        f"count(*) FILTER (WHERE u.recording_on AND {_MATCHING}), count(*) FILTER (WHERE {_MATCHING}) {_FROM}",
        tx.domain_id, like, only_on)
    assert row is not None
    return Counter(*row)


async def is_on(tx: DomainTx, user_id: int) -> bool:
    return bool(await tx.fetchval("SELECT recording_on FROM domain_user WHERE domain_id = $1 AND id = $2",
                                  tx.domain_id, user_id))


async def changing(tx: DomainTx, ids: list[int] | None, to: bool) -> list[tuple[int, str]]:
    """(id, name) of those that a switch would change; None stands for all users."""
    rows = await tx.fetch(
        "SELECT u.id, u.display_name FROM domain_user u WHERE u.domain_id = $1 "
        f"AND ($2::bigint[] IS NULL OR u.id = ANY($2)) AND u.recording_on <> $3 ORDER BY {BY_NAME}, u.id",
        tx.domain_id, ids, to)
    return [(row[0], row[1]) for row in rows]


async def unknown(tx: DomainTx, ids: list[int]) -> int:
    """How many of the ids are no users of this domain."""
    known = await tx.fetchval("SELECT count(*) FROM domain_user WHERE domain_id = $1 AND id = ANY($2::bigint[])",
                              tx.domain_id, ids)
    return len(set(ids)) - known


async def tiers(tx: DomainTx) -> list[Tier]:
    return [Tier(*row) for row in await tx.fetch("SELECT months, percent FROM recording_tier ORDER BY months")]


async def months(tx: DomainTx) -> int:
    """The term in force of this domain."""
    return await tx.fetchval(
        "SELECT coalesce((SELECT months FROM recording_setting WHERE domain_id = $1), "
        "(SELECT months FROM recording_tier WHERE is_default), 1)", tx.domain_id)


async def going(tx: DomainTx, term: int) -> int:
    """Recordings that are older than that term."""
    return await tx.fetchval("SELECT count(*) FROM call_recording WHERE domain_id = $1 "
                             "AND started_at + make_interval(months => $2) < $3", tx.domain_id, term, tx.now)
