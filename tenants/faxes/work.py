"""Steps of a fax between upload and its end, each one transaction: a crash between two leaves one to be done again.

Conversion is repeated when its worker is gone. An attempt to send is counted before the node dials; what came of
it the node keeps until it is written here, so nothing is sent twice knowingly (`pbx_provisioning/agent/faxes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.kernel import files, letters, parameters
from app.kernel.db import DomainTx, PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import lazy
from app.kernel.letter_texts import letter
from tenants.calls.present import shown_number
from tenants.faxes.rules import next_attempt
from tenants.faxes.service import drop_source, note
from tenants.media import Media

CONVERSION = timedelta(minutes=6)  # longer than any: its worker is gone
MAX_CONVERSIONS = 3  # a document that ends three workers is at fault

letter("fax_received", lazy("Received fax"), lazy("Fax from {{ number }}"),
       lazy("A fax was received.\n\nFrom: {{ number }}\nTime: {{ at }}\nPages: {{ pages }}\n\n"
            "The document is attached.\n"), number="+7 495 123-45-67", at="21.04.2026 16:02", pages=2)


# --- conversion, in the worker -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conversion:
    """A document to make a fax of."""

    fax_id: int
    domain_id: int
    is_incoming: bool
    kind: str
    content: bytes


async def take_conversion(tx: PlatformTx) -> Conversion | None:
    """The next document; None when there is none. One that cannot be read any more has failed."""
    row = await tx.fetchrow(
        "SELECT id, domain_id, is_incoming, source_id FROM fax WHERE state IN ('new', 'converting') "
        "AND (state = 'new' OR worked_at < $1) ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
        tx.now - CONVERSION)
    if row is None:
        return None
    bound = await tx.enter_domain(row["domain_id"])
    taken = await bound.fetchval("SELECT count(*) FROM fax_event WHERE domain_id = $1 AND fax_id = $2 "
                                 "AND event = 'conversion_taken'", bound.domain_id, row["id"])
    try:
        source = await files.load(tx, row["source_id"]) if taken < MAX_CONVERSIONS else None
    except NotFound:  # one lost document does not hold up the others
        source = None
    if source is None:
        await conversion_failed(bound, row["id"], "broken")
        return await take_conversion(tx)
    await bound.execute("UPDATE fax SET state = 'converting', worked_at = $3 WHERE domain_id = $1 AND id = $2",
                        bound.domain_id, row["id"], tx.now)
    await note(bound, row["id"], "conversion_taken")
    return Conversion(row["id"], row["domain_id"], row["is_incoming"], source.media_type.rpartition("-")[2],
                      source.content)


async def conversion_failed(tx: DomainTx, fax_id: int, reason: str) -> None:
    """`reason` is a word of `present.REASONS`."""
    source = await tx.fetchval("SELECT source_id FROM fax WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
    await tx.execute("UPDATE fax SET state = 'failed', source_id = NULL, next_at = NULL "
                     "WHERE domain_id = $1 AND id = $2 AND state IN ('new', 'converting')", tx.domain_id, fax_id)
    await note(tx, fax_id, "conversion_failed", reason=reason)
    await drop_source(tx, source)


async def converted(tx: DomainTx, fax_id: int, *, tiff: bytes, pdf: bytes, pages: int) -> None:
    """The file is formed. A fax that was cancelled meanwhile stays so."""
    row = await tx.fetchrow("SELECT * FROM fax WHERE domain_id = $1 AND id = $2 AND state = 'converting' "
                            "FOR NO KEY UPDATE", tx.domain_id, fax_id)
    if row is None:
        return
    pdf_id = await files.store(tx, pdf, name=f"fax-{fax_id}.pdf", media_type="application/pdf")
    await tx.execute(
        "UPDATE fax SET state = $3, pdf_id = $4, tiff = $5, pages = $6, source_id = NULL "
        "WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id, "received" if row["is_incoming"] else "ready", pdf_id,
        None if row["is_incoming"] else tiff, pages)
    await note(tx, fax_id, "converted", pages=pages)
    await drop_source(tx, row["source_id"])
    if row["is_incoming"]:
        await _hand_over(tx, fax_id, row["user_id"], row["group_id"], number=row["number"], at=row["at"], pages=pages,
                         pdf_id=pdf_id)


# --- attempts, in the agent --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that is to carry a fax. `job` names it on the node."""

    fax_id: int
    domain_id: int
    user_id: int
    number: str
    is_internal: bool
    extension: str
    station: str  # E.164 digits printed on the receiver's page head, "" without
    number_of: int
    tiff: bytes

    @property
    def job(self) -> str:
        return f"{self.fax_id}-{self.number_of}"


