"""Payments: `/provider/payments`. Entered by hand in two steps: what it does, then yes."""

from __future__ import annotations

import secrets
from datetime import date
from decimal import Decimal
from typing import Annotated

from litestar import Controller, Request, Response, get, post
from litestar.response import Template
from pydantic import Field, field_validator

from app.kernel.db import platform_transaction
from app.kernel.i18n import _, lazy, zone_name
from app.kernel.money import Money
from app.provider.console import BILLING, EXPORT_LIMIT, VIEW, asked_id, asks_candidates, domain_form, show
from app.provider.fields import Reference, plain_text
from app.provider.numbers.queries import candidates
from app.provider.payments import queries, service
from app.web.exports import ExportColumn, xlsx_answer
from app.web.forms import FormModel
from app.web.lists import Column, Filter, ListQuery, Page, clean
from app.web.shell import done
from billing.payments.card.present import state_badge

LIST = "/provider/payments"
KINDS = {"bank": lazy("Bank"), "card": lazy("Card"), "promised": lazy("Promised payment"),
         "correction": lazy("Correction")}
ORIGINS = {"api": lazy("Internal API"), "statement": lazy("Bank statement"), "hand": lazy("Entered by hand")}
SOURCES = {"bank": lazy("Bank transfer"), "cash": lazy("Cash desk"), "other": lazy("Other")}
COLUMNS = (
    Column("at", lazy("Time"), "p.at"), Column("domain", lazy("Domain"), "d.name"),
    Column("amount", lazy("Amount"), "p.amount", numeric=True),
    Column("source", lazy("Source"), "p.source", wide_only=True),
    Column("description", lazy("Description"), wide_only=True),
    Column("external", lazy("Document"), "p.external_id", wide_only=True),
)
FILTERS = (Filter("kind", lazy("Kind"), KINDS), Filter("since", lazy("From day"), kind="date"),
           Filter("until", lazy("To day"), kind="date"))


class PaymentForm(FormModel):
    """The amount with a comma or a point, above zero, in whole kopecks."""

    domain_id: Reference
    amount: Annotated[Decimal, Field(gt=0, max_digits=14, decimal_places=2)]
    source: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=500)] = ""
    external_id: Annotated[str, Field(min_length=1, max_length=100)]
    q: str = ""  # what was typed to find the domain

    @field_validator("source", "description", "external_id")
    @classmethod
    def _text(cls, value: str) -> str:
        return plain_text(value)

    @field_validator("external_id")
    @classmethod
    def _own_space(cls, value: str) -> str:
        if value.startswith(queries.PREFIXES):
            raise ValueError(_("Numbers that begin so are made by the system"))
        return value

    def payment(self) -> service.NewPayment:
        return service.NewPayment(self.domain_id, Money(self.amount), self.source, self.description,
                                  self.external_id)


class PaymentPages(Controller):
    """List and the two steps of entering."""

    path = LIST
    opt = VIEW

    @get("/")
    async def list(self, request: Request) -> Template:
        query = ListQuery.of(request, columns=COLUMNS, filters=FILTERS, default_sort="-at")
        async with platform_transaction(request.user.actor) as tx:
            rows, total, amount = await queries.payments(tx, query, *_days(query), zone_name())
        return await show(request, "provider/payments/list.html", found=Page(rows, total, query), kinds=KINDS,
                          origins=ORIGINS, total_amount=Money(amount), state_badge=state_badge)

    @get("/export")
    async def export(self, request: Request) -> Response[bytes]:
        query = ListQuery.parse(request.query_params, columns=COLUMNS, filters=FILTERS, default_sort="-at",
                                limit=EXPORT_LIMIT)
        async with platform_transaction(request.user.actor) as tx:
            rows, _total, _amount = await queries.payments(tx, query, *_days(query), zone_name())
        columns = [ExportColumn(label, width) for label, width in (
            (lazy("Time"), 20), (lazy("Domain"), 28), (lazy("Company"), 32), (lazy("Account"), 14),
            (lazy("Amount"), 14), (lazy("Kind"), 18), (lazy("Source"), 20), (lazy("Description"), 40),
            (lazy("Document"), 28), (lazy("Came in by"), 20))]
        return xlsx_answer(_("Payments"), columns, (
            (row.at, row.domain, row.company, row.account, row.sum, KINDS[row.kind], row.source, row.description,
             row.external_id, ORIGINS.get(row.origin, "")) for row in rows))

    @get("/new", opt=BILLING)
    async def new(self, request: Request) -> Template:
        """The dialog; `domain` chooses one beforehand, `q` narrows the search."""
        text = clean(request.query_params.get("q", ""))
        chosen = asked_id(request, "domain")
        async with platform_transaction(request.user.actor) as tx:
            payee = await queries.payee(tx, chosen) if chosen is not None else None
            found = await candidates(tx, text, limit=8)
        if asks_candidates(request):
            return await show(request, "provider/numbers/candidates.html", found=found)
        return await show(request, "provider/payments/new.html", payee=payee, found=found, text=text,
                          made_id=f"manual-{secrets.token_hex(8)}", sources=SOURCES)

    @post("/check", opt=BILLING)
    async def check(self, request: Request) -> Template:
        """Old and new balance; nothing is posted yet."""
        new = (await domain_form(request, PaymentForm)).payment()
        async with platform_transaction(request.user.actor) as tx:
            payee = await service.check(tx, new)
        return await show(request, "provider/payments/confirm.html", new=new, payee=payee,
                          after=payee.balance + new.amount)

    @post("/", opt=BILLING)
    async def enter(self, request: Request) -> Response:
        new = (await domain_form(request, PaymentForm)).payment()
        async with platform_transaction(request.user.actor) as tx:
            posted = await service.enter(tx, new)
        return done(_("The payment is posted.") if posted else _("This payment had been posted already."),
                    refresh_list=True, events={"balance-changed": new.domain_id})


def _days(query: ListQuery) -> tuple[date | None, date | None]:
    """A broken date in an address is no filter."""
    found: list[date | None] = []
    for key in ("since", "until"):
        try:
            found.append(date.fromisoformat(query.value(key)))
        except ValueError:
            found.append(None)
    return found[0], found[1]


CONTROLLERS = [PaymentPages]
