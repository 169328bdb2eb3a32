"""Reading a history: a page and the exact number of all that match [AUD-02, AUD-03, POOL-48]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from app.audit.tally import whole_days
from app.audit.words_met import PROVIDER
from app.kernel.db import DomainTx, PlatformTx, PoolTx
from app.kernel.sql import like_text

Tx = DomainTx | PoolTx | PlatformTx
Place = tuple[datetime, int]  # time and id of a line: where in the list it stands
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


class _Args(list[object]):
    """Values of one statement; `put` gives the placeholder."""

    def put(self, value: object) -> str:
        self.append(value)
        return f"${len(self)}"


def _scope(tx: Tx, args: _Args, alias: str = "h") -> str:
    if isinstance(tx, DomainTx):
        return f"{alias}.domain_id = {args.put(tx.domain_id)}"
    return f"{alias}.pool_id = {args.put(tx.pool_id)}" if isinstance(tx, PoolTx) else "true"


def _where(tx: Tx, wanted: Wanted, args: _Args) -> str:
    parts = [_scope(tx, args), *_people_and_actions(tx, wanted, args)]
    if wanted.domain_ids is not None:
        one = len(wanted.domain_ids) == 1
        parts.append(f"h.domain_id = {args.put(wanted.domain_ids[0])}" if one
                     else f"h.domain_id = ANY({args.put(list(wanted.domain_ids))}::bigint[])")
    parts += _period("h.at", wanted.since, wanted.until, args)
    if wanted.text:
        parts.append(f"h.search_name LIKE {args.put(_pattern(wanted.text))}")
    return " AND ".join(parts)


def _period(column: str, since: object, until: object, args: _Args) -> list[str]:
    parts = [f"{column} >= {args.put(since)}"] if since is not None else []
    return parts + ([f"{column} < {args.put(until)}"] if until is not None else [])


def _people_and_actions(tx: Tx, wanted: Wanted, args: _Args, alias: str = "h") -> list[str]:
    """Conditions that a line and its place in the tally share."""
    parts = []
    if wanted.actions:
        one = len(wanted.actions) == 1
        parts.append(f"{alias}.action = {args.put(wanted.actions[0])}" if one
                     else f"{alias}.action = ANY({args.put(list(wanted.actions))}::text[])")
    if wanted.actor == PROVIDER:
        parts.append(f"{alias}.actor_kind IN ('staff', 'system') AND NOT {alias}.jumped")
    elif wanted.actor:
        kind, _colon, number = wanted.actor.partition(":")
        parts.append(f"{alias}.actor_kind = {args.put(kind)} AND {alias}.actor_id = {args.put(int(number))}")
        if kind == "staff" and not isinstance(tx, PlatformTx):
            parts.append(f"{alias}.jumped")
    return parts


def _pattern(text: str) -> str:
    """Substring without regard to case; the column is in lower case."""
    return like_text(text.lower())


# The planner takes a substring to be rare and would sort a million lines; the index has them in order.
_IN_ORDER = ("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), "
             "set_config('enable_sort', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)")


async def page(tx: Tx, wanted: Wanted, *, limit: int, offset: int = 0,
               after: Place | None = None) -> tuple[list[Line], int]:
    """Newest first, and how many there are in all.

    Args:
        offset: how many are shown already; they are skipped by number only where `after` does not tell the last one.
    """
    named = await _named(tx, wanted.text) if wanted.text and wanted.domain_ids is None else None
    if named == 0:  # no object was ever called so: not a line need be read
        return [], 0
    args = _Args()
    where = _where(tx, wanted, args)
    follows = _follows(after, args)
    await tx.execute(_IN_ORDER)
    found = await tx.fetch(f"SELECT h.id, h.at FROM action_history h WHERE {where}{follows} ORDER BY h.at DESC, "
                           f"h.id DESC LIMIT {int(limit)} OFFSET {0 if after else int(offset)}", *args)
    lines = await _lines(tx, [row["id"] for row in found])
    if len(found) < limit and (found or not offset):
        return lines, offset + len(found)
    if wanted.domain_ids is None and not wanted.text:
        return lines, await _tallied(tx, wanted)
    if named is not None and wanted == Wanted(text=wanted.text):
        return lines, named
    last = found[-1] if found else None
    args = _Args()
    rest = await _count(tx, _where(tx, wanted, args), args, (last["at"], last["id"]) if last else None)
    return lines, (offset + len(found) if last else 0) + rest


def _follows(after: Place | None, args: _Args) -> str:
    return f" AND (h.at, h.id) < ({args.put(after[0])}, {args.put(after[1])})" if after else ""


async def _count(tx: Tx, where: str, args: _Args, after: Place | None) -> int:
    """Goes on where the page ends, so both together read the index once."""
    where += _follows(after, args)
    most = f"LIMIT {MOST}" if isinstance(tx, PlatformTx) else ""
    return await tx.fetchval(f"SELECT count(*) FROM (SELECT FROM action_history h WHERE {where} {most}) matching",
                             *args)


async def _tallied(tx: Tx, wanted: Wanted) -> int:
    """Whole days from the tally; the ends of the period, and what is not sealed, from the lines themselves."""
    args, (first, last) = _Args(), whole_days(wanted.since, wanted.until)
    if first is not None and first == last:
        return await _count(tx, _where(tx, wanted, args), args, None)
    days = [*_tally_scope(tx, args), *_people_and_actions(tx, wanted, args, "t"),
            *_period("t.day", first and first.date(), last and last.date(), args)]
    fresh = _where(tx, replace(wanted, since=first, until=last), args)
    parts = [f"(SELECT coalesce(sum(t.n), 0) FROM history_tally t WHERE {' AND '.join(days)})",
             f"(SELECT count(*) {_FRESH} WHERE {fresh})"]
    for since, until in ((wanted.since, first), (last, wanted.until)):
        if since != until:
            edge = _where(tx, replace(wanted, since=since, until=until), args)
            parts.append(f"(SELECT count(*) FROM action_history h WHERE {edge})")
    return int(await tx.fetchval(f"SELECT {' + '.join(parts)}", *args))


async def _named(tx: Tx, text: str) -> int:
    """The same for a search alone: from the names that objects have."""
    args = _Args()
    known = [*_tally_scope(tx, args), f"t.search_name LIKE {args.put(_pattern(text))}"]
    fresh = _where(tx, Wanted(text=text), args)
    return int(await tx.fetchval(
        f"SELECT (SELECT coalesce(sum(t.n), 0) FROM history_name t WHERE {' AND '.join(known)}) "
        f"+ (SELECT count(*) {_FRESH} WHERE {fresh})", *args))


_FRESH = "FROM history_unsealed u JOIN action_history h ON h.id = u.history_id"


def _tally_scope(tx: Tx, args: _Args) -> list[str]:
    if isinstance(tx, PlatformTx):
        return ["t.domain_id IS NULL", "t.pool_id IS NULL"]
    return [_scope(tx, args, "t")]


async def all_lines(tx: Tx, wanted: Wanted, *, limit: int, after: Place | None = None) -> list[Line]:
    """The next `limit` lines after that one, for an export."""
    args = _Args()
    where = _where(tx, wanted, args) + _follows(after, args)
    await tx.execute(_IN_ORDER)
    ids = await tx.fetch(f"SELECT h.id FROM action_history h WHERE {where} ORDER BY h.at DESC, h.id DESC "
                         f"LIMIT {int(limit)}", *args)
    return await _lines(tx, [row["id"] for row in ids])


async def one(tx: Tx, line_id: int) -> Line | None:
    """A line of this history, None for another's."""
    found = await _lines(tx, [line_id]) if line_id < 2**63 else []
    return found[0] if found else None


async def _lines(tx: Tx, ids: list[int]) -> list[Line]:
    args = _Args()
    scope = _scope(tx, args)
    name, join = ("coalesce(d.name, '')", "LEFT JOIN domain d ON d.id = h.domain_id") \
        if isinstance(tx, PlatformTx) else ("''", "")
    rows = await tx.fetch(
        f"SELECT {_COLUMNS}, {name} AS domain_name FROM action_history h {join} WHERE {scope} "
        f"AND h.id = ANY({args.put(ids)}::bigint[]) ORDER BY h.at DESC, h.id DESC", *args)
    return [Line(**row) for row in rows]


async def domains_named(tx: PlatformTx, text: str) -> tuple[int, ...]:
    """Domains whose name or company holds the text, for the provider's filter; the first thousand."""
    rows = await tx.fetch("SELECT id FROM domain WHERE lower(name) LIKE $1 OR lower(company_name) LIKE $1 "
                          "ORDER BY name LIMIT 1000", _pattern(text))
    return tuple(row["id"] for row in rows)
