"""Tab "Calls and voicemail": `/me/calls` and `/users/<id>/calls`, one component [ACC-50…58, ACC-78, VM-01…13]."""

from __future__ import annotations

import asyncio
import io
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import clock, files
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web.exports import ExportColumn, file_answer, write_xlsx
from app.web.shell import page
from tenants import journal
from tenants.calls.personal import queries
from tenants.calls.personal.audio import MP3, NotAudio, as_mp3
from tenants.calls.personal.present import DIRECTIONS, KINDS, talk_time
from tenants.calls.personal.queries import CallLine
from tenants.live import row_id
from tenants.users.tabs import CARD, OWN, Tab, register_tab

for _page in (OWN, CARD):
    register_tab(_page, Tab(lazy("Calls and voicemail"), "/calls", 20))

EXPORT_COLUMNS = (
    ExportColumn(lazy("Date and time"), 20), ExportColumn(lazy("Type"), 28), ExportColumn(lazy("Name"), 32),
    ExportColumn(lazy("Number"), 20), ExportColumn(lazy("Duration, s"), 14), ExportColumn(lazy("Recording"), 12))


async def show(request: Request, user_id: int | None) -> Template:
    now, zone, part = clock.now(), journal.zone_of(request), journal.part_of(request)
    wanted = journal.wanted_of({} if part == "full" else request.query_params, now, zone)
    async with domain_transaction(request.user.actor) as tx:
        owner = await journal.owner_of_page(request, tx, user_id)
        rows = await queries.lines(tx, owner, wanted, limit=journal.PAGE_SIZE + 1)
        total = await queries.total(tx, owner, wanted) if part != "rows" else 0
    shown = rows[:journal.PAGE_SIZE]
    cursor = journal.cursor_after(shown[-1].started_at, shown[-1].id) if len(rows) > len(shown) else ""
    return await page(
        request, "calls/personal/journal.html", owner=owner, part=part, rows=shown, total=total, kinds=KINDS,
        directions=DIRECTIONS, talk_time=talk_time, short_time=journal.short_time, url=f"{owner.base}/calls",
        asked=asked(request) if part != "full" else "", cursor=cursor, quick=journal.QUICK,
        quick_starts=journal.quick_starts(now, zone), today=now.astimezone(zone).date().isoformat(),
        is_narrowed=wanted.is_narrowed)


def asked(request: Request) -> str:
    """The form's values as part of an address, for what follows on the same filters."""
    names = ("period", "from", "to", "direction", "q")
    return urlencode([(name, value) for name in names if (value := request.query_params.get(name))])


async def export(request: Request, user_id: int | None) -> Response[bytes]:
    """All rows that match [ACC-58, VM-13]."""
    wanted = journal.wanted_of(request.query_params, clock.now(), journal.zone_of(request))
    async with domain_transaction(request.user.actor) as tx:
        owner = await journal.owner_of_page(request, tx, user_id)
        rows = await queries.lines(tx, owner, wanted, limit=None)
    name = _("Calls and voicemail")
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
    try:
        content = await asyncio.to_thread(as_mp3, stored)
    except NotAudio:
        raise NotFound("recording", _("There is no such recording.")) from None
    if "play" in request.query_params:
        return Response(content, media_type=MP3)
    when = started_at.astimezone(journal.zone_of(request)).strftime("%Y-%m-%d %H-%M")
    return file_answer(content, f"{when} {number}.mp3", MP3)


class OwnCallPages(Controller):
    path = "/me/calls"
    opt = {"permission": Permission.PERSONAL}

    @get("/")
    async def list(self, request: Request) -> Template:
        return await show(request, None)

    @get("/export")
    async def as_file(self, request: Request) -> Response[bytes]:
        return await export(request, None)

    @get("/{line_id:int}/audio")
    async def recording(self, request: Request, line_id: FromPath[int]) -> Response[bytes]:
        return await audio(request, None, line_id)


class UserCallPages(Controller):
    path = "/users/{user_id:int}/calls"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def list(self, request: Request, user_id: FromPath[int]) -> Template:
        return await show(request, user_id)

    @get("/export")
    async def as_file(self, request: Request, user_id: FromPath[int]) -> Response[bytes]:
        return await export(request, user_id)

    @get("/{line_id:int}/audio")
    async def recording(self, request: Request, user_id: FromPath[int], line_id: FromPath[int]) -> Response[bytes]:
        return await audio(request, user_id, line_id)


CONTROLLERS = [OwnCallPages, UserCallPages]
