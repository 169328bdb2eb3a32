"""Sealing the history and checking the seal. Only the worker and the check write here, one at a time.

A writer of history takes no lock for it: lines wait in `history_unsealed`, which is filled with the line
itself, so one that commits late is sealed late and never missed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from app.audit import tally, words_met
from app.audit.chain import COLUMNS, START, Broken, Sealed, digest, first_broken, link
from app.kernel.db import PlatformTx

LOCK = 7_302_026  # advisory: one sealer at a time
BATCH = 2_000
_LINE = ", ".join(f"h.{name}" for name in COLUMNS)


@dataclass(frozen=True, slots=True)
class Checked:
    """How a check ended; `broken` None: nothing was touched."""

    at: datetime
    seals: int
    head: bytes
    broken: Broken | None


async def seal(tx: PlatformTx, limit: int = BATCH) -> int:
    """Seal the oldest waiting lines; how many. 0 also when somebody else is at it.

    A waiting line that is gone is sealed as gone: the check tells of it.
    """
    if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", LOCK):
        return 0
    rows = await tx.fetch(
        "WITH taken AS (DELETE FROM history_unsealed WHERE history_id IN (SELECT history_id FROM history_unsealed "
        f"ORDER BY history_id LIMIT $1) RETURNING history_id) SELECT t.history_id, {_LINE} FROM taken t "
        "LEFT JOIN action_history h ON h.id = t.history_id ORDER BY t.history_id", limit)
    if not rows:
        return 0
    number, chain = await head(tx)
    links = []
    for row in rows:
        number += 1
        chain = link(chain, digest(dict(row)) if row["id"] is not None else START)
        links.append((number, row["history_id"], chain))
    await tx.execute("INSERT INTO history_seal (number, history_id, chain) "
                     "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])",
                     *map(list, zip(*links, strict=True)))
    there = [row for row in rows if row["id"] is not None]
    await words_met.note(tx, there)
    await tally.add(tx, [row["id"] for row in there])
    return len(rows)


async def head(tx: PlatformTx) -> tuple[int, bytes]:
    """Number and value of the newest link."""
    row = await tx.fetchrow("SELECT number, chain FROM history_seal ORDER BY number DESC LIMIT 1")
    return (row["number"], row["chain"]) if row else (0, START)


async def verify(tx: PlatformTx) -> Checked:
    """Walk the whole chain; the result is kept, with the head that the next check must find again."""
    number, chain = await head(tx)
    broken = await _walk(tx, number) or await _cut(tx) or await _inserted(tx)
    await tx.execute("INSERT INTO history_check (at, seals, head, problem, history_id) VALUES ($1, $2, $3, $4, $5)",
                     tx.now, number, chain, broken.problem if broken else "", broken.history_id if broken else None)
    return Checked(tx.now, number, chain, broken)


async def _walk(tx: PlatformTx, last: int) -> Broken | None:
    before, done = START, 0
    async for part in _parts(tx, last):
        broken = first_broken(part, before=before, last_number=done)
        if broken:
            return broken
        before, done = part[-1].chain, part[-1].number
    return None


async def _parts(tx: PlatformTx, last: int) -> AsyncIterator[list[Sealed]]:
    done = 0
    while done < last:
        rows = await tx.fetch(
            f"SELECT s.number, s.history_id, s.chain, {_LINE} FROM history_seal s LEFT JOIN action_history h "
            "ON h.id = s.history_id WHERE s.number > $1 AND s.number <= $2 ORDER BY s.number LIMIT $3",
            done, last, BATCH)
        if not rows:
            return
        yield [Sealed(row["number"], row["history_id"], row["chain"], dict(row) if row["id"] is not None else None)
               for row in rows]
        done = rows[-1]["number"]


async def _cut(tx: PlatformTx) -> Broken | None:
    """A head that an earlier check saw is no longer there: links were removed at the end, or made anew."""
    row = await tx.fetchrow(
        "SELECT c.id FROM history_check c LEFT JOIN history_seal s ON s.number = c.seals "
        "WHERE c.seals > 0 AND c.head IS DISTINCT FROM s.chain ORDER BY c.id LIMIT 1")
    return Broken("cut", None) if row else None


async def _inserted(tx: PlatformTx) -> Broken | None:
    """A line that came past the queue. One statement: sealing moves lines from one table to the other."""
    found = await tx.fetchval(
        "SELECT h.id FROM action_history h WHERE NOT EXISTS (SELECT FROM history_seal s WHERE s.history_id = h.id) "
        "AND NOT EXISTS (SELECT FROM history_unsealed u WHERE u.history_id = h.id) ORDER BY h.id LIMIT 1")
    return Broken("inserted", found) if found else None


async def last_check(tx: PlatformTx) -> Checked | None:
    row = await tx.fetchrow("SELECT at, seals, head, problem, history_id FROM history_check ORDER BY id DESC LIMIT 1")
    if row is None:
        return None
    broken = Broken(row["problem"], row["history_id"]) if row["problem"] else None
    return Checked(row["at"], row["seals"], row["head"], broken)


async def waiting(tx: PlatformTx) -> int:
    """Lines that are not sealed yet."""
    return await tx.fetchval("SELECT count(*) FROM history_unsealed")
