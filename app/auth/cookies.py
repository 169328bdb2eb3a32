"""The cookies of the sign-in."""

from __future__ import annotations

from litestar import Request
from litestar.datastructures import Cookie

from app.auth.shells import Shell
from app.settings import settings


def session_cookie(shell: Shell, token: str, *, max_age: int | None = None) -> Cookie:
    """No lifetime of its own: it goes with the browser, and before that with the session on the server."""
    return Cookie(shell.cookie_name, value=token, max_age=max_age, path="/", httponly=True, samesite="lax",
                  secure=settings().is_secure)


def language_cookie(request: Request, chosen: str, of_domain: str) -> Cookie | None:
    """The language kept with the account; the domain's, for this visit, where neither account nor browser has one."""
    if chosen:
        return Cookie("lang", value=chosen, max_age=31_536_000, path="/", samesite="lax", secure=settings().is_secure)
    if of_domain and not request.cookies.get("lang") and not request.headers.get("accept-language"):
        return Cookie("lang", value=of_domain, path="/", samesite="lax", secure=settings().is_secure)
    return None
