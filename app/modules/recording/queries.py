"""Users with their switch, terms of storage, and how many recordings there are [REC-01…04, REC-D4]."""

from __future__ import annotations

from dataclasses import dataclass

from app.kernel.db import DomainTx
from tenants.users.queries import BY_NAME


@dataclass(frozen=True, slots=True)
class RecordedUser:
    """One line of the page. `groups`: names of the call groups [REC-02]."""

    id: int
    display_name: str
    extension: str
    groups: str
    is_on: bool
    is_analysed: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A user as a switch sees him."""

    id: int
    login: str
    name: str
    is_recorded: bool
    is_analysed: bool


@dataclass(frozen=True, slots=True)
class Counter:
    """How many users of all are recorded and analysed, and how many the list shows of each [REC-04, REC-23]."""

    on: int
    analysed: int
    users: int
    found_on: int
    found_analysed: int
    found: int


@dataclass(frozen=True, slots=True)
class Tier:
    """A term of storage; `percent` of the plan's price per user."""

    months: int
    percent: int


_MATCHING = ("($2::text IS NULL OR u.display_name ILIKE $2 OR u.extension ILIKE $2) "
             "AND ($3 = '' OR ($3 = 'on' AND u.recording_on) OR ($3 = 'analysed' AND u.analytics_on))")


async def users(tx: DomainTx, *, like: str | None, state: str, order: str, limit: int | None,
                offset: int = 0) -> list[RecordedUser]:
    """`state`: "", on (recorded), analysed [REC-03]."""
    rows = await tx.fetch(
        "SELECT u.id, u.display_name, u.extension, coalesce((SELECT string_agg(g.name, ', ' ORDER BY lower(g.name)) "
        "FROM group_member m JOIN call_group g ON g.domain_id = m.domain_id AND g.id = m.group_id "
        "WHERE m.domain_id = u.domain_id AND m.user_id = u.id), ''), u.recording_on, u.analytics_on "
        f"FROM domain_user u WHERE u.domain_id = $1 AND {_MATCHING} ORDER BY {order} LIMIT $4 OFFSET $5",
        tx.domain_id, like, state, limit, offset)
    return [RecordedUser(*row) for row in rows]


async def counter(tx: DomainTx, *, like: str | None = None, state: str = "") -> Counter:
    row = await tx.fetchrow(
        "SELECT count(*) FILTER (WHERE u.recording_on), count(*) FILTER (WHERE u.analytics_on), count(*), "
        f"count(*) FILTER (WHERE u.recording_on AND {_MATCHING}), "
        f"count(*) FILTER (WHERE u.analytics_on AND {_MATCHING}), count(*) FILTER (WHERE {_MATCHING}) "
        "FROM domain_user u WHERE u.domain_id = $1", tx.domain_id, like, state)
    assert row is not None
    return Counter(*row)


async def people(tx: DomainTx, ids: list[int] | None, *, lock: bool = False) -> list[Person]:
    """These users, or all (None), by name; locked by id."""
    order = "u.id FOR NO KEY UPDATE" if lock else f"{BY_NAME}, u.id"
    rows = await tx.fetch(
        "SELECT u.id, u.login, u.display_name, u.recording_on, u.analytics_on FROM domain_user u "
        f"WHERE u.domain_id = $1 AND ($2::bigint[] IS NULL OR u.id = ANY($2)) ORDER BY {order}", tx.domain_id, ids)
    return [Person(*row) for row in rows]


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
