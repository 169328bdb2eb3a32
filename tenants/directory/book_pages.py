"""A book as its owner works with it: list, contacts, groups, bulk work. The company's and a personal one alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _, lazy, ngettext
from app.web.exports import ExportColumn, file_answer, write_csv, xlsx_answer
from app.web.lists import Column, Filter, ListQuery
from app.web.shell import done, page, saved
from tenants.directory import queries, service
from tenants.directory.forms import ChosenForm, ContactForm, GroupForm
from tenants.directory.imports import COLUMNS
from tenants.directory.present import EXPORTS, KIND_LABELS, numbers_hint, shown_number
from tenants.directory.queries import BookPage, Entry
from tenants.directory.rules import KINDS, Book, ContactData
from tenants.directory.vcards import write_vcards
from tenants.live import form_of, row_id

LINES = 100
LIST_COLUMNS = (Column("name", lazy("Name")), Column("speed_dial", lazy("Speed dial")),
                Column("number", lazy("Telephone number")))
CLOSED = (Filter("closed", lazy("Groups"), kind="text"),)


def query_of(request: Request, *, limit: int = LINES) -> ListQuery:
    """Closed groups stay in the address but are no filter that a reader sees."""
    query = ListQuery.of(request, columns=LIST_COLUMNS, filters=CLOSED, limit=limit)
    return replace(query, available=())


def closed_groups(query: ListQuery) -> list[int]:
    return [row for row in map(int, filter(_is_id, query.filters.get("closed", ())))][:1000]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def toggled(query: ListQuery, group_id: int) -> str:
    """This list's address with one group folded or unfolded."""
    closed = closed_groups(query)
    wanted = [one for one in closed if one != group_id] if group_id in closed else [*closed, group_id]
    return query.url(closed=[str(one) for one in wanted], offset=0) if wanted else query.url(closed=None, offset=0)


async def the_page(tx: DomainTx, request: Request, book: Book) -> BookPage:
    query = query_of(request)
    return await queries.book_page(tx, book, BookPage([], 0, query), closed=closed_groups(query))


HELPERS: dict[str, Any] = {"kinds": KIND_LABELS, "shown_number": shown_number, "numbers_hint": numbers_hint,
                           "toggled": toggled}


