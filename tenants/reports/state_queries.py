"""States of operators within a period [RPT-35, RPT-61, RPT-62]. Borders are whole seconds, as they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.kernel.db import DomainTx
from tenants.reports.period import Period
from tenants.reports.states import Interval, Shift, within

ROWS = 500  # at a time
_CUT = """
SELECT user_id, id, state, greatest(date_trunc('second', started_at), $2) AS begun,
    least(date_trunc('second', coalesce(ended_at, $3)), $3) AS ended
FROM operator_state_interval WHERE domain_id = $1 AND user_id = ANY($4::bigint[]) AND started_at < $3
    AND coalesce(ended_at, $3) > $2
"""


async def intervals(tx: DomainTx, period: Period, operator_id: int, after: str = "",
                    limit: int = ROWS) -> tuple[list[Interval], str]:
    """One after another from `after`, an instant of an earlier answer; where further ones begin, or ""."""
    start = max(_instant(after) or period.start, period.start)
    rows = await tx.fetch(
        "SELECT state, started_at, ended_at FROM operator_state_interval WHERE domain_id = $1 AND user_id = $2 "
        "AND started_at < $4 AND coalesce(ended_at, $4) > $3 ORDER BY started_at, id LIMIT $5",
        tx.domain_id, operator_id, start, period.end, limit + 1)
    found = within([Interval(*row) for row in rows], start, period.end)
    if len(rows) <= limit or len(found) < 2:
        return found, ""
    return found[:-1], str(int(found[-1].start.timestamp()))  # the last may go on in what follows


def _instant(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isascii() and text.isdigit() and len(text) < 11 else None


async def shifts(tx: DomainTx, period: Period, operator_id: int) -> list[Shift]:
    """Sessions between two times offline, with the time in each state; without calls."""
    rows = await tx.fetch(
        f"SELECT session, state, min(begun) AS begun, max(ended) AS ended, sum(ended - begun) AS time FROM ("
        f"SELECT *, count(*) FILTER (WHERE state = 'offline') OVER (ORDER BY begun, id) AS session FROM ({_CUT}) i) s "
        "WHERE state <> 'offline' GROUP BY session, state ORDER BY session", tx.domain_id, period.start, period.end,
        [operator_id])
    found: dict[int, Shift] = {}
    for row in rows:
        before = found.get(row["session"])
        times = {**(before.times if before else {}), row["state"]: row["time"]}
        begun, ended = row["begun"], row["ended"]
        found[row["session"]] = Shift(min(begun, before.start), max(ended, before.end), times) if before else \
            Shift(begun, ended, times)
    return [one for one in found.values() if one.start < one.end]


async def times(tx: DomainTx, period: Period, operators: Sequence[int]) -> dict[int, dict[str, timedelta]]:
    """Operator → state → time in it."""
    found: dict[int, dict[str, timedelta]] = {one: {} for one in operators}
    for row in await tx.fetch(f"SELECT user_id, state, sum(ended - begun) AS time FROM ({_CUT}) i GROUP BY 1, 2",
                              tx.domain_id, period.start, period.end, list(operators)):
        found[row["user_id"]][row["state"]] = row["time"]
    return found
