"""Another tariff for a domain, with what it changes in sight before it is chosen [SVC-D10]."""

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
from app.provider.domains.forms import TariffForm
from app.provider.tariffs import present
from app.web.shell import fragment, saved, with_toast
from billing.packages import mgp
from billing.services import counts, plans, rules
from billing.services.queries import ServiceRow
from billing.subscriptions.rules import total
from billing.tariffs.plan import Plan
from billing.tariffs.terms import plan_at, plan_of
from tenants.domains import service as domains

LIST = "/provider/domains"


@dataclass(frozen=True, slots=True)
class Offer:
    """What the domain pays every month now and afterwards, and what it loses."""

    tariff_id: int
    before: Money
    after: Money
    changes: tuple[present.TermsDifference, ...]
    leaving: tuple[ServiceRow, ...]
    guaranteed_now: Money  # what the month's guaranteed payment lacks is charged at once [FIN-D4]

    @property
    def mark(self) -> str:
        """Tells at saving whether the amounts and the services are still those shown."""
        amounts = "/".join(f"{one.amount.normalize():f}" for one in (self.before, self.after, self.guaranteed_now))
        return f"{self.tariff_id}/{amounts}/{','.join(row.code for row in self.leaving)}"


async def _offer(tx: DomainTx, tariff_id: int) -> Offer:
    """By the present numbers of users, instances and what is switched on."""
    now, new = await plan_of(tx), await plan_at(tx, tariff_id, tx.now)
    changes = present.changed_conditions(now, new)
    return Offer(tariff_id, await _monthly(tx, now), await _monthly(tx, new), tuple(changes),
                 tuple(await plans.leaving(tx, tariff_id)), await _guaranteed(tx, tariff_id, new))


async def _guaranteed(tx: DomainTx, tariff_id: int, terms: Plan) -> Money:
    is_other = await tx.fetchval("SELECT tariff_id <> $2 FROM account WHERE domain_id = $1", tx.domain_id, tariff_id)
    return total(await mgp.rest_of_month(tx, terms) if is_other else (), terms.currency)


async def _monthly(tx: DomainTx, terms: Plan) -> Money:
    lines = (await counts.lines(tx, {tx.domain_id: terms}))[tx.domain_id]
    return rules.grand_total(list(lines.values()), terms.currency)


class TariffChange(Controller):
    path = LIST + "/{domain_id:int}"
    opt = DOMAINS

    @get("/change/tariff")
    async def ask(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            domain = await queries.facts(tx, domain_id)
            tariffs = await tariff_choices(tx)
            offer = await _offer(await queries.bind(tx, domain_id), domain.tariff_id)
        return await show(request, "provider/domains/tariff.html", domain=domain, domain_id=domain_id,
                          tariffs=tariffs, offer=offer)

    @get("/change/tariff/cost")
    async def cost(self, request: Request, domain_id: FromPath[int]) -> Template:
        """The amounts by the tariff that was chosen."""
        return await self._fragment(request, domain_id, asked_tariff(request))

    @post("/tariff", status_code=200)
    async def change(self, request: Request, domain_id: FromPath[int]) -> Response | Template:
        form = await form_of(request, TariffForm)
        async with platform_transaction(request.user.actor) as tx:
            await queries.check_tariff(tx, form.tariff_id)
            bound = await queries.bind(tx, domain_id)
            is_shown = form.quoted is None or form.quoted == (await _offer(bound, form.tariff_id)).mark
            if is_shown:
                await domains.change_tariff(bound, form.tariff_id)
        if not is_shown:
            return with_toast(await self._fragment(request, domain_id, form.tariff_id),
                              _("The amounts have changed meanwhile. Look at them and save again."), "warning")
        return saved(request, f"{LIST}/{domain_id}", _("The tariff is changed."))

    @staticmethod
    async def _fragment(request: Request, domain_id: int, tariff_id: int) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            await queries.check_tariff(tx, tariff_id)
            offer = await _offer(await queries.bind(tx, domain_id), tariff_id)
        return fragment("provider/domains/tariff_cost.html", "#tariff-cost", domain_id=domain_id, offer=offer)


CONTROLLERS = [TariffChange]
