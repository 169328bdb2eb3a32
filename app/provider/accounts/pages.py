"""A domain's account in the console: `/provider/domains/{id}/account`. Every role looks, nobody writes here."""

from __future__ import annotations

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import platform_transaction
from app.provider.console import VIEW, show
from app.provider.corrections import queries as corrections
from app.provider.domains import queries
from app.web.turns import turn
from billing.accounts import view
from billing.statements import pages as statements

PATH = "/provider/domains/{domain_id:int}/account"


class AccountPages(Controller):
    """Incoming payments too, so that the balance column adds up without a second page."""

    path = PATH
    opt = VIEW

    @get("/")
    async def ledger(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            domain = await queries.facts(tx, domain_id)
            waiting = await corrections.waiting_at(tx, domain_id)
            shown = await view.ledger(await queries.bind(tx, domain_id), request, without=())
        return await show(request, "provider/accounts/ledger.html", domain=domain, waiting=waiting,
                          me=request.user.actor.id, **shown)

    @get("/export")
    async def export(self, request: Request, domain_id: FromPath[int]) -> Response[bytes]:
        async with turn(request.user.actor), platform_transaction(request.user.actor) as tx:
            return await view.export(await queries.bind(tx, domain_id), request, without=())

    @get("/{posting_id:int}")
    async def explanation(self, request: Request, domain_id: FromPath[int], posting_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            shown = await view.explained(await queries.bind(tx, domain_id), posting_id)
        return await show(request, "provider/accounts/line.html", **shown)

    @get("/statement")
    async def choose_statement(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            shown = await statements.choices(await queries.bind(tx, domain_id))
        return await show(request, "statements/choose.html",
                          file_url=f"/provider/domains/{domain_id}/account/statement/file", **shown)

    @get("/statement/file")
    async def statement(self, request: Request, domain_id: FromPath[int]) -> Response[bytes]:
        async with turn(request.user.actor):
            async with platform_transaction(request.user.actor) as tx:
                made = await statements.draft(await queries.bind(tx, domain_id), request.query_params)
            return await statements.as_answer(made)


CONTROLLERS = [AccountPages]
