"""Routes that every shell needs: static files and the language switch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Request, Response, post
from litestar.datastructures import Cookie
from litestar.params import URLEncodedBody

from app.kernel.i18n import DEFAULT_LANGUAGE, LANGUAGES
from app.settings import settings
from app.web.assets import static_file

YEAR_SECONDS = 31_536_000
Saver = Callable[[Request, str], Awaitable[None]]
_savers: list[Saver] = []


def on_language_chosen(saver: Saver) -> None:
    """Sign-in registers how a signed-in reader's choice is kept; visitors have the cookie alone."""
    _savers.append(saver)


@post("/language", opt={"public": True}, include_in_schema=False)
async def choose_language(request: Request, data: URLEncodedBody[dict[str, str]]) -> Response[str]:
    """Back to the page it was chosen on; only to an address of ours."""
    wish = data.get("language", "")
    code = wish if wish in LANGUAGES else DEFAULT_LANGUAGE
    for saver in _savers:
        await saver(request, code)
    cookie = Cookie("lang", value=code, max_age=YEAR_SECONDS, path="/", samesite="lax",
                    secure=settings().is_secure)
    return Response("", status_code=303, headers={"Location": own_address(data.get("to", "/"))},
                    cookies=[cookie], media_type="text/html")


def own_address(address: str) -> str:
    """`address` when it is a path on this host, "/" otherwise: no redirect leads elsewhere."""
    is_path = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_path and address.isprintable() and len(address) < 2000 else "/"


ROUTES = [static_file, choose_language]
