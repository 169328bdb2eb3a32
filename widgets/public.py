"""The public side of a widget, asked by pages of foreign sites: `/widget/v1/…` [WGT-D5]. No cookies, no session.

An unknown widget, one that is off and one whose service is off are the same to a visitor.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from litestar import Controller, HttpMethod, Request, Response, get, post, route
from litestar.params import FromPath

from app.auth import throttle
from app.auth.edge import client_ip
from app.auth.permissions import Permission
from app.kernel.actors import Actor
from app.kernel.db import DomainTx, domain_transaction, public_transaction
from app.kernel.errors import AppError, Forbidden, InvalidFields, NotFound, TooManyRequests
from app.kernel.i18n import _, speaking
from app.web.json_body import json_object
from widgets import requests, rules
from widgets.captcha import captcha
from widgets.requests import Answer, Sent, Visit

SCRIPT = Path(__file__).parent / "static" / "callback.js"
PUBLIC_ID = re.compile(r"[0-9a-f]{32}")
PREVIEW = "preview"  # the same script for the mock-up of the panel
KEPT_SECONDS = 300  # a browser may keep the script
SEND, LOOK, SCRIPT_OF = "send", "look", "script"
LIMITS = {SEND: throttle.Limits(per_name=600, per_address=10, seconds=60),  # requests [WGT-D12]
          LOOK: throttle.Limits(per_name=100_000, per_address=120, seconds=60),  # page views and challenges
          SCRIPT_OF: throttle.Limits(per_name=100_000, per_address=120, seconds=60)}
NO_COOKIES = {"permission": Permission.PUBLIC, "csrf_exempt": True, "api": True}
Work = Callable[[DomainTx, Visit], Awaitable[Response]]


@cache
def _script(_stamp: int) -> tuple[str, bytes]:
    content = SCRIPT.read_bytes()
    return sha256(content).hexdigest()[:16], gzip.compress(content, 9, mtime=0)


class WidgetEndpoints(Controller):
    path = "/widget/v1"
    opt = NO_COOKIES
    include_in_schema = False

    @get("/{name:str}")
    async def script(self, request: Request, name: FromPath[str]) -> Response[bytes]:
        """The loader: empty while the widget is off, unknown when it is deleted."""
        public_id = name.removesuffix(".js")
        if public_id == name:
            raise _unknown()
        if public_id != PREVIEW:
            await _limit(request, public_id, SCRIPT_OF)
            if not await _is_on(await _find(public_id)):
                return _javascript(b"", {})
        digest, packed = _script(SCRIPT.stat().st_mtime_ns)
        headers = {"ETag": f'"{digest}"', "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return _javascript(b"", headers, 304)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return _javascript(packed, headers | {"Content-Encoding": "gzip"})
        return _javascript(gzip.decompress(packed), headers)

    @get("/{public_id:str}/config")
    async def config(self, request: Request, public_id: FromPath[str]) -> Response:
        async def work(tx: DomainTx, seen: Visit) -> Response:
            await requests.available(tx)
            return Response(await requests.config(tx, seen))

        return await _answered(request, public_id, work, LOOK)

    @get("/{public_id:str}/challenge")
    async def challenge(self, request: Request, public_id: FromPath[str]) -> Response:
        async def work(_tx: DomainTx, _seen: Visit) -> Response:
            return Response(await captcha.challenge(public_id))

        return await _answered(request, public_id, work, LOOK)

    @post("/{public_id:str}/requests", request_max_body_size=16_384)
    async def take(self, request: Request, public_id: FromPath[str]) -> Response:
        async def work(tx: DomainTx, seen: Visit) -> Response:
            return await _take(request, tx, seen)

        return await _answered(request, public_id, work, SEND)

    @route(["/{public_id:str}/config", "/{public_id:str}/challenge", "/{public_id:str}/requests"],
           http_method=[HttpMethod.OPTIONS])
    async def preflight(self, request: Request, public_id: FromPath[str]) -> Response:
        async def work(_tx: DomainTx, _seen: Visit) -> Response:
            return Response(b"", status_code=204, headers={
                "Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "content-type",
                "Access-Control-Max-Age": "600"})

        return await _answered(request, public_id, work, LOOK)


async def _find(public_id: str) -> tuple[Actor, int]:
    """Raises NotFound."""
    if not PUBLIC_ID.fullmatch(public_id):
        raise _unknown()
    async with public_transaction() as tx:
        row = await tx.fetchrow("SELECT domain_id, widget_id FROM find_widget($1)", public_id)
    if row is None:
        raise _unknown()
    return Actor.system(row["domain_id"], name="visitor"), row["widget_id"]


async def _is_on(found: tuple[Actor, int]) -> bool:
    async with domain_transaction(found[0]) as tx:
        return await requests.visit(tx, found[1]) is not None


async def _answered(request: Request, public_id: str, work: Work, kind: str) -> Response:
    """`work`, in the company's language, for a site that may show the widget; its refusals too carry the headers by
    which the site's page may read them."""
    origin, cors = request.headers.get("origin", ""), {"Vary": "Origin"}
    try:
        await _limit(request, public_id, kind)
        actor, widget_id = await _find(public_id)
        async with domain_transaction(actor) as tx:
            seen = await requests.visit(tx, widget_id)
            if seen is None:
                raise _unknown()
            site = rules.site_of(origin, request.headers.get("referer", ""))
            if not await requests.allows(tx, widget_id, site):
                raise Forbidden("domain", _("The widget does not work on this site."))
            cors |= _cors(origin)
            with speaking(seen.locale, seen.zone):
                answer = await work(tx, seen)
    except AppError as refused:
        answer = _refusal(refused)
    for name, value in (_common() | cors).items():
        answer.headers[name] = value
    return answer


