"""`/me/security`, `/group/profile/security`, `/provider/security`: one's own sessions and second factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import segno
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Template
from markupsafe import Markup

from app.auth import sessions, throttle
from app.auth.accounts import user_by_id
from app.auth.factor import service as factor
from app.auth.parameters import parameters
from app.auth.permissions import Permission
from app.auth.principal import Principal
from app.auth.security import token_pages
from app.auth.security.devices import device_name
from app.auth.security.reset import ask_reset
from app.auth.shells import DOMAIN, POOL, PROVIDER, Shell
from app.kernel.actors import ActorKind
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound, TooManyRequests
from app.kernel.i18n import LazyText, _
from app.web.forms import FormModel, parse_form
from app.web.shell import page, saved

Form = URLEncodedBody[dict[str, str]]


Tabs = Callable[[], list[tuple[LazyText, str]]]
_tabs: list[Tabs] = []  # one, once the features are loaded


def use_tabs(tabs: Tabs) -> None:
    """The users' feature says what else stands on one's own page [ACC-26]."""
    _tabs[:] = [tabs]


def row_id(number: int) -> int:
    """A number that no row can have is nobody's, and no defect."""
    if not 0 < number < 2 ** 63:
        raise NotFound("user", _("There is no such user"))
    return number


class CodeForm(FormModel):
    code: str = ""


class NoticeForm(FormModel):
    notify_sign_in: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One session as shown."""

    id: str
    device: str
    ip: str
    since: datetime
    seen: datetime
    is_this: bool
    domain_name: str


class _SecurityPages(Controller):
    """`own`: also for those who have nothing else to see until their second factor is set up."""

    include_in_schema = False
    shell: Shell

    def _own(self, request: Request) -> Principal:
        """Somebody who acts in a domain from outside has nothing of their own there [POOL-D7]."""
        user = request.user
        if user.origin:
            raise NotFound("not_found", _("There is no such page."))
        return user

    @get("/")
    async def show(self, request: Request) -> Template:
        user = self._own(request)
        return await page(request, "auth/security/main.html", shell=self.shell.name, here=self.shell.security_url,
                          tokens_url=token_pages.HERE if self.shell is DOMAIN and not user.must_enrol else "",
                          tabs=_tabs[0]() if _tabs and self.shell is DOMAIN else [], lines=await _lines(user),
                          second=await factor.state(user.actor),
                          required=await factor.is_required_of(user.actor.kind, user.role),
                          must_enrol=user.must_enrol, is_administrator=user.role != "user")

    @post("/sessions/{session_id:str}/end")
    async def end_one(self, request: Request, session_id: FromPath[str]) -> Response:
        user = self._own(request)
        if not await sessions.end_one(user.actor.kind, user.actor.domain_id, user.actor.id, session_id):
            raise NotFound("session", _("This session is over already."))
        return saved(request, self.shell.security_url, _("The session is ended."))

    @post("/sessions/end")
    async def end_others(self, request: Request) -> Response:
        user = self._own(request)
        await sessions.end_sessions(user.actor.kind, user.actor.domain_id, user.actor.id, user.session_id)
        return saved(request, self.shell.security_url, _("All other sessions are ended."))

    @get("/factor")
    async def set_up(self, request: Request) -> Template:
        user = self._own(request)
        secret = await factor.begin(user)
        return await page(request, "auth/security/factor.html", shell=self.shell.name, here=self.shell.security_url,
                          secret=" ".join(secret[at:at + 4] for at in range(0, len(secret), 4)),
                          picture=_picture(factor.address(user, secret)), must_enrol=user.must_enrol)

    @post("/factor")
    async def turn_on(self, request: Request, data: Form) -> Template:
        user, form = self._own(request), parse_form(CodeForm, data)
        async with _limited(user):
            codes = await factor.confirm(user, form.code)
        return await self._codes(request, codes)

    @post("/factor/codes")
    async def renew(self, request: Request, data: Form) -> Template:
        user, form = self._own(request), parse_form(CodeForm, data)
        async with _limited(user):
            codes = await factor.renew_codes(user, form.code)
        return await self._codes(request, codes)

    @get("/factor/codes")
    async def ask_codes(self, request: Request) -> Template:
        return await self._ask(request, "codes")

    @get("/factor/off")
    async def ask_off(self, request: Request) -> Template:
        return await self._ask(request, "off")

    async def _ask(self, request: Request, step: str) -> Template:
        """The dialogs that ask for a code."""
        self._own(request)
        return await page(request, "auth/security/ask.html", shell=self.shell.name, step=step,
                          action=f"{self.shell.security_url}/factor/{step}")

    @post("/factor/off")
    async def turn_off(self, request: Request, data: Form) -> Response:
        user, form = self._own(request), parse_form(CodeForm, data)
        async with _limited(user):
            await factor.turn_off(user, form.code)
        return saved(request, self.shell.security_url, _("The second factor is off."))

    @post("/notices")
    async def notices(self, request: Request, data: Form) -> Response:
        user = self._own(request)
        await factor.set_notices(user.actor, parse_form(NoticeForm, data).notify_sign_in)
        return saved(request, self.shell.security_url, _("Saved"))

    async def _codes(self, request: Request, codes: list[str]) -> Template:
        """The only time that they can be seen."""
        return await page(request, "auth/security/codes.html", shell=self.shell.name, codes=codes,
                          here=self.shell.security_url, headers={"HX-Trigger": '{"modal-close": true}'})


class OwnSecurity(_SecurityPages):
    path = DOMAIN.security_url
    opt = {"permission": Permission.PERSONAL, "own": True}
    shell = DOMAIN


class PoolSecurity(_SecurityPages):
    path = POOL.security_url
    opt = {"permission": Permission.POOL_VIEW, "own": True}
    shell = POOL


class ProviderSecurity(_SecurityPages):
    path = PROVIDER.security_url
    opt = {"permission": Permission.PROVIDER_VIEW, "own": True}
    shell = PROVIDER


async def _lines(user: Principal) -> list[Line]:
    found = await sessions.of_person(user.actor.kind, user.actor.domain_id, user.actor.id)
    return [Line(one.id, device_name(one.device), one.ip, _moment(one.created), _moment(one.seen),
                 one.id == user.session_id, one.domain_name if one.origin else "") for one in found]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _picture(address: str) -> Markup:
    """Inline: the secret goes to no other host. The text is the library's own drawing, without anything typed."""
    return Markup(segno.make(address, error="m").svg_inline(scale=5, border=2, dark="#000", light="#fff"))


