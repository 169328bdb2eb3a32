"""Groups as objects that calls can be sent to [RTE-31]: routing rules, scenarios and widgets choose among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from app.kernel.db import DomainTx
from app.kernel.i18n import lazy
from app.kernel.sql import like_text
from app.web.parts import Affected
from tenants.destinations.registry import Choice, ObjectKind, on_pointers, register
from tenants.groups import queries
from tenants.groups.present import NAMED, target_count, target_text
from tenants.groups.queries import GroupRow
from tenants.groups.service import OBJECT


def choice(row: GroupRow) -> Choice:
    more = " · ".join(text for text in (target_count(row), target_text(row)) if text)
    return Choice(row.id, row.name, row.extension, more, f"/groups/{row.id}")


async def choices(tx: DomainTx, search: str, most: int) -> Sequence[Choice]:
    rows, _total = await queries.groups(tx, like=like_text(search.strip()) if search.strip() else None, limit=most)
    return [choice(row) for row in rows]


async def find(tx: DomainTx, ids: Collection[int]) -> Mapping[int, Choice]:
    return {number: choice(row) for number, row in (await queries.find(tx, ids)).items()}


async def _losing(tx: DomainTx, code: str, user_id: int) -> Sequence[Affected]:
    """Groups whose only member, or only operator, a user is who is to be deleted [GRP-42]."""
    if code != "user":
        return []
    empty, left = await queries.orphaned_by(tx, [user_id])
    return [Affected(label, [row.name for row in rows[:NAMED]], len(rows), f"/groups/{rows[0].id}")
            for label, rows in ((lazy("Groups that are left without members; add others there"), empty),
                                (lazy("Groups that are left without operators; make others operators there"), left))
            if rows]


async def _nothing(_tx: DomainTx, _code: str, _object_id: int) -> None:
    """Memberships go with the user's row."""


on_pointers(_losing, _nothing)
register(ObjectKind(OBJECT, lazy("Call processing group"), choices, find))
