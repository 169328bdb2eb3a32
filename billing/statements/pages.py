"""`/finance/statement`: the account's statement for a month or for days from … to, as PDF or XLSX."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from functools import cache, partial

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
        text = _("A month or both days, the first not after the last, are expected")
        raise InvalidFields("period", text, fields={"from": text})
    return begins, ends


class StatementPages(Controller):
    path = "/finance/statement"
    opt = {"permission": Permission.FINANCE_VIEW}

    @get("/")
    async def choose(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            months = await queries.months(tx)
        return await page(request, "statements/choose.html", months={
            f"{one:%Y-%m}": present.month_name(one) for one in months}, most=PDF_LINES)

    @get("/file")
    async def download(self, request: Request) -> Response[bytes]:
        """In the domain's language, whoever asks."""
        ask = request.query_params
        first, last = asked_days(*(ask.get(key, "")[:10] for key in ("month", "from", "to")))
        async with domain_transaction(request.user.actor) as tx:
            made = await service.statement(tx, first, last)
            await history.exported(tx, _("Statement of account"))
            with speaking(made.language, made.zone):
                if ask.get("format") == "xlsx":
                    content = await written(_portions(tx, made), partial(write_sheet, made))
                    return file_answer(content, _name(made, "xlsx"), XLSX)
                rows = [row async for portion in service.lines_of(tx, made, most=PDF_LINES) for row in portion]
                html = _html(made, rows)
                name = _name(made, "pdf")
        return file_answer(await as_pdf(html), name, "application/pdf")


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
