"""What surrounds a page: the facts of the top bar, the menu, the language, and the answers of a handler.

A handler returns `await page(request, "users/list.html", users=...)`. The same template serves the whole
page, the fragment that htmx swaps in and the body of a modal: only the layout differs.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.response import Redirect, Template
from litestar.types import ASGIApp, Receive, Scope, Send

from app.kernel import announcements, i18n
from app.kernel.i18n import LazyText
from app.kernel.money import Money
from app.settings import settings
from app.web import menu

THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class TrialFact:
    """What is left of the trial [ACC-22]."""

    days_left: int
    minutes_left: int


@dataclass(frozen=True, slots=True)
class BlockFact:
    """One block in force: its kind in the reader's words, since when, what it means for them; `url`: where to go."""

    kind: str | LazyText
    since: datetime
    effect: str | LazyText = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class VisitorFact:
    """Who came into the domain from a pool or the provider [POOL-D7]; `as_user`: in whose place."""

    name: str
    role: str | LazyText
    as_user: str = ""
    is_read_only: bool = False


@dataclass(frozen=True, slots=True)
class ShellFacts:
    """Everything a shell shows around a page [ACC-15…24]. Absent facts are not drawn.

    `balance` is None for people who may not see money.
    """

    shell: str  # domain | pool | provider
    user_name: str = ""
    role: str | LazyText = ""
    company: str = ""
    domain: str = ""
    balance: Money | None = None
    mgp_left: Money | None = None
    minutes_left: int | None = None
    credit_room: Money | None = None  # until the credit limit, when it is near [FIN-D12]
    trial: TrialFact | None = None
    blocks: tuple[BlockFact, ...] = ()
    alerts: tuple[tuple[str, str], ...] = ()  # (text, where it leads): on every page until it is settled
    stops: tuple[BlockFact, ...] = ()  # less than a block: paid calls only
    counters: dict[str, str] = field(default_factory=dict)
    services: Collection[str] = ()  # paid services that the tariff plan contains
    permissions: Collection[str] | Callable[[object], bool] = ()
    visitor: VisitorFact | None = None  # somebody from outside who works in this domain
    home_url: str = "/"
    finance_url: str = "/finance"
    profile_url: str = "/me"
    profile_in_dialog: bool = False  # the name itself opens it [POOL-15]
    sign_out_url: str = "/sign-out"
    legacy_url: str = ""  # ACC-D8


Loader = Callable[[Request], Awaitable[ShellFacts]]
LoaderInside = Callable[[Request, Any], Awaitable[ShellFacts]]
_loaders: dict[str, Loader] = {}
_inside: dict[str, LoaderInside] = {}


def register_shell(shell: str, loader: Loader, inside: LoaderInside | None = None) -> None:
    """The feature that knows a shell's facts says how to get them; called once per full page.

    `inside` does the same in a transaction that the page has open (see `shell_facts`).
    """
    _loaders[shell] = loader
    if inside is not None:
        _inside[shell] = inside


async def shell_facts(request: Request, tx: Any, shell: str = "domain") -> ShellFacts | None:
    """For `page(..., facts=…)`: read in the page's own transaction instead of one more. None for a fragment."""
    if shell not in _inside or layout_for(request, shell) != f"layouts/{shell}.html":
        return None
    return await _inside[shell](request, tx)


async def page(request: Request, template: str, /, *, shell: str = "domain", status_code: int = 200,
               headers: dict[str, str] | None = None, facts: ShellFacts | None = None,
               **context: object) -> Template:
    """The answer of an HTML handler. Call it after the transaction is closed: it may open its own."""
    layout = layout_for(request, shell)
    lines = []
    if layout == f"layouts/{shell}.html" and shell in _loaders:
        facts = facts or await _loaders[shell](request)
        lines = menu.entries(shell, request.url.path, allowed=facts.permissions, counters=facts.counters,
                             services=facts.services)
    return Template(template, status_code=status_code, media_type="text/html; charset=utf-8",
                    headers={"Vary": "HX-Request, HX-Target"} | (headers or {}),
                    context={"layout": layout, "announcement": await _announcement(request, layout),
                             "facts": facts, "menu": lines, "theme": theme(request),
                             "path": request.url.path, **context})


