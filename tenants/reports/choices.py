"""What a report can be made of: operators, groups, lines; those that are gone too, while there are data [RPT-06]."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.kernel.db import DomainTx
from app.kernel.i18n import _
from tenants.routing.queries import numbers
from tenants.users.queries import BY_NAME


@dataclass(frozen=True, slots=True)
class Choice:
    """`id`: of an operator or a group as text, or the digits of a line."""

    id: str
    name: str


# Each operator of a table with one look into its index, however many rows he has.
_SEEN = """
    (SELECT {column} AS id FROM {table} WHERE domain_id = $1 ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM {table} WHERE domain_id = $1 AND {column} > s.id ORDER BY {column} LIMIT 1)
    FROM {name} s WHERE s.id IS NOT NULL
"""
_OPERATORS = f"""
WITH RECURSIVE offered(id) AS ({_SEEN.format(column="operator_id", table="call_offer", name="offered")}),
    stated(id) AS ({_SEEN.format(column="user_id", table="operator_state_interval", name="stated")}),
    known AS (SELECT id FROM domain_user WHERE domain_id = $1 AND is_operator
              UNION SELECT id FROM offered WHERE id IS NOT NULL UNION SELECT id FROM stated WHERE id IS NOT NULL)
SELECT k.id, coalesce(u.display_name, (SELECT o.operator_name FROM call_offer o WHERE o.domain_id = $1
       AND o.operator_id = k.id ORDER BY o.t_offer DESC LIMIT 1), '') AS name, u.id IS NULL AS is_deleted
FROM known k LEFT JOIN domain_user u ON u.domain_id = $1 AND u.id = k.id ORDER BY u.id IS NULL, {BY_NAME}, 2, k.id
"""


async def operators(tx: DomainTx) -> list[Choice]:
    """By name; those who are users no more at the end."""
    return [Choice(str(row["id"]), called(row["name"] or f"№ {row['id']}", is_deleted=row["is_deleted"]))
            for row in await tx.fetch(_OPERATORS, tx.domain_id)]


async def groups(tx: DomainTx) -> list[Choice]:
    """By name; those that were deleted at the end."""
    rows = await tx.fetch(
        "SELECT l.group_id, l.name, g.id IS NULL AS is_deleted FROM group_label l "
        "LEFT JOIN call_group g ON g.domain_id = l.domain_id AND g.id = l.group_id WHERE l.domain_id = $1 "
        "AND (g.id IS NOT NULL OR EXISTS (SELECT FROM group_call c WHERE c.domain_id = l.domain_id "
        "AND c.group_id = l.group_id)) ORDER BY g.id IS NULL, lower(l.name), l.group_id", tx.domain_id)
    return [Choice(str(row["group_id"]), called(row["name"], is_deleted=row["is_deleted"])) for row in rows]


async def lines(tx: DomainTx) -> list[Choice]:
    """Numbers of the domain by their addresses [RPT-41]."""
    return [Choice(one.e164, one.sip_uri) for one in (await numbers(tx))[0]]


def called(name: str, *, is_deleted: bool) -> str:
    return _("%(name)s (deleted)") % {"name": name} if is_deleted else name


def names(choices: Iterable[Choice]) -> dict[int, str]:
    return {int(one.id): one.name for one in choices}
