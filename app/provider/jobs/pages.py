"""Jobs, events and letters: `/provider/jobs`, `/provider/events`, `/provider/mails`."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel import clock
from app.kernel.db import platform_transaction
from app.kernel.errors import Refused
from app.kernel.i18n import _, lazy
from app.provider.console import TECH, VIEW, show
from app.provider.jobs import queries, service
from app.settings import settings
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import done

JOB_STATES = {"running": lazy("running"), "retry": lazy("waits for another try"), "failed": lazy("failed"),
              "done": lazy("done")}
MAIL_STATES = {"queued": lazy("waits"), "sent": lazy("sent"), "failed": lazy("failed")}
STATE_KINDS = {"running": "info", "retry": "warning", "failed": "danger", "done": "success", "queued": "info",
               "sent": "success"}
JOB_COLUMNS = (Column("job", lazy("Job"), "job"), Column("state", lazy("State"), "state"),
               Column("tries", lazy("Tries"), "tries", numeric=True, wide_only=True),
               Column("started", lazy("Started"), "started_at", wide_only=True),
               Column("error", lazy("Error"), wide_only=True),
               Column("actions", ""))
EVENT_COLUMNS = (Column("kind", lazy("Event")), Column("domain", lazy("Domain")),
                 Column("tries", lazy("Tries"), numeric=True, wide_only=True), Column("due", lazy("Next try")),
                 Column("error", lazy("Error"), wide_only=True), Column("actions", ""))
MAIL_COLUMNS = (Column("at", lazy("Time"), wide_only=True), Column("subject", lazy("Letter")),
                Column("state", lazy("State")), Column("error", lazy("Error"), wide_only=True))


class JobPages(Controller):
    path = "/provider/jobs"
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=JOB_COLUMNS, default_sort="-started",
                             filters=(Filter("state", lazy("State"), JOB_STATES),))
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.jobs(tx, query)
        return await show(request, "provider/jobs/jobs.html", found=Page(rows, total, query), states=JOB_STATES,
                          kinds=STATE_KINDS, now=clock.now())

    @post("/{job_id:int}/retry", opt=TECH)
    async def retry(self, request: Request, job_id: FromPath[int]) -> Response:
        """The same job with the same arguments and key, once the mark is committed."""
        async with platform_transaction(request.user.actor) as tx:
            job = await service.prepare_retry(tx, job_id)
        if await request.app.state.jobs.enqueue_job(job.job, *job.arguments, _job_id=job.key) is None:
            raise Refused("waiting", _("This job waits already."))
        return done(_("The job is started again."), refresh_list=True)


class EventPages(Controller):
    path = "/provider/events"
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=EVENT_COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.events(tx, query)
        return await show(request, "provider/jobs/events.html", found=Page(rows, total, query))

    @post("/{event_id:int}/retry", opt=TECH)
    async def retry(self, request: Request, event_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.repeat_event(tx, event_id)
        return done(_("The event is handed on again."), refresh_list=True)


class MailPages(Controller):
    path = "/provider/mails"
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=MAIL_COLUMNS, filters=(Filter("state", lazy("State"), MAIL_STATES),))
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.mails(tx, query)
        return await show(request, "provider/jobs/mails.html", found=Page(rows, total, query), states=MAIL_STATES,
                          kinds=STATE_KINDS, is_folder=settings().mail_url == "folder")

    @get("/{mail_id:int}", opt=TECH)
    async def letter(self, request: Request, mail_id: FromPath[int]) -> Template:
        """Only where letters go to a folder: they may carry passwords, so engineers alone read them."""
        async with platform_transaction(request.user.actor) as tx:
            await service.check_sent(tx, mail_id)
        return await show(request, "provider/jobs/letter.html", letter=service.read_letter(settings(), mail_id))

    @post("/{mail_id:int}/retry", opt=TECH)
    async def retry(self, request: Request, mail_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.repeat_mail(tx, mail_id)
        return done(_("The letter is sent again."), refresh_list=True)


CONTROLLERS = [JobPages, EventPages, MailPages]
