"""Hourly quotas of one domain's API, kept by the provider: `/provider/api-limits/<domain>` [API-47]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _
from app.modules.integration_api.methods import METHODS
from app.web.shell import page, saved
from tenants.live import row_id

UNLIMITED = "-"
MOST = 1_000_000


async def _name(tx: PlatformTx, domain_id: int) -> str:
    """Raises NotFound."""
    name = await tx.fetchval("SELECT name FROM domain WHERE id = $1", row_id(domain_id))
    if name is None:
        raise NotFound("domain", _("There is no such page."))
    return name


async def _own(tx: PlatformTx, domain_id: int) -> dict[str, str]:
    """What is typed for each method: a number, a dash, or nothing."""
    return {row["method"]: UNLIMITED if row["hourly_limit"] is None else str(row["hourly_limit"])
            for row in await tx.fetch("SELECT method, hourly_limit FROM api_method_limit WHERE domain_id = $1",
                                      domain_id)}


def field_of(method: str) -> str:
    return "limit_" + method.replace("/", "_")


class LimitPages(Controller):
    path = "/provider/api-limits/{domain_id:int}"

    @get("/", opt={"permission": Permission.PROVIDER_DOMAINS})
    async def show(self, request: Request, domain_id: FromPath[int]) -> Template:
        async with platform_transaction(request.user.actor) as tx:
            name, own = await _name(tx, domain_id), await _own(tx, domain_id)
        return await page(request, "integration_api/limits.html", shell="provider", name=name, own=own,
                          domain_id=domain_id, methods=METHODS.values(), field_of=field_of)

    @post("/", status_code=200, opt={"permission": Permission.PROVIDER_DOMAINS})
    async def save(self, request: Request, domain_id: FromPath[int]) -> Response:
        data = await request.form()
        wanted = {name: str(data.get(field_of(name), "")).strip() for name in METHODS}
        wrong = {field_of(name): _("A whole number, a dash, or nothing.") for name, typed in wanted.items()
                 if typed not in ("", UNLIMITED) and not (typed.isascii() and typed.isdigit() and int(typed) <= MOST)}
        if wrong:
            raise InvalidFields("invalid_fields", next(iter(wrong.values())), fields=wrong)
        async with platform_transaction(request.user.actor) as tx:
            name, before = await _name(tx, domain_id), await _own(tx, domain_id)
            await tx.execute("DELETE FROM api_method_limit WHERE domain_id = $1", domain_id)
            for method, typed in wanted.items():
                if typed:
                    await tx.execute("INSERT INTO api_method_limit VALUES ($1, $2, $3)", domain_id, method,
                                     None if typed == UNLIMITED else int(typed))
            changes: dict[str, history.Change] = {"api_limits": (_told(before), _told(wanted))}
            await history.record(tx, "api_limits_changed", "integration_api", object_name=name, changes=changes,
                                 domain_id=domain_id)
        return saved(request, f"/provider/domains/{domain_id}", _("Saved."))


def _told(limits: dict[str, str]) -> str:
    return ", ".join(f"{name}: {limits[name]}" for name in METHODS if limits.get(name))


CONTROLLERS = [LimitPages]
