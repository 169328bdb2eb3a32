"""`/enter` opens a domain's cabinet for somebody from outside, `/leave` ends that [POOL-D7]."""

from __future__ import annotations

from litestar import Request, Response, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from app.auth import jump, sessions
from app.auth.cookies import session_cookie
from app.auth.edge import client_ip
from app.auth.middleware import request_id_of
from app.auth.permissions import Permission
from app.auth.shells import DOMAIN, SHELLS, landing_url
from app.kernel.errors import AppError, NotFound
from app.kernel.i18n import _
from app.web.shell import is_htmx, page


@post("/enter", opt={"permission": Permission.PUBLIC, "csrf_exempt": True}, include_in_schema=False)
async def enter(request: Request, data: URLEncodedBody[dict[str, str]]) -> Response | Template:
    """The token is what a CSRF token would be: a secret of the page that the person came from."""
    try:
        if request.headers.get("sec-fetch-site") == "cross-site":
            raise NotFound("jump", _("This way into the domain is no longer valid: it works once and for a minute. Go "
                                     "back and open the domain again."))
        token, role = await jump.redeem(
            data.get("token", ""), dict(request.cookies), ip=client_ip(request), request_id=request_id_of(request),
            device=request.headers.get("user-agent", ""))
    except AppError as dead:
        return await page(request, "auth/dead_jump.html", shell="auth", status_code=dead.status_code,
                          message=dead.message)
    old = request.cookies.get(DOMAIN.cookie_name)
    if old:
        await sessions.end(old)
    answer = Redirect(landing_url(DOMAIN, role), status_code=303)
    answer.set_cookie(session_cookie(DOMAIN, token))
    return answer


@post("/leave", opt={"permission": Permission.SIGNED_IN, "own": True}, include_in_schema=False, status_code=200)
async def leave(request: Request) -> Response:
    """Back to where the person came from; the way in must be asked for again."""
    user = request.user
    if not user.origin:
        raise NotFound("not_found", _("There is no such page."))
    await sessions.end(request.cookies[DOMAIN.cookie_name])
    target = SHELLS[user.origin].path
    if user.origin == "provider":
        target = f"{target}/domains/{user.actor.domain_id}"
    if is_htmx(request):
        answer: Response = Response("", headers={"HX-Redirect": target}, media_type="text/html")
    else:
        answer = Redirect(target, status_code=303)
    answer.set_cookie(session_cookie(DOMAIN, "", max_age=0))
    return answer


CONTROLLERS = [enter, leave]
