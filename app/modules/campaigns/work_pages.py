"""The operator's side of campaigns: a part of the workplace at `/workplace/campaign` [CMP-51, CMP-D1, CMP-D12]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Controller, Request, get, post
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import AppError
from app.kernel.i18n import _
from app.modules.campaigns import queries, work
from app.modules.campaigns.forms import ChosenForm, TakeForm
from app.modules.campaigns.rules import ALWAYS, OWN, STATUSES
from billing.accounts.blocks import is_blocked
from tenants.live import form_of

Act = Callable[[DomainTx, int], Awaitable[object]]


class CampaignWork(Controller):
    path = "/workplace/campaign"
    opt = {"permission": Permission.WORKPLACE}

    @get("/")
    async def show(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            return await _panel(tx, request.user.actor.user_id)

    @post("/take", status_code=200)
    async def take(self, request: Request) -> Template:
        form = await form_of(request, TakeForm)
        return await _done(request, lambda tx, user_id: work.take_next(tx, user_id, form.campaign_id),
                           nothing=_("There is no client to be called at the moment."))

    @post("/call", status_code=200)
    async def call(self, request: Request) -> Template:
        return await _done(request, work.call)

    @post("/hang-up", status_code=200)
    async def hang_up(self, request: Request) -> Template:
        return await _done(request, work.hang_up)

    @post("/skip", status_code=200)
    async def skip(self, request: Request) -> Template:
        return await _done(request, work.skip)

    @post("/leave", status_code=200)
    async def leave(self, request: Request) -> Template:
        return await _done(request, work.leave)

    @post("/status", status_code=200)
    async def status(self, request: Request) -> Template:
        form = await form_of(request, ChosenForm)
        code, _colon, number = form.status.partition(":")
        status_id = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
        return await _done(request, lambda tx, user_id: work.give_status(tx, user_id, code, status_id))


async def _done(request: Request, act: Act, nothing: str = "") -> Template:
    """The panel after what was done, or with the reason why it was not."""
    user_id, problem = request.user.actor.user_id, ""
    try:
        async with domain_transaction(request.user.actor) as tx:
            if await act(tx, user_id) is None:
                problem = nothing
    except AppError as refused:
        problem = str(refused)
    async with domain_transaction(request.user.actor) as tx:
        return await _panel(tx, user_id, problem)


async def _panel(tx: DomainTx, user_id: int, problem: str = "") -> Template:
    mine = await work.held(tx, user_id)
    campaigns = await queries.of_operator(tx, user_id)
    statuses = [(code, str(STATUSES[code])) for code in ALWAYS]
    if mine is not None:
        statuses += [(f"{OWN}:{number}", name) for number, name in await queries.statuses(tx, mine.campaign.id)]
    is_in = await tx.fetchval("SELECT true FROM operator_session WHERE domain_id = $1 AND user_id = $2", tx.domain_id,
                              user_id) and not await is_blocked(tx)
    return Template("campaigns/panel.html", media_type="text/html; charset=utf-8", context={
        "mine": mine, "campaigns": campaigns if is_in else [], "statuses": statuses, "problem": problem,
        "shown": work.shown})


CONTROLLERS: list[type[Controller]] = [CampaignWork]
