"""`/finance/card…`: pay by card, come back from the payment page, saved card, automatic top-up; Stripe's webhook."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Controller, Request, Response, get, post
from litestar.response import Redirect, Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.kernel.money import Money
from app.web.forms import parse_form
from app.web.shell import is_htmx, page, saved
from billing.accounts.state import lock
from billing.payments.card import present, queries, service, talk
from billing.payments.card import saved as saved_card
from billing.payments.card.forms import AutomaticForm, PayForm
from billing.payments.card.rules import State
from billing.payments.gateway import BadSignature, GatewayAway, current

log = structlog.get_logger()

URL = "/finance"
_LARGEST_EVENT = 1_000_000
_GREATEST_ID = 2**63 - 1


async def _form(request: Request, model: type[Any]) -> Any:
    data = await request.form()
    return parse_form(model, {key: value for key, value in data.items() if isinstance(value, str)})


def _lead_to(request: Request, url: str) -> Response:
    """To the payment page: by script after htmx, which no form policy holds, else by 303, which ours allows."""
    if is_htmx(request):
        return Response("", headers={"HX-Redirect": url}, media_type="text/html", status_code=200)
    return Redirect(url, status_code=303)


class CardPages(Controller):
    path = f"{URL}/card"
    opt = {"permission": Permission.FINANCE_EDIT}

    @post("/pay", status_code=200)
    async def pay(self, request: Request) -> Response:
        gateway = talk.gateway_or_refuse()
        form = await _form(request, PayForm)
        async with domain_transaction(request.user.actor) as tx:
            currency = (await lock(tx)).currency
            payment = await service.begin(tx, Money(form.card_amount, currency), saves_card=form.save_card)
        return _lead_to(request, await talk.open_page(gateway, payment))

    @get("/{payment_id:int}", opt={"permission": Permission.FINANCE_VIEW})
    async def result(self, request: Request, payment_id: int) -> Template:
        """Where the payment page leads back to: what is known, and the payment company is asked if need be."""
        async with domain_transaction(request.user.actor) as tx:
            payment = await queries.one(tx, min(payment_id, _GREATEST_ID))
        if payment is None:
            raise NotFound("payment", _("There is no such payment."))
        if payment.state is State.PENDING:
            payment = await talk.ask_quietly(payment)
        return await page(request, "payments/card/result.html", payment=payment, told=present.TOLD[payment.state],
                          badge_of=present.state_badge(payment.state.value))

    @post("/automatic", status_code=200)
    async def set_automatic(self, request: Request) -> Response:
        form = await _form(request, AutomaticForm)
        if form.is_on:
            talk.gateway_or_refuse()
            missing = {name: _("Fill in this field.") for name in ("threshold", "auto_amount")
                       if getattr(form, name) is None}
            if missing:
                raise InvalidFields("missing", _("Fill in this field."), fields=missing)
        async with domain_transaction(request.user.actor) as tx:
            currency = (await lock(tx)).currency
            if form.is_on:
                await saved_card.set_automatic(tx, Money(form.threshold, currency),
                                               Money(form.auto_amount, currency))
            else:
                await saved_card.switch_off(tx)
        return saved(request, URL, _("Automatic top-up is on.") if form.is_on else _("Automatic top-up is off."))

    @get("/remove")
    async def ask_removal(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            known = (await queries.facts(tx)).saved
        if known is None:
            raise NotFound("card", _("There is no saved card."))
        return await page(request, "payments/card/remove.html", card=known, named=saved_card.named)

    @post("/remove", status_code=200)
    async def remove(self, request: Request) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await saved_card.remove(tx)
        return saved(request, URL, _("The card is removed."))


@post("/stripe/webhook", opt={"permission": Permission.PUBLIC, "csrf_exempt": True}, include_in_schema=False,
      status_code=200, request_max_body_size=_LARGEST_EVENT)
async def hear_stripe(request: Request) -> Response[str]:
    """Signed by Stripe's key; anything but 200 brings the same call again."""
    gateway = current()
    if gateway is None:
        raise NotFound("not_found", _("There is no such page."))
    try:
        news = gateway.read_event(await request.body(), request.headers.get("stripe-signature", ""))
        if news is not None:
            await talk.hear(gateway, news)
    except BadSignature:
        log.warning("card_event_forged")
        return Response("signature", status_code=400, media_type="text/plain")
    except GatewayAway as away:
        log.warning("card_gateway_away", error=str(away))
        return Response("later", status_code=503, media_type="text/plain")
    return Response("ok", media_type="text/plain")


CONTROLLERS = [CardPages, hear_stripe]
