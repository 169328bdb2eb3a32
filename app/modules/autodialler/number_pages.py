"""The number list of a task: `/autodialler/<id>/numbers` [ADL-50…62]."""

from __future__ import annotations

import asyncio

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
from app.modules.autodialler import number_file, numbers, queries, service
from app.modules.autodialler.pages import URL, facts
from app.modules.autodialler.rules import Result, Status, digits_searched
from app.web.exports import file_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import listed, page, saved
from app.web.turns import turn
from app.web.uploads import read_upload
from tenants.live import row_id
from tenants.services.section import section

COLUMNS = (Column("comment", lazy("Comment"), "lower(comment)"), Column("number", lazy("Number"), "number"),
           Column("extra", lazy("Extra information"), wide_only=True), Column("result", lazy("Result"), "result"),
           Column("attempts", lazy("Call attempts made"), "attempts", numeric=True),
           Column("last", lazy("Last call attempt"), "last_attempt_at"), Column("act", ""))
FILTERS = (Filter("result", lazy("Result"), {one.value: one.label for one in Result}),)
RESULT_KINDS = {Result.SUCCESS: "success", Result.FAILED: "danger", Result.IN_PROGRESS: "info"}


class NumberPages(Controller):
    path = f"{URL}/{{task_id:int}}/numbers"
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(service.CODE)

    @get("/")
    async def list(self, request: Request, task_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS)
        digits = digits_searched(query.search)
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            context = await facts(tx, task)
            rows, total = ([], 0) if query.search and not digits else await queries.numbers(
                tx, task.id, digits=digits, result=query.value("result"), order=query.order_by("id"),
                limit=query.limit, offset=query.offset)
        return await page(request, "autodialler/numbers.html", found=Page(rows, total, query),
                          result_kinds=RESULT_KINDS, moment=number_file.moment, may_load=task.status is Status.INACTIVE,
                          may_remove=task.status is not Status.DELETED, **context)

    @get("/upload")
    async def ask_upload(self, request: Request, task_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
        return await page(request, "autodialler/upload.html", task=task)

    @post("/upload", status_code=200, request_max_body_size=12 * 1024 * 1024)
    async def upload(self, request: Request, task_id: FromPath[int]) -> Response:
        """All of the file or nothing [ADL-59]."""
        sent = (await request.form()).get("file")
        file = await read_upload(sent if isinstance(sent, UploadFile) else None, kinds=("xls", "xlsx"))
        try:
            entries = await asyncio.to_thread(number_file.read_entries, file.content)
        except NotATable as wrong:
            raise InvalidFields("file", str(wrong), fields={"file": str(wrong)}) from wrong
        async with domain_transaction(request.user.actor) as tx:
            done = await numbers.load(tx, row_id(task_id), entries)
        message = ngettext("%(n)s number is loaded.", "%(n)s numbers are loaded.", done.added) % {"n": done.added}
        if done.duplicates:
            message += " " + ngettext("%(n)s duplicate is skipped.", "%(n)s duplicates are skipped.",
                                      done.duplicates) % {"n": done.duplicates}
        return saved(request, f"{URL}/{task_id}/numbers", message)

    @get("/template")
    async def template(self, request: Request, task_id: FromPath[int]) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            await queries.task(tx, row_id(task_id))
        return file_answer(number_file.template(), "template.xls", number_file.XLS)

    @get("/export")
    async def export(self, request: Request, task_id: FromPath[int]) -> Response[bytes]:
        actor = request.user.actor
        async with turn(actor), domain_transaction(actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            rows = [one async for one in queries.every_number(tx, task.id)]
            await history.exported(tx, f"{_('Auto-dialler')}: {task.name}")
            content = await asyncio.to_thread(number_file.results, rows)
        return file_answer(content, f"{task.name}.xls", number_file.XLS)

    @get("/clear")
    async def ask_clear(self, request: Request, task_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            total = (await queries.counts(tx, task.id)).total
        return await page(request, "autodialler/clear.html", task=task, total=total)

    @post("/clear", status_code=200)
    async def clear(self, request: Request, task_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await numbers.clear(tx, row_id(task_id))
        return saved(request, f"{URL}/{task_id}/numbers", _("The list is cleared."))

    @get("/{number_id:int}/delete")
    async def ask_remove(self, request: Request, task_id: FromPath[int], number_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            task = await queries.task(tx, row_id(task_id))
            number = await queries.number(tx, task.id, row_id(number_id))
        return await page(request, "autodialler/remove.html", task=task, number=number)

    @post("/{number_id:int}/delete", status_code=200)
    async def remove(self, request: Request, task_id: FromPath[int], number_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            is_deleted = await numbers.remove(tx, row_id(task_id), row_id(number_id))
        return listed(request, f"{URL}/{task_id}/numbers",
                      _("The number is deleted.") if is_deleted else _("Calling this number is stopped."))


CONTROLLERS: list[type[Controller]] = [NumberPages]
