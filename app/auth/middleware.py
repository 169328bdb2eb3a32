"""What happens to every request before its handler: an id for the logs, the person behind the cookie."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import provider_keys, sessions, tokens
from app.auth.edge import client_ip
from app.auth.shells import landing_url, shell_of_request
from app.kernel import metrics
from app.web import csrf

log = structlog.get_logger("http")

REQUEST_ID_HEADER = "x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_QUIET = ("/static/", "/healthz", "/readyz", "/metrics")


def request_id_of(connection: ASGIConnection) -> str:
    """The proxy's id of the request, if it is one; else a new one. The same at every call."""
    state = connection.scope["state"]
    if "request_id" not in state:
        sent = connection.headers.get(REQUEST_ID_HEADER, "")
        state["request_id"] = sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8)
    return str(state["request_id"])


class RequestMiddleware(ASGIMiddleware):
    """Outermost: binds ids to the logs, counts and times. Query strings are not logged: links carry tokens."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id_of(ASGIConnection(scope)))
        began = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await next_app(scope, receive, noting)
        except Exception as error:
            status = getattr(error, "status_code", 500)
            raise
        finally:
            if scope["type"] == ScopeType.HTTP:
                _count(scope, status, time.perf_counter() - began)


def _count(scope: Scope, status: int, seconds: float) -> None:
    method = str(scope.get("method", ""))
    metrics.REQUESTS.labels(method, status).inc()
    metrics.REQUEST_SECONDS.labels(method).observe(seconds)
    if not scope["path"].startswith(_QUIET):
        log.info("request", method=method, path=scope["path"], status=status, ms=round(seconds * 1000, 1))


class SessionMiddleware(ASGIMiddleware):
    """Puts the signed-in person of the address's panel into `scope["user"]`, None for a visitor.

    A route with opt `csrf_exempt` has no person: whatever a cookie may do needs the CSRF check. Opt `token` or
    `provider_key` looks for a program's key instead, of a domain's user or of the provider.
    """

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        scope["user"] = scope["auth"] = None
        opt = scope["route_handler"].opt
        programs = tokens.identify if opt.get("token") else provider_keys.identify if opt.get("provider_key") else None
        if programs is not None:
            connection: ASGIConnection = ASGIConnection(scope)
            scope["user"] = await programs(connection.headers.get("authorization", ""), ip=client_ip(connection),
                                           request_id=request_id_of(connection))
        elif not opt.get("csrf_exempt"):
            await self._identify(scope)
        await next_app(scope, receive, send)

    async def _identify(self, scope: Scope) -> None:
        connection: ASGIConnection = ASGIConnection(scope)
        shell = shell_of_request(connection)
        cookies = connection.cookies  # parsed once, shared by all that look at this request
        token = cookies.get(shell.cookie_name, "")
        # the CSRF check binds its tokens to the cookie of this name: here it is the panel's own
        cookies.pop(csrf.SESSION_COOKIE, None)
        if not token:
            return
        cookies[csrf.SESSION_COOKIE] = token
        principal = await sessions.load(shell, token, ip=client_ip(connection),
                                        request_id=request_id_of(connection))
        if principal is not None:
            scope["user"], scope["auth"] = principal, principal.session_id
            scope["state"]["home_url"] = landing_url(shell, principal.role)
            structlog.contextvars.bind_contextvars(
                domain_id=principal.actor.domain_id or None, actor=principal.actor.login)
