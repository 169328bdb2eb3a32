"""The list of the action history: one for a domain, a pool and the whole platform [AUD-01…06, POOL-45…48].

Reload shows everything again: filters are not kept in the address [AUD-03].
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, Response
from litestar.response import Stream, Template

from app.audit import history, present, queries, seals, words_met
from app.audit.queries import Line, Wanted
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web.exports import ExportColumn, csv_lines, csv_stream, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page, cursor_after
from app.web.shell import page
from app.web.turns import turn

PERIODS = {"today": lazy("Today"), "7": lazy("7 days"), "30": lazy("30 days"), "45": lazy("45 days")}
WORKBOOK_MOST, EXPORT_STEP = 100_000, 5_000
EXPORT_COLUMNS = (
    (lazy("Date and time"), 20), (lazy("User"), 28), (lazy("Login"), 18), (lazy("IP address"), 16),
    (lazy("Object"), 28), (lazy("Object type"), 18), (lazy("Action"), 28), (lazy("Data"), 60))

Door = Callable[[Actor], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a history is read: its door, address and what it has more than others."""

    reader: str
    url: str
    door: Door
    periods: dict[str, Any]
    has_domains: bool = False  # entries of many domains

    @property
    def columns(self) -> tuple[Column, ...]:
        more = (Column("domain", lazy("Domain"), wide_only=True),) if self.has_domains else ()
        return (Column("at", lazy("Date and time")), Column("who", lazy("User")), *more,
                Column("object", lazy("Object")), Column("action", lazy("Action")), Column("data", lazy("Data")))

    @property
    def more(self) -> list[ExportColumn]:
        return [ExportColumn(lazy("Domain"), 24)] if self.has_domains else []


TITLE = lazy("Action history")


def _query(request: Request, place: Place, met: list[words_met.Met]) -> ListQuery:
    more = (Filter("domain", lazy("Domain"), kind="text"),) if place.has_domains else ()
    filters = (Filter("period", lazy("Period"), place.periods), Filter("from", lazy("From date"), kind="date"),
               Filter("to", lazy("To date"), kind="date"),
               Filter("action", lazy("Action"), present.action_options(met, place.reader)),
               Filter("user", lazy("User"), present.actor_options(met, place.reader)), *more)
    return ListQuery.of(request, columns=place.columns, filters=filters)


async def _wanted(request: Request, place: Place, tx: Any, met: list[words_met.Met], query: ListQuery) -> Wanted:
    """A free period counts before a quick choice; both days belong to it."""
    zone = request.user.timezone
    first, last = present.day_start(query.value("from"), zone), present.day_start(query.value("to"), zone, after=1)
    quick = None if first or last else present.since(query.value("period"), clock.now(), zone)
    domains = query.value("domain")
    ids = await queries.domains_named(tx, domains) if domains and isinstance(tx, PlatformTx) else None
    return Wanted(text=query.search, actions=present.actions_of(query.value("action"), met, place.reader),
                  actor=query.value("user"), since=first or quick, until=last, domain_ids=ids)


async def show(request: Request, place: Place, template: str = "audit/list.html", **facts: Any) -> Template:
    """`facts` are what a template around the list needs."""
    state = None
    async with place.door(request.user.actor) as tx:
        met = await words_met.met(tx)
        query = _query(request, place, met)
        rows, total = await queries.page(tx, await _wanted(request, place, tx, met, query), limit=query.limit,
                                         offset=query.offset, after=query.after)
        if isinstance(tx, PlatformTx) and query.part == "full":
            state = (await seals.head(tx), await seals.waiting(tx), await seals.last_check(tx))
    cursor = cursor_after(rows[-1].at, rows[-1].id) if rows else ""
    return await page(request, template, shell=place.reader, found=Page(rows, total, query, cursor), place=place,
                      told=present, seal=state, as_csv=total > WORKBOOK_MOST, most=WORKBOOK_MOST, **facts)


async def data(request: Request, place: Place, line_id: int) -> Template:
    async with place.door(request.user.actor) as tx:
        line = await queries.one(tx, line_id)
    if line is None:
        raise NotFound("history", _("There is no such entry"))
    return await page(request, "audit/data.html", shell=place.reader, line=line, place=place, told=present)


async def export(request: Request, place: Place) -> Response[bytes] | Stream:
    """All that matches, the newest first; that it was ordered is an entry itself [AUD-04].

    A workbook up to WORKBOOK_MOST lines; more is sent as CSV while it is read, so that nothing is left out.
    """
    actor = request.user.actor
    async with place.door(actor) as tx:
        met = await words_met.met(tx)
        wanted = await _wanted(request, place, tx, met, _query(request, place, met))
        wanted = replace(wanted, until=min(wanted.until or tx.now, tx.now))  # what comes meanwhile is not in it
        _first, total = await queries.page(tx, wanted, limit=1)
        await history.exported(tx, str(TITLE))
    portions = _portions(actor, place, wanted)
    columns = [*place.more, *(ExportColumn(label, width) for label, width in EXPORT_COLUMNS)]
    name = _("Action history")
    if total > WORKBOOK_MOST:
        return csv_stream(name, columns, _as_csv(portions, place))
    async with turn(actor):
        lines = [line async for portion in portions for line in portion]
        # beside the event loop: a hundred thousand rows take seconds
        return await asyncio.to_thread(xlsx_answer, name, columns, (_row(line, place) for line in lines))


async def _portions(actor: Actor, place: Place, wanted: Wanted) -> AsyncIterator[list[Line]]:
    """Each in a transaction of its own: a slow reader holds none open, and lines are never changed."""
    after = None
    while True:
        async with place.door(actor) as tx:
            portion = await queries.all_lines(tx, wanted, limit=EXPORT_STEP, after=after)
        yield portion
        if len(portion) < EXPORT_STEP:
            return
        after = (portion[-1].at, portion[-1].id)


async def _as_csv(portions: AsyncIterator[list[Line]], place: Place) -> AsyncIterator[bytes]:
    async for portion in portions:
        yield await asyncio.to_thread(lambda lines: csv_lines(_row(line, place) for line in lines), portion)


def _row(line: Line, place: Place) -> tuple[object, ...]:
    person = present.who(line, place.reader)
    domain = (line.domain_name,) if place.has_domains else ()
    name = f"{person.name} → {person.behalf}" if person.behalf else person.name
    return (*domain, line.at, name, person.login, person.ip, line.object_name, present.object_type(line),
            present.action(line, place.reader), present.changes_text(line))