async def _announcement(request: Request, layout: str) -> announcements.Announcement | None:
    """For a whole page, unless its reader closed this one."""
    if layout in ("layouts/modal.html", "layouts/fragment.html"):
        return None
    found = await announcements.current()
    return None if found and request.cookies.get("announcement") == str(found.id) else found


def layout_for(request: Request, shell: str) -> str:
    """The whole page, a fragment of it, or the body of the modal: what the browser asked for."""
    headers = request.headers
    if headers.get("hx-request") != "true" or headers.get("hx-boosted") == "true" \
            or headers.get("hx-history-restore-request") == "true":
        return f"layouts/{shell}.html"
    return "layouts/modal.html" if headers.get("hx-target") == "modal-body" else "layouts/fragment.html"


def is_htmx(request: ASGIConnection) -> bool:
    return request.headers.get("hx-request") == "true"


def theme(request: ASGIConnection) -> str:
    wish = request.cookies.get("theme", "auto")
    return wish if wish in THEMES else "auto"


# --- answers after a change --------------------------------------------------------------------------


def saved(request: Request, url: str, message: str = "") -> Response:
    """Lead to `url` and show `message` there."""
    cookie = [_flash(message)] if message else []
    if is_htmx(request):
        return Response("", headers={"HX-Redirect": url}, cookies=cookie, media_type="text/html",
                        status_code=200)
    return Redirect(url, status_code=303, cookies=cookie)


def done(message: str = "", *, events: dict[str, object] | None = None, close_modal: bool = True,
         refresh_list: bool = False) -> Response:
    """Stay on the page: a toast, the modal closes, the list behind it loads anew."""
    told: dict[str, object] = dict(events or {})
    if message:
        told["toast"] = {"text": message, "kind": "success"}
    if refresh_list:
        told["list-refresh"] = True
    if close_modal:
        told["modal-close"] = True  # last: it removes the form that the other events start from
    return Response("", headers={"HX-Trigger": json.dumps(told), "HX-Reswap": "none"},
                    media_type="text/html", status_code=200)


def listed(request: Request, url: str, message: str) -> Response:
    """After a dialog over a list: the list loads anew; without the page's script the reader is led to it."""
    return done(message, refresh_list=True) if is_htmx(request) else saved(request, url, message)


def fragment(template: str, target: str, *, after: Mapping[str, object] | None = None, **context: object) -> Template:
    """Replaces the element `target` of the open page or dialog. `after`: events of the page once it stands there."""
    headers = {"HX-Retarget": target, "HX-Reswap": "outerHTML"}
    if after:
        headers["HX-Trigger-After-Swap"] = json.dumps(after)
    return Template(template, context=context, headers=headers, media_type="text/html; charset=utf-8")


def with_toast(template: Template, message: str, kind: str = "success") -> Template:
    """Add a toast to a fragment. Kinds: success, info, warning, danger."""
    template.headers["HX-Trigger"] = json.dumps({"toast": {"text": message, "kind": kind}})
    return template


def _flash(message: str, kind: str = "success") -> Cookie:
    """Read and removed by the next page's script; shown as text, so its content cannot do harm."""
    value = urlsafe_b64encode(json.dumps({"text": message, "kind": kind}).encode()).decode()
    return Cookie("flash", value=value, max_age=60, path="/", samesite="lax", secure=settings().is_secure)


# --- language and zone of a request ------------------------------------------------------------------


class LocaleMiddleware(ASGIMiddleware):
    """Sets language and time zone. Stands after the one that puts the user into the scope.

    The user object may have `language` and `time_zone` (IANA name); either may be "" or None.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        connection: ASGIConnection = ASGIConnection(scope)
        user = scope.get("user")
        i18n.set_language(i18n.negotiate(getattr(user, "language", None), connection.cookies.get("lang"),
                                         connection.headers.get("accept-language")))
        i18n.set_zone(getattr(user, "time_zone", None) or i18n.DEFAULT_ZONE)
        await next_app(scope, receive, send)
