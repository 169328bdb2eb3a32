"""Bank statements: `/provider/bank`. A file is read, its payments get their domains, then all are posted once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Annotated, TypeVar

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.kernel.db import platform_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy, ngettext
from app.kernel.tabular import NotATable, read_table
from app.provider import pending
from app.provider.bank import queries
from app.provider.console import BILLING, VIEW, asks_candidates, domain_form, form_of, show
from app.provider.fields import Reference
from app.provider.numbers.queries import candidates
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery, Page, clean
from app.web.shell import done, saved
from app.web.uploads import Upload, read_upload
from billing.payments.bank import exchange, service, table
from billing.payments.bank.rules import FIELDS, MAX_BYTES, MAX_DOCUMENTS, NEEDED, guess_columns

Found = TypeVar("Found")
LIST = "/provider/bank"
UPLOAD_LIMIT = MAX_BYTES + 100_000  # the form around the file
MOST_COLUMNS, MOST_TEXT, SAMPLE_ROWS = 40, 1_000, 5
SOURCE = lazy("Bank transfer")
STATES = {"matched": lazy("Matched"), "ambiguous": lazy("Ambiguous"), "unknown": lazy("Unknown"),
          "known": lazy("Imported before"), "posted": lazy("Posted"), "ignored": lazy("Left out"),
          "wrong": lazy("Cannot be read")}
BADGES = {"matched": "info", "ambiguous": "warning", "unknown": "warning", "known": "secondary", "posted": "success",
          "ignored": "secondary", "wrong": "danger"}
HOW = {"account": lazy("account named in the text"), "payer": lazy("this payer paid before"),
       "hand": lazy("assigned by hand")}
NOTES = {"several_accounts": lazy("The text names several accounts."),
         "no_account": lazy("The text names an account that does not exist."),
         "several_payers": lazy("This payer has paid for several domains."),
         "entered": lazy("A payment of this sum was entered by hand in those days."),
         "cut_off": lazy("The document has no end: the file is cut off."),
         "no_day": lazy("The date cannot be read."),
         "no_amount": lazy("The amount must be above zero, with at most two decimals."),
         "twice": lazy("The document stands twice in the file.")}
FIELD_NAMES = {"day": lazy("Date"), "number": lazy("Number of the document"), "amount": lazy("Incoming amount"),
               "payer": lazy("Payer"), "payer_inn": lazy("Payer's tax number"),
               "payer_account": lazy("Payer's account"), "purpose": lazy("Purpose of the payment")}
COLUMNS = (Column("at", lazy("Loaded"), "s.loaded_at"), Column("file", lazy("File"), "s.file_name"),
           Column("payments", lazy("Payments"), numeric=True), Column("open", lazy("To decide"), numeric=True),
           Column("posted", lazy("Posted"), numeric=True), Column("by", lazy("Who"), "s.loaded_by", wide_only=True))
LINE_COLUMNS = (Column("document", lazy("Document"), "l.day"),
                Column("amount", lazy("Amount"), "l.amount", numeric=True),
                Column("payer", lazy("Payer"), "l.payer", wide_only=True),
                Column("purpose", lazy("Purpose of the payment"), wide_only=True),
                Column("domain", lazy("Domain"), "d.name"), Column("state", lazy("State"), "l.state"),
                Column("actions", ""))
FILTERS = (Filter("state", lazy("State"), STATES),)


class AssignForm(FormModel):
    domain_id: Reference
    q: str = ""  # what was typed to find the domain


class ColumnsForm(FormModel):
    """Each field's column by number; "" for none. `first` is the first row that is a payment, counted from 1."""

    import_id: Reference
    first: Annotated[int, Field(ge=1, le=MAX_DOCUMENTS)]
    day: int
    amount: int
    purpose: int
    number: int | None = None
    payer: int | None = None
    payer_inn: int | None = None
    payer_account: int | None = None

    def columns(self) -> dict[str, int]:
        found = {name: getattr(self, name) for name in FIELDS}
        return {name: place for name, place in found.items() if place is not None and 0 <= place < MOST_COLUMNS}


