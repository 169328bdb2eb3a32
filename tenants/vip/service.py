"""Use cases of VIP numbers. Queues read the list when a call enters them, so nothing is to be applied [VIP-06]."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asyncpg import UniqueViolationError

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from tenants.vip import rules
from tenants.vip.rules import Vip

LONGEST_INTERNAL = 7  # digits


@dataclass(frozen=True, slots=True)
class VipRow:
    id: int
    number: str
    priority: int
    comment: str

    @property
    def shown(self) -> str:
        """With + where it is long enough for one of the public network."""
        return f"+{self.number}" if len(self.number) > LONGEST_INTERNAL else self.number


async def vips(tx: DomainTx, *, like: str | None = None, order: str = "v.priority, v.id", limit: int | None = None,
               offset: int = 0) -> tuple[list[VipRow], int]:
    """One page and the number of all that match. `order`: our own SQL."""
    digits = re.sub(r"[^0-9]", "", like or "")
    number = f"%{digits}%" if digits else like
    where = "v.domain_id = $1 AND ($2::text IS NULL OR v.number LIKE $3 OR v.comment ILIKE $2)"
    total = await tx.fetchval(f"SELECT count(*) FROM vip_number v WHERE {where}", tx.domain_id, like, number)
    rows = await tx.fetch(f"SELECT v.id, v.number, v.priority, v.comment FROM vip_number v WHERE {where} "
                          f"ORDER BY {order} LIMIT $4 OFFSET $5", tx.domain_id, like, number, limit, offset)
    return [VipRow(*row) for row in rows], total


async def one(tx: DomainTx, vip_id: int) -> VipRow:
    """Raises NotFound, for another domain's too."""
    row = await tx.fetchrow("SELECT id, number, priority, comment FROM vip_number WHERE domain_id = $1 AND id = $2 "
                            "FOR NO KEY UPDATE", tx.domain_id, vip_id)
    if row is None:
        raise NotFound("vip_number", _("There is no such VIP number"))
    return VipRow(*row)


async def of_caller(tx: DomainTx, caller: str) -> Vip | None:
    """The entry of who is calling, written as the line shows it; for the operator's card [VIP-07]."""
    try:
        digits = rules.stored_number(caller)
    except ValueError:
        return None
    row = await tx.fetchrow("SELECT number, priority, comment FROM vip_number WHERE domain_id = $1 AND number = $2",
                            tx.domain_id, digits)
    return Vip(*row) if row else None


async def add(tx: DomainTx, number: str, priority: int, comment: str) -> int:
    """Raises InvalidFields."""
    new = _checked(number, priority, comment)
    try:
        async with tx.savepoint():
            vip_id = await tx.fetchval(
                "INSERT INTO vip_number (domain_id, number, priority, comment) VALUES ($1, $2, $3, $4) RETURNING id",
                tx.domain_id, new.number, new.priority, new.comment)
    except UniqueViolationError as taken:
        raise _taken() from taken
    await history.record(tx, "vip_number_created", "vip_number", object_id=vip_id, object_name=new.number,
                         changes={"priority": ("", new.priority), "comment": ("", new.comment)})
    return vip_id


async def change(tx: DomainTx, vip_id: int, number: str, priority: int, comment: str) -> None:
    """Raises NotFound, InvalidFields."""
    before = await one(tx, vip_id)
    new = _checked(number, priority, comment)
    try:
        async with tx.savepoint():
            await tx.execute("UPDATE vip_number SET number = $3, priority = $4, comment = $5 WHERE domain_id = $1 "
                             "AND id = $2", tx.domain_id, vip_id, new.number, new.priority, new.comment)
    except UniqueViolationError as taken:
        raise _taken() from taken
    if (before.number, before.priority, before.comment) != (new.number, new.priority, new.comment):
        await history.record(tx, "vip_number_changed", "vip_number", object_id=vip_id, object_name=new.number, changes={
            "number": (before.number, new.number), "priority": (before.priority, new.priority),
            "comment": (before.comment, new.comment)})


async def delete(tx: DomainTx, vip_id: int) -> None:
    """Raises NotFound."""
    before = await one(tx, vip_id)
    await tx.execute("DELETE FROM vip_number WHERE domain_id = $1 AND id = $2", tx.domain_id, vip_id)
    await history.record(tx, "vip_number_deleted", "vip_number", object_id=vip_id, object_name=before.number)


async def end_all(tx: DomainTx) -> None:
    """The contact centre is switched off [GRP-06]."""
    rows = await tx.fetch("DELETE FROM vip_number WHERE domain_id = $1 RETURNING id, number", tx.domain_id)
    if rows:
        await history.record_many(tx, "vip_number_deleted", "vip_number",
                                  [history.Item(row["id"], row["number"], {}) for row in rows])


def _checked(number: str, priority: int, comment: str) -> Vip:
    vip, errors = rules.checked(number, priority, comment)
    if vip is None:
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=errors)
    return vip


def _taken() -> InvalidFields:
    text = _("This number is in the list already")
    return InvalidFields("taken", text, fields={"number": text})
