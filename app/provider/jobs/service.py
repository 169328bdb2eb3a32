"""Repeating background work that failed, and reading letters of the development folder."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes, policy

from app.audit import history
from app.kernel import outbox
from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound, Refused
from app.kernel.i18n import _
from app.provider.jobs.queries import JobRow
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as the mail folder holds it."""

    sender: str
    recipient: str
    subject: str
    text: str


async def prepare_retry(tx: PlatformTx, job_id: int) -> JobRow:
    """Mark a failed run as waiting; the caller enqueues it after the commit under the same key.

    Raises:
        Refused: it did not fail, or it is periodic and comes again by itself.
    """
    row = await tx.fetchrow("SELECT id, job, arguments, key, state, tries, error, started_at, finished_at "
                            "FROM job_run WHERE id = $1 FOR UPDATE", job_id)
    if row is None:
        raise NotFound("job", _("There is no such job"))
    job = JobRow(**row)
    if not job.may_retry(tx.now):
        raise Refused("not_failed", _("Only a failed job can be repeated; periodic ones come again by themselves."))
    await tx.execute("UPDATE job_run SET state = 'retry', finished_at = NULL WHERE id = $1", job_id)
    await history.record(tx, "job_repeated", "job", object_id=job_id, object_name=job.job)
    return job


async def repeat_event(tx: PlatformTx, event_id: int) -> None:
    """Hand an event on again now, with all its tries.

    Raises:
        Refused: it did not fail, or it is through by now.
    """
    row = await tx.fetchrow("UPDATE outbox_event SET done_at = NULL, tries = 0, due_at = $2 "
                            "WHERE id = $1 AND error IS NOT NULL RETURNING kind, domain_id", event_id, tx.now)
    if row is None:
        raise Refused("not_failed", _("This event is not waiting any more."))
    await history.record(tx, "event_repeated", "outbox_event", object_id=event_id, object_name=row["kind"],
                         domain_id=row["domain_id"])


async def repeat_mail(tx: PlatformTx, mail_id: int) -> None:
    """Send a failed letter again. Raises Refused when it did not fail."""
    row = await tx.fetchrow("UPDATE mail_message SET state = 'queued', tries = 0 WHERE id = $1 AND state = 'failed' "
                            "RETURNING subject, domain_id", mail_id)
    if row is None:
        raise Refused("not_failed", _("Only a failed letter can be sent again."))
    await outbox.publish(tx, "mail_queued", {}, domain_id=row["domain_id"])
    await history.record(tx, "mail_repeated", "mail", object_id=mail_id, object_name=row["subject"],
                         domain_id=row["domain_id"])


async def check_sent(tx: PlatformTx, mail_id: int) -> None:
    """Raises NotFound for a letter that did not go out."""
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM mail_message WHERE id = $1 AND state = 'sent')", mail_id):
        raise _no_letter()


def _no_letter() -> NotFound:
    return NotFound("letter", _("The text of this letter is not kept."))


def read_letter(settings: Settings, mail_id: int) -> Letter:
    """A letter of the development folder; letters that went out by SMTP are not kept.

    Raises:
        NotFound: there is no such file.
    """
    path = settings.mail_folder / f"{int(mail_id):09}.eml"
    if settings.mail_url != "folder" or not path.is_file():
        raise _no_letter()
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    return Letter(str(message["From"]), str(message["To"]), str(message["Subject"]),
                  body.get_content() if body else "")
