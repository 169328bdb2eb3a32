"""Sign-in and sign-out of the three panels, and the forgotten password of a domain's user."""

from __future__ import annotations

from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect, Template
from pydantic import Field

from app.auth import jump_pages, recovery, sessions
from app.auth.cookies import session_cookie
from app.auth.edge import client_ip
from app.auth.entry import ask_code, let_in, visit_of
from app.auth.factor import waiting
from app.auth.middleware import request_id_of
from app.auth.parameters import parameters
from app.auth.permissions import Permission
from app.auth.principal import Principal
from app.auth.shells import DOMAIN, POOL, PROVIDER, Shell, landing_url, safe_next
from app.auth.signin import Denied, NeedsCode, enter_code, sign_in
from app.auth.throttle import Limits, begin
from app.kernel.errors import AppError, InvalidFields, Refused
from app.kernel.i18n import _, ngettext
from app.web.forms import FormModel, parse_form
from app.web.shell import page

Form = URLEncodedBody[dict[str, str]]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Secret = Annotated[str, Field(min_length=1, max_length=1000)]


class SignInForm(FormModel):
    login: Name
    password: Secret
    next: str = ""


class DomainSignInForm(SignInForm):
    domain: Name


class RestoreForm(FormModel):
    login: Name
    domain: Name


class NewPasswordForm(FormModel):
    token: str = ""
    password: Secret
    repeat: Secret


def _unstripped(data: dict[str, str], form: SignInForm) -> str:
    """Forms trim their texts; a password is compared as it was typed."""
    return data.get("password", form.password)


class _SignInPages(Controller):
    """The same three routes for each panel."""

    opt = {"permission": Permission.PUBLIC}
    include_in_schema = False
    shell: Shell
    form: type[SignInForm] = SignInForm

    @get("/sign-in")
    async def form_page(self, request: Request) -> Response | Template:
        """`?next=` leads back, `?domain=` fills in. Who is signed in already goes on to the panel."""
        wish = safe_next(self.shell, request.query_params.get("next", ""))
        domain = request.query_params.get("domain", "")
        user = request.scope.get("user")
        if isinstance(user, Principal):
            return Redirect(wish or landing_url(self.shell, user.role), status_code=303)
        return await self._show(request, {"domain": domain, "next": wish})

    @post("/sign-in")
    async def enter(self, request: Request, data: Form) -> Response | Template:
        try:
            form = parse_form(self.form, data)
        except InvalidFields as wrong:
            return await self._show(request, data, wrong, status_code=422)
        found = await sign_in(self.shell, form.login, _unstripped(data, form), getattr(form, "domain", ""),
                              visit_of(request, form.next))
        if isinstance(found, Denied):
            return await self._deny(request, data, found)
        if isinstance(found, NeedsCode):
            return ask_code(self.shell, found.token)
        return await let_in(request, self.shell, found, form.next)

    @get("/sign-in/code")
    async def code_page(self, request: Request) -> Response | Template:
        """The second step of somebody who has a second factor."""
        if await waiting.who(self.shell, request.cookies.get(waiting.COOKIE, "")) is None:
            return Redirect(self.shell.sign_in_url, status_code=303)
        return await self._show_code(request, "")

    @post("/sign-in/code")
    async def enter_code(self, request: Request, data: Form) -> Response | Template:
        token = request.cookies.get(waiting.COOKIE, "")
        found = await enter_code(self.shell, token, data.get("code", "")[:100], visit_of(request, ""))
        if found is None:
            return Redirect(self.shell.sign_in_url, status_code=303)
        if isinstance(found, Denied):
            text = _too_many(found) if found.wait_minutes else \
                _("The code is wrong or has been used. Wait for the next one.")
            answer = await self._show_code(request, text, status_code=429 if found.wait_minutes else 422)
            if found.later:
                answer.background = BackgroundTask(found.later)
            return answer
        entered, wish = found
        return await let_in(request, self.shell, entered, wish)

    async def _show_code(self, request: Request, error: str, *, status_code: int = 200) -> Template:
        return await page(request, "auth/factor/code.html", shell="auth", status_code=status_code, panel=self.shell,
                          error=error)

    @post("/sign-out")
    async def leave(self, request: Request) -> Response:
        """The session ends on the server; a copy of the cookie opens nothing [ACC-14]."""
        token = request.cookies.get(self.shell.cookie_name)
        if token:
            await sessions.end(token)
        headers = {"HX-Redirect": self.shell.sign_in_url} if "hx-request" in request.headers else {}
        answer = Response("", status_code=200, headers=headers, media_type="text/html") if headers \
            else Redirect(self.shell.sign_in_url, status_code=303)
        answer.set_cookie(session_cookie(self.shell, "", max_age=0))
        return answer

    async def _deny(self, request: Request, data: dict[str, str], denied: Denied) -> Template:
        if denied.wait_minutes:
            text = _too_many(denied)
        elif denied.is_sso_only:
            text = _("People of this domain sign in through their company: use single sign-on.")
        elif self.shell is DOMAIN:
            text = _("Wrong login, password or domain")
        else:
            text = _("Wrong login or password")
        answer = await self._show(request, data, AppError("denied", text),
                                  status_code=429 if denied.wait_minutes else 422)
        if denied.wait_minutes:
            answer.headers["Retry-After"] = str(denied.wait_minutes * 60)
        if denied.later:
            answer.background = BackgroundTask(denied.later)
        return answer

    async def _show(self, request: Request, data: dict[str, str], error: AppError | None = None, *,
                    status_code: int = 200) -> Template:
        fields = error.fields if isinstance(error, InvalidFields) else {}
        return await page(request, "auth/sign_in.html", shell="auth", status_code=status_code, panel=self.shell,
                          values=_short(data), error="" if fields or not error else error.message, fields=fields,
                          next=safe_next(self.shell, data.get("next", "")))


