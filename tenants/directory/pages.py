"""The company's address book, `/contacts` [ABK-01…14]; the other pages of address books are listed at the end."""

from __future__ import annotations

import asyncio

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _, lazy, ngettext
from app.kernel.tabular import NotATable
from app.web import menu
from app.web.exports import ExportColumn, file_answer, write_csv, xlsx_answer
from app.web.menu import MenuItem
from app.web.parts import ImportRow
from app.web.shell import page
from app.web.uploads import read_upload
from tenants.directory import imports
from tenants.directory.book_pages import BookPages, stay
from tenants.directory.forms import ImportForm
from tenants.directory.imports import Line
from tenants.directory.own_pages import OwnBookPages, PeoplePages, SharedPages
from tenants.directory.phonebook_pages import OwnPhonePages, phonebook
from tenants.directory.rules import COMPANY, Book
from tenants.live import form_of

LIST = "/contacts"
SHOWN_ERRORS = 500
TEMPLATE_NAME = "contacts-template"
EXAMPLES = (("Клиент 1", "Важные клиенты", "10", "", "+74951112233", "", "", ""),
            ("Клиент 2", "Важные клиенты", "20", "", "", "+79991112233", "", ""))

menu.register("domain", MenuItem("", lazy("Company address book"), LIST, "address-book", Permission.CONTACTS_EDIT,
                                 "", 700))


class CompanyPages(BookPages):
    """Edited by the domain's administrators only."""

    path = LIST
    base = LIST
    opt = {"permission": Permission.CONTACTS_EDIT}

    def book(self, request: Request) -> Book:
        return COMPANY

    @get("/import")
    async def choose_file(self, request: Request) -> Template:
        return await page(request, "directory/import.html", columns=imports.COLUMNS)

    @get("/import/template/{kind:str}")
    async def file_template(self, request: Request, kind: FromPath[str]) -> Response[bytes]:
        """The headings and two examples [ABK-09, ABK-10]."""
        columns = [ExportColumn(name, 22) for name in imports.COLUMNS]
        if kind == "xlsx":
            return xlsx_answer(TEMPLATE_NAME, columns, EXAMPLES)
        if kind == "csv":
            return file_answer(write_csv(columns, EXAMPLES), f"{TEMPLATE_NAME}.csv", "text/csv; charset=utf-8")
        raise NotFound("not_found", _("There is no such page."))

    @post("/import/preview", status_code=200, request_max_body_size=imports.MAX_BYTES + 100_000)
    async def preview(self, request: Request) -> Template:
        """Three counts and the rows with errors; there are no contacts yet [ABK-12]."""
        sent = (await request.form()).get("file")
        upload = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("csv", "xlsx", "xls"),
                                   max_bytes=imports.MAX_BYTES)
        try:
            rows = await asyncio.to_thread(imports.read_contacts, upload.content)
        except NotATable as unreadable:
            raise InvalidFields("invalid_file", str(unreadable), fields={"file": str(unreadable)}) from unreadable
        async with domain_transaction(request.user.actor) as tx:
            lines = await imports.judged(tx, COMPANY, rows)
            import_id = await imports.keep(tx, upload.name, rows)
        wrong = [line for line in lines if line.errors]
        return await page(request, "directory/preview.html", columns=imports.COLUMNS, total=len(lines),
                          wrong=len(wrong), rows=[_row(line) for line in wrong[:SHOWN_ERRORS]], import_id=import_id,
                          file_name=upload.name)

    @post("/import", status_code=200)
    async def create_ready(self, request: Request) -> Response:
        form: ImportForm = await form_of(request, ImportForm)
        async with domain_transaction(request.user.actor) as tx:
            count = await imports.create_ready(tx, COMPANY, form.import_id)
        return stay(request, LIST, ngettext("%(n)s contact is created.", "%(n)s contacts are created.", count)
                    % {"n": count})


def _row(line: Line) -> ImportRow:
    return ImportRow(line.number, [cell[:100] for cell in line.cells], line.errors)


CONTROLLERS = [CompanyPages, OwnBookPages, SharedPages, PeoplePages, OwnPhonePages, phonebook]
