"""The operator's workplace at `/work`: one page that is changed in place [chapter 03, screen 14]."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from litestar import Controller, Request, Response, get, post
from litestar.response import ServerSentEvent, Template
from redis.exceptions import RedisError

from app.auth import store
from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import LazyText, lazy
from app.settings import settings
from app.web import menu, sse
from app.web.forms import FormModel
from app.web.menu import MenuItem
from app.web.security import content_security_policy
from app.web.shell import page
from tenants.live import form_of, row_id
from tenants.operators import queries, rules, service
from tenants.realtime.rules import STATES

URL, PARTS = "/work", "/workplace"
PING_SECONDS = 15.0  # the open page answers each ping: a tab in the background may not count time by itself
BELLS = frozenset({"operators", "operator_message"})

menu.register("domain", MenuItem("", lazy("Operator workplace"), URL, "headset", Permission.WORKPLACE, order=150))


class WishForm(FormModel):
    wish: str


class TopicForm(FormModel):
    call_id: int
    topic_id: int | None = None


async def _has_phone(domain_id: int, user_id: int) -> bool:
    """Whether a phone of the user is registered; True while that is not known."""
    with suppress(RedisError, OSError, TimeoutError):
        return bool(await store.client().hexists(f"presence:{domain_id}", str(user_id)))  # type: ignore[misc]
    return True


@dataclass(frozen=True, slots=True)
class Panel:
    """What operators/panel.html draws."""

    work: queries.Workplace
    has_phone: bool
    names: dict[str, LazyText] = field(default_factory=lambda: STATES)
    wishes: dict[str, LazyText] = field(default_factory=lambda: rules.WISHES)
    on_call: frozenset[str] = rules.ON_CALL


async def _panel(tx: DomainTx, user_id: int) -> Panel:
    return Panel(await queries.workplace(tx, user_id), await _has_phone(tx.domain_id, user_id))


def policy(origins: list[str]) -> str:
    """The page's own: other sites may be shown in its pane, those of the operator's groups and no others [GRP-46]."""
    frames = " ".join(["'self'", *origins])
    return f"{content_security_policy(settings().form_targets)}; frame-src {frames}"


class WorkPages(Controller):
    path = URL
    opt = {"permission": Permission.WORKPLACE}

    @get("/")
    async def show(self, request: Request) -> Template:
        actor = request.user.actor
        async with domain_transaction(actor) as tx:
            await service.require_operator(tx, actor.user_id)
            drawn = await _panel(tx, actor.user_id)
            origins = rules.origins(await queries.pane_templates(tx, actor.user_id))
        return await page(request, "operators/work.html", headers={"Content-Security-Policy": policy(origins)},
                          user_name=actor.name, home_url=request.scope["state"].get("home_url", "/"), origins=origins,
                          panel=drawn)


class WorkParts(Controller):
    """What the page asks for while it is open, and what its buttons do."""

    path = PARTS
    opt = {"permission": Permission.WORKPLACE}

    @get("/panel")
    async def panel(self, request: Request) -> Template:
        """What changes of the page."""
        async with domain_transaction(request.user.actor) as tx:
            return await _changed(tx, request)

    @post("/sign-in", status_code=200)
    async def sign_in(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            await service.sign_in(tx, request.user.actor.user_id)
            return await _changed(tx, request)

    @post("/sign-out", status_code=200)
    async def sign_out(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            await service.sign_out(tx, request.user.actor.user_id)
            return await _changed(tx, request)

    @post("/state", status_code=200)
    async def choose(self, request: Request) -> Template:
        form = await form_of(request, WishForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.choose(tx, request.user.actor.user_id, form.wish)
            return await _changed(tx, request)

    @post("/ready", status_code=200)
    async def ready(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            await service.ready(tx, request.user.actor.user_id)
            return await _changed(tx, request)

    @post("/topic", status_code=200)
    async def topic(self, request: Request) -> Template:
        form = await form_of(request, TopicForm)
        async with domain_transaction(request.user.actor) as tx:
            topic_id = row_id(form.topic_id) if form.topic_id is not None else None
            await service.set_topic(tx, request.user.actor.user_id, row_id(form.call_id), topic_id)
            return await _changed(tx, request)

    @post("/alive", status_code=200)
    async def alive(self, request: Request) -> Response:
        """Without it for 60 s the operator is offline [RPT-65]."""
        async with domain_transaction(request.user.actor) as tx:
            is_in = await service.alive(tx, request.user.actor.user_id)
        return Response({"signed_in": is_in})

    @get("/live")
    async def live(self, request: Request) -> ServerSentEvent:
        return sse.stream(_live(request))


async def _changed(tx: DomainTx, request: Request) -> Template:
    return Template("operators/panel.html", context={"panel": await _panel(tx, request.user.actor.user_id)},
                    media_type="text/html; charset=utf-8")


async def _live(request: Request) -> AsyncIterator[sse.Event]:
    """Tells the open page when to look again, the length of a queue at once, and pings it."""
    actor = request.user.actor

    async def nothing() -> list[sse.Event]:
        return [sse.event("look", "open")]

    async def change(payload: str) -> list[sse.Event]:
        told = json.loads(payload)
        kind = told.get("kind")
        if kind == "queue":
            return [sse.event("queue", {"group": told.get("group_id"), "length": told.get("length")})]
        own = kind in ("operator", "presence") and told.get("user_id") == actor.user_id
        return [sse.event("look", kind)] if own or kind in BELLS else []

    pinged = time.monotonic()
    async for one in sse.events(store.client(), [f"domain:{actor.domain_id}"], snapshot=nothing, change=change,
                                heartbeat_seconds=PING_SECONDS):
        yield one
        if time.monotonic() - pinged >= PING_SECONDS - 1:
            pinged = time.monotonic()
            yield sse.event("ping", datetime.now(UTC).isoformat())


CONTROLLERS = [WorkPages, WorkParts]
