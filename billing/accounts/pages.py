"""`/finance`: state of the account, debits and accruals, payment history [FIN-06…17, FIN-43…53], first form."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from litestar import Controller, Request, Response, get
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel import clock
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, Filter, ListQuery, Page
from app.web.shell import page
from billing.accounts import present, queries

_PERIOD = (Filter("period", lazy("Period"), present.PERIODS),)
LEDGER_COLUMNS = (
    Column("at", lazy("Date and time")), Column("operation", lazy("Operation")),
    Column("quantity", lazy("Quantity"), numeric=True, wide_only=True), Column("amount", lazy("Amount"), numeric=True),
    Column("balance", lazy("Balance"), numeric=True))
PAYMENT_COLUMNS = (Column("at", lazy("Date and time")), Column("operation", lazy("Operation")),
                   Column("amount", lazy("Amount"), numeric=True))


def since(period: str, now: datetime, zone: str) -> datetime | None:
    """Start of a quick choice in the domain's time zone, today included [FIN-D14]; None: no bound."""
    days = present.DAYS.get(period)
    if days is None:
        return None
    first = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=days - 1)
    return datetime.combine(first, time(), ZoneInfo(zone))


def _since(request: Request, query: ListQuery) -> datetime | None:
    return since(query.value("period"), clock.now(), request.user.timezone)


async def _ledger(tx: DomainTx, request: Request, query: ListQuery, limit: int | None):
    account = await queries.facts(tx)
    rows, total = await queries.ledger(
        tx, account.balance.currency, since=_since(request, query), like=query.like(),
        kinds=present.kinds_named(query.search) if query.search else None, limit=limit,
        offset=query.offset if limit else 0)
    return account, rows, total


async def _payments(tx: DomainTx, request: Request, query: ListQuery, limit: int | None):
    account = await queries.facts(tx)
    rows, total = await queries.payments(tx, account.balance.currency, since=_since(request, query),
                                         like=query.like(), limit=limit, offset=query.offset if limit else 0)
    return account, rows, total


class FinancePages(Controller):
    path = "/finance"
    opt = {"permission": Permission.FINANCE_VIEW}

    @get("/")
    async def state(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            account = await queries.facts(tx)
            month = await queries.month(tx, account.balance.currency)
            promised = await queries.promised(tx, account.balance.currency)
        return await page(request, "accounts/state.html", account=account, month=month, tabs=present.tabs(),
                          promised=promised, may_edit=request.user.may(Permission.FINANCE_EDIT),
                          scheme=present.SCHEMES[account.scheme], zero=Money.zero(account.balance.currency))

    @get("/ledger")
    async def ledger(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=LEDGER_COLUMNS, filters=_PERIOD)
        async with domain_transaction(request.user.actor) as tx:
            account, rows, total = await _ledger(tx, request, query, query.limit)
        return await page(request, "accounts/ledger.html", found=Page(rows, total, query), account=account,
                          operation=present.operation, quantity=present.quantity, tabs=present.tabs())

    @get("/ledger/export")
    async def export_ledger(self, request: Request) -> Response[bytes]:
        query = ListQuery.of(request, columns=LEDGER_COLUMNS, filters=_PERIOD)
        async with domain_transaction(request.user.actor) as tx:
            _account, rows, _total = await _ledger(tx, request, query, None)
            await history.exported(tx, _("Debits and accruals"))
        columns = [ExportColumn(column.label, 24) for column in LEDGER_COLUMNS]
        return xlsx_answer(_("Debits and accruals"), columns, (
            (row.at, present.operation(row), present.quantity(row), row.amount, row.balance_after) for row in rows))

    @get("/payments")
    async def payments(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=PAYMENT_COLUMNS, filters=_PERIOD)
        async with domain_transaction(request.user.actor) as tx:
            account, rows, total = await _payments(tx, request, query, query.limit)
        return await page(request, "accounts/payments.html", found=Page(rows, total, query), account=account,
                          kinds=present.PAYMENT_KINDS, tabs=present.tabs())

    @get("/payments/export")
    async def export_payments(self, request: Request) -> Response[bytes]:
        query = ListQuery.of(request, columns=PAYMENT_COLUMNS, filters=_PERIOD)
        async with domain_transaction(request.user.actor) as tx:
            _account, rows, _total = await _payments(tx, request, query, None)
            await history.exported(tx, _("Payment history"))
        columns = [ExportColumn(column.label, 30) for column in PAYMENT_COLUMNS]
        return xlsx_answer(_("Payment history"), columns, (
            (row.at, f"{present.PAYMENT_KINDS[row.kind]} / {row.source} / {row.description}", row.amount)
            for row in rows))


CONTROLLERS = [FinancePages]
