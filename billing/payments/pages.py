"""The forms of the finance page: promised payment and credit limit [FIN-18, FIN-20, FIN-35]."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, post

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _
from app.kernel.money import Money
from app.web.forms import parse_form
from app.web.shell import saved
from billing.accounts.state import currency_of
from billing.payments import credit, promised
from billing.payments.forms import AmountForm, LimitForm

URL = "/finance"


async def _form(request: Request, model: type[Any]) -> Any:
    data = await request.form()
    return parse_form(model, {key: value for key, value in data.items() if isinstance(value, str)})


class PaymentPages(Controller):
    path = URL
    opt = {"permission": Permission.FINANCE_EDIT}

    @post("/promised", status_code=200)
    async def take_promised(self, request: Request) -> Response:
        form = await _form(request, AmountForm)
        async with domain_transaction(request.user.actor) as tx:
            await promised.grant(tx, Money(form.amount, await currency_of(tx)))
        return saved(request, URL, _("The promised payment has been credited."))

    @post("/credit-limit", status_code=200)
    async def set_credit_limit(self, request: Request) -> Response:
        form = await _form(request, LimitForm)
        async with domain_transaction(request.user.actor) as tx:
            moved = await credit.set_limit(tx, Money(form.limit, await currency_of(tx)), confirmed=form.confirmed)
        return saved(request, URL, _("The limit is set; the domain is on the credit scheme now.") if moved
                     else _("The limit is set."))


CONTROLLERS = [PaymentPages]
