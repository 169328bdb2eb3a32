"""Reports of single calls, and of calls on lines and private routes [RPT-37…46]."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.kernel.db import DomainTx
from app.web.lists import cursor_after, read_cursor
from tenants.calls.present import shown_number
from tenants.reports.call_tables import CallRow, status_of
from tenants.reports.period import Period

ROWS = 100  # at a time
_CALLS = r"""
SELECT c.id, c.t_line, c.t_group, c.t_answer, c.t_end, c.outcome, c.ended_by, c.caller_number,
    p.display_name AS caller, coalesce(l.name, c.group_name) AS group_name,
    coalesce(nullif(u.display_name, ''), c.operator_name) AS operator,
    c.outcome = 'queue_limit' AND EXISTS (SELECT FROM call r WHERE r.domain_id = c.domain_id
        AND r.linkedid = c.linkedid AND r.started_at BETWEEN c.t_line - interval '1 hour'
        AND c.t_end + interval '1 hour' AND r.kind LIKE '%voicemail%') AS to_voicemail,
    c.ended_by = 'operator' AND EXISTS (SELECT FROM call r WHERE r.domain_id = c.domain_id
        AND r.linkedid = c.linkedid AND r.started_at BETWEEN c.t_line - interval '1 hour'
        AND c.t_end + interval '1 hour' AND r.ended_at > c.t_end + interval '1 second'
        AND r.kind LIKE '%transferred%') AS went_on
FROM group_call c
LEFT JOIN domain_user p ON p.domain_id = c.domain_id AND p.id = c.caller_user_id
LEFT JOIN domain_user u ON u.domain_id = c.domain_id AND u.id = c.operator_id AND c.t_answer IS NOT NULL
LEFT JOIN group_label l ON l.domain_id = c.domain_id AND l.group_id = c.group_id
WHERE c.domain_id = $1 AND c.t_line >= $2 AND c.t_line < $3 AND (c.t_line, c.id) > ($4, $5)
    AND ($6 = '' OR regexp_replace(regexp_replace(c.caller_number, '\D', '', 'g'), '^8(\d{10})$', '7\1')
        LIKE '%' || $6 || '%')
ORDER BY c.t_line, c.id LIMIT $7
"""


def digits(typed: str) -> str:
    """What a caller's number is searched by; 8… of eleven digits is the Russian +7…."""
    return re.sub(r"^8([0-9]{10})$", r"7\1", re.sub(r"[^0-9]", "", typed))


async def calls(tx: DomainTx, period: Period, number: str, after: str = "",
                limit: int = ROWS) -> tuple[list[CallRow], str]:
    """Rows that follow the cursor `after`, and the cursor of the last one where there are more [RPT-40]."""
    at, row_id = read_cursor(after) or (period.start, 0)
    rows = await tx.fetch(_CALLS, tx.domain_id, period.start, period.end, at, row_id, digits(number), limit + 1)
    found = [CallRow(
        row["caller"] or shown(row["caller_number"]), row["t_line"],
        status_of(row["outcome"], row["ended_by"], went_to_voicemail=bool(row["to_voicemail"]),
                  went_on=bool(row["went_on"])),
        (row["t_answer"] or row["t_end"] or period.now) - row["t_group"],
        (row["t_end"] or period.now) - row["t_answer"] if row["t_answer"] else timedelta(0),
        row["group_name"], row["operator"] if row["t_answer"] else "") for row in rows[:limit]]
    return found, cursor_after(rows[limit - 1]["t_line"], rows[limit - 1]["id"]) if len(rows) > limit else ""


def shown(number: str) -> str:
    """`+7 (499) 000-0000`; numbers of other countries and internal ones as elsewhere [RPT-07]."""
    plain = number.removeprefix("+")
    russian = re.fullmatch(r"7([0-9]{3})([0-9]{3})([0-9]{4})", plain)
    return "+7 ({}) {}-{}".format(*russian.groups()) if russian else shown_number(plain)


_LINES = """
WITH spoken AS (
    SELECT b_number AS line, min(started_at) AS begun, max(ended_at) AS ended FROM call
    WHERE domain_id = $1 AND direction = 'in' AND b_number = ANY($5::text[])
        AND started_at >= $2::timestamptz - interval '1 day' AND started_at < $3
    GROUP BY b_number, node_id, linkedid HAVING max(ended_at) > $2),
events AS (
    SELECT line, greatest(begun, $2) AS at, 1 AS change FROM spoken
    UNION ALL SELECT line, greatest(ended, begun + interval '1 microsecond'), -1 FROM spoken WHERE ended < $3),
levels AS (
    SELECT line, at, change, sum(change) OVER (PARTITION BY line ORDER BY at, change ROWS UNBOUNDED PRECEDING) AS level
    FROM events)
SELECT line, width_bucket(CASE WHEN change < 0 THEN at - interval '1 microsecond' ELSE at END, $4::timestamptz[]) - 1
    AS interval, max(level)::int AS highest, sum(change)::int AS change
FROM levels GROUP BY 1, 2
"""


async def occupied(tx: DomainTx, period: Period, lines: Sequence[str],
                   borders: Sequence[datetime]) -> dict[str, dict[int, tuple[int, int]]]:
    """Line → interval → (highest number of calls after an event, change within it).

    A call takes its line from the arrival to the last of its records; at one instant the ends come first [RPT-44].
    """
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for row in await tx.fetch(_LINES, tx.domain_id, period.start, period.end, list(borders[:-1]), list(lines)):
        found.setdefault(row["line"], {})[row["interval"]] = (row["highest"], row["change"])
    return found


async def from_private_routes(tx: DomainTx, period: Period, borders: Sequence[datetime]) -> list[int]:
    """Calls that a private route brought, by the interval of their start [RPT-46]."""
    counts = [0] * (len(borders) - 1)
    rows = await tx.fetch(
        "SELECT width_bucket(begun, $4::timestamptz[]) - 1 AS interval, count(*) AS calls FROM ("
        "SELECT min(started_at) AS begun FROM call WHERE domain_id = $1 AND started_at >= $2 AND started_at < $3 "
        "AND 'private_route' = ANY(string_to_array(kind, ' ')) GROUP BY node_id, linkedid) c GROUP BY 1",
        tx.domain_id, period.start, period.end, list(borders[:-1]))
    for row in rows:
        counts[row["interval"]] = row["calls"]
    return counts