class StatementPages(Controller):
    """Statements, and reading a new one."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="-at")
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.statements(tx, query)
        return await show(request, "provider/bank/list.html", found=Page(rows, total, query))

    @get("/new", opt=BILLING)
    async def choose_file(self, request: Request) -> Template:
        return await show(request, "provider/bank/new.html", most=MAX_DOCUMENTS)

    @post("/upload", opt=BILLING, request_max_body_size=UPLOAD_LIMIT)
    async def upload(self, request: Request) -> Response | Template:
        sent = (await request.form()).get("file")
        upload = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("csv", "xlsx", "xls"),
                                   max_bytes=MAX_BYTES)
        if not exchange.is_exchange(upload.content):
            return await _ask_columns(request, upload)
        parsed = await asyncio.to_thread(_readable, exchange.parse, upload.content)
        async with platform_transaction(request.user.actor) as tx:
            number = await service.keep(tx, upload.name, "1c", parsed)
        return saved(request, f"{LIST}/{number}")

    @post("/columns", opt=BILLING)
    async def columns(self, request: Request) -> Response:
        form = await form_of(request, ColumnsForm)
        columns = form.columns()
        if len(set(columns.values())) < len(columns) or not set(NEEDED) <= set(columns):
            raise InvalidFields("columns", _("Each column can be only one thing"))
        async with platform_transaction(request.user.actor) as tx:
            name, rows = await queries.take_table(tx, form.import_id)
            parsed = await asyncio.to_thread(_readable, table.parse, rows, form.first - 1, columns)
            number = await service.keep(tx, name, "table", parsed)
        return saved(request, f"{LIST}/{number}")


class StatementCard(Controller):
    """One statement: whose its payments are, and posting them."""

    path = LIST
    opt = VIEW

    @get("/{number:int}")
    async def card(self, request: Request, number: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=LINE_COLUMNS, filters=FILTERS, default_sort="")
        async with platform_transaction(request.user.actor) as tx:
            statement = await queries.statement(tx, number)
            rows, total = await queries.lines(tx, number, query)
        return await show(request, "provider/bank/card.html", statement=statement, found=Page(rows, total, query),
                          states=STATES, badges=BADGES, how=HOW, notes=NOTES)

    @post("/{number:int}/import", opt=BILLING, status_code=200)
    async def take(self, request: Request, number: FromPath[int]) -> Template:
        """One portion; the answer asks for the next while some are left."""
        async with platform_transaction(request.user.actor) as tx:
            await queries.statement(tx, number)
            progress = await service.post_some(tx, number, str(SOURCE))
            statement = await queries.statement(tx, number)
        answer = await show(request, "provider/bank/progress.html", statement=statement, progress=progress)
        if progress.left and progress.posted:
            return answer
        text = ngettext("%(n)s payment of this statement is posted.", "%(n)s payments of this statement are posted.",
                        statement.posted) % {"n": statement.posted}
        answer.headers["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": "success"}, "list-refresh": True})
        return answer

    @get("/{number:int}/remove", opt=BILLING)
    async def ask_remove(self, request: Request, number: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            statement = await queries.statement(tx, number)
        return await show(request, "provider/bank/remove.html", statement=statement)

    @post("/{number:int}/remove", opt=BILLING)
    async def remove(self, request: Request, number: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.remove(tx, number)
        return saved(request, LIST, _("The statement is removed."))

    @get("/lines/{line_id:int}/assign", opt=BILLING)
    async def ask_domain(self, request: Request, line_id: FromPath[int]) -> Template:
        text = clean(request.query_params.get("q", ""))
        async with platform_transaction(request.user.actor) as tx:
            line = await queries.line(tx, line_id)
            found = await candidates(tx, text, limit=8)
        if asks_candidates(request):
            return await show(request, "provider/numbers/candidates.html", found=found)
        return await show(request, "provider/bank/assign.html", line=line, found=found, text=text, notes=NOTES)

    @post("/lines/{line_id:int}/assign", opt=BILLING)
    async def assign(self, request: Request, line_id: FromPath[int]) -> Response:
        form = await domain_form(request, AssignForm)
        async with platform_transaction(request.user.actor) as tx:
            await service.assign(tx, line_id, form.domain_id)
        return done(_("Assigned; it is posted with the others."), refresh_list=True)

    @post("/lines/{line_id:int}/leave-out", opt=BILLING)
    async def leave_out(self, request: Request, line_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.leave_out(tx, line_id)
        return done(_("Left out."), refresh_list=True)


async def _ask_columns(request: Request, upload: Upload) -> Template:
    """A table: what its columns are, as far as the headings tell."""
    rows = await asyncio.to_thread(_readable, read_table, upload.content, max_rows=MAX_DOCUMENTS + 20)
    rows = [[cell[:MOST_TEXT] for cell in row[:MOST_COLUMNS]] for row in rows]
    heading, guessed = guess_columns(rows)
    async with platform_transaction(request.user.actor) as tx:
        import_id = await pending.keep(tx, "bank", upload.name, rows)
    width = max(len(row) for row in rows) if rows else 0
    titles = rows[heading] if heading >= 0 else []
    choices = [(place, titles[place] if place < len(titles) and titles[place] else _("Column %(n)s") % {"n": place + 1})
               for place in range(width)]
    sample = rows[heading + 1:heading + 1 + SAMPLE_ROWS]
    return await show(request, "provider/bank/columns.html", import_id=import_id, choices=choices, guessed=guessed,
                      names=FIELD_NAMES, needed=NEEDED, first=heading + 2, sample=sample, file_name=upload.name)


def _readable(parse: Callable[..., Found], *arguments: object, **more: object) -> Found:
    try:
        return parse(*arguments, **more)
    except NotATable as wrong:
        raise InvalidFields("file", str(wrong), fields={"file": str(wrong)}) from wrong


CONTROLLERS = [StatementPages, StatementCard]
