"""The app-wide guard, and the answer to somebody who is not signed in."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from app.auth.permissions import Permission
from app.auth.principal import Principal
from app.auth.shells import safe_next, shell_of_request
from app.kernel.errors import Forbidden, NotFound, NotSignedIn
from app.kernel.i18n import _
from app.web.csrf import SAFE_METHODS
from app.web.problems import answer_app_error
from app.web.shell import is_htmx

log = structlog.get_logger()


class MustEnrol(NotSignedIn):
    """Signed in, but a second factor is required of this person and not set up yet."""

    status_code = 403

_IDS_END = 2**63
_OPEN = (Permission.PUBLIC, Permission.NODE)  # NODE: the handler checks the node's signature


def wanted_permission(handler: BaseRouteHandler) -> Permission | None:
    """opt `permission`; the shell's own routes say `public`."""
    found = handler.opt.get("permission")
    return Permission.PUBLIC if found is None and handler.opt.get("public") is True else found


async def permission_guard(connection: ASGIConnection, handler: BaseRouteHandler) -> None:
    """Refuse whoever lacks the route's permission; a route that names none is closed to everybody.

    A coroutine, though it waits for nothing: Litestar sends plain functions to a thread, at every request.

    Raises:
        NotSignedIn, Forbidden
    """
    wanted = wanted_permission(handler)
    if wanted in _OPEN:
        return
    if not isinstance(wanted, Permission):
        log.error("route_without_permission", handler=str(handler))
        raise Forbidden("forbidden", _("You may not do this."))
    user = connection.scope.get("user")
    if not isinstance(user, Principal):
        raise NotSignedIn("not_signed_in", _("Please sign in."))
    if user.must_enrol and not handler.opt.get("own"):
        raise MustEnrol("second_factor_required", _("Set up a second factor first."))
    if not user.may(wanted):
        raise Forbidden("forbidden", _("You may not do this."))
    if user.is_read_only and connection.scope.get("method") not in SAFE_METHODS and not handler.opt.get("own"):
        raise Forbidden("read_only", _("You are here to look: support cannot change anything in a domain."))


async def row_guard(connection: ASGIConnection, _handler: BaseRouteHandler) -> None:
    """An id in the address that no row can have (bigint) is as unknown as any other. Raises NotFound."""
    if any(isinstance(value, int) and abs(value) >= _IDS_END for value in connection.path_params.values()):
        raise NotFound("not_found", _("There is no such page."))


def answer_not_signed_in(request: Request, error: NotSignedIn) -> Response:
    """API: 401. Page: the sign-in of the same panel, which leads back. htmx: the whole page goes there."""
    handler = request.scope.get("route_handler")
    if handler is not None and handler.opt.get("api"):
        answer: Response = answer_app_error(request, error)  # type: ignore[assignment]
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    if isinstance(error, MustEnrol):
        target = shell_of_request(request).security_url
        headers = {"HX-Redirect": target} if is_htmx(request) else {"Location": target}
        return Response("", status_code=403 if is_htmx(request) else 303, headers=headers, media_type="text/html")
    url = request.url
    if is_htmx(request):
        page = urlsplit(request.headers.get("hx-current-url", ""))
        target = _sign_in_url(request, page.path + (f"?{page.query}" if page.query else ""))
        return Response("", status_code=401, headers={"HX-Redirect": target}, media_type="text/html")
    back = url.path + (f"?{url.query}" if url.query else "") if request.method in ("GET", "HEAD") else ""
    return Response("", status_code=303, headers={"Location": _sign_in_url(request, back)}, media_type="text/html")


def _sign_in_url(request: Request, back: str) -> str:
    shell = shell_of_request(request)
    back = safe_next(shell, back)
    if not back or back == shell.path:
        return shell.sign_in_url
    return f"{shell.sign_in_url}?next={quote(back, safe='/')}"
