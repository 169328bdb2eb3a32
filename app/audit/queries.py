"""Reading a history: a page and the exact number of all that match [AUD-02, AUD-03, POOL-48]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.audit.words_met import PROVIDER
from app.kernel.db import DomainTx, PlatformTx, PoolTx

Tx = DomainTx | PoolTx | PlatformTx
MOST = 1_000_000  # lines of the whole platform that are counted


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; None or "" = everything. `actor`: a key of words_met."""

    text: str = ""
    actions: tuple[str, ...] = ()
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None
    domain_ids: tuple[int, ...] | None = None  # the provider's filter


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as written."""

    id: int
    at: datetime
    actor_kind: str
    actor_id: int
    actor_login: str
    actor_name: str
    behalf_login: str
    behalf_name: str
    jumped: bool
    ip: str
    action: str
    object_type: str
    object_id: int | None
    object_name: str
    changes: dict[str, list]
    domain_name: str = ""

    @property
    def by_provider(self) -> bool:
        """The provider's people from their console, or the system itself."""
        return self.actor_kind in ("staff", "system") and not self.jumped


_COLUMNS = ("h.id, h.at, h.actor_kind, h.actor_id, h.actor_login, h.actor_name, h.behalf_login, h.behalf_name, "
            "h.jumped, h.ip, h.action, h.object_type, h.object_id, h.object_name, h.changes")


def _scope(tx: Tx) -> tuple[str, list[object]]:
    if isinstance(tx, DomainTx):
        return "h.domain_id = $1", [tx.domain_id]
    if isinstance(tx, PoolTx):
        return "h.pool_id = $1", [tx.pool_id]
    return "true", []


def _where(tx: Tx, wanted: Wanted) -> tuple[str, list[object]]:
    first, args = _scope(tx)
    parts = [first]

    def add(condition: str, value: object) -> None:
        args.append(value)
        parts.append(condition.replace("?", f"${len(args)}"))

    if wanted.domain_ids is not None:
        one = len(wanted.domain_ids) == 1
        add("h.domain_id = ?" if one else "h.domain_id = ANY(?::bigint[])",
            wanted.domain_ids[0] if one else list(wanted.domain_ids))
    if wanted.since is not None:
        add("h.at >= ?", wanted.since)
    if wanted.until is not None:
        add("h.at < ?", wanted.until)
    if wanted.actions:
        one = len(wanted.actions) == 1
        add("h.action = ?" if one else "h.action = ANY(?::text[])",
            wanted.actions[0] if one else list(wanted.actions))
    if wanted.text:
        add("h.search_name LIKE ?", _pattern(wanted.text))
    if wanted.actor == PROVIDER:
        parts.append("h.actor_kind IN ('staff', 'system') AND NOT h.jumped")
    elif wanted.actor:
        kind, _colon, number = wanted.actor.partition(":")
        add("h.actor_kind = ?", kind)
        add("h.actor_id = ?", int(number))
        if kind == "staff" and not isinstance(tx, PlatformTx):
            parts.append("h.jumped")
    return " AND ".join(parts), args


def _pattern(text: str) -> str:
    """Substring without regard to case; the column is in lower case."""
    escaped = text.lower().replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


# The planner takes a substring to be rare and would sort a million lines; the index has them in order.
_IN_ORDER = ("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), "
             "set_config('enable_sort', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)")


async def page(tx: Tx, wanted: Wanted, *, limit: int, offset: int) -> tuple[list[Line], int]:
    """Newest first, and how many there are in all; of the provider's, MOST at the most are counted.

    The count goes on where the page ends, so both together read the index once.
    """
    where, args = _where(tx, wanted)
    await tx.execute(_IN_ORDER)
    found = await tx.fetch(f"SELECT h.id, h.at FROM action_history h WHERE {where} ORDER BY h.at DESC, h.id DESC "
                           f"LIMIT {int(limit)} OFFSET {int(offset)}", *args)
    lines = await _lines(tx, [row["id"] for row in found])
    if len(found) < limit and (found or not offset):
        return lines, offset + len(found)
    last = found[-1] if found else None
    rest = await _count(tx, where, args, (last["at"], last["id"]) if last else None)
    return lines, (offset + len(found) if last else 0) + rest


async def _count(tx: Tx, where: str, args: list[object], after: tuple[datetime, int] | None) -> int:
    if after is not None:
        where += f" AND (h.at, h.id) < (${len(args) + 1}, ${len(args) + 2})"
    most = f"LIMIT {MOST}" if isinstance(tx, PlatformTx) else ""
    return await tx.fetchval(f"SELECT count(*) FROM (SELECT FROM action_history h WHERE {where} {most}) matching",
                             *args, *(after or ()))


async def all_lines(tx: Tx, wanted: Wanted, *, limit: int, before: tuple[datetime, int] | None = None) -> list[Line]:
    """The next `limit` lines after `before` (time and id of the last one), for an export."""
    where, args = _where(tx, wanted)
    if before is not None:
        args += before
        where += f" AND (h.at, h.id) < (${len(args) - 1}, ${len(args)})"
    ids = await tx.fetch(f"SELECT h.id FROM action_history h WHERE {where} ORDER BY h.at DESC, h.id DESC "
                         f"LIMIT {int(limit)}", *args)
    return await _lines(tx, [row["id"] for row in ids])


async def one(tx: Tx, line_id: int) -> Line | None:
    """A line of this history, None for another's."""
    found = await _lines(tx, [line_id]) if line_id < 2**63 else []
    return found[0] if found else None


async def _lines(tx: Tx, ids: list[int]) -> list[Line]:
    scope, args = _scope(tx)
    name, join = ("coalesce(d.name, '')", "LEFT JOIN domain d ON d.id = h.domain_id") \
        if isinstance(tx, PlatformTx) else ("''", "")
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, {name} AS domain_name FROM action_history h {join} WHERE {scope} "
        f"AND h.id = ANY(${len(args) + 1}::bigint[]) ORDER BY h.at DESC, h.id DESC", *args, ids)
    return [Line(**row) for row in rows]


async def domains_named(tx: PlatformTx, text: str) -> tuple[int, ...]:
    """Domains whose name or company holds the text, for the provider's filter; the first thousand."""
    rows = await tx.fetch("SELECT id FROM domain WHERE lower(name) LIKE $1 OR lower(company_name) LIKE $1 "
                          "ORDER BY name LIMIT 1000", _pattern(text))
    return tuple(row["id"] for row in rows)
