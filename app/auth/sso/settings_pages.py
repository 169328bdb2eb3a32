"""`/settings/sso`: the domain's administrator connects the company's OpenID provider."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import structlog
from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Template
from pydantic import Field, field_validator

from app.auth import throttle
from app.auth.permissions import Permission
from app.auth.sso import config, flow, openid
from app.auth.sso.config import Config
from app.auth.sso.outgoing import Unreachable
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields, TooManyRequests
from app.kernel.i18n import _, lazy
from app.settings import settings
from app.web import menu
from app.web.forms import FormModel, parse_form
from app.web.menu import MenuItem
from app.web.shell import page, saved

log = structlog.get_logger()

HERE = "/settings/sso"
CHECKS = 20  # of an issuer's answer, by one domain in a quarter of an hour
Form = URLEncodedBody[dict[str, str]]

menu.register("domain", MenuItem("settings", lazy("Single sign-on"), HERE, permission=Permission.SETTINGS_EDIT,
                                 order=90))


class SsoForm(FormModel):
    is_enabled: bool
    issuer: Annotated[str, Field(min_length=1, max_length=300)]
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    client_secret: Annotated[str, Field(max_length=1000)] = ""
    match_by: Literal["email", "subject"]
    is_required: bool

    @field_validator("issuer")
    @classmethod
    def _address(cls, issuer: str) -> str:
        try:
            parts = urlsplit(issuer)
            host, _port = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        safe = parts.scheme == "https" or (settings().environment == "test" and parts.scheme == "http")
        if not safe or not host or parts.username or parts.query or parts.fragment or not issuer.isprintable():
            raise ValueError(_("Enter an address that begins with https://"))
        return issuer

    def config(self) -> Config:
        return Config(self.is_enabled, self.issuer, self.client_id, self.match_by, self.is_required)


class LinkForm(FormModel):
    login: Annotated[str, Field(min_length=1, max_length=64)]
    subject: Annotated[str, Field(min_length=1, max_length=255)]


class SsoSettings(Controller):
    path = HERE
    opt = {"permission": Permission.SETTINGS_EDIT}
    include_in_schema = False

    @get("/")
    async def show(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found, linked = await config.read(tx), await config.linked(tx)
        return await page(request, "auth/sso/settings.html", sso=found, linked=linked,
                          redirect_uri=flow.redirect_uri(), by_subject=config.SUBJECT,
                          sign_in_url=f"{settings().public_url}/sign-in/sso?domain={request.user.domain_name}")

    @post("/")
    async def save(self, request: Request, data: Form) -> Response:
        """The provider is asked first, so that a wrong address is not noticed by those who cannot sign in."""
        form = parse_form(SsoForm, data)
        if form.is_enabled:
            await _check(request.user.actor.domain_id, form.issuer)
        async with domain_transaction(request.user.actor) as tx:
            await config.write(tx, form.config(), form.client_secret)
        return saved(request, HERE, _("Saved"))

    @get("/links/new")
    async def link_form(self, request: Request) -> Template:
        return await page(request, "auth/sso/link.html")

    @post("/links")
    async def link(self, request: Request, data: Form) -> Response:
        form = parse_form(LinkForm, data)
        async with domain_transaction(request.user.actor) as tx:
            await config.link(tx, form.login, form.subject)
        return saved(request, HERE, _("Saved"))

    @post("/links/{user_id:int}/delete")
    async def unlink(self, request: Request, user_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await config.unlink(tx, user_id)
        return saved(request, HERE, _("Removed"))


async def _check(domain_id: int, issuer: str) -> None:
    """The reason stays in our log: what our network can and cannot reach is not told."""
    name = f"{domain_id}"
    attempt = await throttle.begin("sso-check", name, name, throttle.Limits(CHECKS, CHECKS, 15 * 60))
    if attempt.is_refused:
        raise TooManyRequests("too_many", _("Too many attempts. Try again in a few minutes."))
    try:
        await openid.discover(issuer, fresh=True)
    except Unreachable as error:
        log.info("sso_issuer_refused", domain_id=domain_id, error=str(error))
        text = _("There is no OpenID provider at this address: its description could not be read.")
        raise InvalidFields("no_provider", text, fields={"issuer": text}) from None
