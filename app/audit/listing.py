"""The list of the action history: one for a domain, a pool and the whole platform [AUD-01…06, POOL-45…48].

Reload shows everything again: filters are not kept in the address [AUD-03].
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from litestar import Request, Response
from litestar.response import Template

from app.audit import history, present, queries, seals, words_met
from app.audit.present import PROVIDER_CONSOLE
from app.audit.queries import Line, Wanted
from app.kernel import clock
from app.kernel.actors import Actor
from app.kernel.db import PlatformTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import page

PERIODS = {"today": lazy("Today"), "7": lazy("7 days"), "30": lazy("30 days"), "45": lazy("45 days")}
EXPORT_MOST, EXPORT_STEP = 100_000, 5_000

Door = Callable[[Actor], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a history is read: its door, address and what it has more than others."""

    reader: str
    url: str
    door: Door
    periods: dict[str, Any]

    @property
    def columns(self) -> tuple[Column, ...]:
        more = (Column("domain", lazy("Domain"), wide_only=True),) if self.reader == PROVIDER_CONSOLE else ()
        return (Column("at", lazy("Date and time")), Column("who", lazy("User")), *more,
                Column("object", lazy("Object")), Column("action", lazy("Action")), Column("data", lazy("Data")))


TITLE = lazy("Action history")


def _query(request: Request, place: Place, met: list[words_met.Met]) -> ListQuery:
    more = (Filter("domain", lazy("Domain"), kind="text"),) if place.reader == PROVIDER_CONSOLE else ()
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


async def show(request: Request, place: Place) -> Template:
    state = None
    async with place.door(request.user.actor) as tx:
        met = await words_met.met(tx)
        query = _query(request, place, met)
        rows, total = await queries.page(tx, await _wanted(request, place, tx, met, query), limit=query.limit,
                                         offset=query.offset)
        if isinstance(tx, PlatformTx) and query.part == "full":
            state = (await seals.head(tx), await seals.waiting(tx), await seals.last_check(tx))
    return await page(request, "audit/list.html", shell=place.reader, found=Page(rows, total, query), place=place,
                      told=present, seal=state)


async def data(request: Request, place: Place, line_id: int) -> Template:
    async with place.door(request.user.actor) as tx:
        line = await queries.one(tx, line_id)
    if line is None:
        raise NotFound("history", _("There is no such entry"))
    return await page(request, "audit/data.html", shell=place.reader, line=line, place=place, told=present)


async def export(request: Request, place: Place) -> Response[bytes]:
    """All that matches, the newest first; that it was ordered is an entry itself [AUD-04]."""
    async with place.door(request.user.actor) as tx:
        met = await words_met.met(tx)
        wanted = await _wanted(request, place, tx, met, _query(request, place, met))
        lines = [line async for line in _all(tx, wanted)]
        await history.exported(tx, str(TITLE))
    domain = [ExportColumn(lazy("Domain"), 24)] if place.reader == PROVIDER_CONSOLE else []
    columns = [ExportColumn(label, width) for label, width in (
        (lazy("Date and time"), 20), (lazy("User"), 28), (lazy("Login"), 18), (lazy("IP address"), 16),
        (lazy("Object"), 28), (lazy("Object type"), 18), (lazy("Action"), 28), (lazy("Data"), 60))]
    # beside the event loop: a hundred thousand rows take seconds
    return await asyncio.to_thread(xlsx_answer, _("Action history"), [*domain, *columns],
                                   (_row(line, place) for line in lines))


async def _all(tx: Any, wanted: Wanted) -> AsyncIterator[Line]:
    before, taken = None, 0
    while taken < EXPORT_MOST:
        part = await queries.all_lines(tx, wanted, limit=EXPORT_STEP, before=before)
        for line in part:
            yield line
        if len(part) < EXPORT_STEP:
            return
        taken, before = taken + len(part), (part[-1].at, part[-1].id)


def _row(line: Line, place: Place) -> tuple[object, ...]:
    person = present.who(line, place.reader)
    domain = (line.domain_name,) if place.reader == PROVIDER_CONSOLE else ()
    name = f"{person.name} → {person.behalf}" if person.behalf else person.name
    return (*domain, line.at, name, person.login, person.ip, line.object_name, present.object_type(line),
            present.action(line, place.reader), present.changes_text(line))
