"""`/finance`: state of the account, debits and accruals, payment history [FIN-06…17, FIN-43…53]."""

from __future__ import annotations

from litestar import Controller, Request, Response, get
from litestar.response import Template

from app.audit import history
from app.auth.permissions import Permission
from app.kernel.db import DomainTx, domain_transaction
from app.kernel.i18n import _, lazy
from app.kernel.money import Money
from app.web import menu
from app.web.exports import ExportColumn, xlsx_answer
from app.web.lists import Column, ListQuery, Page
from app.web.shell import page
from app.web.turns import turn
from billing.accounts import present, queries, view
from billing.accounts.period import Period, read_month
from billing.accounts.view import asked, period_context
from billing.forecast.service import outlook
from billing.packages.queries import buckets
from billing.payments import gateway
from billing.payments.card import queries as card_queries
from billing.payments.card.present import state_badge, state_name

PAYMENT_COLUMNS = (Column("at", lazy("Date and time")), Column("operation", lazy("Operation")),
                   Column("amount", lazy("Amount"), numeric=True), Column("state", lazy("State of card payments")))


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
            ahead = await outlook(tx)
        shares = present.shares(month.parts)
        return await page(
            request, "accounts/state.html", account=account, month=month, tabs=present.tabs(), promised=promised,
            months=known, month_name=present.month_name, shares=shares, pie=present.pie(shares),
            card=card, card_is_available=gateway.current() is not None,
            may_edit=request.user.may(Permission.FINANCE_EDIT), scheme=present.SCHEMES[account.scheme],
            zero=Money.zero(account.balance.currency), has_services=_has_services(), buckets=left, ahead=ahead)

    @get("/ledger")
    async def ledger(self, request: Request) -> Template:
        async with domain_transaction(request.user.actor) as tx:
            shown = await view.ledger(tx, request)
        return await page(request, "accounts/ledger.html", tabs=present.tabs(), **shown)

    @get("/ledger/export")
    async def export_ledger(self, request: Request) -> Response[bytes]:
        async with turn(request.user.actor), domain_transaction(request.user.actor) as tx:
            return await view.export(tx, request)

    @get("/ledger/{posting_id:int}")
    async def explanation(self, request: Request, posting_id: int) -> Template:
        """Why a call cost what it cost [FIN-62]."""
        async with domain_transaction(request.user.actor) as tx:
            shown = await view.explained(tx, posting_id)
        return await page(request, "accounts/line.html", **shown)

    @get("/payments")
    async def payments(self, request: Request) -> Template:
        query, period = asked(request, PAYMENT_COLUMNS)
        async with domain_transaction(request.user.actor) as tx:
            account, rows, total = await _payments(tx, request, query, period, query.limit)
        return await page(request, "accounts/payments.html", found=Page(rows, total, query), account=account,
                          present=present, state_badge=state_badge, tabs=present.tabs(),
                          **period_context(query, period))

    @get("/payments/export")
    async def export_payments(self, request: Request) -> Response[bytes]:
        query, period = asked(request, PAYMENT_COLUMNS)
        async with turn(request.user.actor), domain_transaction(request.user.actor) as tx:
            _account, rows, _total = await _payments(tx, request, query, period, None)
            await history.exported(tx, _("Payment history"))
        columns = [ExportColumn(column.label, 30) for column in PAYMENT_COLUMNS]
        return xlsx_answer(_("Payment history"), columns, (
            (row.at, present.payment(row), row.amount, state_name(row.state) if row.kind == "card" else "")
            for row in rows))


CONTROLLERS = [FinancePages]
