"""Pages of provisioning: the state fragment of a domain, generations in the provider's console."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.audit.words import reason
from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.db import domain_transaction, platform_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web.lists import Column, ListQuery, Page
from app.web.parts import LiveState
from app.web.shell import done, page, saved
from pbx_provisioning import generations as service

SILENT = timedelta(seconds=15)  # an agent not heard of for so long is down
URL = "/provisioning/state"
COLUMNS = (
    Column("number", lazy("Generation")), Column("state", lazy("State")), Column("reason", lazy("Why")),
    Column("who", lazy("Who"), wide_only=True), Column("wanted", lazy("Wanted")),
    Column("took", lazy("Until live"), numeric=True), Column("changes", lazy("Changes"), numeric=True),
    Column("compare", lazy("Compare")),
)
TECH = {"permission": Permission.PROVIDER_TECH}


def live_state(state: service.State) -> LiveState:
    """What the panel says about a domain's configuration."""
    if state.pinned is not None and not state.error:
        text = _("An engineer holds generation %(number)s; changes wait: %(held)s") % {
            "number": state.pinned, "held": state.held}
        return LiveState("off", state.live_at, text, state.applied)
    if state.applied >= state.desired:
        return LiveState("live", state.live_at, generation=state.applied)
    if state.error:
        return LiveState("failed", message=state.error, generation=state.applied)
    silent = state.agent_seen_at is None or clock.now() - state.agent_seen_at > SILENT
    if silent or state.node_state == "no_asterisk":
        text = _("Saved; the PBX is not reachable, the change goes live when it is back")
        return LiveState("off", message=text, generation=state.applied)
    return LiveState("applying", generation=state.applied)


class StatePages(Controller):
    """Asked again by the page itself while a change is being applied."""

    path = "/provisioning"
    opt = {"permission": Permission.PROVISIONING_VIEW}

    @get("/state")
    async def state(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            found = await service.state_of(tx, tx.domain_id)
        return await page(request, "pbx_provisioning/state.html", state=live_state(found), url=URL)


class GenerationPages(Controller):
    """Every generation of a domain, what it changed, the way back."""

    path = "/provider/domains/{domain_id:int}/generations"
    opt = {"permission": Permission.PROVIDER_VIEW}

    @get("/")
    async def list(self, request: Request, domain_id: FromPath[int]) -> Template:
        query = ListQuery.of(request, columns=COLUMNS)
        async with platform_transaction(request.user.actor) as tx:
            state = await service.state_of(tx, domain_id)
            rows, total = await service.generations(tx, domain_id, limit=query.limit, offset=query.offset)
            name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", domain_id)
        return await self._show(request, "generations.html", domain_id, name, state=state, live=live_state(state),
                                found=Page(rows, total, query))

    @get("/{number:int}")
    async def one(self, request: Request, domain_id: FromPath[int], number: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            state = await service.state_of(tx, domain_id)
            found = await service.generation(tx, domain_id, number)
            dialplan, accounts = await service.configuration(tx, domain_id, number)
            name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", domain_id)
        return await self._show(request, "generation.html", domain_id, name, state=state, generation=found,
                                dialplan=dialplan, accounts=accounts)

    @get("/{older:int}/{newer:int}")
    async def difference(self, request: Request, domain_id: FromPath[int], older: FromPath[int],
                         newer: FromPath[int]) -> Template:
        older, newer = sorted((older, newer))
        async with platform_transaction(request.user.actor) as tx:
            found = await service.difference(tx, domain_id, older, newer)
            name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", domain_id)
        return await self._show(request, "difference.html", domain_id, name, older=older, newer=newer, found=found)

    @get("/{number:int}/pin", opt=TECH)
    async def ask_pin(self, request: Request, domain_id: FromPath[int], number: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            found = await service.generation(tx, domain_id, number)
            name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", domain_id)
        return await self._show(request, "pin.html", domain_id, name, generation=found)

    @post("/{number:int}/pin", opt=TECH)
    async def pin(self, request: Request, domain_id: FromPath[int], number: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.pin(await tx.enter_domain(domain_id), number)
        return saved(request, self._list_url(domain_id), _("Going back to generation %(n)s") % {"n": number})

    @post("/release", opt=TECH)
    async def release(self, request: Request, domain_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.release(await tx.enter_domain(domain_id))
        return saved(request, self._list_url(domain_id), _("Released; today's configuration is being applied"))

    @post("/retry", opt=TECH)
    async def retry(self, request: Request, domain_id: FromPath[int]) -> Response:
        async with platform_transaction(request.user.actor) as tx:
            await service.state_of(tx, domain_id)
            await service.try_again(await tx.enter_domain(domain_id))
        return saved(request, self._list_url(domain_id), _("Trying again"))

    @get("/state")
    async def state(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            found = await service.state_of(tx, domain_id)
        return await page(request, "pbx_provisioning/state.html", shell="provider", state=live_state(found),
                          url=f"{self._list_url(domain_id)}/state")

    def _list_url(self, domain_id: int) -> str:
        return f"/provider/domains/{domain_id}/generations"

    async def _show(self, request: Request, template: str, domain_id: int, name: str | None,
                    **context: Any) -> Template:
        if name is None:
            raise NotFound("domain", _("There is no such domain"))
        return await page(request, f"pbx_provisioning/{template}", shell="provider",
                          may_tech=request.user.may(Permission.PROVIDER_TECH), base=self._list_url(domain_id),
                          domain_url=f"/provider/domains/{domain_id}", name=name, reason=reason, **context)


class DriftPages(Controller):
    path = "/provider/nodes/{node_id:int}"
    opt = TECH

    @post("/drift-check")
    async def check(self, request: Request, node_id: FromPath[int]) -> Response:
        """The result appears in the node's row within seconds."""
        async with platform_transaction(request.user.actor) as tx:
            await service.ask_for_drift_check(tx, node_id)
        return done(_("The node is being checked"))


CONTROLLERS = [StatePages, GenerationPages, DriftPages]
