"""The contract is signed: from trial to commercial mode, with what it will cost in sight [ACC-05, ACC-D3]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, ngettext
from app.provider.console import DOMAINS, form_of, show, tariff_choices
from app.provider.domains import queries
from app.provider.domains.forms import CommercialForm
from app.web.parts import Cost
from app.web.shell import is_htmx, saved, with_toast
from tenants.domains import service as domains
from tenants.users import fees
from tenants.users.fees import Quote

LIST = "/provider/domains"


def cost_of(quote: Quote) -> Cost:
    """Nothing that was free becomes paid unseen: how many users will be paid for, and today's charge."""
    paid = quote.fee.quantity
    note = ngettext("%(users)s user, %(paid)s beyond the tariff's included ones.",
                    "%(users)s users, %(paid)s beyond the tariff's included ones.",
                    quote.users) % {"users": quote.users, "paid": paid}
    return Cost(quote.cost.monthly, None, quote.cost.first_day, note, quote.balance - quote.cost.charged)


def _fragment(domain_id: int, quote: Quote) -> Template:
    return Template("provider/domains/commercial_cost.html", context={
        "domain_id": domain_id, "quote": quote, "cost": cost_of(quote)},
                    headers={"HX-Retarget": "#commercial-cost", "HX-Reswap": "outerHTML"},
                    media_type="text/html; charset=utf-8")


class CommercialPages(Controller):
    path = LIST + "/{domain_id:int}/commercial"
    opt = DOMAINS

    @get("/")
    async def ask(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            domain = await queries.facts(tx, domain_id)
            tariffs = await tariff_choices(tx)
            quote = await fees.quote_after_trial(await queries.bind(tx, domain_id), domain.tariff_id)
        return await show(request, "provider/domains/commercial.html", domain=domain, domain_id=domain_id,
                          tariffs=tariffs, quote=quote, cost=cost_of(quote))

    @get("/cost")
    async def cost(self, request: Request, domain_id: FromPath[int]) -> Template:
        """The amounts by the tariff that was chosen."""
        chosen = request.query_params.get("tariff_id", "")
        if not (chosen.isascii() and chosen.isdigit() and len(chosen) <= 18):
            raise NotFound("tariff", _("There is no such tariff"))
        async with platform_transaction(request.user.actor) as tx:
            quote = await fees.quote_after_trial(await queries.bind(tx, domain_id), int(chosen))
        return _fragment(domain_id, quote)

    @post("/", status_code=200)
    async def switch(self, request: Request, domain_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, CommercialForm)
        try:
            async with platform_transaction(request.user.actor) as tx:
                bound = await queries.bind(tx, domain_id)
                await queries.check_tariff(tx, form.tariff_id)
                await domains.switch_to_commercial(bound, tariff_id=form.tariff_id, scheme=form.scheme,
                                                   quoted=form.quoted)
        except fees.CostChanged as changed:
            if not is_htmx(request):
                raise
            quote = changed.facts["quote"]
            assert isinstance(quote, Quote)
            return with_toast(_fragment(domain_id, quote), changed.message, "warning")
        return saved(request, f"{LIST}/{domain_id}", _("The domain is in commercial mode."))


CONTROLLERS = [CommercialPages]
