"""`/calls`: the journal, one call with what it cost and why, the spreadsheet; live while it is open."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get
from litestar.response import ServerSentEvent, Template

from app.audit import history
from app.auth import store
from app.auth.permissions import Permission
from app.kernel import clock, files
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web import menu, sse
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import page
from billing.accounts import queries as accounts
from tenants.calls import queries
from tenants.calls.personal.audio_page import mp3_answer
from tenants.calls.present import (
    DIRECTIONS,
    ICONS,
    PERIODS,
    REFUSALS,
    RESULTS,
    charge_facts,
    number_pattern,
    shown_number,
)
from tenants.calls.queries import JournalFilter
from tenants.live import row_id

URL = "/calls"
COLUMNS = (
    Column("at", lazy("Date and time"), "c.started_at"),
    Column("from", lazy("From")),
    Column("to", lazy("To")),
    Column("talk", lazy("Duration"), "c.talk_seconds", numeric=True),
    Column("cost", lazy("Cost"), "c.cost", numeric=True),
)
FILTERS = (Filter("period", lazy("Period"), PERIODS), Filter("direction", lazy("Type"), DIRECTIONS),
           Filter("result", lazy("Result"), RESULTS))

menu.register("domain", MenuItem("history", lazy("Call history"), URL, permission=Permission.CALLS_VIEW, order=10))


def since(period: str, now: datetime, zone: str) -> datetime | None:
    """Start of a quick choice: "today" from 00:00, "N days" from 00:00 of the day N−1 days ago [ACC-D14]."""
    days = {"today": 1, "7": 7, "30": 30, "45": 45}.get(period)
    if days is None:
        return None
    today = now.astimezone(ZoneInfo(zone)).date()
    return datetime.combine(today - timedelta(days=days - 1), time(), ZoneInfo(zone))


def wanted_of(request: Request, query: ListQuery) -> JournalFilter:
    return JournalFilter(
        like=query.like(), number_like=number_pattern(query.search), direction=query.value("direction"),
        result=query.value("result"), since=since(query.value("period"), clock.now(), request.user.timezone))


def _query_of(request: Request) -> ListQuery:
    return ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="-at")


async def _rows(tx: DomainTx, request: Request, query: ListQuery, limit: int | None):
    return await queries.journal(tx, wanted_of(request, query), order=query.order_by("c.id DESC"), limit=limit,
                                 offset=query.offset if limit else 0)


class CallPages(Controller):
    path = URL
    opt = {"permission": Permission.CALLS_VIEW}

    @get("/")
    async def journal(self, request: Request) -> Template:
        query = _query_of(request)
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await _rows(tx, request, query, query.limit)
        return await page(request, "calls/journal.html", found=Page(rows, total, query), directions=DIRECTIONS,
                          icons=ICONS, refusals=REFUSALS, shown=shown_number)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        async with domain_transaction(request.user.actor) as tx:
            rows, _total = await _rows(tx, request, _query_of(request), None)
            await history.exported(tx, _("Call history"))
        columns = [ExportColumn(label, width) for label, width in (
            (lazy("Date and time"), 20), (lazy("Type"), 14), (lazy("From"), 18), (lazy("Name"), 28), (lazy("To"), 18),
            (lazy("Name"), 28), (lazy("Result"), 16), (lazy("Duration, s"), 12), (lazy("Cost"), 12))]
        return xlsx_answer(_("Call history"), columns, (
            (row.started_at, str(DIRECTIONS[row.direction]), row.a_number, row.a_name, row.b_number, row.b_name,
             _("answered") if row.is_answered else _("not answered"), row.talk_seconds, row.cost) for row in rows))

    @get("/live")
    async def live(self, request: Request) -> ServerSentEvent:
        """Tells an open page that the list or the balance is older than the database."""
        return sse.stream(_changes(request.user.actor.domain_id))

    @get("/{call_id:int}/audio")
    async def audio(self, request: Request, call_id: int) -> Response[bytes]:
        """What was recorded of the conversation [REC-32]."""
        async with domain_transaction(request.user.actor) as tx:
            found = await queries.recording_of(tx, row_id(call_id))
            if found is None:
                raise NotFound("recording", _("There is no such recording."))
            file_id, started_at, number = found
            stored = await files.load(tx, file_id)
        return await mp3_answer(request, stored, started_at, number)

    @get("/{call_id:int}")
    async def card(self, request: Request, call_id: int) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await queries.one(tx, row_id(call_id))
            if found is None:
                raise NotFound("call", _("There is no such call."))
            call, charge = found
            tariff = await accounts.tariff_version(tx, charge)
        return await page(request, "calls/card.html", call=call, directions=DIRECTIONS, refusals=REFUSALS,
                          shown=shown_number, explained=charge_facts(charge, call.cost.currency, tariff))


async def _nothing() -> list[sse.Event]:
    return []


async def _as_event(payload: str) -> list[sse.Event]:
    kind = json.loads(payload).get("kind")
    return [sse.event("refresh", kind)] if kind in {"call", "balance"} else []


def _changes(domain_id: int) -> AsyncIterator[sse.Event]:
    return sse.events(store.client(), [f"domain:{domain_id}"], snapshot=_nothing, change=_as_event)


CONTROLLERS = [CallPages]
