"""Requests for another tariff: `/provider/tariff-requests`; closed by whoever dealt with them."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy
from app.provider.console import DOMAINS, VIEW, as_page, show
from app.web.lists import Column, Filter, ListQuery
from app.web.shell import done
from billing.tariff_requests import queries, service
from billing.tariff_requests.present import excess_words

LIST = "/provider/tariff-requests"
STATES = {"open": lazy("To be dealt with"), "done": lazy("Dealt with")}
COLUMNS = (Column("domain", lazy("Domain")), Column("excess", lazy("Exceeded"), wide_only=True),
           Column("state", lazy("State")))
_GREATEST_ID = 2**63 - 1


class TariffRequestPages(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=(Filter("state", lazy("State"), STATES),))
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.requests(tx, state=query.value("state"), like=query.like(),
                                                 limit=query.limit, offset=query.offset)
        return await show(request, "provider/tariff_requests/list.html", found=as_page(rows, total, query),
                          excess_words=excess_words, url=LIST)

    @post("/{request_id:int}/done", opt=DOMAINS)
    async def close(self, request: Request, request_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            closed = await service.close(tx, min(request_id, _GREATEST_ID))
        return done(_("The request is closed.") if closed else _("The request was closed already."),
                    refresh_list=True)


CONTROLLERS = [TariffRequestPages]
