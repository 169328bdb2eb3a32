"""`/finance/statement`: the account's statement for a month or for days from … to, as PDF or XLSX."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, timedelta
from functools import cache, partial
from typing import Any

import jinja2
from litestar import Controller, Request, Response, get
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import InvalidFields
from app.kernel.i18n import _, speaking, zone
from app.web.exports import XLSX, file_answer
from app.web.shell import page
from app.web.templating import make_environment
from app.web.turns import turn
from billing.accounts import present, queries
from billing.accounts.book import written
from billing.accounts.lines import LedgerRow
from billing.accounts.period import read_day, read_month
from billing.statements import service
from billing.statements.pdf import as_pdf
from billing.statements.service import Statement
from billing.statements.sheet import cells, write_sheet

PDF_LINES = 1_000  # more are in the workbook; the totals are of all


def asked_days(month: str, first: str, last: str) -> tuple[date, date]:
    """Free days win over the month.

    Raises:
        InvalidFields: neither is given, or the days are the wrong way round.
    """
    begins, ends, chosen = read_day(first), read_day(last), read_month(month)
    if begins is None and ends is None and chosen is not None:
        return chosen, queries.next_month(chosen) - timedelta(days=1)
    if begins is None or ends is None or begins > ends:
        text = _("Choose a month, or enter both dates, the first not later than the second")
        raise InvalidFields("period", text, fields={"from": text})
    return begins, ends


class StatementPages(Controller):
    path = "/finance/statement"
    opt = {"permission": Permission.FINANCE_VIEW}

    @get("/")
    async def choose(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            shown = await choices(tx)
        return await page(request, "statements/choose.html", file_url="/finance/statement/file", **shown)

    @get("/file")
    async def download(self, request: Request) -> Response[bytes]:
        """In the domain's language, whoever asks."""
        async with turn(request.user.actor):
            async with domain_transaction(request.user.actor) as tx:
                made = await draft(tx, request.query_params)
            return await as_answer(made)


async def choices(tx: DomainTx) -> dict[str, Any]:
    """What the dialog offers."""
    return {"months": {f"{one:%Y-%m}": present.month_name(one) for one in await queries.months(tx)},
            "most": PDF_LINES}


async def draft(tx: DomainTx, ask: Mapping[str, str]) -> tuple[str, bytes | str]:
    """Name and content: a workbook, or the HTML of a PDF, which is drawn after the transaction.

    Args:
        ask: `month`, or `from` and `to`; `format` is pdf or xlsx.
    """
    first, last = asked_days(*(ask.get(key, "")[:10] for key in ("month", "from", "to")))
    made = await service.statement(tx, first, last)
    await history.exported(tx, _("Statement of account"))
    with speaking(made.language, made.zone):
        if ask.get("format") == "xlsx":
            return _name(made, "xlsx"), await written(_portions(tx, made), partial(write_sheet, made))
        rows = [row async for portion in service.lines_of(tx, made, most=PDF_LINES) for row in portion]
        return _name(made, "pdf"), _html(made, rows)


async def as_answer(made: tuple[str, bytes | str]) -> Response[bytes]:
    name, content = made
    if isinstance(content, bytes):
        return file_answer(content, name, XLSX)
    return file_answer(await as_pdf(content), name, "application/pdf")


async def _portions(tx: DomainTx, made: Statement) -> AsyncIterator[list[Sequence[object]]]:
    place = zone()
    async for portion in service.lines_of(tx, made):
        yield [(row.at.astimezone(place), *cells(row)[1:]) for row in portion]


@cache
def _templates() -> jinja2.Environment:
    return make_environment()


def _html(made: Statement, rows: list[LedgerRow]) -> str:
    return _templates().get_template("statements/statement.html").render(
        made=made, rows=rows, most=PDF_LINES, present=present)


def _name(made: Statement, ending: str) -> str:
    return f"{_('Statement')} {made.account} {made.first:%Y-%m-%d}–{made.last:%Y-%m-%d}.{ending}"


CONTROLLERS = [StatementPages]
