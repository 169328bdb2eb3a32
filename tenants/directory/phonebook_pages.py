"""Address books for phones: the page that tells the addresses, and what phones fetch from them."""

from __future__ import annotations

import hashlib
import re

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth import store
from app.auth.edge import client_ip, limit_key
from app.auth.permissions import Permission
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction
from app.kernel.errors import NotFound, TooManyRequests
from app.kernel.i18n import _, speaking
from app.settings import settings
from app.web.shell import page, saved
from tenants.directory import phonebook as books
from tenants.directory.own_pages import LIST, frame, own_id

PER_TOKEN = 30  # fetches per minute: a phone asks every quarter of an hour at most
PER_ADDRESS = 300  # an office of phones behind one address
_TOKEN = re.compile(rf"[a-z2-7]{{{books.TOKEN_LENGTH}}}")


class OwnPhonePages(Controller):
    """How to bring the address book into a telephone; the softphone's own data."""

    path = LIST
    opt = {"permission": Permission.PERSONAL}

    @get("/phone")
    async def addresses(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            token = await books.token(tx, own_id(request))
            tabs = await frame(tx)
        return await page(request, "directory/phone.html", root=f"{settings().public_url}/phonebook/{token}", **tabs)

    @post("/phone", status_code=200)
    async def renew(self, request: Request) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await books.renew_token(tx, own_id(request))
        return saved(request, f"{LIST}/phone", _("There is a new address. Enter it on your phones."))

    @get("/softphone.json")
    async def softphone(self, request: Request) -> Response[dict[str, object]]:
        """Personal and shared contacts for the signed-in user's softphone."""
        async with domain_transaction(request.user.actor) as tx:
            known = await books.extensions(tx)
            found = await books.phone_entries(tx, own_id(request))
        contacts = books.as_json((entry, books.dialable(entry, known)) for entry in found)
        return Response({"contacts": contacts}, headers={"Cache-Control": "no-store"})


@get("/phonebook/{token:str}/{name:str}", opt={"permission": Permission.PUBLIC, "csrf_exempt": True},
     include_in_schema=False)
async def phonebook(request: Request, token: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """A phone's address book. A wrong token and a wrong name look alike."""
    await _limit(request, token)
    owner = await books.owner_of(token) if _TOKEN.fullmatch(token) and name in books.FORMATS else None
    if owner is None:
        raise NotFound("not_found", _("There is no such page."))
    domain_id, user_id = owner
    async with domain_transaction(Actor.system(domain_id, "phonebook")) as tx:
        domain = await tx.fetchrow("SELECT locale, company_name FROM domain WHERE id = $1", domain_id)
        assert domain is not None
        known = await books.extensions(tx)
        found = await books.phone_entries(tx, user_id)
    with speaking(domain["locale"]):
        text = books.FORMATS[name]([(entry, books.dialable(entry, known)) for entry in found],
                                   domain["company_name"])
    content = text.encode()
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
    if tag in (one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")):
        return Response(b"", status_code=304, headers=headers, media_type="application/xml; charset=utf-8")
    return Response(content, headers=headers, media_type="application/xml; charset=utf-8")


async def _limit(request: Request, token: str) -> None:
    """Per address and per token, in a minute. Raises TooManyRequests."""
    digest = hashlib.sha256(token.encode(errors="replace")).hexdigest()[:32]
    keys = {f"phonebook:{digest}": PER_TOKEN, f"phonebook:{limit_key(client_ip(request))}": PER_ADDRESS}
    async with store.client().pipeline(transaction=True) as pipe:
        for key in keys:
            pipe.set(key, 0, ex=60, nx=True)
            pipe.incr(key)
        counts = (await pipe.execute())[1::2]
    if any(count > most for count, most in zip(counts, keys.values(), strict=True)):
        raise TooManyRequests("too_many", _("Too many requests. Try again in a minute."), retry_after=60)
