"""The tab "Interaction debugging", and the journal of working messages with their repeat [API-50…59]."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _
from app.modules.integration_api import debugging, delivery, samples, service
from app.modules.integration_api.forms import AskForm, TestForm, TestSettingsForm
from app.modules.integration_api.methods import METHODS
from app.modules.integration_api.pages import OPT, TABS, URL, own_settings
from app.web.shell import done, fragment, page, saved
from tenants.live import form_of, row_id
from tenants.services.section import section

BASE = f"{URL}/debugging"


async def _log(tx: DomainTx, request: Request) -> dict[str, Any]:
    method = request.query_params.get("method", "")
    direction = request.query_params.get("direction", "")
    method = method if method in METHODS else ""
    direction = direction if direction in (debugging.TO_CRM, debugging.FROM_CRM) else ""
    return {"lines": await debugging.log(tx, method=method, direction=direction), "method": method,
            "direction": direction, "methods": METHODS}


class DebuggingPages(Controller):
    path = BASE
    opt = OPT
    before_request = section(service.CODE)

    @get("/")
    async def show(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            own = await own_settings(tx)
            log, journal = await _log(tx, request), await delivery.journal(tx)
        urls = {name: debugging.test_url(own.test_ssl, name) for name in samples.BODIES}
        return await page(request, "integration_api/debugging.html", own=own, tabs=TABS, path=BASE, tests=samples.TESTS,
                          bodies=samples.BODIES, urls=urls, journal=journal, **log)

    @post("/settings", status_code=200)
    async def save(self, request: Request) -> Response:
        form = await form_of(request, TestSettingsForm)
        async with domain_transaction(request.user.actor) as tx:
            await service.save_test(tx, address=form.test_address, seconds=form.seconds, ssl=form.ssl)
        return saved(request, BASE, _("The changes are saved."))

    @post("/send", status_code=200)
    async def send(self, request: Request) -> Template:
        form = await form_of(request, TestForm)
        if form.test not in {one.key for one in samples.TESTS}:
            raise NotFound("test", _("There is no such test."))
        return await self._told(request, await debugging.send_test(request.user.actor, form.test), "sent")

    @post("/ask/{method:path}", status_code=200)
    async def ask(self, request: Request, method: FromPath[str]) -> Template:
        name = method.strip("/")
        if name not in samples.BODIES:
            raise NotFound("test", _("There is no such test."))
        form = await form_of(request, AskForm)
        return await self._told(request, await debugging.ask_test(request.user.actor, name, form.body),
                                f"asked-{name.replace('/', '-')}")

    @staticmethod
    async def _told(request: Request, tried: debugging.Tried, place: str) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            log = await _log(tx, request)
        return fragment("integration_api/tried.html", f"#{place}", tried=tried, place=place, again=True, **log)

    @get("/log")
    async def log(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            log = await _log(tx, request)
        return await page(request, "integration_api/log_page.html", again=False, **log)

    @get("/log/clear")
    async def ask_clear(self, request: Request) -> Template:
        return await page(request, "integration_api/clear.html")

    @post("/log/clear", status_code=200)
    async def clear(self, request: Request) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await debugging.clear(tx)
        return saved(request, BASE, _("The log is empty."))

    @post("/messages/{message_id:int}/replay", status_code=200)
    async def replay(self, request: Request, message_id: FromPath[int]) -> Response:
        async with domain_transaction(request.user.actor) as tx:
            await delivery.replay(tx, row_id(message_id))
        return done(_("The message is sent once more."))


CONTROLLERS = [DebuggingPages]
