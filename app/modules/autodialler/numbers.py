"""The number list of a task: loaded, cleared, single numbers deleted or stopped [ADL-44, ADL-55…61]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.audit import history
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, Refused
from app.kernel.i18n import _, format_phone
from app.kernel.tabular import NotATable
from app.modules.autodialler import queries
from app.modules.autodialler.number_file import Entry, check_size
from app.modules.autodialler.queries import Task
from app.modules.autodialler.rules import Result, Status
from app.modules.autodialler.service import CODE, OBJECT
from billing.services import service as services
from tenants.calls import orders


@dataclass(frozen=True, slots=True)
class Loaded:
    added: int
    duplicates: int


async def load(tx: DomainTx, task_id: int, entries: Sequence[Entry]) -> Loaded:
    """Append the entries; a number that the task has already is skipped and counted.

    Raises:
        Refused: the task is not inactive.
        InvalidFields: the task would have too many.
    """
    task = await _locked(tx, task_id, {Status.INACTIVE}, _("Numbers can be loaded while the task is inactive."))
    row = await tx.fetchrow(
        "WITH added AS (INSERT INTO dial_number (domain_id, task_id, number, comment, extra) "
        "SELECT $1, $2, x.number, x.comment, x.extra FROM unnest($3::text[], $4::text[], $5::text[]) "
        "WITH ORDINALITY AS x (number, comment, extra, place) ORDER BY x.place ON CONFLICT DO NOTHING RETURNING 1) "
        "SELECT count(*) AS added FROM added", tx.domain_id, task_id, [one.number for one in entries],
        [one.comment for one in entries], [one.extra for one in entries])
    assert row is not None
    whole = await tx.fetchrow("SELECT count(*) AS total, bool_or(comment <> '') AS commented FROM dial_number "
                              "WHERE domain_id = $1 AND task_id = $2", tx.domain_id, task_id)
    assert whole is not None
    try:
        check_size(whole["total"], bool(whole["commented"]))
    except NotATable as many:
        raise InvalidFields("too_many", str(many), fields={"file": str(many)}) from many
    await history.record(tx, "dial_numbers_loaded", OBJECT, object_id=task_id, object_name=task.name,
                         changes={"count": (None, row["added"])})
    return Loaded(row["added"], len(entries) - row["added"])


async def clear(tx: DomainTx, task_id: int) -> int:
    """Delete all numbers; how many. Raises Refused: the task is not inactive [ADL-61]."""
    task = await _locked(tx, task_id, {Status.INACTIVE}, _("The list can be cleared while the task is inactive."))
    done = await tx.execute("DELETE FROM dial_number WHERE domain_id = $1 AND task_id = $2", tx.domain_id, task_id)
    count = int(done.rpartition(" ")[2])
    if count:
        await history.record(tx, "dial_numbers_cleared", OBJECT, object_id=task_id, object_name=task.name,
                             changes={"count": (count, 0)})
    return count


async def remove(tx: DomainTx, task_id: int, number_id: int) -> bool:
    """Delete one number; of one whose scenario has begun, stop that and keep the row [ADL-55, ADL-D10].

    Returns:
        True if it was deleted, False if its scenario was stopped.
    """
    task = await _locked(tx, task_id, set(Status) - {Status.DELETED}, _("An archived task cannot be changed."))
    found = await queries.number(tx, task_id, number_id, lock=True)
    name = f"{task.name}: {format_phone('+7' + found.number)}"
    if found.has_begun:
        order_id = await tx.fetchval(
            "UPDATE dial_number SET result = 'failed', next_attempt_at = NULL WHERE domain_id = $1 AND id = $2 "
            "RETURNING order_id", tx.domain_id, number_id)
        if order_id is not None:
            await orders.cancel(tx, order_id)
        await history.record(tx, "dial_number_stopped", OBJECT, object_id=task_id, object_name=name, changes={
            "dial_result": (found.result.value, Result.FAILED.value)})
        return False
    await tx.execute("DELETE FROM dial_number WHERE domain_id = $1 AND id = $2", tx.domain_id, number_id)
    await history.record(tx, "dial_number_deleted", OBJECT, object_id=task_id, object_name=name)
    return True


async def _locked(tx: DomainTx, task_id: int, permitted: set[Status], otherwise: str) -> Task:
    await services.require(tx, CODE)
    task = await queries.task(tx, task_id, lock=True)
    if task.status not in permitted:
        raise Refused("status", otherwise)
    return task
