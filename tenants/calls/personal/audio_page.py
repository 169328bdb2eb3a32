"""The answer with a recording, for every journal: to be played, or to be kept as a file [ACC-54, VM-06, REC-32]."""

from __future__ import annotations

import asyncio
from datetime import datetime

from litestar import Request, Response

from app.kernel.errors import NotFound
from app.kernel.files import StoredFile
from app.kernel.i18n import _
from app.web.exports import file_answer
from tenants import journal
from tenants.calls.personal.audio import MP3, NotAudio, as_mp3


async def mp3_answer(request: Request, stored: StoredFile, started_at: datetime, number: str) -> Response[bytes]:
    """With `?play` without a name."""
    try:
        content = await asyncio.to_thread(as_mp3, stored)
    except NotAudio:
        raise NotFound("recording", _("There is no such recording.")) from None
    if "play" in request.query_params:
        return Response(content, media_type=MP3)
    when = started_at.astimezone(journal.zone_of(request)).strftime("%Y-%m-%d %H-%M")
    return file_answer(content, f"{when} {number}.mp3", MP3)
