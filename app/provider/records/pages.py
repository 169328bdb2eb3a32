"""Records in quarantine `/provider/quarantine` and calls without a rate `/provider/unrated`."""

from __future__ import annotations

from litestar import Controller, Request, get
from litestar.response import Template

from app.kernel.db import platform_transaction
from app.kernel.i18n import lazy
from app.provider.console import VIEW, as_page, show
from app.provider.records import queries
from app.web.lists import Column, Filter, ListQuery

QUARANTINE, UNRATED = "/provider/quarantine", "/provider/unrated"
REASONS = {"no_domain": lazy("no such domain"), "closed_before": lazy("the call was closed before"),
           "defect": lazy("its fields do not fit")}
COLUMNS = (Column("at", lazy("Received")), Column("node", lazy("PBX node"), wide_only=True),
           Column("call", lazy("Call id")), Column("reason", lazy("Reason")))
UNRATED_COLUMNS = (Column("at", lazy("Time")), Column("domain", lazy("Domain")), Column("call", lazy("Call")),
                   Column("talk", lazy("Talk time"), numeric=True, wide_only=True), Column("reason", lazy("Reason")))


class RecordPages(Controller):
    opt = VIEW

    @get(QUARANTINE)
    async def quarantine(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=(Filter("reason", lazy("Reason"), REASONS),))
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.quarantined(tx, reason=query.value("reason"), limit=query.limit,
                                                    offset=query.offset)
        return await show(request, "provider/records/quarantine.html", found=as_page(rows, total, query),
                          reasons=REASONS)

    @get(UNRATED)
    async def unrated(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=UNRATED_COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.unrated(tx, limit=query.limit, offset=query.offset)
        return await show(request, "provider/records/unrated.html", found=as_page(rows, total, query))


CONTROLLERS = [RecordPages]
