"""The operator's role on a user's page, with what it costs [USR-63, SVC-22]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import domain_transaction
from app.kernel.i18n import _
from app.web.shell import page, saved
from billing.services.present import cost_of
from billing.services.rules import CostChanged
from tenants.live import form_of, row_id
from tenants.services.present import new_amounts
from tenants.users import operators, queries
from tenants.users.forms import OperatorForm

LIST = "/users"


class OperatorPages(Controller):
    path = f"{LIST}/{{user_id:int}}/operator"
    opt = {"permission": Permission.USERS_EDIT}

    @get("/")
    async def ask(self, request: Request, user_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            user = await queries.card(tx, row_id(user_id))
            quote = await operators.quote(tx)
            saving = await operators.saving(tx)
        return await page(request, "users/operator.html", user=user, quote=quote, cost=cost_of(quote), saving=saving)

    @post("/", status_code=200)
    async def switch(self, request: Request, user_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, OperatorForm)
        try:
            async with domain_transaction(request.user.actor) as tx:
                await operators.set_operator(tx, row_id(user_id), form.is_operator, mark=form.quoted or None)
        except CostChanged as changed:
            return new_amounts(request, changed)
        return saved(request, f"{LIST}/{user_id}", _("The role is changed."))


CONTROLLERS = [OperatorPages]
