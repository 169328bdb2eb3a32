"""Use cases of faxes: queue, cancel, take what was received. What the worker and the node do is in `work.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.audit import history
from app.kernel import files
from app.kernel.db import DomainTx
from app.kernel.errors import InvalidFields, NotFound, Refused
from app.kernel.i18n import _
from tenants.faxes.rules import FARTHEST, MAX_WAITING, Sender, Unsendable, is_internal, outside_number


@dataclass(frozen=True, slots=True)
class NewFax:
    """`at` None: now. `kind` was found in the content."""

    name: str
    kind: str
    content: bytes
    number: str
    at: datetime | None = None


async def note(tx: DomainTx, fax_id: int, event: str, **facts: object) -> None:
    """One line of the protocol [FAX-06]."""
    await tx.execute("INSERT INTO fax_event (domain_id, fax_id, at, event, facts) VALUES ($1, $2, $3, $4, $5)",
                     tx.domain_id, fax_id, tx.now, event, facts)


async def queue_fax(tx: DomainTx, user_id: int, new: NewFax) -> int:
    """Take a fax for sending [ACC-62, ACC-D15]; its id.

    Raises:
        Refused: the domain is blocked, or too many faxes wait.
        InvalidFields: number, time.
    """
    # The user's row makes requests of one user follow each other: the limit holds.
    row = await tx.fetchrow(
        "SELECT d.country, d.area_code, u.outgoing_restriction AS own_restriction, d.default_restriction, u.extension, "
        "EXISTS (SELECT FROM domain_block b WHERE b.domain_id = d.id AND b.ended_at IS NULL) AS is_blocked "
        "FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 AND u.id = $2 "
        "FOR NO KEY UPDATE OF u", tx.domain_id, user_id)
    if row is None:
        raise NotFound("user", _("There is no such user"))
    if row["is_blocked"]:
        raise Refused("blocked", _("The domain is blocked: faxes cannot be sent."))
    waiting = await tx.fetchval("SELECT count(*) FROM fax WHERE domain_id = $1 AND user_id = $2 "
                                "AND state IN ('new', 'converting', 'ready', 'sending')", tx.domain_id, user_id)
    if waiting >= MAX_WAITING:
        raise Refused("too_many", _("Too many faxes are waiting. Wait until some are sent, or cancel them."))
    sender = Sender(row["country"], row["area_code"], row["own_restriction"], row["default_restriction"],
                    row["extension"])
    number, other, name = await _recipient(tx, new.number, sender)
    if new.at is not None and not tx.now < new.at < tx.now + FARTHEST:
        text = _("The time of sending must be in the future, within a year.")
        raise InvalidFields("at", text, fields={"at": text})
    source = await files.store(tx, new.content, name=new.name, media_type=f"application/x-fax-{new.kind}")
    fax_id = await tx.fetchval(
        "INSERT INTO fax (domain_id, user_id, is_incoming, number, name, other_user_id, state, at, document, "
        "source_id, next_at, created_at) VALUES ($1, $2, false, $3, $4, $5, 'new', $6, $7, $8, $6, $9) RETURNING id",
        tx.domain_id, user_id, number, name, other, new.at or tx.now, new.name[:200], source, tx.now)
    await note(tx, fax_id, "uploaded", document=new.name[:120])
    await note(tx, fax_id, "send_given", at=new.at.isoformat() if new.at else "")
    await history.record(tx, "fax_queued", "fax", object_id=fax_id, object_name=number,
                         changes={"number": (None, number), "document": (None, new.name[:120])})
    return fax_id


async def _recipient(tx: DomainTx, typed: str, sender: Sender) -> tuple[str, int | None, str]:
    """(number, user, name) of whom it goes to."""
    digits = typed.strip()
    if is_internal(digits):
        found = await tx.fetchrow(
            "SELECT u.id, u.display_name FROM domain_user u WHERE u.domain_id = $1 AND u.extension = $2",
            tx.domain_id, digits)
        if found is not None and digits != sender.extension:
            return digits, found["id"], found["display_name"]
    texts = {"number": _("This is not a telephone number."), "emergency": _("Faxes do not go to emergency numbers."),
             "restricted": _("Forbidden by the outgoing restriction"), "own": _("This is your own number.")}
    try:
        if digits == sender.extension:
            raise Unsendable("own")
        return outside_number(digits, sender), None, ""
    except Unsendable as wrong:
        text = texts[wrong.args[0]]
        raise InvalidFields("number", text, fields={"number": text}) from None


async def cancel_fax(tx: DomainTx, user_id: int, fax_id: int) -> None:
    """Raises NotFound; Refused when an attempt was begun or it is at its end [ACC-D15]."""
    row = await tx.fetchrow("SELECT state, attempts, number, source_id FROM fax WHERE domain_id = $1 AND user_id = $2 "
                            "AND id = $3 AND NOT is_incoming FOR NO KEY UPDATE", tx.domain_id, user_id, fax_id)
    if row is None:
        raise NotFound("fax", _("There is no such fax."))
    if row["state"] not in ("new", "converting", "ready") or row["attempts"]:
        raise Refused("started", _("The sending has begun: it cannot be cancelled any more."))
    await tx.execute("UPDATE fax SET state = 'cancelled', tiff = NULL, source_id = NULL, next_at = NULL "
                     "WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
    await drop_source(tx, row["source_id"])
    await note(tx, fax_id, "cancelled")
    await history.record(tx, "fax_cancelled", "fax", object_id=fax_id, object_name=row["number"])


async def drop_source(tx: DomainTx, file_id: int | None) -> None:
    """The document as uploaded is not kept once it is converted."""
    if file_id is not None:
        await tx.execute("DELETE FROM file WHERE domain_id = $1 AND id = $2", tx.domain_id, file_id)