class BookPages(Controller):
    """`base` is the address of the list; subclasses say whose book it is and who may."""

    base = ""
    template = "directory/book.html"

    def book(self, request: Request) -> Book:
        raise NotImplementedError

    async def extra(self, tx: DomainTx, request: Request) -> dict[str, Any]:
        """What the list page of this book shows beside the contacts."""
        return {}

    @get("/")
    async def list(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await the_page(tx, request, self.book(request))
            extra = await self.extra(tx, request)
        return await page(request, self.template, found=found, base=self.base, **HELPERS, **extra)

    # --- one contact -------------------------------------------------------------------------------------

    async def _form(self, request: Request, contact_id: int = 0) -> Template:
        book = self.book(request)
        async with domain_transaction(request.user.actor) as tx:
            data = (await service.find_contact(tx, book, row_id(contact_id))).data if contact_id else \
                ContactData("", (), None, await service.propose_speed_dial(tx, book) if book.owner_id else "")
            groups = await queries.groups(tx, book)
        return await page(request, "directory/contact.html", contact=data, contact_id=contact_id, groups=groups,
                          base=self.base, book=book, kinds={kind: KIND_LABELS[kind] for kind in book.kinds})

    @get("/new")
    async def new(self, request: Request) -> Template:
        return await self._form(request)

    @get("/{contact_id:int}")
    async def edit(self, request: Request, contact_id: FromPath[int]) -> Template:
        return await self._form(request, row_id(contact_id))

    async def _save(self, request: Request, contact_id: int = 0) -> Response:
        form, book = await ContactForm.of(request), self.book(request)
        try:
            async with domain_transaction(request.user.actor) as tx:
                if contact_id:
                    await service.update_contact(tx, book, contact_id, form.data)
                    digits = ""
                else:
                    created = await service.create_contact(tx, book, form.data)
                    digits = (await service.find_contact(tx, book, created)).data.speed_dial
        except InvalidFields as wrong:
            raise form.placed(wrong) from wrong
        text = _("The contact is created, speed dial *%(digits)s.") % {"digits": digits} if digits else _("Saved.")
        return stay(request, self.base, text)

    @post("/", status_code=200)
    async def create(self, request: Request) -> Response:
        return await self._save(request)

    @post("/{contact_id:int}", status_code=200)
    async def save(self, request: Request, contact_id: FromPath[int]) -> Response:
        return await self._save(request, row_id(contact_id))

    # --- bulk work ---------------------------------------------------------------------------------------

    async def _chosen(self, tx: DomainTx, request: Request) -> list[tuple[int, str]]:
        """(id, name) of those ticked; with "select all", of everything that the search finds."""
        book, everything = self.book(request), request.query_params.get("all", "")
        if not everything:
            sent = request.query_params.getall("ids", [])
            return await queries.names_of(tx, book, [int(one) for one in sent if _is_id(one)])
        params = {key: values[0] for key, values in parse_qs(urlsplit(everything).query).items()}
        query = ListQuery.parse(params, columns=LIST_COLUMNS)
        return await queries.names_of(tx, book, await queries.matching_ids(tx, book, query.like(), query.search))

    @get("/delete")
    async def ask_delete(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            people = await self._chosen(tx, request)
        return await page(request, "directory/delete.html", people=people, base=self.base)

    @post("/delete", status_code=200)
    async def delete(self, request: Request) -> Response:
        form: ChosenForm = await form_of(request, ChosenForm)
        async with domain_transaction(request.user.actor) as tx:
            count = await service.delete_contacts(tx, self.book(request), _some(form.ids))
        return stay(request, self.base, ngettext("%(n)s contact is deleted.", "%(n)s contacts are deleted.", count)
                    % {"n": count})

    @get("/move")
    async def ask_move(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            people = await self._chosen(tx, request)
            groups = await queries.groups(tx, self.book(request))
        return await page(request, "directory/move.html", people=people, groups=groups, base=self.base)

    @post("/move", status_code=200)
    async def move(self, request: Request) -> Response:
        form: ChosenForm = await form_of(request, ChosenForm)
        async with domain_transaction(request.user.actor) as tx:
            count = await service.move_contacts(tx, self.book(request), _some(form.ids), form.group_id)
        return stay(request, self.base, ngettext("%(n)s contact is moved.", "%(n)s contacts are moved.", count)
                    % {"n": count})

    # --- groups ------------------------------------------------------------------------------------------

    @get("/groups/new")
    async def new_group(self, request: Request) -> Template:
        return await page(request, "directory/group.html", name="", action=f"{self.base}/groups", is_new=True)

    @post("/groups", status_code=200)
    async def create_group(self, request: Request) -> Response:
        form: GroupForm = await form_of(request, GroupForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.create_group(tx, self.book(request), form.name)
        return stay(request, self.base, _("The group is created."))

    @get("/groups/{group_id:int}")
    async def edit_group(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            name = await service.group_name(tx, self.book(request), row_id(group_id))
        return await page(request, "directory/group.html", name=name, action=f"{self.base}/groups/{group_id}",
                          is_new=False)

    @post("/groups/{group_id:int}", status_code=200)
    async def rename_group(self, request: Request, group_id: FromPath[int]) -> Response:
        form: GroupForm = await form_of(request, GroupForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.rename_group(tx, self.book(request), row_id(group_id), form.name)
        return stay(request, self.base, _("Saved."))

    @get("/groups/{group_id:int}/delete")
    async def ask_delete_group(self, request: Request, group_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            name = await service.group_name(tx, self.book(request), row_id(group_id))
        return await page(request, "directory/delete_group.html", name=name,
                          action=f"{self.base}/groups/{group_id}/delete")

    @post("/groups/{group_id:int}/delete", status_code=200)
    async def delete_group(self, request: Request, group_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            name = await service.delete_group(tx, self.book(request), row_id(group_id))
        return stay(request, self.base, _("The group %(name)s is deleted.") % {"name": name})

    # --- files -------------------------------------------------------------------------------------------

    @get("/export")
    async def choose_export(self, request: Request) -> Template:
        return await page(request, "directory/export.html", base=self.base, formats=EXPORTS)

    @get("/export/{kind:str}")
    async def export(self, request: Request, kind: FromPath[str]) -> Response[bytes]:
        """What the list shows: the search holds, folded groups do not matter."""
        if kind not in EXPORTS:
            raise NotFound("not_found", _("There is no such page."))
        query, book = query_of(request), self.book(request)
        async with domain_transaction(request.user.actor) as tx:
            ids = await queries.matching_ids(tx, book, query.like(), query.search) if query.search else None
            found = await queries.entries(tx, book, ids=ids)
        name = _("Contacts")
        if kind == "vcf":
            return file_answer(await asyncio.to_thread(write_vcards, found), f"{name}.vcf", "text/vcard; charset=utf-8")
        heads = [ExportColumn(label, 24) for label in (*COLUMNS, _("E-mail"), _("Job title"))]
        if kind == "csv":
            return file_answer(write_csv(heads, map(_export_row, found)), f"{name}.csv", "text/csv; charset=utf-8")
        return xlsx_answer(name, heads, map(_export_row, found))


def _export_row(entry: Entry) -> list[str]:
    """As the import file has it; several numbers of a kind stand together."""
    by_kind = {kind: ", ".join(one.number for one in entry.numbers if one.kind == kind) for kind in KINDS}
    return [entry.name, entry.group, entry.speed_dial, *by_kind.values(), entry.email, entry.position]


def stay(request: Request, base: str, message: str) -> Response:
    """The dialog closes and the list behind it loads anew; without the page's script, the list."""
    if request.headers.get("hx-request") == "true":
        return done(message, refresh_list=True)
    return saved(request, base, message)


def _some(ids: Iterable[int]) -> list[int]:
    found = [*ids]
    if not found:
        raise InvalidFields("nothing_chosen", _("Choose at least one."))
    return found
