"""Tab "Calls and voicemail": `/me/calls` and `/users/<id>/calls`, one component [ACC-50…58, ACC-78, VM-01…13]."""

from __future__ import annotations

import asyncio
import io

from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import files
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web.exports import ExportColumn, file_answer, write_xlsx
from tenants import journal
from tenants.calls.personal import queries
from tenants.calls.personal.audio_page import mp3_answer
from tenants.calls.personal.present import DIRECTIONS, KINDS, talk_time
from tenants.calls.personal.queries import CALLS, CallLine
from tenants.live import row_id
from tenants.users.tabs import CARD, OWN, Tab, register_tab

for _page in (OWN, CARD):
    register_tab(_page, Tab(lazy("Calls and voicemail"), "/calls", 20))

EXPORT_COLUMNS = (
    ExportColumn(lazy("Date and time"), 20), ExportColumn(lazy("Type"), 28), ExportColumn(lazy("Name"), 32),
    ExportColumn(lazy("Number"), 20), ExportColumn(lazy("Duration, s"), 14), ExportColumn(lazy("Recording"), 12))


async def show(request: Request, user_id: int | None) -> Template:
    return await journal.show(request, user_id, CALLS, "calls/personal/journal.html", "/calls", kinds=KINDS,
                              directions=DIRECTIONS, talk_time=talk_time, short_time=journal.short_time)


async def export(request: Request, user_id: int | None) -> Response[bytes]:
    """All rows that match [ACC-58, VM-13]."""
    rows, name = await journal.everything(request, user_id, CALLS), _("Calls and voicemail")
    return file_answer(await asyncio.to_thread(_workbook, name, rows), f"{name}.xlsx")


def _workbook(name: str, rows: list[CallLine]) -> bytes:
    book = io.BytesIO()
    write_xlsx(book, EXPORT_COLUMNS, (
        (row.started_at, str(KINDS[row.kind][2]), row.name, row.shown, row.seconds, row.has_audio) for row in rows),
        sheet=name)
    return book.getvalue()


async def audio(request: Request, user_id: int | None, line_id: int) -> Response[bytes]:
    """Checked for tenant and user at each request [VM-06]."""
    async with domain_transaction(request.user.actor) as tx:
        owner = await journal.owner_of_page(request, tx, user_id)
        found = await queries.audio_of(tx, owner, row_id(line_id))
        if found is None:
            raise NotFound("recording", _("There is no such recording."))
        file_id, started_at, number = found
        stored = await files.load(tx, file_id)
    return await mp3_answer(request, stored, started_at, number)


class OwnCallPages(journal.OwnPages):
    path = "/me/calls"
    show, export = staticmethod(show), staticmethod(export)

    @get("/{line_id:int}/audio")
    async def recording(self, request: Request, line_id: FromPath[int]) -> Response[bytes]:
        return await audio(request, None, line_id)


class UserCallPages(journal.CardPages):
    path = "/users/{user_id:int}/calls"
    show, export = staticmethod(show), staticmethod(export)

    @get("/{line_id:int}/audio")
    async def recording(self, request: Request, user_id: FromPath[int], line_id: FromPath[int]) -> Response[bytes]:
        return await audio(request, user_id, line_id)


CONTROLLERS = [OwnCallPages, UserCallPages]
