"""The answers that let a browser in: the same after a password, a code and a company's sign-in."""

from __future__ import annotations

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from app.auth import sessions
from app.auth.cookies import language_cookie, session_cookie
from app.auth.edge import client_ip
from app.auth.factor import waiting
from app.auth.middleware import request_id_of
from app.auth.shells import Shell, landing_url, safe_next
from app.auth.signin import Entered, Visit
from app.settings import settings


def visit_of(request: Request, wish: str) -> Visit:
    return Visit(client_ip(request), request_id_of(request), request.headers.get("user-agent", ""), wish)


async def let_in(request: Request, shell: Shell, entered: Entered, wish: str) -> Response:
    """The session that was open in this browser ends; a planted one is not taken over."""
    old = request.cookies.get(shell.cookie_name)
    if old:
        await sessions.end(old)
    answer = Redirect(safe_next(shell, wish) or landing_url(shell, entered.role), status_code=303)
    answer.set_cookie(session_cookie(shell, entered.token))
    if waiting.COOKIE in request.cookies:
        answer.set_cookie(_code_cookie("", 0))
    language = language_cookie(request, entered.locale, entered.domain_locale)
    if language:
        answer.set_cookie(language)
    return answer


def ask_code(shell: Shell, token: str) -> Response:
    """On to the second factor; nothing is open yet."""
    answer = Redirect(f"{shell.sign_in_url}/code", status_code=303)
    answer.set_cookie(_code_cookie(token, waiting.LASTS_SECONDS))
    return answer


def _code_cookie(value: str, max_age: int) -> Cookie:
    return Cookie(waiting.COOKIE, value=value, max_age=max_age, path="/", httponly=True, samesite="lax",
                  secure=settings().is_secure)