async def _limit(request: Request, public_id: str, kind: str) -> None:
    """Raises TooManyRequests."""
    limits = LIMITS[kind]
    attempt = await throttle.begin(f"widget-{kind}", public_id[:64], client_ip(request), limits)
    if attempt.is_refused:
        raise TooManyRequests("too_often", _("Too many requests. Please try again in a minute."),
                              retry_after=limits.seconds)


async def _take(request: Request, tx: DomainTx, seen: Visit) -> Response:
    await requests.available(tx)
    data = await json_object(request)
    if seen.widget.captcha and not await captcha.verify(_text(data, "captcha_token", 2000), seen.widget.public_id,
                                                        client_ip(request)):
        await requests.count_failed_captcha(tx, seen)
        return _told(Answer(422, "captcha", _("The check for robots failed. Please try again.")))
    return _told(await requests.take(tx, seen, Sent(
        _text(data, "phone", 40), _text(data, "message", rules.MAX_MESSAGE),
        _text(data, "page_url", rules.MAX_URL), client_ip(request))))


def _text(data: dict[str, Any], name: str, most: int) -> str:
    """A text of the body, "" where there is none. Raises InvalidFields: too long, or no text."""
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or "\x00" in value or _is_broken(value):
        raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields={name: _("Enter text.")})
    return value.strip()


def _is_broken(value: str) -> bool:
    """Halves of surrogate pairs, which no database keeps."""
    return any("\ud800" <= one <= "\udfff" for one in value)


def _told(answer: Answer) -> Response:
    body = {"status" if answer.status == 202 else "error": answer.code, "message": answer.text}
    headers = {"Retry-After": str(answer.wait_seconds)} if answer.wait_seconds else {}
    if answer.wait_seconds:
        body |= {"retry_after": answer.wait_seconds}  # type: ignore[dict-item]
    return Response(body, status_code=answer.status, headers=headers)


def _refusal(refused: AppError) -> Response:
    wait = refused.facts.get("retry_after")
    status = 400 if isinstance(refused, InvalidFields) else refused.status_code
    return Response({"error": refused.code, "message": refused.message}, status_code=status,
                    headers={"Retry-After": str(wait)} if wait else {})


def _unknown() -> NotFound:
    return NotFound("not_found", _("There is no such widget."))


def _cors(origin: str) -> dict[str, str]:
    return {"Access-Control-Allow-Origin": origin} if origin else {}


def _common() -> dict[str, str]:
    return {"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "no-store"}


def _javascript(content: bytes, headers: dict[str, str], status: int = 200) -> Response[bytes]:
    return Response(content, status_code=status, media_type="text/javascript; charset=utf-8", headers=_common() | {
        "Cache-Control": f"public, max-age={KEPT_SECONDS}", "Access-Control-Allow-Origin": "*"} | headers)


CONTROLLERS = [WidgetEndpoints]
