"""`/finance`: state of the account, debits and accruals, payment history [FIN-06…17, FIN-43…53]."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.errors import NotFound
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.web import menu
from app.web.exports import XLSX, ExportColumn, file_answer, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import page
from billing.accounts import lines, present, queries
from billing.accounts.book import workbook
from billing.accounts.period import DAYS, Period, read_month
from billing.packages.queries import buckets
from billing.payments import gateway
from billing.payments.card import queries as card_queries
from billing.payments.card.present import state_badge, state_name
from billing.rating.explain import charge_facts

_QUICK = Filter("period", lazy("Period"), {key: present.PERIODS[key] for key in DAYS})
_FREE = (Filter("from", lazy("From (day)"), kind="date"), Filter("to", lazy("To (day)"), kind="date"))
LEDGER_COLUMNS = (
    Column("at", lazy("Date and time")), Column("operation", lazy("Operation")),
    Column("quantity", lazy("Quantity"), numeric=True), Column("amount", lazy("Amount"), numeric=True),
    Column("balance", lazy("Balance"), numeric=True))
PAYMENT_COLUMNS = (Column("at", lazy("Date and time")), Column("operation", lazy("Operation")),
                   Column("amount", lazy("Amount"), numeric=True), Column("state", lazy("State of card payments")))
_GREATEST_ID = 2**63 - 1


def _asked(request: Request, columns: Sequence[Column]) -> tuple[ListQuery, Period]:
    """The quick choice is no chip: there is always a period, the current day unless told otherwise."""
    query = ListQuery.of(request, columns=columns, filters=(_QUICK, *_FREE))
    period = Period.asked(clock.now(), request.user.timezone, quick=query.value("period"),
                          first=query.value("from"), last=query.value("to"))
    kept = {key: values for key, values in query.filters.items() if key != "period" or period.quick}
    return replace(query, available=_FREE, filters=kept), period


def _period_context(query: ListQuery, period: Period) -> dict[str, Any]:
    quick = [(label, query.url(period=key, **{"from": None, "to": None}), key == period.quick)
             for key, label in present.PERIODS.items()]
    return {"period": period, "quick": quick}


async def _payments(tx: DomainTx, request: Request, query: ListQuery, period: Period, limit: int | None):
    account, span = await queries.facts(tx), period.span(request.user.timezone)
    rows, total = await queries.payments(
        tx, account.balance.currency, since=span.since, until=span.until, like=query.like(),
        kinds=present.payment_kinds(query.search), limit=limit, offset=query.offset if limit else 0)
    return account, rows, total


def _has_services() -> bool:
    """Whether service management is part of this installation [FIN-17]."""
    return menu.has("domain", "/services")


class FinancePages(Controller):
    path = "/finance"
    opt = {"permission": Permission.FINANCE_VIEW}

    @get("/")
    async def state(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            account = await queries.facts(tx)
            known = await queries.months(tx)
            wanted = read_month(request.query_params.get("month", ""))
            month = await queries.month(tx, account.balance.currency, wanted if wanted in known else None)
            promised = await queries.promised(tx, account.balance.currency)
            card = await card_queries.facts(tx)
            left = await buckets(tx)
        shares = present.shares(month.parts)
        return await page(
            request, "accounts/state.html", account=account, month=month, tabs=present.tabs(), promised=promised,
            months=known, month_name=present.month_name, shares=shares, pie=present.pie(shares),
            card=card, card_is_available=gateway.current() is not None,
            may_edit=request.user.may(Permission.FINANCE_EDIT), scheme=present.SCHEMES[account.scheme],
            zero=Money.zero(account.balance.currency), has_services=_has_services(), buckets=left)

    @get("/ledger")
    async def ledger(self, request: Request) -> Template:
        query, period = _asked(request, LEDGER_COLUMNS)
        span = period.span(request.user.timezone)
        async with domain_transaction(request.user.actor) as tx:
            account = await queries.facts(tx)
            currency = account.balance.currency
            found = await lines.find(tx, currency, span, present.matcher(query.search))
            rows = await lines.rows(tx, currency, span, found, limit=query.limit, offset=query.offset)
        return await page(request, "accounts/ledger.html", found=Page(rows, found.total.entries, query),
                          total=found.total, account=account, present=present, tabs=present.tabs(),
                          **_period_context(query, period))

    @get("/ledger/export")
    async def export_ledger(self, request: Request) -> Response[bytes]:
        query, period = _asked(request, LEDGER_COLUMNS)
        span = period.span(request.user.timezone)
        async with domain_transaction(request.user.actor) as tx:
            currency = (await queries.facts(tx)).balance.currency
            found = await lines.find(tx, currency, span, present.matcher(query.search))
            await history.exported(tx, _("Debits and accruals"))

            async def portions() -> AsyncIterator[list[tuple[object, ...]]]:
                async for rows in lines.every(tx, currency, span, found):
                    yield [(row.at, present.operation(row), present.quantity(row), row.amount, row.balance_after)
                           for row in rows]

            columns = [ExportColumn(column.label, 24) for column in LEDGER_COLUMNS]
            content = await workbook(columns, portions(), name=_("Debits and accruals"))
        return file_answer(content, f"{_('Debits and accruals')}.xlsx", XLSX)

    @get("/ledger/{posting_id:int}")
    async def explanation(self, request: Request, posting_id: int) -> Template:
        """Why a call cost what it cost [FIN-62]."""
        async with domain_transaction(request.user.actor) as tx:
            account = await queries.facts(tx)
            row = await lines.line(tx, account.balance.currency, min(posting_id, _GREATEST_ID))
            if row is None:
                raise NotFound("posting", _("There is no such operation."))
            call = await lines.call_of(tx, row) if row.is_call else None
            tariff = await queries.tariff_version(tx, call.charge) if call else ""
        explained = charge_facts(call.charge, account.balance.currency, tariff) if call else []
        return await page(request, "accounts/line.html", row=row, call=call, explained=explained, present=present)

    @get("/payments")
    async def payments(self, request: Request) -> Template:
        query, period = _asked(request, PAYMENT_COLUMNS)
        async with domain_transaction(request.user.actor) as tx:
            account, rows, total = await _payments(tx, request, query, period, query.limit)
        return await page(request, "accounts/payments.html", found=Page(rows, total, query), account=account,
                          present=present, state_badge=state_badge, tabs=present.tabs(),
                          **_period_context(query, period))

    @get("/payments/export")
    async def export_payments(self, request: Request) -> Response[bytes]:
        query, period = _asked(request, PAYMENT_COLUMNS)
        async with domain_transaction(request.user.actor) as tx:
            _account, rows, _total = await _payments(tx, request, query, period, None)
            await history.exported(tx, _("Payment history"))
        columns = [ExportColumn(column.label, 30) for column in PAYMENT_COLUMNS]
        return xlsx_answer(_("Payment history"), columns, (
            (row.at, present.payment(row), row.amount, state_name(row.state) if row.kind == "card" else "")
            for row in rows))


CONTROLLERS = [FinancePages]
