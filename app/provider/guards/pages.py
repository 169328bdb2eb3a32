"""`/provider/guards`: all domains; one of them with its bounds; letting paid calls go on."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template
from pydantic import Field

from app.kernel import parameters
from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy
from app.provider.console import BILLING, VIEW, as_page, form_of, show
from app.provider.domains.queries import bind
from app.provider.guards import queries
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery
from app.web.shell import saved
from billing.guards import hits, present
from billing.guards import queries as guards
from billing.guards.settings import Bounds, save_bounds
from tenants.guards.queries import today

LIST = "/provider/guards"
COLUMNS = (Column("name", lazy("Domain"), "d.name"), Column("state", lazy("Paid calls"), "s.started_at"),
           Column("spent", lazy("Charged today"), "spent", numeric=True, wide_only=True),
           Column("cap", lazy("Daily cap"), numeric=True, wide_only=True),
           Column("more", lazy("Settings"), wide_only=True))
FILTERS = (Filter("state", lazy("State"), {
    "stopped": lazy("Paid calls are stopped"), "waits": lazy("A destination waits"), "own": lazy("Own settings")}),)


class BoundsForm(FormModel):
    """Empty: the parameter holds."""

    max_daily_cap: Annotated[Decimal | None, Field(ge=0, le=100_000_000, decimal_places=2)] = None
    max_calls_per_minute: Annotated[int | None, Field(ge=0, le=10_000)] = None
    provider_forbidden: Annotated[str, Field(max_length=20_000)] = ""
    provider_allowed: Annotated[str, Field(max_length=20_000)] = ""

    def command(self) -> Bounds:
        return Bounds(self.max_daily_cap, self.max_calls_per_minute, self.provider_forbidden, self.provider_allowed)


class ProviderGuards(Controller):
    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="-spent")
        async with platform_transaction(request.user.actor) as tx:
            rows, total = await queries.domains(tx, query)
        return await show(request, "provider/guards/list.html", found=as_page(rows, total, query),
                          why_stopped=present.why_stopped)

    @get("/{domain_id:int}")
    async def card(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            bound = await bind(tx, domain_id)
            found = await guards.in_general(bound)
            own, stops = await guards.own(bound, domain_id), await guards.open_stops(bound)
            places = await guards.places(bound)
            facts = await bound.fetchrow("SELECT name, company_name FROM domain WHERE id = $1", domain_id)
            day = await today(bound, found)
            defaults = await parameters.group(tx, "guard")
        return await show(request, "provider/guards/card.html", domain_id=domain_id, domain=facts, found=found, own=own,
                          day=day, stops=stops, places=places, defaults=defaults, presets=present.PRESETS,
                          why_stopped=present.why_stopped, destination_name=present.destination_name)

    @post("/{domain_id:int}", opt=BILLING, status_code=200)
    async def change(self, request: Request, domain_id: FromPath[int]) -> Response:
        form = await form_of(request, BoundsForm)
        async with platform_transaction(request.user.actor) as tx:
            changed = await save_bounds(await bind(tx, domain_id), form.command())
        return saved(request, f"{LIST}/{domain_id}", _("Saved.") if changed else _("Nothing has changed."))

    @post("/{domain_id:int}/lift", opt=BILLING, status_code=200)
    async def lift(self, request: Request, domain_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await hits.lift(await bind(tx, domain_id), by_provider=True)
        return saved(request, f"{LIST}/{domain_id}", _("Paid calls work again."))


CONTROLLERS = [ProviderGuards]
