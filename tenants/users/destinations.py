"""Users as objects that calls can be sent to: rows of the picker [RTE-31]."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from asyncpg import Record

from app.kernel.db import DomainTx
from app.kernel.i18n import _, lazy
from app.kernel.sql import like_text
from tenants.destinations.registry import Choice, ObjectKind, register

_SELECT = """
SELECT u.id, u.display_name, u.login, u.extension, u.is_operator, (
    SELECT string_agg(g.name, ', ' ORDER BY lower(g.name), g.id) FROM group_member m
    JOIN call_group g ON g.domain_id = m.domain_id AND g.id = m.group_id
    WHERE m.domain_id = u.domain_id AND m.user_id = u.id) AS groups
FROM domain_user u WHERE u.domain_id = $1
"""


async def choices(tx: DomainTx, search: str, most: int) -> Sequence[Choice]:
    rows = await tx.fetch(
        f"{_SELECT} AND (u.display_name ILIKE $2 OR u.login ILIKE $2 OR u.extension ILIKE $2) "
        "ORDER BY lower(u.display_name), u.id LIMIT $3", tx.domain_id, like_text(search.strip()), most)
    return [_choice(row) for row in rows]


async def find(tx: DomainTx, ids: Collection[int]) -> Mapping[int, Choice]:
    rows = await tx.fetch(f"{_SELECT} AND u.id = ANY($2::bigint[])", tx.domain_id, list(ids))
    return {row["id"]: _choice(row) for row in rows}


def _choice(row: Record) -> Choice:
    tags = [row["login"], *([_("operator")] if row["is_operator"] else []), *([row["groups"]] if row["groups"] else [])]
    return Choice(row["id"], row["display_name"], row["extension"], " · ".join(tags), f"/users/{row['id']}")


register(ObjectKind("user", lazy("User"), choices, find))
