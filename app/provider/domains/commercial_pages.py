"""The contract is signed: from trial to commercial mode, with what it will cost in sight [ACC-05, ACC-D3]."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import DomainTx, platform_transaction
from app.kernel.i18n import _
from app.kernel.money import Money
from app.provider.console import DOMAINS, asked_tariff, form_of, show, tariff_choices
from app.provider.domains import queries
from app.provider.domains.forms import CommercialForm
from app.web.parts import Cost
from app.web.shell import fragment, is_htmx, saved, with_toast
from billing.accounts.rules import RecurringFee
from billing.packages import mgp
from billing.services import plans
from billing.services.present import parts_of
from billing.services.queries import ServiceRow
from billing.services.rules import CostChanged, Quote
from billing.tariffs.terms import plan_at
from tenants.domains import service as domains

LIST = "/provider/domains"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the switch will cost by a tariff, and the services that it ends because the tariff lacks them."""

    quote: Quote
    leaving: list[ServiceRow]
    guaranteed: RecurringFee | None  # of the prepaid scheme only [FIN-D4]

    @property
    def guaranteed_today(self) -> Money | None:
        return self.guaranteed.first_charge(self.quote.day) if self.guaranteed else None

    @property
    def cost(self) -> Cost:
        """Nothing that was free becomes paid unseen: what will be paid for, and today's charge."""
        return Cost(self.quote.cost.monthly, None, self.quote.cost.first_day, parts_of(self.quote),
                    self.quote.balance - self.quote.cost.charged)


async def offer(tx: DomainTx, tariff_id: int) -> Offer:
    terms = await plan_at(tx, tariff_id, tx.now)
    return Offer(await plans.quote_tariff(tx, tariff_id), await plans.leaving(tx, tariff_id), mgp.fee_of(terms))


def _fragment(domain_id: int, found: Offer) -> Template:
    return fragment("provider/domains/commercial_cost.html", "#commercial-cost", domain_id=domain_id, offer=found)


class CommercialPages(Controller):
    path = LIST + "/{domain_id:int}/commercial"
    opt = DOMAINS

    @get("/")
    async def ask(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            domain = await queries.facts(tx, domain_id)
            tariffs = await tariff_choices(tx)
            found = await offer(await queries.bind(tx, domain_id), domain.tariff_id)
        return await show(request, "provider/domains/commercial.html", domain=domain, domain_id=domain_id,
                          tariffs=tariffs, offer=found)

    @get("/cost")
    async def cost(self, request: Request, domain_id: FromPath[int]) -> Template:
        """The amounts by the tariff that was chosen."""
        async with platform_transaction(request.user.actor) as tx:
            found = await offer(await queries.bind(tx, domain_id), asked_tariff(request))
        return _fragment(domain_id, found)

    @post("/", status_code=200)
    async def switch(self, request: Request, domain_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, CommercialForm)
        try:
            async with platform_transaction(request.user.actor) as tx:
                bound = await queries.bind(tx, domain_id)
                await queries.check_tariff(tx, form.tariff_id)
                await domains.switch_to_commercial(bound, tariff_id=form.tariff_id, scheme=form.scheme,
                                                   quoted=form.quoted)
        except CostChanged as changed:
            if not is_htmx(request):
                raise
            async with platform_transaction(request.user.actor) as tx:
                found = await offer(await queries.bind(tx, domain_id), form.tariff_id)
            return with_toast(_fragment(domain_id, found), changed.message, "warning")
        return saved(request, f"{LIST}/{domain_id}", _("The domain is in commercial mode."))


CONTROLLERS = [CommercialPages]
