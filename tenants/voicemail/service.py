"""Voice messages: kept, put into the journal, told by letter [VM-14, VM-15, ACC-37, ACC-D12]."""

from __future__ import annotations

from app.kernel import files, letters
from app.kernel.db import DomainTx
from app.kernel.i18n import _, format_duration, format_phone, speaking
from app.settings import settings
from tenants.calls.personal.service import attach_voicemail
from tenants.groups import messages as group_messages
from tenants.media import Media, on_media
from tenants.sounds.convert import wav_seconds

MIN_SECONDS = 2.0  # a shorter one says nothing


@on_media("voicemail")
async def keep(tx: DomainTx, found: Media) -> None:
    """A message of a caller. Nothing is left by who hung up after the tone."""
    seconds = wav_seconds(found.content)
    if seconds < MIN_SECONDS:
        return
    if found.group_id is not None:
        await group_messages.keep(tx, found, found.group_id, round(seconds), _caller)
        return
    user = await tx.fetchrow(
        "SELECT u.display_name, u.email, u.notify_voicemail, u.locale AS own_locale, d.locale, d.timezone "
        "FROM domain_user u JOIN domain d ON d.id = u.domain_id WHERE u.domain_id = $1 AND u.id = $2",
        tx.domain_id, found.user_id)
    if user is None:
        return
    number = found.facts.get("number", "")
    file_id = await files.store(tx, found.content, name=f"{found.recorded_at:%Y-%m-%d %H-%M} {number}.wav".strip(),
                                media_type="audio/wav")
    line_id = await attach_voicemail(
        tx, user_id=found.user_id, node_id=found.node_id, linkedid=found.facts.get("linkedid") or found.key,
        file_id=file_id, seconds=round(seconds), number=number, recorded_at=found.recorded_at)
    if user["notify_voicemail"] and user["email"]:
        locale = user["own_locale"] or user["locale"]
        with speaking(locale, user["timezone"]):
            caller = await _caller(tx, number)
            length = format_duration(round(seconds))
        await letters.queue(tx, "voicemail", user["email"], locale, zone=user["timezone"], name=user["display_name"],
                            caller=caller, at=found.recorded_at, length=length,
                            link=f"{settings().public_url}/me/calls/{line_id}/audio?play=1")


async def _caller(tx: DomainTx, number: str) -> str:
    """Name and number, as far as they are known: a colleague or a contact of the company's book."""
    if not number:
        return _("Unknown caller")
    name = await tx.fetchval(
        "SELECT coalesce((SELECT u.display_name FROM domain_user u WHERE u.domain_id = $1 AND u.extension = $2), "
        "(SELECT c.name FROM contact_number n JOIN contact c ON c.domain_id = n.domain_id AND c.id = n.contact_id "
        "WHERE n.domain_id = $1 AND n.number = as_in_books($2) AND c.owner_key = 0 ORDER BY c.id LIMIT 1))",
        tx.domain_id, number)
    shown = format_phone(f"+{number}") if len(number) > 6 and number.isdigit() else number
    return f"{name}, {shown}" if name else shown
