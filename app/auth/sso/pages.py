"""The way out to a domain's OpenID provider and back: `/sign-in/sso?domain=`."""

from __future__ import annotations

from litestar import Controller, Request, Response, get
from litestar.datastructures import Cookie
from litestar.params import FromQuery
from litestar.response import Redirect, Template

from app.auth import throttle
from app.auth.edge import client_ip
from app.auth.entry import ask_code, let_in, visit_of
from app.auth.permissions import Permission
from app.auth.principal import Principal
from app.auth.shells import DOMAIN, landing_url, safe_next
from app.auth.signin import NeedsCode, admit
from app.auth.sso import flow
from app.auth.sso.settings_pages import SsoSettings
from app.kernel.errors import Refused, TooManyRequests
from app.kernel.i18n import _
from app.settings import settings
from app.web.security import content_security_policy
from app.web.shell import page

START = "/sign-in/sso"
STARTS_PER_ADDRESS = 60  # a quarter of an hour; a whole office may share one address
QUARTER_SECONDS = 15 * 60


class SsoPages(Controller):
    path = START
    opt = {"permission": Permission.PUBLIC}
    include_in_schema = False

    @get("/")
    async def begin(self, request: Request, domain: FromQuery[str] = "",
                    next: FromQuery[str] = "") -> Response | Template:
        """Without a domain it is asked for. A foreign page cannot send people through: they are asked as well."""
        wish = safe_next(DOMAIN, next)
        user = request.scope.get("user")
        if isinstance(user, Principal):
            return Redirect(wish or landing_url(DOMAIN, user.role), status_code=303)
        if not domain.strip() or request.headers.get("sec-fetch-site") == "cross-site":
            return await _ask(request, domain, wish)
        ip = client_ip(request)
        attempt = await throttle.begin("sso", ip, ip, throttle.Limits(
            STARTS_PER_ADDRESS, STARTS_PER_ADDRESS, QUARTER_SECONDS))
        if attempt.is_refused:
            raise TooManyRequests("too_many", _("Too many attempts. Try again in a few minutes."))
        try:
            leaving = await flow.begin(domain, wish)
        except Refused as refused:
            return await _ask(request, domain, wish, refused)
        answer = Redirect(leaving.url, status_code=303)
        answer.set_cookie(_attempt_cookie(leaving.cookie, max_age=flow.LASTS_SECONDS))
        return answer

    @get("/callback")
    async def back(self, request: Request) -> Response | Template:
        """The provider sends the browser here. All that is wrong is said in words; nothing is shown of the address."""
        try:
            came = request.query_params
            found = await flow.finish(came.get("state", ""), came.get("code", ""),
                                      request.cookies.get(_cookie_name(), ""), issuer=came.get("iss", ""))
        except Refused as refused:
            return await _ask(request, "", "", refused)
        entered = await admit(DOMAIN, found.account, visit_of(request, found.next))
        if entered is None:  # the account changed in this very moment
            return Redirect(DOMAIN.sign_in_url, status_code=303)
        if isinstance(entered, NeedsCode):  # a second factor is our own: no provider replaces it
            return ask_code(DOMAIN, entered.token)
        answer = await let_in(request, DOMAIN, entered, found.next)
        answer.set_cookie(_attempt_cookie("", max_age=0))
        return answer


def _cookie_name() -> str:
    return "__Host-switchroom_sso" if settings().is_secure else "switchroom_sso"


def _attempt_cookie(value: str, *, max_age: int) -> Cookie:
    """Lax: it must come along when the provider leads back."""
    return Cookie(_cookie_name(), value=value, max_age=max_age, path="/", httponly=True, samesite="lax",
                  secure=settings().is_secure)


async def _ask(request: Request, domain: str, wish: str, refused: Refused | None = None) -> Template:
    """The form may lead to any https address: browsers apply form-action to the redirect behind it too."""
    return await page(request, "auth/sso/ask.html", shell="auth", domain=domain[:300], next=wish,
                      error=refused.message if refused else "", status_code=refused.status_code if refused else 200,
                      headers={"Content-Security-Policy": content_security_policy(("https:",))})


CONTROLLERS = [SsoPages, SsoSettings]