async def take_attempt(tx: PlatformTx, node_id: int) -> Attempt | None:
    """The next fax that is due on this node, counted as attempted."""
    row = await tx.fetchrow(
        "SELECT f.id, f.domain_id, f.user_id, f.number, f.other_user_id, f.attempts, f.tiff, u.extension, "
        "(SELECT n.e164 FROM phone_number n WHERE n.domain_id = f.domain_id "
        "AND n.id = coalesce(u.outgoing_number_id, d.default_number_id)) AS station, "
        "(SELECT o.extension FROM domain_user o WHERE o.domain_id = f.domain_id AND o.id = f.other_user_id) AS inside, "
        "EXISTS (SELECT FROM domain_block b WHERE b.domain_id = f.domain_id AND b.ended_at IS NULL) AS is_blocked "
        "FROM fax f JOIN domain d ON d.id = f.domain_id JOIN domain_user u ON u.domain_id = f.domain_id "
        "AND u.id = f.user_id WHERE f.state = 'ready' AND f.next_at <= $2 AND d.pbx_node_id = $1 "
        "ORDER BY f.next_at, f.id LIMIT 1 FOR NO KEY UPDATE OF f SKIP LOCKED", node_id, tx.now)
    if row is None:
        return None
    bound = await tx.enter_domain(row["domain_id"])
    count = row["attempts"] + 1
    await bound.execute("UPDATE fax SET state = 'sending', attempts = $3, worked_at = $4, node_id = $5, next_at = NULL "
                        "WHERE domain_id = $1 AND id = $2", bound.domain_id, row["id"], count, tx.now, node_id)
    await note(bound, row["id"], "attempt_begun", number=count)
    if row["is_blocked"]:  # inside calls are not asked about, so it is looked at here
        await attempt_ended(tx, row["id"], count, delivered=False, reason="blocked")
        return await take_attempt(tx, node_id)
    is_internal = row["other_user_id"] is not None
    return Attempt(row["id"], row["domain_id"], row["user_id"],
                   (row["inside"] or row["number"]) if is_internal else row["number"], is_internal,
                   row["extension"], row["station"] or "", count, row["tiff"])


async def attempts_under_way(tx: PlatformTx, node_id: int) -> dict[str, tuple[int, int]]:
    """Job → (fax, domain) of what the database holds for being sent by this node."""
    rows = await tx.fetch("SELECT id, domain_id, attempts FROM fax WHERE state = 'sending' AND node_id = $1", node_id)
    return {f"{row['id']}-{row['attempts']}": (row["id"], row["domain_id"]) for row in rows}


async def attempt_ended(tx: PlatformTx, fax_id: int, number_of: int, *, delivered: bool, pages: int = 0,
                        reason: str = "") -> bool:
    """What came of an attempt; told twice, it counts once. `reason` is a word of `present.REASONS` or Asterisk's."""
    row = await tx.fetchrow("SELECT domain_id, pages FROM fax WHERE id = $1 AND state = 'sending' AND attempts = $2 "
                            "FOR NO KEY UPDATE", fax_id, number_of)
    if row is None:
        return False
    bound = await tx.enter_domain(row["domain_id"])
    if delivered:
        await bound.execute("UPDATE fax SET state = 'delivered', at = $3, tiff = NULL WHERE domain_id = $1 AND id = $2",
                            bound.domain_id, fax_id, tx.now)
        await note(bound, fax_id, "delivered", pages=pages or row["pages"])
        return True
    await note(bound, fax_id, "attempt_failed", number=number_of, reason=reason)
    again = next_attempt(number_of, await parameters.get(tx, "fax.retries"), tx.now,
                         await parameters.get(tx, "fax.retry_interval_minutes"))
    if again is None:
        await bound.execute("UPDATE fax SET state = 'failed', at = $3, tiff = NULL WHERE domain_id = $1 AND id = $2",
                            bound.domain_id, fax_id, tx.now)
        await note(bound, fax_id, "not_delivered")
    else:
        await bound.execute("UPDATE fax SET state = 'ready', next_at = $3 WHERE domain_id = $1 AND id = $2",
                            bound.domain_id, fax_id, again)
        await note(bound, fax_id, "retry_scheduled", at=again.isoformat())
    return True


