"""Outgoing campaigns: `/campaigns` [CMP-10…33]."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import clock, i18n
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.modules.campaigns import queries, service
from app.modules.campaigns.forms import CampaignForm, StatusForm
from app.modules.campaigns.queries import Campaign
from app.modules.campaigns.rules import ALWAYS, METHODS, STATUSES
from app.web import menu
from app.web.lists import Column, ListQuery, Page
from app.web.menu import MenuItem
from app.web.shell import listed, page, saved
from tenants.live import form_of, row_id
from tenants.services.section import section
from tenants.users.operators import CONTACT_CENTRE

URL = "/campaigns"
COLUMNS = (Column("name", lazy("Campaign name"), "lower(c.name)"),
           Column("group", lazy("Group of operators"), "g.name"),
           Column("state", lazy("State"), "c.is_active"), Column("act", ""))
LASTS = timedelta(days=14)

menu.register("domain", MenuItem("services", lazy("Outgoing campaigns"), URL, "phone-outgoing",
                                 Permission.SERVICES_EDIT, "", 30, service=CONTACT_CENTRE))


def moment(at: datetime) -> str:
    """DD.MM.YYYY HH:MM in the domain's zone [CMP-10]."""
    return at.astimezone(i18n.zone()).strftime("%d.%m.%Y %H:%M")


def state(campaign: Campaign) -> str:
    text = _("Active %(begin)s – %(end)s") if campaign.is_active else _("Inactive %(begin)s – %(end)s")
    return text % {"begin": moment(campaign.starts_at), "end": moment(campaign.ends_at)}


def tabs(campaign_id: int) -> list[tuple[str, str]]:
    return [(_("Main"), f"{URL}/{campaign_id}"), (_("Call list"), f"{URL}/{campaign_id}/clients")]


async def _form(tx: DomainTx, campaign: Campaign | None) -> dict[str, Any]:
    """What the form of a new or an existing campaign shows."""
    starts = campaign.starts_at if campaign else clock.now()
    ends = campaign.ends_at if campaign else starts + LASTS
    typed = {name: f"{at.astimezone(i18n.zone()):%Y-%m-%dT%H:%M}" for name, at in (("starts", starts), ("ends", ends))}
    return {"groups": await queries.groups(tx), "methods": METHODS, "dates": typed}


class CampaignPages(Controller):
    path = URL
    opt = {"permission": Permission.SERVICES_EDIT}
    before_request = section(CONTACT_CENTRE)

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, default_sort="name")
        async with domain_transaction(request.user.actor) as tx:
            rows, total = await queries.campaigns(tx, like=query.like(), order=query.order_by("c.id"),
                                                  limit=query.limit, offset=query.offset)
        return await page(request, "campaigns/list.html", found=Page(rows, total, query), state=state)

    @get("/new")
    async def new(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            context = await _form(tx, None)
        return await page(request, "campaigns/new.html", campaign=None, **context)

    @post("/new", status_code=200)
    async def create(self, request: Request) -> Response:
        form = await form_of(request, CampaignForm)
        async with domain_transaction(request.user.actor) as tx:
            campaign_id = await service.create(tx, form.command())
        return saved(request, f"{URL}/{campaign_id}", _("The campaign is created."))

    @get("/{campaign_id:int}")
    async def show(self, request: Request, campaign_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
            context = await _form(tx, campaign)
            own = await queries.statuses(tx, campaign.id)
        return await page(request, "campaigns/campaign.html", campaign=campaign, own=own, state=state(campaign),
                          always=[STATUSES[code] for code in ALWAYS], tabs=tabs(campaign.id), **context)

    @post("/{campaign_id:int}", status_code=200)
    async def save(self, request: Request, campaign_id: FromPath[int]) -> Response:
        form = await form_of(request, CampaignForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.save(tx, row_id(campaign_id), form.command())
        return saved(request, f"{URL}/{campaign_id}", _("Saved."))

    @post("/{campaign_id:int}/start", status_code=200)
    async def start(self, request: Request, campaign_id: FromPath[int]) -> Response:
        return await _switch(request, campaign_id, True)

    @post("/{campaign_id:int}/stop", status_code=200)
    async def stop(self, request: Request, campaign_id: FromPath[int]) -> Response:
        return await _switch(request, campaign_id, False)

    @get("/{campaign_id:int}/delete")
    async def ask_delete(self, request: Request, campaign_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
            total, _called = await queries.totals(tx, campaign.id)
        return await page(request, "campaigns/delete.html", campaign=campaign, total=total)

    @post("/{campaign_id:int}/delete", status_code=200)
    async def delete(self, request: Request, campaign_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete(tx, row_id(campaign_id))
        return saved(request, URL, _("The campaign is deleted."))

    @get("/{campaign_id:int}/statuses/new")
    async def ask_status(self, request: Request, campaign_id: FromPath[int]) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            campaign = await queries.campaign(tx, row_id(campaign_id))
        return await page(request, "campaigns/status.html", campaign=campaign)

    @post("/{campaign_id:int}/statuses/new", status_code=200)
    async def add_status(self, request: Request, campaign_id: FromPath[int]) -> Response:
        form = await form_of(request, StatusForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.add_status(tx, row_id(campaign_id), form.status)
        return saved(request, f"{URL}/{campaign_id}", _("The status is added."))

    @post("/{campaign_id:int}/statuses/{status_id:int}/delete", status_code=200)
    async def delete_status(self, request: Request, campaign_id: FromPath[int], status_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await service.delete_status(tx, row_id(campaign_id), row_id(status_id))
        return saved(request, f"{URL}/{campaign_id}", _("The status is deleted."))


async def _switch(request: Request, campaign_id: int, to: bool) -> Response:
    async with domain_transaction(request.user.actor) as tx:
        await service.switch(tx, row_id(campaign_id), to)
    message = _("The campaign is active.") if to else _("The campaign is switched off.")
    if "list" in request.query_params:
        return listed(request, URL, message)
    return saved(request, f"{URL}/{campaign_id}", message)


CONTROLLERS: list[type[Controller]] = [CampaignPages]
