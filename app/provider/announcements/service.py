"""Announcing maintenance to everybody who has a page open."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from app.audit import history
from app.kernel.announcements import Announcement
from app.kernel.db import PlatformTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _


@dataclass(frozen=True, slots=True)
class Wanted:
    """An announcement as typed; moments are aware."""

    kind: str
    text_ru: str
    text_en: str
    starts_at: datetime
    ends_at: datetime


_COLUMNS = ", ".join(field.name for field in fields(Wanted))


def check(wanted: Wanted) -> None:
    """Raises InvalidFields when it would never be in force."""
    if wanted.ends_at <= wanted.starts_at:
        text = _("The end must be after the beginning.")
        raise InvalidFields("invalid_fields", text, fields={"ends_at": text})


async def all_of(tx: PlatformTx, *, limit: int, offset: int) -> tuple[list[Announcement], int]:
    total = await tx.fetchval("SELECT count(*) FROM announcement")
    rows = await tx.fetch(f"SELECT id, {_COLUMNS} FROM announcement ORDER BY starts_at DESC, id DESC "
                          "LIMIT $1 OFFSET $2", limit, offset)
    return [Announcement(**row) for row in rows], total


async def one(tx: PlatformTx, number: int) -> Announcement:
    """Raises NotFound. Locks it."""
    row = await tx.fetchrow(f"SELECT id, {_COLUMNS} FROM announcement WHERE id = $1 FOR UPDATE", number)
    if row is None:
        raise NotFound("announcement", _("There is no such announcement."))
    return Announcement(**row)


async def create(tx: PlatformTx, wanted: Wanted) -> int:
    check(wanted)
    number = await tx.fetchval(
        f"INSERT INTO announcement ({_COLUMNS}, created_by, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7) RETURNING id",
        *asdict(wanted).values(), tx.actor.login, tx.now)
    await history.record(tx, "announcement_created", "announcement", object_id=number, object_name=wanted.text_en[:80],
                         changes={name: (None, value) for name, value in asdict(wanted).items()})
    return number


async def update(tx: PlatformTx, number: int, wanted: Wanted) -> None:
    check(wanted)
    before = await one(tx, number)
    await tx.execute("UPDATE announcement SET kind = $2, text_ru = $3, text_en = $4, starts_at = $5, ends_at = $6 "
                     "WHERE id = $1", number, *asdict(wanted).values())
    await history.record(tx, "announcement_changed", "announcement", object_id=number,
                         object_name=wanted.text_en[:80],
                         changes={name: (getattr(before, name), value) for name, value in asdict(wanted).items()})


async def delete(tx: PlatformTx, number: int) -> None:
    before = await one(tx, number)
    await tx.execute("DELETE FROM announcement WHERE id = $1", number)
    await history.record(tx, "announcement_deleted", "announcement", object_id=number, object_name=before.text_en[:80],
                         changes={"ends_at": (before.ends_at, None)})