# --- receiving ---------------------------------------------------------------------------------------


async def received(tx: DomainTx, found: Media) -> None:
    """A fax that came: into the list at once, its document after the conversion. A repeat is known by its key."""
    source = await files.store(tx, found.content, name=f"{found.key}.tif", media_type="application/x-fax-tif")
    digits = "".join(one for one in found.facts.get("number", "") if one.isdigit())[:20]
    other = await tx.fetchrow("SELECT id, display_name FROM domain_user WHERE domain_id = $1 AND extension = $2",
                              tx.domain_id, digits)
    company = None if other else await tx.fetchval(
        "SELECT c.name FROM contact_number n JOIN contact c ON c.domain_id = n.domain_id AND c.id = n.contact_id "
        "WHERE n.domain_id = $1 AND n.number = as_in_books($2) AND c.owner_key = 0 ORDER BY c.id LIMIT 1",
        tx.domain_id, digits)
    fax_id = await tx.fetchval(
        "INSERT INTO fax (domain_id, user_id, is_incoming, number, name, other_user_id, state, at, source_id, "
        "media_key, group_id) "
        "VALUES ($1, $2, true, $3, $4, $5, 'new', $6, $7, $8, $9) ON CONFLICT (media_key) DO NOTHING RETURNING id",
        tx.domain_id, found.user_id or None, digits, other["display_name"] if other else company or "",
        other["id"] if other else None, found.recorded_at, source, f"{found.node_id}:{found.key}",
        found.group_id)
    if fax_id is not None:
        await note(tx, fax_id, "received", pages=found.whole("pages"),
                   complete=found.facts.get("complete") == "1")


async def _hand_over(tx: DomainTx, fax_id: int, user_id: int | None, group_id: int | None, *, number: str, at: object,
                     pages: int, pdf_id: int) -> None:
    """Mailed where the user or the group has an address; else it is delivered by standing in the list [FAX-13,
    GRP-44]."""
    row = await tx.fetchrow(
        "SELECT coalesce(u.email, g.email) AS email, u.locale, d.locale AS of_domain, d.timezone FROM domain d "
        "LEFT JOIN domain_user u ON u.domain_id = d.id AND u.id = $2 "
        "LEFT JOIN call_group g ON g.domain_id = d.id AND g.id = $3 WHERE d.id = $1", tx.domain_id, user_id, group_id)
    if row is None or not row["email"]:
        await tx.execute("UPDATE fax SET state = 'delivered' WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id)
        await note(tx, fax_id, "delivered", pages=pages)
        return
    mail_id = await letters.queue(
        tx, "fax_received", row["email"], row["locale"] or row["of_domain"], zone=row["timezone"],
        attachment_id=pdf_id, number=shown_number(number) or "—", at=at, pages=pages)
    await tx.execute("UPDATE fax SET mail_id = $3 WHERE domain_id = $1 AND id = $2", tx.domain_id, fax_id, mail_id)


async def note_sent_letters(tx: PlatformTx) -> int:
    """Faxes whose letter went out are delivered; one that cannot be mailed stays in the list."""
    rows = await tx.fetch(
        "SELECT f.id, f.domain_id, f.pages, m.state FROM fax f JOIN mail_message m ON m.id = f.mail_id "
        "WHERE f.state = 'received' AND m.state IN ('sent', 'failed') FOR NO KEY UPDATE OF f SKIP LOCKED LIMIT 200")
    for row in rows:
        bound = await tx.enter_domain(row["domain_id"])
        await bound.execute("UPDATE fax SET state = $3, mail_id = NULL WHERE domain_id = $1 AND id = $2",
                            bound.domain_id, row["id"], "delivered" if row["state"] == "sent" else "received")
        await note(bound, row["id"], "mailed" if row["state"] == "sent" else "mail_failed")
        if row["state"] == "sent":
            await note(bound, row["id"], "delivered", pages=row["pages"])
    return len(rows)
