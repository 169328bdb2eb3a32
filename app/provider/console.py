"""What every page of the console shares: the shell, reading forms, choices of tariffs, nodes and pools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from litestar import Request
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel.db import PlatformTx
from app.kernel.i18n import lazy
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


async def form_of(request: Request, model: type[Form], **more: Any) -> Form:
    """The submitted form; `more` adds values that are not typed in it."""
    data: Mapping[str, Any] = await request.form()
    return parse_form(model, {**{key: value for key, value in data.items() if isinstance(value, str)}, **more})


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
