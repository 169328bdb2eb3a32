"""The ledger of a domain as its own pages and the provider's console show it [FIN-43…49]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from litestar import Request, Response

from app.audit import history
from app.kernel import clock
from app.kernel.db import DomainTx
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.web.exports import XLSX, ExportColumn, file_answer
from app.web.lists import Column, Filter, ListQuery, Page
from billing.accounts import lines, present, queries
from billing.accounts.book import workbook
from billing.accounts.period import DAYS, Period
from billing.rating.explain import charge_facts

LEDGER_COLUMNS = (
    Column("at", lazy("Date and time")), Column("operation", lazy("Operation")),
    Column("quantity", lazy("Quantity"), numeric=True), Column("amount", lazy("Amount"), numeric=True),
    Column("balance", lazy("Balance"), numeric=True))
_QUICK = Filter("period", lazy("Period"), {key: present.PERIODS[key] for key in DAYS})
_FREE = (Filter("from", lazy("From (day)"), kind="date"), Filter("to", lazy("To (day)"), kind="date"))
_GREATEST_ID = 2**63 - 1


def asked(request: Request, columns: Sequence[Column]) -> tuple[ListQuery, Period]:
    """The quick choice is no chip: there is always a period, the current day unless told otherwise."""
    query = ListQuery.of(request, columns=columns, filters=(_QUICK, *_FREE))
    period = Period.asked(clock.now(), request.user.timezone, quick=query.value("period"),
                          first=query.value("from"), last=query.value("to"))
    kept = {key: values for key, values in query.filters.items() if key != "period" or period.quick}
    return replace(query, available=_FREE, filters=kept), period


def period_context(query: ListQuery, period: Period) -> dict[str, Any]:
    quick = [(label, query.url(period=key, **{"from": None, "to": None}), key == period.quick)
             for key, label in present.PERIODS.items()]
    return {"period": period, "quick": quick}


async def ledger(tx: DomainTx, request: Request, *, without: Sequence[str] = lines.INCOMING) -> dict[str, Any]:
    """What the template of the list needs. `without`: kinds of operations that are left out."""
    query, period = asked(request, LEDGER_COLUMNS)
    account = await queries.facts(tx)
    currency, span = account.balance.currency, period.span(request.user.timezone)
    found = await lines.find(tx, currency, span, present.matcher(query.search), without=without)
    rows = await lines.rows(tx, currency, span, found, limit=query.limit, offset=query.offset)
    return {"found": Page(rows, found.total.entries, query), "total": found.total, "account": account,
            "present": present, **period_context(query, period)}


async def export(tx: DomainTx, request: Request, *, without: Sequence[str] = lines.INCOMING) -> Response[bytes]:
    """All lines of the period as a workbook."""
    query, period = asked(request, LEDGER_COLUMNS)
    currency, span = (await queries.facts(tx)).balance.currency, period.span(request.user.timezone)
    found = await lines.find(tx, currency, span, present.matcher(query.search), without=without)
    await history.exported(tx, _("Debits and accruals"))

    async def portions() -> AsyncIterator[list[tuple[object, ...]]]:
        async for rows in lines.every(tx, currency, span, found):
            yield [(row.at, present.operation(row), present.quantity(row), row.amount, row.balance_after)
                   for row in rows]

    columns = [ExportColumn(column.label, 24) for column in LEDGER_COLUMNS]
    content = await workbook(columns, portions(), name=_("Debits and accruals"))
    return file_answer(content, f"{_('Debits and accruals')}.xlsx", XLSX)


async def explained(tx: DomainTx, posting_id: int) -> dict[str, Any]:
    """Why a call cost what it cost [FIN-62]. Raises NotFound."""
    account = await queries.facts(tx)
    row = await lines.line(tx, account.balance.currency, min(posting_id, _GREATEST_ID))
    if row is None:
        raise NotFound("posting", _("There is no such operation."))
    call = await lines.call_of(tx, row) if row.is_call else None
    tariff = await queries.tariff_version(tx, call.charge) if call else ""
    facts = charge_facts(call.charge, account.balance.currency, tariff) if call else []
    return {"row": row, "call": call, "explained": facts, "present": present}
