"""Real-time statistics: `/groups/live` by operators, `/groups/live/groups` by groups [RT-01…12]."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import ServerSentEvent, Template

from app.auth import store
from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _, language, lazy
from app.web import menu, sse
from app.web.menu import MenuItem
from app.web.shell import done, is_htmx, page, saved
from tenants.live import row_id
from tenants.realtime import queries, rules, supervision
from tenants.services.section import section
from tenants.telling import tell
from tenants.users.operators import CONTACT_CENTRE

URL = "/groups/live"
OF_OTHERS = frozenset({"call", "balance", "presence", "generation"})  # live messages that change nothing here
TABS = ((lazy("By operators"), URL), (lazy("By groups"), f"{URL}/groups"))
COLUMNS = (lazy("Queue"), lazy("At work"), lazy("Waits for a call"), lazy("Inc. call"), lazy("Out. call"),
           lazy("Post-call proc."), lazy("Break"), lazy("Away"), lazy("Out. campaign"))

menu.register("domain", MenuItem("groups", lazy("Real-time statistics"), URL, "activity", Permission.USERS_EDIT, "", 50,
                                 service=CONTACT_CENTRE))


class LivePages(Controller):
    path = URL
    opt = {"permission": Permission.USERS_EDIT}
    before_request = section(CONTACT_CENTRE)

    @get("/")
    async def by_operators(self, request: Request, seen: FromQuery[str] = "") -> Response | Template:
        async with domain_transaction(request.user.actor) as tx:
            reader = tx.actor.user_id
            rows = await queries.operators(tx, reader)
            ended = await supervision.last_result(tx, tx.now)
            now = tx.now
        return await _show(request, "operators", seen, [rows, str(ended or "")], rows=rows, ended=ended, now=now,
                           reader=reader, states=rules.STATES, colours=rules.COLOURS, modes=rules.MODES,
                           joining=rules.joining)

    @get("/groups")
    async def by_groups(self, request: Request, seen: FromQuery[str] = "") -> Response | Template:
        async with domain_transaction(request.user.actor) as tx:
            rows = await queries.groups(tx)
        return await _show(request, "groups", seen, rows, rows=rows, columns=COLUMNS)

    @get("/stream")
    async def stream(self, request: Request) -> ServerSentEvent:
        """Tells an open page that something has changed."""
        return sse.stream(_changes(request.user.actor.domain_id))

    @post("/{operator_id:int}/{mode:str}", status_code=200)
    async def join(self, request: Request, operator_id: FromPath[int], mode: FromPath[str]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await supervision.join(tx, row_id(operator_id), mode)
        await tell(request.user.actor.domain_id, "supervision")
        message = _("Your phone is being called. Answer it to be connected.")
        return done(message, events={"live-look": True}) if is_htmx(request) else saved(request, URL, message)


async def _show(request: Request, what: str, seen: str, facts: object, **context: Any) -> Response | Template:
    """The page, or its table for a page that has an older one: 204 when it shows this already."""
    mark = sha256(f"{language()} {facts!r}".encode()).hexdigest()[:16]
    if seen == mark and is_htmx(request):
        return Response(None, status_code=204)
    return await page(request, f"realtime/{what}.html", mark=mark, tabs=TABS, is_part=is_htmx(request), **context)


async def _nothing() -> list[sse.Event]:
    return []


async def _as_event(payload: str) -> list[sse.Event]:
    kind = json.loads(payload).get("kind")
    return [] if kind in OF_OTHERS else [sse.event("look", "")]


def _changes(domain_id: int) -> AsyncIterator[sse.Event]:
    return sse.events(store.client(), [f"domain:{domain_id}"], snapshot=_nothing, change=_as_event)


CONTROLLERS = [LivePages]
