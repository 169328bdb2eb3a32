"""Reports and statistics: `/groups/reports` [RPT-01…11]."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from litestar import Controller, Request, Response, get
from litestar.response import Template

from app.auth.permissions import Permission
from app.kernel import i18n
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, lazy
from app.web import menu
from app.web.exports import file_answer
from app.web.menu import MenuItem
from app.web.shell import is_htmx, page
from app.web.turns import turn
from tenants.reports import cells, kinds, present, service
from tenants.reports.cells import Table
from tenants.reports.forms import Wanted, kind_of, wanted
from tenants.reports.period import PRESETS, last_days
from tenants.reports.workbook import workbook
from tenants.services.section import section
from tenants.users.operators import CONTACT_CENTRE

URL = "/groups/reports"
PARTS = {"report-page": "form", "report-result": "result", "report-more": "rows"}  # by the element to be replaced

menu.register("domain", MenuItem("groups", lazy("Reports and statistics"), URL, "chart-bar", Permission.USERS_EDIT, "",
                                 40, service=CONTACT_CENTRE))


class ReportPages(Controller):
    path = URL
    opt = {"permission": Permission.USERS_EDIT}
    before_request = section(CONTACT_CENTRE)

    @get("/")
    async def show(self, request: Request) -> Template:
        """The form; with `show` in the address the report too."""
        part = PARTS.get(request.headers.get("hx-target", ""), "page") if is_htmx(request) else "page"
        params = request.query_params
        is_asked = part in ("result", "rows") or (part == "page" and "show" in params)
        table = None
        async with domain_transaction(request.user.actor) as tx:
            choices = await service.choices_of(tx, kind_of(params))
            asked = _asked(tx, request, choices, strict=is_asked)
            if is_asked and asked.errors and part != "page":
                raise InvalidFields("invalid_fields", _("Check the highlighted fields."), fields=dict(asked.errors))
            if is_asked and not asked.errors:
                table = await service.make(tx, asked, asked.period(i18n.zone_name(), tx.now), choices,
                                           params.get("after") or "")
        return await page(
            request, "reports/page.html", status_code=422 if is_asked and asked.errors else 200, part=part,
            asked=asked, errors=asked.errors if is_asked else {}, choices=choices, table=table, kinds=kinds,
            labels=present.LABELS, present=present, is_number=cells.is_number, presets=_presets(tx),
            link=_link(asked), more=_link(asked, after=table.following) if table and table.following else "")

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        """The shown table as a workbook."""
        actor, params = request.user.actor, request.query_params
        async with turn(actor):
            async with domain_transaction(actor) as tx:
                choices = await service.choices_of(tx, kind_of(params))
                asked = _asked(tx, request, choices, strict=True)
                if asked.errors:
                    raise InvalidFields("invalid_fields", "; ".join(asked.errors.values()), fields=dict(asked.errors))
                table: Table = await service.whole(tx, asked, asked.period(i18n.zone_name(), tx.now), choices)
            made = await asyncio.to_thread(workbook, present.chosen(asked, choices), table)
        return file_answer(made, f"{asked.kind.label} {asked.first:%d.%m.%Y}-{asked.last:%d.%m.%Y}.xlsx")


def _asked(tx: DomainTx, request: Request, choices: dict, *, strict: bool) -> Wanted:
    return wanted(request.query_params, choices, tx.now.astimezone(i18n.zone()).date(), strict=strict)


def _presets(tx: DomainTx) -> list[tuple[object, str, str]]:
    """(label, first day, last day)."""
    today = tx.now.astimezone(i18n.zone()).date()
    periods = ((label, last_days(days, today)) for days, label in PRESETS)
    return [(label, first.isoformat(), last.isoformat()) for label, (first, last) in periods]


def _link(asked: Wanted, **more: str) -> str:
    """This very report, without the address."""
    pairs: list[tuple[str, object]] = [("report", asked.kind.code), ("from", asked.first), ("to", asked.last)]
    for name in asked.fields:
        values = asked.chosen.get(name) or ((getattr(asked, name),) if name not in asked.chosen else ())
        pairs += [(name, value) for value in values if value != ""]
    return urlencode([*pairs, *more.items()])


CONTROLLERS = [ReportPages]
