"""Tab "Faxes": `/me/faxes`, with sending, and `/users/<id>/faxes`, without [ACC-59…65, ACC-78, FAX-01…14]."""

from __future__ import annotations

from datetime import datetime

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import files
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.web.exports import ExportColumn, file_answer, xlsx_answer
from app.web.shell import page, saved
from app.web.uploads import MEGABYTE, read_upload
from tenants import journal
from tenants.faxes import queries, service
from tenants.faxes.convert import office
from tenants.faxes.present import DIRECTIONS, KINDS, STATES, event_text
from tenants.faxes.queries import FAXES
from tenants.faxes.service import NewFax
from tenants.journal import Owner
from tenants.live import row_id
from tenants.users.tabs import CARD, OWN, Tab, register_tab

for _page in (OWN, CARD):
    register_tab(_page, Tab(lazy("Faxes"), "/faxes", 30))

ACCEPTED = ("pdf", "tif", "jpg", "png", "doc", "docx")
MAX_BYTES = 20 * MEGABYTE
MAX_NUMBER = 40


async def show(request: Request, user_id: int | None) -> Template:
    return await journal.show(request, user_id, FAXES, "faxes/list.html", "/faxes", kinds=KINDS, states=STATES,
                              directions=DIRECTIONS, long_time=journal.long_time)


async def export(request: Request, user_id: int | None) -> Response[bytes]:
    """All rows that match, columns as on the screen [FAX-12]."""
    rows = await journal.everything(request, user_id, FAXES)
    columns = [ExportColumn(label, width) for label, width in (
        (lazy("Date and time"), 20), (lazy("Type"), 18), (lazy("Recipient or sender"), 32), (lazy("Number"), 20),
        (lazy("Status"), 20))]
    return xlsx_answer(_("Faxes"), columns, (
        (row.at, str(KINDS[row.is_incoming][1]), row.name, row.shown, str(STATES[row.state][1])) for row in rows))


async def document(request: Request, user_id: int | None, fax_id: int) -> Response[bytes]:
    async with domain_transaction(request.user.actor) as tx:
        owner = await journal.owner_of_page(request, tx, user_id)
        stored = await files.load(tx, await queries.pdf_of(tx, owner, row_id(fax_id)))
    return file_answer(stored.content, stored.name, "application/pdf")


async def protocol(request: Request, user_id: int | None, fax_id: int) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        owner = await journal.owner_of_page(request, tx, user_id)
        events = await queries.protocol(tx, owner, row_id(fax_id))
    lines = [(journal.long_time(one.at), event_text(one.event, one.facts)) for one in events]
    return await page(request, "faxes/protocol.html", owner=owner, lines=lines)


async def _own(request: Request) -> Owner:
    """Whose area it is. Raises NotFound for who is nobody in this domain [ACC-65]."""
    async with domain_transaction(request.user.actor) as tx:
        return await journal.owner_of_page(request, tx, None)


class OwnFaxPages(journal.OwnPages):
    path = "/me/faxes"
    show, export = staticmethod(show), staticmethod(export)

    @get("/send")
    async def ask(self, request: Request) -> Template:
        await _own(request)
        return await page(request, "faxes/send.html", with_office=office() is not None,
                          zone=journal.zone_of(request).key)

    @post("/send", status_code=200, request_max_body_size=MAX_BYTES + MEGABYTE)
    async def send(self, request: Request) -> Response:
        form = await request.form()
        file = form.get("file")
        upload = await read_upload(file if isinstance(file, UploadFile) else None, kinds=ACCEPTED, max_bytes=MAX_BYTES)
        if upload.kind in ("doc", "docx") and office() is None:
            text = _("Word documents cannot be converted here. Send the document as PDF.")
            raise InvalidFields("no_office", text, fields={"file": text})
        number = str(form.get("number") or "").replace("\x00", "").strip()[:MAX_NUMBER]
        if not number:
            text = _("Fill in this field.")
            raise InvalidFields("number", text, fields={"number": text})
        new = NewFax(upload.name, upload.kind, upload.content, number, _at(request, str(form.get("at") or "")))
        async with domain_transaction(request.user.actor) as tx:
            owner = await journal.owner_of_page(request, tx, None)
            await service.queue_fax(tx, owner.user_id, new)
        return saved(request, "/me/faxes", _("The fax is queued."))

    @get("/{fax_id:int}/document")
    async def document(self, request: Request, fax_id: FromPath[int]) -> Response[bytes]:
        return await document(request, None, fax_id)

    @get("/{fax_id:int}/protocol")
    async def protocol(self, request: Request, fax_id: FromPath[int]) -> Template:
        return await protocol(request, None, fax_id)

    @get("/{fax_id:int}/cancel")
    async def ask_cancel(self, request: Request, fax_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            owner = await journal.owner_of_page(request, tx, None)
            await queries.protocol(tx, owner, row_id(fax_id))
        return await page(request, "faxes/cancel.html", fax_id=fax_id)

    @post("/{fax_id:int}/cancel", status_code=200)
    async def cancel(self, request: Request, fax_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            owner = await journal.owner_of_page(request, tx, None)
            await service.cancel_fax(tx, owner.user_id, row_id(fax_id))
        return saved(request, "/me/faxes", _("The fax is cancelled."))


class UserFaxPages(journal.CardPages):
    path = "/users/{user_id:int}/faxes"
    show, export = staticmethod(show), staticmethod(export)

    @get("/{fax_id:int}/document")
    async def document(self, request: Request, user_id: FromPath[int], fax_id: FromPath[int]) -> Response[bytes]:
        return await document(request, user_id, fax_id)

    @get("/{fax_id:int}/protocol")
    async def protocol(self, request: Request, user_id: FromPath[int], fax_id: FromPath[int]) -> Template:
        return await protocol(request, user_id, fax_id)


def _at(request: Request, typed: str) -> datetime | None:
    """The time of sending in the domain's zone; empty: now."""
    if not typed.strip():
        return None
    text = _("Enter a date and a time.")
    try:
        local = datetime.fromisoformat(typed.strip())
        if local.tzinfo is not None or not 2000 <= local.year <= 2200:
            raise ValueError(typed)
    except ValueError:
        raise InvalidFields("at", text, fields={"at": text}) from None
    return local.replace(tzinfo=journal.zone_of(request))


CONTROLLERS = [OwnFaxPages, UserFaxPages]
