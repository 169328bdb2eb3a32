"""What every page of the console shares: the shell, reading forms, choices of tariffs, nodes and pools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from litestar import Request
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import PlatformTx, platform_transaction
from app.kernel.errors import InvalidFields, NotFound
from app.kernel.i18n import _, lazy
from app.web.forms import FormModel, parse_form
from app.web.lists import ListQuery, Page, Row
from app.web.shell import page

Form = TypeVar("Form", bound=FormModel)

VIEW = {"permission": Permission.PROVIDER_VIEW}
DOMAINS = {"permission": Permission.PROVIDER_DOMAINS}
BILLING = {"permission": Permission.PROVIDER_BILLING}
TECH = {"permission": Permission.PROVIDER_TECH}
SETTINGS = {"permission": Permission.PROVIDER_SETTINGS}

SCHEMES = {"prepaid": lazy("Prepaid"), "credit": lazy("Credit"), "unlimited": lazy("Unlimited")}
MODES = {"trial": lazy("Trial mode"), "commercial": lazy("Commercial")}
BLOCKS = {"financial": lazy("Financial block"), "trial_expired": lazy("Trial is over"),
          "administrative": lazy("Administrative block")}
STAFF_ROLES = {"administrator": lazy("Administrator"), "billing": lazy("Billing"),
               "support": lazy("Support, reads only")}
EXPORT_LIMIT = 50_000


async def show(request: Request, template: str, **context: object) -> Template:
    """A page of the console; `may` tells which of its actions the reader has."""
    user = request.user
    return await page(request, template, shell="provider", **{
        "may_domains": user.may(Permission.PROVIDER_DOMAINS), "may_billing": user.may(Permission.PROVIDER_BILLING),
        "may_tech": user.may(Permission.PROVIDER_TECH), "may_settings": user.may(Permission.PROVIDER_SETTINGS),
        "SCHEMES": SCHEMES, "MODES": MODES, "BLOCKS": BLOCKS,
        **context})


async def ask(request: Request, template: str, **read: Callable[[PlatformTx], Awaitable[object]]) -> Template:
    """A dialog about one thing: each name of the template and how it is read."""
    async with platform_transaction(request.user.actor) as tx:
        found = {name: await one(tx) for name, one in read.items()}
    return await show(request, template, **found)


async def form_of(request: Request, model: type[Form], **more: Any) -> Form:
    """The submitted form; `more` adds values that are not typed in it."""
    data: Mapping[str, Any] = await request.form()
    return parse_form(model, {**{key: value for key, value in data.items() if isinstance(value, str)}, **more})


async def domain_form(request: Request, model: type[Form]) -> Form:
    """A form with the search over domains, in which one must be chosen."""
    if not (await request.form()).get("domain_id"):
        raise InvalidFields("domain", _("Choose a domain"), fields={"domain_id": _("Choose a domain")})
    return await form_of(request, model)


def asks_candidates(request: Request) -> bool:
    """Only the list of that search is wanted, not its dialog."""
    return request.headers.get("hx-target") == "candidates"


def asked_id(request: Request, name: str) -> int | None:
    """The id in a parameter of the address, if it is one."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def asked_tariff(request: Request) -> int:
    """The tariff chosen in a form whose amounts are asked for. Raises NotFound."""
    found = asked_id(request, "tariff_id")
    if found is None:
        raise NotFound("tariff", _("There is no such tariff"))
    return found


def as_page(rows: list[Row], total: int, query: ListQuery) -> Page[Row]:
    return Page(rows, total, query)


async def tariff_choices(tx: PlatformTx) -> list[tuple[int, str]]:
    rows = await tx.fetch("SELECT id, name FROM tariff ORDER BY lower(name), id")
    return [(row["id"], row["name"]) for row in rows]


async def node_choices(tx: PlatformTx) -> list[tuple[int, str]]:
    return [(row["id"], f"{row['name']} · {row['sip_host']}")
            for row in await tx.fetch("SELECT id, name, sip_host FROM pbx_node ORDER BY name")]


async def pool_choices(tx: PlatformTx) -> list[tuple[int, str]]:
    return [(row["id"], row["name"]) for row in await tx.fetch("SELECT id, name FROM pool ORDER BY lower(name)")]
