"""What CRMs call: the way to the panel, call-backs of removal, calls from a card [CRM-05, CRM-18, CRM-24, CRM-38]."""

from __future__ import annotations

import hmac
from typing import Any

import structlog
from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from app.auth.edge import client_ip
from app.auth.permissions import Permission
from app.auth.throttle import Limits
from app.auth.throttle import begin as begin_attempt
from app.kernel.actors import Actor
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import AppError, NotFound, Refused, TooManyRequests
from app.kernel.i18n import _
from app.modules.crm import accounts, rules
from app.modules.integration_api import answers
from app.modules.integration_api.methods import ApiError
from tenants.calls import orders
from tenants.destinations.model import Destination, Kind

log = structlog.get_logger()

OPT = {"permission": Permission.PUBLIC, "csrf_exempt": True}
LIMITS = Limits(per_name=30, per_address=30, seconds=600)
KIND = "crm_call"  # of orders


async def _place(request: Request, what: str) -> Any:
    """A place among the attempts of this address. Raises TooManyRequests."""
    ip = client_ip(request)
    attempt = await begin_attempt(what, ip, ip, LIMITS)
    if attempt.is_refused:
        raise TooManyRequests("too_many", _("Too many attempts. Try again in some minutes."))
    return attempt


class Handshakes(Controller):
    """"Connect" in the widget ends here; the panel asks for the sign-in and the confirmation."""

    path = "/crm-connect"
    opt = OPT
    include_in_schema = False

    @get("/amocrm")
    async def amo(self, request: Request) -> Redirect:
        """amoCRM's redirect with an authorisation code."""
        query = request.query_params
        attempt = await _place(request, "crm-amo")
        token = await accounts.begin(rules.AMO, query.get("referer", "")[:253], "authorization_code",
                                     query.get("code", "")[:4000])
        await attempt.undone()
        return Redirect(f"/crm/confirm?token={token}")

    @post("/bitrix24", status_code=303)
    async def bitrix(self, request: Request) -> Redirect:
        """Bitrix24 opens the application's page with its tokens."""
        data = await request.form()
        attempt = await _place(request, "crm-bitrix")
        seconds = str(data.get("AUTH_EXPIRES", "3600"))
        token = await accounts.begin(
            rules.BITRIX, str(request.query_params.get("DOMAIN", ""))[:253], "", str(data.get("REFRESH_ID", ""))[:4000],
            access=str(data.get("AUTH_ID", ""))[:4000],
            seconds=int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) < 8 else 3600)
        await attempt.undone()
        return Redirect(f"/crm/confirm?token={token}", status_code=303)


class WidgetApi(Controller):
    """Requests of a connected widget; the account and its secret tell whose it is."""

    path = "/crm-widget/{kind:str}"
    opt = OPT | {"api": True}
    include_in_schema = False
    request_max_body_size = 16 * 1024

    @post("/call", status_code=200)
    async def call(self, request: Request, kind: FromPath[str]) -> dict[str, str]:
        """Click-to-call: first the internal number of the CRM's user, then the client [CRM-24]."""
        found, data = await _whose(request, kind)
        actor = Actor.system(found.domain_id, "crm")
        async with domain_transaction(actor) as tx:
            user = await tx.fetchval("SELECT user_id FROM crm_user WHERE domain_id = $1 AND integration_id = $2 "
                                     "AND crm_user_id = $3", tx.domain_id, found.id, str(data.get("user", ""))[:40])
            if user is None:
                raise Refused("not_mapped", _("This user of the CRM has no internal number of the PBX."))
            try:
                number = await answers.dialled(tx, str(data.get("phone", ""))[:60])
            except ApiError:
                raise Refused("number", _("This is not a telephone number.")) from None
            await orders.order(tx, kind=KIND, ref=found.kind, first=Destination(Kind.USER, user),
                               then=Destination(Kind.NUMBER, number=number), payer_user_id=user, shown_number=number)
        return {"result": "0"}

    @post("/disconnect", status_code=200)
    async def disconnect(self, request: Request, kind: FromPath[str]) -> dict[str, str]:
        """Removed or disconnected in the CRM [CRM-18, CRM-25, CRM-38]."""
        found, _data = await _whose(request, kind)
        async with domain_transaction(Actor.system(found.domain_id, "crm")) as tx:
            await accounts.disconnect(tx, found.kind, from_crm=True)
        return {"result": "0"}


async def _whose(request: Request, kind: str) -> tuple[accounts.Integration, dict[str, Any]]:
    """Raises NotFound: unknown account or wrong secret, not telling which; TooManyRequests."""
    attempt = await _place(request, "crm-widget")
    nobody = NotFound("crm", _("This CRM is not connected."))
    try:
        data = await request.json()
    except Exception:
        raise AppError("not_json", _("The body is not JSON.")) from None
    account = str(data.get("account", ""))[:200] if isinstance(data, dict) else ""
    async with platform_transaction(accounts.ACTOR) as tx:
        domain_id = await tx.fetchval("SELECT domain_id FROM crm_integration WHERE kind = $1 AND account_ref = $2",
                                      kind,
                                      account)
    if domain_id is None:
        raise nobody
    async with domain_transaction(Actor.system(domain_id, "crm")) as tx:
        found = await accounts.require(tx, kind)
        known = await accounts.secret_of(tx, found)
    if not hmac.compare_digest(known.encode(), str(data.get("secret", "")).encode()):
        raise nobody
    await attempt.undone()
    return found, data


CONTROLLERS = [Handshakes, WidgetApi]
