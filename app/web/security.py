"""Headers that every answer carries."""

from __future__ import annotations

from collections.abc import Iterable

from litestar.datastructures import MutableScopeHeaders
from litestar.types import BeforeMessageSendHookHandler, Message, Scope

POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # data: Tabler's own arrows and ticks
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def content_security_policy(form_targets: Iterable[str] = ()) -> str:
    """`form_targets`: foreign origins that a form may lead to (a payment page)."""
    parts = POLICY | {"form-action": " ".join(["'self'", *form_targets])}
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def security_headers(*, is_secure: bool, form_targets: Iterable[str] = ()) -> BeforeMessageSendHookHandler:
    """For `Litestar(before_send=[...])`, which sees error answers too. A handler's own header wins."""
    headers = {
        "Content-Security-Policy": content_security_policy(form_targets),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    }
    if is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        answer = MutableScopeHeaders.from_message(message)
        for name, value in headers.items():
            answer.setdefault(name, value)
        if not scope["path"].startswith("/static/"):
            answer.setdefault("Cache-Control", "no-store")

    return add
