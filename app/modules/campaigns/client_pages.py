"""The call list of a campaign: `/campaigns/<id>/clients` [CMP-40…45]."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy, ngettext
from app.kernel.tabular import NotATable
from app.modules.campaigns import clients, queries
from app.modules.campaigns.forms import ClientForm
from app.modules.campaigns.pages import URL, state, tabs
from app.modules.campaigns.queries import Client, Found
from app.modules.campaigns.rules import COLUMNS as FILE_COLUMNS
from app.modules.campaigns.rules import STATUSES
from app.modules.campaigns.work import shown
from app.web.exports import XLSX, ExportColumn, file_answer, write_csv, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import listed, page, saved
from app.web.turns import turn
from app.web.uploads import read_upload
from tenants.live import form_of, row_id
from tenants.services.section import section
from tenants.users.operators import CONTACT_CENTRE

COLUMNS = (Column("name", lazy("Client"), "lower(c.name)"), Column("status", lazy("Status"), "c.status"),
           Column("numbers", lazy("Numbers")), Column("notes", lazy("Notes"), wide_only=True), Column("act", ""))
REPORT = (ExportColumn(lazy("Client"), 30), ExportColumn(lazy("Status"), 22), ExportColumn(lazy("Numbers"), 40),
          ExportColumn(lazy("Notes"), 40), ExportColumn(lazy("Operator"), 25),
          ExportColumn(lazy("Call attempts made")), ExportColumn(lazy("Last call attempt"), 22),
          ExportColumn(lazy("Talk time")))
MOST_SHOWN = 100  # rows with errors in the preview of a file
KINDS = {"success": "success", "no_answer": "warning", "own": "info"}


def _query_of(request: Request, given: list[str]) -> ListQuery:
    options = {**STATUSES, **{f"own:{text}": text for text in given}}
    return ListQuery.of(request, columns=COLUMNS, filters=(Filter("status", lazy("Status"), options),))


def _found(query: ListQuery) -> Found:
    digits = "".join(one for one in query.search if one.isascii() and one.isdigit())
    return Found(query.like(), digits if len(digits) > 1 else "", query.value("status"))


class ClientPages(Controller):
    path = f"{URL}/{{campaign_id:int}}/clients"
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(CONTACT_CENTRE)

    @get("/")
    async def list(self, request: Request, campaign_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
            query = _query_of(request, await queries.own_statuses_given(tx, campaign.id))
            rows, total = await queries.clients(tx, campaign.id, _found(query), order=query.order_by("c.id"),
                                                limit=query.limit, offset=query.offset)
            all_of_them, called = await queries.totals(tx, campaign.id)
        line = ngettext("%(n)s client in the list. Called: %(called)s", "%(n)s clients in the list. Called: %(called)s",
                        all_of_them) % {"n": all_of_them, "called": called}
        return await page(request, "campaigns/clients.html", campaign=campaign, found=Page(rows, total, query),
                          counter=line, kinds=KINDS, shown=shown, state=state(campaign), tabs=tabs(campaign.id))

    @get("/new")
    async def new(self, request: Request, campaign_id: FromPath[int]) -> Template:
        return await _edit(request, campaign_id, None)

    @post("/new", status_code=200)
    async def add(self, request: Request, campaign_id: FromPath[int]) -> Response:
        form = await form_of(request, ClientForm)
        async with domain_transaction(request.user.actor) as tx:
            await clients.add(tx, row_id(campaign_id), form.command())
        return _done(request, campaign_id, _("The client is added."))

    @get("/{client_id:int}")
    async def edit(self, request: Request, campaign_id: FromPath[int], client_id: FromPath[int]) -> Template:
        return await _edit(request, campaign_id, client_id)

    @post("/{client_id:int}", status_code=200)
    async def change(self, request: Request, campaign_id: FromPath[int], client_id: FromPath[int]) -> Response:
        form = await form_of(request, ClientForm)
        async with domain_transaction(request.user.actor) as tx:
            await clients.change(tx, row_id(campaign_id), row_id(client_id), form.command())
        return _done(request, campaign_id, _("Saved."))

    @post("/{client_id:int}/restart", status_code=200)
    async def restart(self, request: Request, campaign_id: FromPath[int], client_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await clients.restart(tx, row_id(campaign_id), row_id(client_id))
        return _done(request, campaign_id, _("The client will be called again."))

    @get("/{client_id:int}/delete")
    async def ask_remove(self, request: Request, campaign_id: FromPath[int], client_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
            client = await queries.client(tx, campaign.id, row_id(client_id))
        return await page(request, "campaigns/remove.html", campaign=campaign, client=client)

    @post("/{client_id:int}/delete", status_code=200)
    async def remove(self, request: Request, campaign_id: FromPath[int], client_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await clients.remove(tx, row_id(campaign_id), row_id(client_id))
        return _done(request, campaign_id, _("The client is removed."))

    @get("/clear")
    async def ask_clear(self, request: Request, campaign_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
            total, _called = await queries.totals(tx, campaign.id)
        return await page(request, "campaigns/clear.html", campaign=campaign, total=total)

    @post("/clear", status_code=200)
    async def clear(self, request: Request, campaign_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await clients.clear(tx, row_id(campaign_id))
        return saved(request, f"{URL}/{campaign_id}/clients", _("The list is cleared."))

    @get("/export")
    async def export(self, request: Request, campaign_id: FromPath[int]) -> Response[bytes]:
        """With the search and the filter of the list [CMP-D8]."""
        actor = request.user.actor
        async with turn(actor), domain_transaction(actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
            query = _query_of(request, await queries.own_statuses_given(tx, campaign.id))
            rows = [_line(one) async for one in queries.every_client(tx, campaign.id, _found(query))]
            await history.exported(tx, f"{_('Outgoing campaigns')}: {campaign.name}")
            return await asyncio.to_thread(xlsx_answer, campaign.name, REPORT, rows)

    # --- files --------------------------------------------------------------------------------------------

    @get("/template/{kind:str}")
    async def template(self, request: Request, campaign_id: FromPath[int], kind: FromPath[str]) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            await queries.campaign(tx, row_id(campaign_id))
        if kind == "csv":
            return file_answer(write_csv([ExportColumn(name) for name in FILE_COLUMNS], ()), "clients.csv", "text/csv")
        return file_answer(clients.template(), "clients.xlsx", XLSX)

    @get("/import")
    async def ask_file(self, request: Request, campaign_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
        return await page(request, "campaigns/import.html", campaign=campaign)

    @post("/import", status_code=200, request_max_body_size=12 * 1024 * 1024)
    async def read_file(self, request: Request, campaign_id: FromPath[int]) -> Template:
        """What the file holds; nothing is created before it is confirmed [CMP-D6]."""
        sent = (await request.form()).get("file")
        file = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("xlsx", "xls", "csv"))
        try:
            rows = await asyncio.to_thread(clients.read_clients, file.content)
        except NotATable as wrong:
            raise InvalidFields("file", str(wrong), fields={"file": str(wrong)}) from wrong
        async with domain_transaction(request.user.actor) as tx:
            import_id, judged = await clients.preview(tx, row_id(campaign_id), rows)
            campaign = await queries.campaign(tx, campaign_id)
        wrong_rows = [row for row in judged if row.errors]
        return await page(request, "campaigns/preview.html", campaign=campaign, import_id=import_id, total=len(judged),
                          wrong=len(wrong_rows), rows=wrong_rows[:MOST_SHOWN], columns=FILE_COLUMNS)

    @post("/import/{import_id:int}", status_code=200)
    async def confirm(self, request: Request, campaign_id: FromPath[int], import_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            count = await clients.create_ready(tx, row_id(campaign_id), row_id(import_id))
        message = ngettext("%(n)s client is added.", "%(n)s clients are added.", count) % {"n": count}
        return saved(request, f"{URL}/{campaign_id}/clients", message)


async def _edit(request: Request, campaign_id: int, client_id: int | None) -> Template:
    async with domain_transaction(request.user.actor) as tx:
        campaign = await queries.campaign(tx, row_id(campaign_id))
        client = await queries.client(tx, campaign.id, row_id(client_id)) if client_id is not None else None
    return await page(request, "campaigns/client.html", campaign=campaign, client=client, shown=shown)


def _done(request: Request, campaign_id: int, message: str) -> Response:
    return listed(request, f"{URL}/{campaign_id}/clients", message)


def _line(one: Client) -> tuple[object, ...]:
    return (one.name, str(one.status_label), ", ".join(one.numbers), one.notes, one.operator_name, one.attempts,
            one.last_attempt_at, timedelta(seconds=one.talk_seconds) if one.talk_seconds else None)


CONTROLLERS: list[type[Controller]] = [ClientPages]
