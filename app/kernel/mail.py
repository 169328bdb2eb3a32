"""Letters: queued in the transaction that wants them, sent by the worker.

With `MAIL_URL=folder` (development) each letter becomes an .eml file that the provider console shows.
"""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from app.kernel import files, outbox
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, PlatformTx, PoolTx, platform_transaction
from app.kernel.errors import NotFound
from app.settings import Settings

log = structlog.get_logger()

MAX_TRIES = 8


async def queue(tx: DomainTx | PoolTx | PlatformTx, recipient: str, subject: str, body: str, *,
                domain_id: int | None = None, attachment_id: int | None = None) -> int:
    """Queue one plain-text letter, with a stored file of the same owner; its id. Line ends in the subject or
    address are refused, not folded in."""
    if any(ch in recipient + subject for ch in "\r\n"):
        raise ValueError("a line end in a letter's header")
    owner = tx.domain_id if isinstance(tx, DomainTx) else domain_id
    # An id of its own: a domain's role may write letters and not read them.
    number = await tx.fetchval("SELECT nextval(pg_get_serial_sequence('mail_message', 'id'))")
    await tx.execute("INSERT INTO mail_message (id, domain_id, recipient, subject, body, attachment_id) "
                     "VALUES ($1, $2, $3, $4, $5, $6)", number, owner, recipient, subject, body, attachment_id)
    await outbox.publish(tx, "mail_queued", {}, domain_id=owner)
    return number


async def send_queued(settings: Settings, limit: int = 50) -> int:
    """Send what waits; returns how many went out. One letter's failure does not hold up the others.

    A letter is marked after the mail server took it: a crash in between sends it twice, never loses it.
    """
    sent = 0
    for _ in range(limit):
        async with platform_transaction(Actor.system(name="mail")) as tx:
            row = await tx.fetchrow(
                "SELECT id, recipient, subject, body, tries, attachment_id FROM mail_message WHERE state = 'queued' "
                "AND created_at + make_interval(secs => 30 * tries * tries) <= now() "
                "ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
            if row is None:
                break
            message = _message(settings, row["recipient"], row["subject"], row["body"])
            await _attach(tx, message, row["attachment_id"])
            sent += await _send_one(tx, settings, row["id"], row["tries"], message)
    return sent


def _message(settings: Settings, recipient: str, subject: str, body: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, recipient, subject
    message["Date"], message["Message-ID"] = formatdate(localtime=False), make_msgid(domain="switchroom")
    message.set_content(body)
    return message


async def _attach(tx: PlatformTx, message: EmailMessage, file_id: int | None) -> None:
    """A file that is gone meanwhile does not keep the letter back."""
    if file_id is None:
        return
    try:
        stored = await files.load(tx, file_id)
    except NotFound:
        log.warning("mail_attachment_gone", file_id=file_id)
        return
    main, _slash, sub = stored.media_type.partition("/")
    message.add_attachment(stored.content, maintype=main, subtype=sub or "octet-stream", filename=stored.name)


async def _send_one(tx: PlatformTx, settings: Settings, number: int, tries: int, message: EmailMessage) -> int:
    try:
        await _deliver(settings, number, message)
    except (OSError, aiosmtplib.SMTPException) as error:
        log.warning("mail_failed", mail_id=number, error=repr(error)[:200])
        state = "failed" if tries + 1 >= MAX_TRIES else "queued"
        await tx.execute("UPDATE mail_message SET tries = tries + 1, error = $2, state = $3 WHERE id = $1",
                         number, repr(error)[:500], state)
        return 0
    await tx.execute("UPDATE mail_message SET state = 'sent', sent_at = now(), body = '', error = NULL "
                     "WHERE id = $1", number)
    return 1


async def _deliver(settings: Settings, number: int, message: EmailMessage) -> None:
    if settings.mail_url == "folder":
        settings.mail_folder.mkdir(parents=True, exist_ok=True)
        path = Path(settings.mail_folder / f"{number:09}.eml")
        path.touch(mode=0o600)
        path.write_bytes(message.as_bytes())
        return
    parts = urlsplit(settings.mail_url)
    await aiosmtplib.send(message, hostname=parts.hostname, port=parts.port or 25,
                          username=unquote(parts.username) if parts.username else None,
                          password=unquote(parts.password) if parts.password else None,
                          use_tls=parts.scheme == "smtps", timeout=20)
