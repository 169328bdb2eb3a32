"""The cookies of the sign-in."""

from __future__ import annotations

from litestar.datastructures import Cookie

from app.auth.shells import Shell
from app.settings import settings


def session_cookie(shell: Shell, token: str, *, max_age: int | None = None) -> Cookie:
    """No lifetime of its own: it goes with the browser, and before that with the session on the server."""
    return Cookie(shell.cookie_name, value=token, max_age=max_age, path="/", httponly=True, samesite="lax",
                  secure=settings().is_secure)