class _limited:
    """Guessing a code from an open session is limited like at the sign-in."""

    def __init__(self, user: Principal) -> None:
        self.user = user

    async def __aenter__(self) -> None:
        limit, actor = await parameters(), self.user.actor
        self.attempt = await throttle.begin(f"{actor.kind.value}-own-code", f"{actor.domain_id}:{actor.id}", actor.ip,
                                            throttle.Limits(limit.max_failures, limit.max_failures_per_ip,
                                                            limit.lock_minutes * 60))
        if self.attempt.is_refused:
            raise TooManyRequests("too_many", _("Too many attempts. Try again in a few minutes."))

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        await (self.attempt.succeeded() if kind is None else self.attempt.failed())


class SecondFactorOfUsers(Controller):
    """The domain's administrator helps whoever has lost their phone."""

    path = "/users/{user_id:int}/second-factor"
    opt = {"permission": Permission.USERS_EDIT}
    include_in_schema = False

    @get("/")
    async def ask(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            account = await user_by_id(tx, row_id(user_id))
        if account is None:
            raise NotFound("user", _("There is no such user"))
        return await ask_reset(request, "domain", f"/users/{user_id}/second-factor", account.person.name)

    @post("/")
    async def reset(self, request: Request, user_id: FromPath[int]) -> Response:
        actor = request.user.actor
        async with domain_transaction(actor) as tx:
            await factor.reset(tx, ActorKind.DOMAIN_USER, row_id(user_id))
        await sessions.end_sessions(ActorKind.DOMAIN_USER, actor.domain_id, user_id)
        return saved(request, f"/users/{user_id}", _("The second factor is taken away."))


CONTROLLERS = [OwnSecurity, PoolSecurity, ProviderSecurity, SecondFactorOfUsers, *token_pages.CONTROLLERS]
