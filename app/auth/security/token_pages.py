"""`/me/security/tokens`, and the first thing that a program asks: `/api/v1/me`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Template
from pydantic import Field

from app.auth import tokens
from app.auth.permissions import Permission
from app.auth.shells import DOMAIN
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.web.forms import FormModel, parse_form
from app.web.shell import page, saved

HERE = f"{DOMAIN.security_url}/tokens"


class TokenForm(FormModel):
    name: Annotated[str, Field(min_length=1, max_length=64)]
    days: Literal["30", "90", "365"]
    scope: Literal["read", "write"]


class TokenPages(Controller):
    path = HERE
    opt = {"permission": Permission.PERSONAL}
    include_in_schema = False

    @get("/")
    async def list(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await tokens.of_user(tx, _own(request))
        return await page(request, "auth/security/tokens.html", tokens=found, here=HERE, back=DOMAIN.security_url)

    @get("/new")
    async def ask(self, request: Request) -> Template:
        _own(request)
        return await page(request, "auth/security/token_new.html", here=HERE)

    @post("/")
    async def create(self, request: Request, data: URLEncodedBody[dict[str, str]]) -> Template:
        form = parse_form(TokenForm, data)
        async with domain_transaction(request.user.actor) as tx:
            token = await tokens.create(tx, _own(request), form.name, can_write=form.scope == "write",
                                        days=int(form.days))
        return await page(request, "auth/security/token_made.html", token=token, here=HERE,
                          headers={"HX-Trigger": '{"modal-close": true}'})

    @post("/{token_id:int}/revoke")
    async def revoke(self, request: Request, token_id: FromPath[int]) -> Response:
        if not 0 < token_id < 2 ** 63:
            raise NotFound("token", _("There is no such token."))
        async with domain_transaction(request.user.actor) as tx:
            await tokens.revoke(tx, _own(request), token_id)
        return saved(request, HERE, _("The token is revoked."))


def _own(request: Request) -> int:
    """Somebody who acts in a domain from outside makes no tokens in another's name."""
    if request.user.origin or not request.user.actor.user_id:
        raise NotFound("not_found", _("There is no such page."))
    return request.user.actor.user_id


@get("/api/v1/me", opt={"permission": Permission.PERSONAL, "api": True, "token": True, "csrf_exempt": True},
     include_in_schema=False)
async def who_am_i(request: Request) -> dict[str, Any]:
    """By token only: a cookie is not looked at here, and a token not on pages."""
    user = request.user
    return {"login": user.actor.login, "name": user.actor.name, "domain": user.domain_name, "role": user.role,
            "scope": "read" if user.is_read_only else "write"}


CONTROLLERS = [TokenPages, who_am_i]
