"""Cross-site request forgery: a token bound to the session on every unsafe request.

The token is an HMAC over the session cookie's value (before sign-in: over a random visitor cookie),
masked with a fresh nonce so that a compressed page never repeats it.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.kernel.errors import Forbidden
from app.kernel.i18n import _
from app.settings import settings

SESSION_COOKIE = "session"
VISITOR_COOKIE = "visitor"
FIELD = "csrf_token"
HEADER = "x-csrf-token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
NONCE_BYTES = 9
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def make_token(secret: bytes, bound: str) -> str:
    """A token for whoever holds the cookie value `bound`."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return urlsafe_b64encode(nonce + _mac(secret, nonce, bound)).decode()


def check_token(secret: bytes, bound: str, token: str) -> bool:
    try:
        raw = urlsafe_b64decode(token.encode("ascii"))
    except ValueError:
        return False
    nonce, mac = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
    return bool(bound) and hmac.compare_digest(mac, _mac(secret, nonce, bound))


def _mac(secret: bytes, nonce: bytes, bound: str) -> bytes:
    return hmac.digest(secret, b"csrf\x00" + nonce + bound.encode(), sha256)


def csrf_token(request: ASGIConnection) -> str:
    """The token for this request's pages; the same on every call within one request."""
    scope = request.scope
    state = scope["state"]
    if "csrf_token" not in state:
        state["csrf_token"] = make_token(settings().secret_key, _bound(request))
    return str(state["csrf_token"])


def _bound(request: ASGIConnection) -> str:
    cookies = request.cookies
    return (cookies.get(SESSION_COOKIE) or cookies.get(VISITOR_COOKIE)
            or str(request.scope["state"].get("visitor", "")))


class CsrfMiddleware(ASGIMiddleware):
    """Refuses unsafe requests without a valid token; routes with opt `csrf_exempt` pass (signed APIs)."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = "csrf_exempt"

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        request: Request = Request(scope, receive, send)
        if request.method not in SAFE_METHODS:
            await self._check(request)
        if SESSION_COOKIE in request.cookies or VISITOR_COOKIE in request.cookies:
            await next_app(scope, receive, send)
            return
        visitor = scope["state"]["visitor"] = secrets.token_urlsafe(18)
        cookie = Cookie(VISITOR_COOKIE, value=visitor, httponly=True, samesite="lax", path="/",
                        secure=settings().is_secure)

        async def send_with_cookie(message: Message) -> None:
            # only a page that shows a token needs the cookie that the token is bound to
            if message["type"] == "http.response.start" and "csrf_token" in scope["state"]:
                MutableScopeHeaders.from_message(message).add("set-cookie", cookie.to_header(header=""))
            await send(message)

        await next_app(scope, receive, send_with_cookie)

    async def _check(self, request: Request) -> None:
        token = request.headers.get(HEADER, "")
        if not token and request.headers.get("content-type", "").startswith(FORMS):
            token = str((await request.form()).get(FIELD, ""))
        if request.headers.get("sec-fetch-site") == "cross-site" or not check_token(
            settings().secret_key, _bound(request), token
        ):
            raise Forbidden("csrf", _("The page was open too long or in another session. "
                                      "Reload it and try again."))
