"""What-if: the calls of a period by another version, domain by domain; the worker reckons, nothing is posted."""

from __future__ import annotations

from datetime import date, timedelta

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import clock, parameters
from app.kernel.db import platform_transaction
from app.kernel.errors import Refused
from app.kernel.i18n import _, lazy
from app.provider.console import BILLING, VIEW, form_of, show, tariff_choices
from app.provider.tariffs import present
from app.provider.tariffs.forms import WhatIfForm
from app.provider.tariffs.pages import LIST, version_of
from app.web.exports import ExportColumn, file_answer, write_csv
from app.web.lists import Column, ListQuery, Page
from app.web.shell import saved
from billing.subscriptions.rules import local_day
from billing.whatif import queries, service

RUNS = f"{LIST}/whatif"
COLUMNS = (
    Column("name", lazy("Domain"), "d.name"), Column("calls", lazy("Calls"), "w.calls", numeric=True, wide_only=True),
    Column("before", lazy("Charged"), "w.before", numeric=True),
    Column("after", lazy("By this version"), "w.after", numeric=True),
    Column("difference", lazy("Difference"), "w.after - w.before", numeric=True),
    Column("unrated", lazy("Without a rate"), "w.unrated", numeric=True, wide_only=True),
)


def _job_key(run_id: int) -> str:
    return f"whatif:{run_id}"


class WhatIfForms(Controller):
    """The order of a run for a version."""

    path = LIST + "/versions/{version_id:int}/whatif"
    opt = BILLING

    @get("/")
    async def ask(self, request: Request, version_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            version, tariff = await version_of(tx, version_id)
            tariffs = await tariff_choices(tx)
            today = local_day(clock.now(), await parameters.get(tx, "billing.timezone"))
        first, last = _last_month(today)
        return await show(request, "provider/tariffs/whatif_new.html", version=version, tariff=tariff,
                          tariffs=tariffs, first=first, last=last)

    @post("/")
    async def order(self, request: Request, version_id: FromPath[int]) -> Response:
        form = await form_of(request, WhatIfForm)
        async with platform_transaction(request.user.actor) as tx:
            await version_of(tx, version_id)
            run_id = await service.order(tx, form.wanted(version_id))
        await request.app.state.jobs.enqueue_job("tariff_whatif", run_id, _job_id=_job_key(run_id))
        return saved(request, f"{RUNS}/{run_id}")


class WhatIfPages(Controller):
    """A run: its progress, its sums, the file."""

    path = RUNS + "/{run_id:int}"
    opt = VIEW

    @get("/")
    async def card(self, request: Request, run_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="-difference")
        async with platform_transaction(request.user.actor) as tx:
            run = await queries.run(tx, run_id)
            rows, total = await queries.sums(tx, run_id, search=query.search, order=query.order_by("d.name"),
                                             limit=query.limit, offset=query.offset)
        return await show(request, "provider/tariffs/whatif.html", run=run, found=Page(rows, total, query),
                          present=present)

    @get("/progress")
    async def progress(self, request: Request, run_id: FromPath[int]) -> Template:
        """The bar; when the run is done the page is loaded again."""
        async with platform_transaction(request.user.actor) as tx:
            run = await queries.run(tx, run_id)
        headers = {"HX-Refresh": "true"} if run.finished_at else {}
        return Template("provider/tariffs/whatif_progress.html", context={"run": run}, headers=headers,
                        media_type="text/html; charset=utf-8")

    @get("/export")
    async def export(self, request: Request, run_id: FromPath[int]) -> Response[bytes]:
        async with platform_transaction(request.user.actor) as tx:
            run = await queries.run(tx, run_id)
            rows, _total = await queries.sums(tx, run_id)
        columns = [ExportColumn(label) for label in (
            lazy("Domain"), lazy("Company"), lazy("Account"), lazy("Calls"), lazy("Charged"), lazy("By this version"),
            lazy("Difference"), lazy("Without a rate at the time"), lazy("Without a rate"))]
        content = write_csv(columns, ((row.name, row.company, row.account, row.calls, row.before, row.after,
                                       row.difference, row.unrated_then, row.unrated) for row in rows))
        return file_answer(content, f"{run.version_tariff} {run.number} {run.first_on} {run.last_on}.csv",
                           "text/csv; charset=utf-8")

    @post("/again", opt=BILLING)
    async def again(self, request: Request, run_id: FromPath[int]) -> Response:
        """The worker was stopped for good in the middle: it goes on where it stood."""
        async with platform_transaction(request.user.actor) as tx:
            run = await queries.run(tx, run_id)
        if run.finished_at or await request.app.state.jobs.enqueue_job(
                "tariff_whatif", run_id, _job_id=_job_key(run_id)) is None:
            raise Refused("waiting", _("This job waits already."))
        return saved(request, f"{RUNS}/{run_id}", _("The job is started again."))


def _last_month(today: date) -> tuple[date, date]:
    last = today.replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


CONTROLLERS = [WhatIfForms, WhatIfPages]
