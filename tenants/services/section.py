"""The door of a section that belongs to a paid service [GEN-D5]."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from litestar import Request
from litestar.response import Template

from app.kernel.db import domain_transaction
from app.web.csrf import SAFE_METHODS
from app.web.shell import is_htmx, page
from billing.services import catalogue, service


def section(code: str) -> Callable[[Request], Awaitable[Template | None]]:
    """`before_request` of a section's controllers: while the service is off or outside of the plan, a page gives way
    to a notice with the way to service management, and all else is refused with the reason.

    What writes asks `service.require` once more, in its own transaction.
    """

    async def door(request: Request) -> Template | None:
        async with domain_transaction(request.user.actor) as tx:
            reason = await service.closed(tx, code)
        if reason is None:
            return None
        is_api = request.route_handler.opt.get("api") or request.url.path.startswith("/api/")
        if is_api or is_htmx(request) or request.method not in SAFE_METHODS:
            raise reason
        return await page(request, "services/off.html", status_code=reason.status_code, name=catalogue.find(code).name,
                          reason=reason.message, url="/services" + (f"#service-{code}" if reason.code == service.OFF
                                                                    else ""))

    return door