class DomainSignIn(_SignInPages):
    path = "/"
    shell = DOMAIN
    form = DomainSignInForm


class PoolSignIn(_SignInPages):
    path = "/group"
    shell = POOL


class ProviderSignIn(_SignInPages):
    path = "/provider"
    shell = PROVIDER


class RecoveryPages(Controller):
    """A forgotten password [ACC-11…13]."""

    opt = {"permission": Permission.PUBLIC}
    include_in_schema = False

    @get("/restore-password")
    async def ask(self, request: Request, domain: FromQuery[str] = "", login: FromQuery[str] = "") -> Template:
        return await _restore_page(request, {"domain": domain, "login": login})

    @post("/restore-password")
    async def send(self, request: Request, data: Form) -> Response | Template:
        """The same answer for every account, known or not; what is to be done is done after it [ACC-D5]."""
        try:
            form = parse_form(RestoreForm, data)
        except InvalidFields as wrong:
            return await _restore_page(request, data, fields=wrong.fields, status_code=422)
        ip, limit = client_ip(request), await parameters()
        # every request counts here, as all look alike; the account's own limit is three letters an hour
        attempt = await begin("recovery", f"{form.login}@{form.domain}".lower(), ip, Limits(
            limit.max_failures_per_ip, limit.max_failures_per_ip, limit.lock_minutes * 60))
        answer = await _restore_page(request, {}, sent=True)
        if not attempt.is_refused:
            answer.background = BackgroundTask(recovery.send_letter, form.login, form.domain, ip=ip,
                                               request_id=request_id_of(request))
        return answer

    @get("/new-password")
    async def new_password(self, request: Request, token: FromQuery[str] = "") -> Template:
        try:
            await recovery.check_link(token)
        except Refused as dead:
            return await _dead_page(request, dead)
        return await _password_page(request, token)

    @post("/new-password")
    async def set_password(self, request: Request, data: Form) -> Response | Template:
        token = data.get("token", "")
        try:
            parse_form(NewPasswordForm, data)
            await recovery.set_new_password(token, data["password"], data["repeat"], ip=client_ip(request),
                                            request_id=request_id_of(request))
        except InvalidFields as wrong:
            return await _password_page(request, token, wrong.fields, status_code=422)
        except Refused as dead:
            return await _dead_page(request, dead)
        return await page(request, "auth/password_set.html", shell="auth")


def _too_many(denied: Denied) -> str:
    return ngettext("Too many failed attempts. Try again in %(n)s minute.",
                    "Too many failed attempts. Try again in %(n)s minutes.",
                    denied.wait_minutes) % {"n": denied.wait_minutes}


def _short(data: dict[str, str]) -> dict[str, str]:
    """What is shown again in the form; the password is not."""
    return {name: data.get(name, "")[:300] for name in ("login", "domain")}


async def _restore_page(request: Request, data: dict[str, str], *, fields: dict[str, str] | None = None,
                        sent: bool = False, status_code: int = 200) -> Template:
    return await page(request, "auth/restore.html", shell="auth", status_code=status_code, values=_short(data),
                      fields=fields or {}, sent=sent)


async def _password_page(request: Request, token: str, fields: dict[str, str] | None = None, *,
                         status_code: int = 200) -> Template:
    return await page(request, "auth/new_password.html", shell="auth", status_code=status_code, token=token,
                      fields=fields or {}, minimum=(await parameters()).password_min_length)


async def _dead_page(request: Request, dead: Refused) -> Template:
    return await page(request, "auth/dead_link.html", shell="auth", status_code=dead.status_code,
                      message=dead.message)


CONTROLLERS = [DomainSignIn, PoolSignIn, ProviderSignIn, RecoveryPages, *jump_pages.CONTROLLERS]
